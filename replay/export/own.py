"""An exporter from a plug-in: it is given the tables of a record, and a new folder to write into.

The folder is there whole or not at all: what a plug-in raises is told with its own line, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ...events.errors import QueryError, RecordError
from ...handlers.plugins.complaints import called, complaint, shown
from ...sim.sources.own import Own
from ..tables.structs import provenance
from ..tables.tables import RecordTables, table_names
from .rows import Span

__all__ = ["OwnTables", "write_own"]


class OwnTables:
    """The tables of a record as a plug-in sees them, within what was asked for. `record` says which record it is."""

    def __init__(self, found: RecordTables, tables: Collection[str], span: Span) -> None:
        self._found, self._tables, self._span = found, tables, span
        self.record: dict[str, str] = provenance(found.declared)

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that were asked for, or all that there can be."""
        return tuple(self._tables) or table_names()

    def schema(self, table: str) -> Any:
        """The `pyarrow.Schema` of a table: units in the metadata of its columns, the head in its own."""
        return self._found.schema(table)

    def batches(self, *tables: str) -> Iterator[tuple[str, Any]]:
        """(table, `pyarrow.RecordBatch`) of these tables, or of all that were asked for, in the order of time.

        One pass over the events; memory does not grow with the record.
        """
        yield from self._found.batches(tables or self._tables, *self._span)


def write_own(own: Own, tables: OwnTables, folder: Path) -> dict[str, int]:
    """Have a plug-in write into a folder: how much of what, as it says. Raises HandlerError where it fails."""
    counts = called(own.name, "write()", lambda: own.provider.write(tables, folder), passing=(QueryError, RecordError))
    if not isinstance(counts, dict) or not all(isinstance(k, str) and type(v) is int for k, v in counts.items()):
        raise complaint(own.name, f"write() gave {shown(counts)}; what it wrote is due, a whole number by name")
    return counts
