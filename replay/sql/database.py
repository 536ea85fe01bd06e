"""Records as a database: a DuckDB connection with a view for each table, over Parquet that is written once.

1. The files are those of `deleverage export`, beside the record and never in it: `RUN.tables-KEY`, KEY of the head, of
   the program, and of the points at which the states are. A torn record has no head: its files go with the question.
2. A table of which the record has no row is a view too, with its columns.
3. `grounds` costs as much as a hundred rows of others a row: it is made by the first question that names it, by itself.
4. `events` has what all events have, with the type, and the account and instrument that the event names.
5. Of the shards of a venue a table has the rows of all, with the place of the `shard` in front: what each of them has
   (marks, listings, the venue's own accounts) is there as often as there are shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from ...events.errors import QueryError
from ...events.record.fingerprint import code_sha256
from ...events.vocabulary import TYPES_BY_NAME
from ..export.database import quoted, quoted_text
from ..export.export import export
from ..run import Run
from ..tables.arrow import needed, pyarrow
from ..tables.tables import GROUNDS, RecordTables, table_names, tables_of

__all__ = ["database_of"]

_KEY_DIGITS = 10
_SHARED = ("seq", "time", "origin", "cause", "producer")
_NAMED = ("account", "instrument")


@contextmanager
def database_of(runs: Sequence[Run], at: Sequence[str] = (), *, grounds: bool = False) -> Iterator[Any]:
    """A connection to the tables of a record, or of the shards of a venue, the states at these points or at the end.

    With `grounds` that table too. The first question of a record costs an export of it. Raises QueryError where DuckDB
    or pyarrow is not installed.
    """
    duckdb = needed("duckdb")
    with TemporaryDirectory(prefix="deleverage-") as spare:
        connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            found, folders = tables_of(runs[0]), _folders(runs, at, (), Path(spare))
            held = [table for table in table_names() if _make_view(connection, folders, found, table)]
            _make_events(connection, folders, found, [table for table in held if table in TYPES_BY_NAME])
            if grounds:
                _make_view(connection, _folders(runs, (), (GROUNDS,), Path(spare)), found, GROUNDS)
            yield connection
        finally:
            connection.close()


def _folders(runs: Sequence[Run], at: Sequence[str], tables: tuple[str, ...], spare: Path) -> list[Path]:
    """The folder of these tables, of each record."""
    named = "".join(["tables", *tables])
    return [_exported(run, at, tables, spare / f"{named}-{number}") for number, run in enumerate(runs)]


def _exported(run: Run, at: Sequence[str], tables: tuple[str, ...], spare: Path) -> Path:
    """The folder of the tables, made where it is not there yet; a spare one where none can be kept."""
    seqs = sorted({run.last_seq(point) for point in at})
    key = sha256(msgspec.json.encode([run.sealed_head, code_sha256(), seqs, *tables])).hexdigest()[:_KEY_DIGITS]
    record = run.path.resolve()
    folder = record.with_name(f"{record.name}.tables-{key}")
    if folder.is_dir() and run.sealed_head:
        return folder
    if run.sealed_head:
        try:
            export(run, folder, at=at, tables=tables)
        except QueryError:  # nothing can be written there
            if not folder.is_dir():  # nor has somebody else made it meanwhile
                folder = spare
                export(run, folder, at=at, tables=tables)
        return folder
    export(run, spare, at=at, tables=tables)
    return spare


def _make_view(connection: Any, folders: Sequence[Path], found: RecordTables, table: str) -> bool:
    """The view of a table; whether it has rows."""
    several = _several(folders)
    held = [(number, one / table) for number, one in enumerate(folders) if (one / table).is_dir()]
    if held:
        rows = " UNION ALL ".join(_rows(folder, number if several else None) for number, folder in held)
        connection.execute(f"CREATE VIEW {quoted(table)} AS {rows}")
    else:
        connection.register(table, _without_rows(found.schema(table), several))
    return bool(held)


def _make_events(connection: Any, folders: Sequence[Path], found: RecordTables, types: Sequence[str]) -> None:
    """The view of the events of all these types."""
    parts = []
    for table in types:
        columns = found.schema(table).names
        named = ", ".join(name if name in columns else f"NULL::VARCHAR AS {name}" for name in _NAMED)
        what = f"{', '.join((*_several(folders), *_SHARED))}, {quoted_text(table)} AS type, {named}"
        parts.append(f"SELECT {what} FROM {quoted(table)}")  # noqa: S608 - quoted
    connection.execute(f"CREATE VIEW events AS {' UNION ALL '.join(parts)}")


def _several(folders: Sequence[Path]) -> tuple[str, ...]:
    """The column that tells the records apart, where there are several."""
    return ("shard",) if len(folders) > 1 else ()


def _without_rows(schema: Any, several: Sequence[str]) -> Any:
    """A table of which no row is there."""
    arrow, empty = pyarrow(), schema.empty_table()
    return empty.add_column(0, *several, arrow.array([], arrow.int32())) if several else empty


def _rows(folder: Path, shard: int | None) -> str:
    """What is selected of a table's files, with the shard in front where there are several."""
    files = quoted_text(str(folder / "*" / "rows.parquet"))
    place = "" if shard is None else f"{shard}::INTEGER AS shard, "
    return f"SELECT {place}* FROM read_parquet({files}, hive_partitioning = false)"  # noqa: S608 - quoted
