"""The tables of a record: which there are, what columns they have, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ...events.errors import QueryError
from ...events.vocabulary import TYPES_BY_NAME
from ..directory import nearest
from ..run import Run
from .declared import Declared
from .events import EventTables

__all__ = ["ROWS", "RecordTables", "tables_of"]

ROWS = 65_536
"""So many events are held at once, and a batch has at most so many rows."""


class RecordTables:
    """The tables of one record. Costs its last state once; needs pyarrow."""

    def __init__(self, run: Run) -> None:
        self._declared = Declared(run)
        self._events = EventTables(self._declared)

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that there are: one for each type of event, whether the record has one or not."""
        return tuple(TYPES_BY_NAME)

    def schema(self, table: str) -> Any:
        """The `pyarrow.Schema` of a table: units in the metadata of its columns, the head in its own.

        Raises QueryError with the nearest names where there is no such table.
        """
        self._check([table])
        return self._events.schema(TYPES_BY_NAME[table])

    def batches(
        self, tables: Collection[str] = (), since: str | None = None, until: str | None = None, rows: int = ROWS
    ) -> Iterator[tuple[str, Any]]:
        """The rows of these tables, or of all that have any, each batch with the name of its table.

        Between two points, what the last one names included. Raises QueryError for a table or point that is not there.
        """
        self._check(tables)
        first, stop = self._declared.run.span(since, until)
        types = {TYPES_BY_NAME[name] for name in tables}
        for body_type, batch in self._events.batches(types, first, stop, rows):
            yield body_type.__name__, batch

    def _check(self, tables: Collection[str]) -> None:
        for table in tables:
            if table not in TYPES_BY_NAME:
                message = f"there is no table {table!r}{nearest(table, self.names)}"
                raise QueryError(message)


def tables_of(run: Run) -> RecordTables:
    """The tables of a record. Raises QueryError where pyarrow is not installed."""
    return RecordTables(run)
