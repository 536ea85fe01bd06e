"""Tables of events: the schema of each type, and its events as batches of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from ...events.envelope import Event, Origin
from ...events.vocabulary import Body
from .arrays import names_of, times_of, wholes_of
from .arrow import pyarrow
from .columns import ENVELOPE
from .declared import Declared
from .states import Rounds
from .structs import StructColumns, about, provenance, reader_of

__all__ = ["EventTables"]

_BLOCK = 4_096
"""So many events are taken apart at once: what was just decoded is still in the processor's cache."""


_FIELDS = ("seq", "at_ns", "origin", "cause", "producer", "links")
_READERS = {field: reader_of(field) for field in _FIELDS}
_bodies = reader_of("body")


class EventTables:
    """The tables of one record's events, one a type."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._made: dict[type[Body], _EventTable] = {}

    def schema(self, body_type: type[Body]) -> Any:
        """The schema of a type's table, with what the table is and where it comes from in its metadata."""
        return self._table(body_type).schema

    def batches(
        self, types: Collection[type[Body]], span: tuple[int, int], rows: int, rounds: Rounds | None = None
    ) -> Iterator[tuple[type[Body], Any]]:
        """The events of a span, of these types, so many events at once: of each type a batch, in order.

        `rounds` is shown what happened in them.
        """
        events, held, tables = self._declared.run.events(*span), 0, set[_EventTable]()
        while block := list(islice(events, min(_BLOCK, rows))):
            for body_type, some in _by_type(block).items():
                if body_type in types:
                    table = self._table(body_type)
                    table.add(some)
                    tables.add(table)
                if rounds is not None and body_type in Rounds.types:
                    rounds.see(some)
            held += len(block)
            if held + _BLOCK > rows:
                yield from _taken(tables)
                held = 0
        yield from _taken(tables)

    def _table(self, body_type: type[Body]) -> _EventTable:
        if body_type not in self._made:
            self._made[body_type] = _EventTable(body_type, self._declared)
        return self._made[body_type]


def _lists(links: Sequence[tuple[int, ...]]) -> Any:
    """Lists of numbers; mostly all are empty, which takes no looking at each."""
    arrow = pyarrow()
    if any(links):
        return arrow.array(links, arrow.list_(arrow.int64()))
    return arrow.ListArray.from_arrays(arrow.array(np.zeros(len(links) + 1, np.int32)), arrow.array([], arrow.int64()))


def _taken(tables: set[_EventTable]) -> Iterator[tuple[type[Body], Any]]:
    """What these tables hold, in the order in which it began."""
    for table in sorted(tables, key=lambda one: one.first_seq):
        yield table.type, table.take()
    tables.clear()


def _by_type(events: Sequence[Event]) -> dict[type[Body], list[Event]]:
    found: dict[type[Body], list[Event]] = defaultdict(list)
    for event in events:
        found[type(event.body)].append(event)
    return found


class _EventTable:
    """One type's, with what was taken apart and is not a batch yet."""

    def __init__(self, body_type: type[Body], declared: Declared) -> None:
        self.type, self._declared = body_type, declared
        self._envelopes = {field: list[Any]() for field in _FIELDS}
        self._bodies = StructColumns(body_type, declared, beside=ENVELOPE)

    @property
    def first_seq(self) -> int:
        """The first event of what is held."""
        return int(self._envelopes["seq"][0])

    def add(self, events: Sequence[Event]) -> None:
        """Take events of this type apart."""
        for field, read in _READERS.items():
            self._envelopes[field].extend(read(events))
        self._bodies.add(_bodies(events))

    def take(self) -> Any:
        """What is held as rows; nothing is held from then on."""
        arrays = [*self._envelope(**self._envelopes), *self._bodies.take()]
        for values in self._envelopes.values():
            values.clear()
        return pyarrow().RecordBatch.from_arrays(arrays, schema=self.schema)

    @cached_property
    def schema(self) -> Any:
        arrow = pyarrow()
        types = (
            arrow.int64(),
            arrow.timestamp("ns", "UTC"),
            arrow.string(),
            arrow.int64(),
            arrow.string(),
            arrow.list_(arrow.int64()),
        )
        own = [arrow.field(name, one) for name, one in zip(ENVELOPE, types, strict=True)]
        told = {
            "table": self.type.__name__,
            "about": about(self.type),
            "grounds": ", ".join(ground.name for ground in self.type.grounds),
            "forces": str(self.type.forces).lower(),
        }
        return arrow.schema([*own, *self._bodies.fields], told | provenance(self._declared))

    def _envelope(
        self,
        seq: list[int],
        at_ns: list[int],
        origin: list[Origin],
        cause: list[int | None],
        producer: list[int | None],
        links: list[tuple[int, ...]],
    ) -> list[Any]:
        """The columns that each table has."""
        arrow, seqs = pyarrow(), wholes_of(seq)
        declared_at, starts, names = self._declared.forks
        if len(declared_at) > 1:
            begins = starts[np.searchsorted(declared_at, seqs.to_numpy(), side="right") - 1]
            producer = [None if one is None else one + int(at) for one, at in zip(producer, begins, strict=True)]
        return [
            seqs,
            times_of(at_ns),
            names_of(origin, arrow.array([one.name.lower() for one in Origin])),
            wholes_of(cause),
            names_of(producer, names),
            _lists(links),
        ]
