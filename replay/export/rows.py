"""Events as rows of plain values, for formats that are no tables: each with its table, in the order of each type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...events.vocabulary import TYPES_BY_NAME
from ..tables.arrow import pyarrow
from ..tables.columns import ENVELOPE
from ..tables.tables import RecordTables

__all__ = ["EventRow", "Span", "event_rows", "kinds_in", "plain_figures"]

Span = tuple[str | None, str | None]
"""The points between which events are taken."""


class EventRow(NamedTuple):
    """An event: its type, and its columns by name; times in nanoseconds since 1970."""

    type: str
    values: dict[str, Any]


def event_rows(found: RecordTables, span: Span) -> Iterator[EventRow]:
    """The events between two points; of each batch those of one type after those of another."""
    for table, batch in found.batches(TYPES_BY_NAME, *span):
        for values in _with_times(batch).to_pylist():
            yield EventRow(table, values)


def kinds_in(schema: Any) -> dict[str, str]:
    """What the columns of a type's own fields are: kind by name."""
    return {field.name: field.metadata[b"kind"].decode() for field in schema if field.name not in ENVELOPE}


def plain_figures(row: EventRow) -> dict[str, Any]:
    """The event's own values that are there and are neither lists nor structures."""
    own = {name: value for name, value in row.values.items() if name not in ENVELOPE}
    return {name: value for name, value in own.items() if value is not None and not isinstance(value, list | dict)}


def _with_times(batch: Any) -> Any:
    """Times as whole numbers: Python's own have no nanoseconds."""
    arrow = pyarrow()
    columns = [one.cast(arrow.int64()) if arrow.types.is_timestamp(one.type) else one for one in batch.columns]
    return arrow.RecordBatch.from_arrays(columns, names=batch.schema.names)
