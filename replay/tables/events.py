"""Tables of events: the schema of each type, and its events as batches of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ...events.envelope import Origin
from ...events.record.decoded import Stretch
from ...events.record.encoded import EncodedEvents, TypedEvents
from ...events.vocabulary import Body
from .arrays import names_of, times_of
from .arrow import needed, pyarrow
from .columns import ENVELOPE
from .declared import Declared
from .fields import array_of_column, numbers_of
from .states import Rounds
from .structs import StructColumns, about, provenance

__all__ = ["EventTables"]


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
        for some in self._encoded(*span, rows):
            tables = list[_EventTable]()
            for typed in some.by_type():
                if typed.type in types:
                    tables.append(self._table(typed.type))
                    tables[-1].add(typed)
                if rounds is not None and typed.type in Rounds.types:
                    rounds.see(typed.events)
            for table in sorted(tables, key=lambda one: one.first_seq):
                yield table.type, table.take()

    def _encoded(self, first_seq: int, stop_seq: int, rows: int) -> Iterator[EncodedEvents]:
        """So many events at once, in whole blocks as long as one is no more than that."""
        held, events = list[Stretch](), 0
        for stretch in self._declared.run.reader.stretches(first_seq, stop_seq):
            for one in stretch.cut(rows):
                if held and events + one.events > rows:
                    yield EncodedEvents(held)
                    held, events = [], 0
                held.append(one)
                events += one.events
        if held:
            yield EncodedEvents(held)

    def _table(self, body_type: type[Body]) -> _EventTable:
        if body_type not in self._made:
            self._made[body_type] = _EventTable(body_type, self._declared)
        return self._made[body_type]


class _EventTable:
    """One type's, with what was taken apart and is not a batch yet."""

    def __init__(self, body_type: type[Body], declared: Declared) -> None:
        self.type, self._declared = body_type, declared
        self._bodies = StructColumns(body_type, declared, beside=ENVELOPE)
        self._envelope = dict[str, Any]()

    @property
    def first_seq(self) -> int:
        """The first event of what is held."""
        return int(self._envelope["seq"][0].as_py())

    def add(self, events: TypedEvents) -> None:
        """Take events of this type, all that a batch has."""
        self._envelope = {field: array_of_column(column) for field, column in events.envelope().items()}
        bodies = events.bodies()
        if bodies is None:
            self._bodies.add([event.body for event in events.events])
        else:
            self._bodies.add_columns(bodies)

    def take(self) -> Any:
        """What is held as rows; nothing is held from then on."""
        arrays = [*self._envelope_columns(**self._envelope), *self._bodies.take()]
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

    def _envelope_columns(self, seq: Any, at_ns: Any, origin: Any, cause: Any, links: Any, producer: Any) -> list[Any]:
        """The columns that each table has."""
        declared_at, starts, names = self._declared.forks
        if len(declared_at) > 1:
            begins = starts[np.searchsorted(declared_at, numbers_of(seq), side="right") - 1]
            producer = needed("pyarrow.compute").add(producer, pyarrow().array(begins))
        origins = pyarrow().array([one.name.lower() for one in Origin])
        return [seq, times_of(at_ns), names_of(origin, origins), cause, names_of(producer, names), links]
