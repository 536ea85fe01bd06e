"""Events as their bytes, read in columns by type: no event is made unless it is asked for.

1. Where each event begins is told by its number: that stands first in it, and each event has the next one. Where more
   places look like that than there are events, the lists are taken apart instead.
2. A column is what a field of the events holds (`msgpack_columns.py`). Where one is not read so, for it is a structure
   or the event was written before it had that field, the events of the type are decoded.
3. The bytes are believed: the reader, which gives them, has held them against the head.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, cached_property, partial

import numpy as np

from ..codec import decode_events, list_header
from ..envelope import Event
from ..kinds import columns_of
from ..msgpack_columns import Bytes, Column, Cursors, FieldColumn, Lists, UnreadError, Wholes, padded, wide_at
from ..vocabulary import BODY_TYPES, Body
from .decoded import Stretch
from .pages import PAGE_EVENTS, split_list

__all__ = ["EncodedEvents", "TypedEvents"]

_FIELDS = len(Event.__struct_fields__)
_EVENT = list_header(_FIELDS)[0]
_TYPES = {body_type.__struct_config__.tag: body_type for body_type in BODY_TYPES}
_SEQ_FORMS = ((0xCC, ">u1", 1 << 7), (0xCD, ">u2", 1 << 8), (0xCE, ">u4", 1 << 16), (0xCF, ">i8", 1 << 32))
"""How a number that is not one byte is encoded, and from which one on."""


class EncodedEvents:
    """The events of some stretches, their envelopes read. Some 0.1 us an event."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        places, offset = list[tuple[Column, Column]](), 0
        for one in stretches:
            chosen = slice(one.first_seq - one.block_seq, one.stop_seq - one.block_seq)
            starts, stops = _bounds(one)
            places.append((starts[chosen] + offset, stops[chosen] + offset))
            offset += len(one.payload)
        self.data = padded(b"".join(one.payload for one in stretches))
        self.starts, self.stops = (np.concatenate(column) for column in zip(*places, strict=True))
        cursors = Cursors(self.data, self.starts)
        cursors.header(_FIELDS)
        self.envelope: dict[str, Wholes | Lists] = {
            "seq": cursors.wholes(),
            "at_ns": cursors.wholes(),
            "origin": cursors.wholes(),
            "cause": cursors.wholes(),
            "links": cursors.lists(),
            "producer": cursors.wholes(),
        }
        self.body_fields = cursors.lengths() - 1
        self.tags = cursors.wholes().numbers
        self.bodies = cursors.places

    def __len__(self) -> int:
        """How many events."""
        return len(self.starts)

    def by_type(self) -> Iterator[TypedEvents]:
        """The events of each type, the types in no order."""
        for tag in np.flatnonzero(np.bincount(self.tags)).tolist():
            yield TypedEvents(_TYPES[tag], self, np.flatnonzero(self.tags == tag))

    def decoded(self, places: Column) -> list[Event]:
        """The events at these places."""
        data, bounds = self.data, (self.starts[places], self.stops[places])
        each = [data[start:stop].tobytes() for start, stop in zip(*map(np.ndarray.tolist, bounds), strict=True)]
        return decode_events(list_header(len(each)) + b"".join(each))


class TypedEvents:
    """Those of one type, at these places among all."""

    def __init__(self, body_type: type[Body], among: EncodedEvents, places: Column) -> None:
        self.type, self._among, self.places = body_type, among, places

    def __len__(self) -> int:
        """How many events."""
        return len(self.places)

    @cached_property
    def events(self) -> list[Event]:
        """Themselves, decoded."""
        return self._among.decoded(self.places)

    def envelope(self) -> dict[str, FieldColumn]:
        """The columns of the envelopes, by field."""
        return {field: column.at(self.places) for field, column in self._among.envelope.items()}

    def bodies(self) -> dict[str, FieldColumn] | None:
        """The columns of the bodies, by field; None where one of them is not read so."""
        readers = _readers(self.type)
        if not (self._among.body_fields[self.places] == len(readers)).all():
            return None
        cursors = Cursors(self._among.data, self._among.bodies[self.places])
        try:
            found = {field: read(cursors) for field, read in readers}
        except UnreadError:
            return None
        return found if np.array_equal(cursors.places, self._among.stops[self.places]) else None

    def wholes(self, names: Collection[str]) -> list[Wholes] | None:
        """The columns of these fields, which hold whole numbers, in the order of the body; nothing behind is read.

        None where a field up to the last of them is not read so.
        """
        readers = _readers(self.type)
        last = max(place for place, (field, _) in enumerate(readers) if field in names)
        if not (self._among.body_fields[self.places] > last).all():
            return None
        cursors = Cursors(self._among.data, self._among.bodies[self.places])
        try:
            found = [(field, read(cursors)) for field, read in readers[: last + 1]]
        except UnreadError:
            return None
        return [column for field, column in found if field in names and isinstance(column, Wholes)]


_BY_KIND: dict[str, Callable[[Cursors], FieldColumn]] = {
    "text": Cursors.texts,
    "flag": Cursors.flags,
    "bytes": Cursors.binaries,
    "prices": partial(Cursors.lists, width=2),
    **dict.fromkeys(
        ("structure", "provenance", "constituents", "left out", "makers", "notes", "depth"), Cursors.nothing
    ),
}
"""By kind of field; any other is a whole number. What has a structure of its own is read where it is left out."""


@cache
def _readers(body_type: type[Body]) -> tuple[tuple[str, Callable[[Cursors], FieldColumn]], ...]:
    return tuple((column.name, _BY_KIND.get(column.kind, Cursors.wholes)) for column in columns_of(body_type))


def _bounds(stretch: Stretch) -> tuple[Column, Column]:
    """Where each event of the whole block begins and stops."""
    count = stretch.block_stop - stretch.block_seq
    starts = _starts(padded(stretch.payload), stretch)
    if len(starts) != count:
        return _bounds_taken_apart(stretch.payload)
    stops = np.append(starts[1:], len(stretch.payload))
    for last in range(PAGE_EVENTS, count, PAGE_EVENTS):
        stops[last - 1] -= len(list_header(min(PAGE_EVENTS, count - last)))
    return starts, stops


def _starts(data: Bytes, stretch: Stretch) -> Column:
    """Every place where one of them may begin: all where one does are among these."""
    heads = np.flatnonzero(data == _EVENT)
    heads = heads[heads < len(stretch.payload)]
    codes, found = data[heads + 1], list[Column]()
    for code, kind, least in _SEQ_FORMS:
        here = heads[codes == code]
        here = here[here + 2 + np.dtype(kind).itemsize <= len(stretch.payload)]
        seqs = wide_at(data, here + 2, kind)
        found.append(here[(seqs >= max(least, stretch.block_seq)) & (seqs < stretch.block_stop)])
    return np.concatenate(found)


def _bounds_taken_apart(payload: bytes) -> tuple[Column, Column]:
    """The same from the lists themselves, some 0.2 us an event."""
    pages, bounds, place = split_list(payload), list[int](), 0
    place = len(list_header(len(pages)))
    for page in pages:
        events = split_list(page)
        place += len(list_header(len(events)))
        for event in events:
            bounds += place, place + len(bytes(event))
            place = bounds[-1]
    found = np.array(bounds, np.int64)
    return found[::2], found[1::2]
