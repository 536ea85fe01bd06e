"""The tables of a record: which there are, what columns they have, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ...events.errors import QueryError
from ...events.vocabulary import TYPES_BY_NAME
from ..directory import nearest
from ..points import Moment
from ..run import Run
from .arrow import pyarrow
from .declared import Declared
from .events import EventTables
from .grounds import GroundRow, ground_rows
from .states import STATE_TABLES, Rounds, StateRow, state_rows
from .structs import StructColumns, about, provenance

__all__ = ["GROUNDS", "ROWS", "RecordTables", "check_tables", "table_names", "tables_of"]

ROWS = 16_384
"""So many events are held at once, and a batch has at most so many rows: as fast as any number measured."""

GROUNDS = "grounds"
"""The table that is only made where it is named."""

_ROUNDS = "rounds"
_ROWS: dict[str, type[StateRow]] = {**STATE_TABLES, GROUNDS: GroundRow}
"""What the rows of the tables are that are not of a type of event."""


def table_names() -> tuple[str, ...]:
    """The tables that every record has: those of states, and one for each type of event; not `grounds`."""
    return (*STATE_TABLES, *TYPES_BY_NAME)


def check_tables(names: Iterable[str]) -> None:
    """Raise QueryError, with the nearest names, for what is no table."""
    for name in names:
        if name not in _ROWS and name not in TYPES_BY_NAME:
            message = f"there is no table {name!r}{nearest(name, (GROUNDS, *table_names()))}"
            raise QueryError(message)


class RecordTables:
    """The tables of one record. Costs its last state once; needs pyarrow."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.declared = Declared(run)
        self._events = EventTables(self.declared)

    def schema(self, table: str) -> Any:
        """The `pyarrow.Schema` of a table: units in the metadata of its columns, the head in its own.

        Raises QueryError with the nearest names where there is no such table.
        """
        check_tables([table])
        if table in TYPES_BY_NAME:
            return self._events.schema(TYPES_BY_NAME[table])
        return self._state_schema(table, StructColumns(_ROWS[table], self.declared))

    def batches(
        self,
        tables: Collection[str] = (),
        since: Moment | None = None,
        until: Moment | None = None,
        rows: int = ROWS,
        at: Sequence[Moment] = (),
    ) -> Iterator[tuple[str, Any]]:
        """The rows of these tables, or of all that have any but `grounds`, each batch with the name of its table.

        Events between two points, what the last one names included; states at the points `at`, or at the end of the
        span. One pass over the events, and a state for each point. Raises QueryError for a table or point that is not
        there.
        """
        check_tables(tables)
        wanted = tables or table_names()
        first, stop = self._run.span(since, until)
        counts = sorted({self._run.last_seq(point) + 1 for point in at}) if at else [stop]
        types = {TYPES_BY_NAME[name] for name in wanted if name in TYPES_BY_NAME}
        rounds = Rounds() if _ROUNDS in wanted else None
        if types or rounds is not None:
            for body_type, batch in self._events.batches(types, (first, stop), rows, rounds):
                yield body_type.__name__, batch
        if stop:
            yield from self._states([name for name in STATE_TABLES if name in wanted and name != _ROUNDS], counts, rows)
        if rounds is not None:
            yield from self._batched(_ROUNDS, rounds.rows(), rows)
        if GROUNDS in wanted:
            yield from self._batched(GROUNDS, ground_rows(self._run, first, stop), rows)

    def _states(self, tables: Sequence[str], counts: Sequence[int], rows: int) -> Iterator[tuple[str, Any]]:
        for ledger in self._run.states(counts) if tables else ():
            for table in tables:
                yield from self._batched(table, state_rows(self._run, table, ledger), rows)

    def _batched(self, table: str, found: Iterable[StateRow], rows: int) -> Iterator[tuple[str, Any]]:
        columns = StructColumns(_ROWS[table], self.declared)
        schema = self._state_schema(table, columns)
        left = iter(found)
        while some := list(islice(left, rows)):
            columns.add(some)
            yield table, pyarrow().RecordBatch.from_arrays(columns.take(), schema=schema)

    def _state_schema(self, table: str, columns: StructColumns) -> Any:
        told = {"table": table, "about": about(_ROWS[table])} | provenance(self.declared)
        return pyarrow().schema(columns.fields, told)


def tables_of(run: Run) -> RecordTables:
    """The tables of a record. Raises QueryError where pyarrow is not installed."""
    pyarrow()
    return RecordTables(run)
