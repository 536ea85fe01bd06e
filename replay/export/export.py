"""A record as files: one pass over it into a new folder, which is there whole or not at all.

Beside the tables stands `export.json`: what was exported of which record, and of each table its rows and columns with
their units; so a file of comma-separated values has its units somewhere too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ...events.errors import QueryError
from ...events.regular import must_be_free, whole_folder, write_whole
from ..run import Run
from ..tables.structs import provenance
from ..tables.tables import RecordTables, check_tables, tables_of
from .database import TableDatabase
from .files import Partition, TableFiles
from .ocel import write_ocel
from .otlp import write_otlp
from .perfetto import write_perfetto

__all__ = ["DESCRIPTION", "FORMATS", "TABLE_FORMATS", "Exported", "export"]

DESCRIPTION = "export.json"
TABLE_FORMATS = ("parquet", "arrow", "csv", "duckdb")
_LOGS = {"ocel": write_ocel, "perfetto": write_perfetto, "otlp": write_otlp}
FORMATS = (*TABLE_FORMATS, *_LOGS)

Told = Callable[[int], None]


class ExportedColumn(msgspec.Struct, frozen=True):
    """A column: its Arrow type, and what it is counted in."""

    name: str
    type: str
    unit: str | None


class ExportedTable(msgspec.Struct, frozen=True):
    """A table that has rows."""

    table: str
    about: str
    rows: int
    columns: tuple[ExportedColumn, ...]


class Exported(msgspec.Struct, frozen=True):
    """What an export wrote: of which record, in which format, and which tables, or how much of what."""

    format: str
    record: dict[str, str]
    tables: tuple[ExportedTable, ...] = ()
    counts: dict[str, int] = {}


def export(
    run: Run,
    path: Path,
    layout: str = "parquet",
    *,
    tables: Collection[str] = (),
    since: str | None = None,
    until: str | None = None,
    at: Sequence[str] = (),
    partition: Partition = "day",
    progress: Told = lambda _rows: None,
) -> Exported:
    """Write a record, or some of its tables, into a new folder.

    One pass over the events, a state for each point `at` (of none: the last). Memory does not grow with the record.
    Raises QueryError for a table, a point or a library that is not there, RecordExistsError where the folder is.
    """
    check_tables(tables)
    if layout in _LOGS and (tables or at):
        message = f"--format {layout} is a log of events and has no tables; leave --table and --at away"
        raise QueryError(message)
    must_be_free(path)
    found = tables_of(run)
    with whole_folder(path) as folder:
        about = provenance(found.declared)
        if layout in _LOGS:
            exported = Exported(layout, about, counts=_LOGS[layout](found, folder, (since, until)))
        else:
            files = TableDatabase(folder) if layout == "duckdb" else TableFiles(folder, layout, partition)
            with closing(files):
                for table, batch in found.batches(tables, since, until, at=at):
                    files.write(table, batch)
                    progress(batch.num_rows)
            exported = Exported(layout, about, tuple(_told(found, *one) for one in files.rows.items()))
        write_whole(folder / DESCRIPTION, msgspec.json.format(msgspec.json.encode(exported)) + b"\n")
    return exported


def _told(found: RecordTables, table: str, rows: int) -> ExportedTable:
    schema = found.schema(table)
    return ExportedTable(table, schema.metadata[b"about"].decode(), rows, tuple(map(_column, schema)))


def _column(field: Any) -> ExportedColumn:
    unit = (field.metadata or {}).get(b"unit")
    return ExportedColumn(field.name, str(field.type), None if unit is None else unit.decode())
