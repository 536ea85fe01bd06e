"""A run of prices, each of which became the mark as it was: in columns, and as the bytes of its events.

1. Each instant is one `PriceTicked` and then one `MarkPriced` for each of its prices, in their order. The times rise.
2. Numbers that are encoded in as many bytes as each other stand one below the other, so the bytes of all instants are
   one table: `codec.same_width` says how far a number may go.
3. The bytes are those of `encode_event`, which the first and the last instant of each table are held against.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bodies.inputs import PriceTicked
from .bodies.margin import MarkPriced
from .codec import decode_event, decode_events, encode_event, list_header
from .envelope import Event, Origin

__all__ = ["Column", "EncodedTicks", "QuietTicks"]

Column = NDArray[np.int64]

_FORMATS = {1: "u1", 2: "u1", 3: ">u2", 5: ">u4", 9: ">u8"}
"""How a number stands in its encoded length; but for the shortest, one byte before it says what follows."""


class QuietTicks(NamedTuple):
    """`prices_ticks` has a row for each time and a column for each instrument; `producer` is who marks."""

    instruments: tuple[int, ...]
    times_ns: Column
    prices_ticks: Column
    producer: int

    @property
    def instants(self) -> int:
        """How many instants."""
        return len(self.times_ns)

    @property
    def events_each(self) -> int:
        """How many events each instant has."""
        return 1 + len(self.instruments)

    @property
    def events(self) -> int:
        """How many events there are in all."""
        return self.instants * self.events_each

    def marks(self, place: int) -> Column:
        """The marks of the instrument at a place among `instruments`."""
        return self.prices_ticks[:, place]

    def mark_at(self, place: int, row: int = -1) -> MarkPriced:
        """A mark, of the instrument at a place; the last one of it where no row is given."""
        ticks = int(self.prices_ticks[row, place])
        return MarkPriced(self.instruments[place], ticks, 0, ticks)

    def events_of(self, row: int, first_seq: int) -> list[Event]:
        """The events of one instant, which is instant `row` of those that begin at `first_seq`."""
        seq, at_ns = first_seq + row * self.events_each, int(self.times_ns[row])
        marks = [self.mark_at(place, row) for place in range(len(self.instruments))]
        prices = tuple((mark.instrument, mark.mark_ticks) for mark in marks)
        tick = Event(seq, at_ns, Origin.INPUT, None, (), None, PriceTicked(prices))
        return [
            tick,
            *(Event(n, at_ns, Origin.DECIDED, seq, (), self.producer, m) for n, m in enumerate(marks, seq + 1)),
        ]


class _Template:
    """The bytes of the first instant, and where in them the numbers stand that change from one to the next."""

    def __init__(self) -> None:
        self.first = bytearray()
        self._columns: list[tuple[int, str, Column]] = []

    def keep(self, data: bytes) -> None:
        """Bytes that are the same in each."""
        self.first += data

    def number(self, column: Column) -> None:
        """A number that changes, and keeps its length."""
        first = encode_event(int(column[0]))
        self.first += first
        kind = _FORMATS[len(first)]
        self._columns.append((len(self.first) - np.dtype(kind).itemsize, kind, column))

    def table(self, rows: int) -> bytes:
        """All of them, one after the other."""
        offsets, kinds, columns = zip(*self._columns, strict=True)
        names = [f"column {number}" for number in range(len(columns))]
        # numpy's stub knows no such mapping
        layout: Any = {"names": names, "formats": kinds, "offsets": offsets, "itemsize": len(self.first)}
        data = self.first * rows
        table = np.frombuffer(data, np.dtype(layout))
        for name, column in zip(names, columns, strict=True):
            table[name] = column
        return bytes(data)


class EncodedTicks:
    """The events of a run of ticks, as bytes, from `first_seq` on. About 0.1 us an event."""

    def __init__(self, ticks: QuietTicks, first_seq: int) -> None:
        self.ticks, self.first_seq, self.stop_seq = ticks, first_seq, first_seq + ticks.events
        seqs = np.arange(first_seq, self.stop_seq, ticks.events_each, dtype=np.int64)
        row, self._starts = _Template(), [0]
        _tick(row, ticks, seqs)
        for place in range(len(ticks.instruments)):
            self._starts.append(len(row.first))
            _mark(row, ticks, seqs, place)
        self._row_bytes, self._data = len(row.first), row.table(ticks.instants)
        for instant in (0, ticks.instants - 1):
            for event in ticks.events_of(instant, first_seq):
                assert self.between(event.seq, event.seq + 1) == encode_event(event), "columns are the encoder's bytes"

    def between(self, first_seq: int, stop_seq: int) -> bytes:
        """The bytes of these events."""
        return self._data[self._offset(first_seq) : self._offset(stop_seq)]

    def _offset(self, seq: int) -> int:
        row, place = divmod(seq - self.first_seq, self.ticks.events_each)
        return row * self._row_bytes + self._starts[place]

    def event(self, seq: int) -> Event:
        """One of them."""
        return decode_event(self.between(seq, seq + 1))

    def events(self, first_seq: int, stop_seq: int) -> list[Event]:
        """Some of them."""
        return decode_events(list_header(stop_seq - first_seq) + self.between(first_seq, stop_seq))

    def distances(self, first_seq: int, count: int) -> list[int]:
        """How far each of so many events is from its cause, 0 for the prices, which have none."""
        each = self.ticks.events_each
        phase = (first_seq - self.first_seq) % each
        return ([*range(each)] * (count // each + 2))[phase : phase + count]


def _envelope(row: _Template, seqs: Column, ticks: QuietTicks) -> None:
    row.keep(b"\x97")  # an event is a list of seven
    row.number(seqs)
    row.number(ticks.times_ns)


def _tick(row: _Template, ticks: QuietTicks, seqs: Column) -> None:
    """`PriceTicked` with no cause, links, producer or provenance."""
    _envelope(row, seqs, ticks)
    row.keep(encode_event(Origin.INPUT) + encode_event(None) + encode_event(()) + encode_event(None))
    row.keep(b"\x93" + encode_event(PriceTicked.__struct_config__.tag))
    row.keep(list_header(len(ticks.instruments)))
    for place, instrument in enumerate(ticks.instruments):
        row.keep(b"\x92" + encode_event(instrument))
        row.number(ticks.marks(place))
    row.keep(encode_event(None))


def _mark(row: _Template, ticks: QuietTicks, seqs: Column, place: int) -> None:
    """`MarkPriced` by the price, which is its cause."""
    _envelope(row, seqs + 1 + place, ticks)
    row.keep(encode_event(Origin.DECIDED))
    row.number(seqs)
    row.keep(encode_event(()) + encode_event(ticks.producer))
    row.keep(b"\x96" + encode_event(MarkPriced.__struct_config__.tag) + encode_event(ticks.instruments[place]))
    row.number(ticks.marks(place))
    row.keep(encode_event(0))
    row.number(ticks.marks(place))
    row.keep(encode_event(0))
