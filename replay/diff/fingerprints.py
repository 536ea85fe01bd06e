"""A run as columns of whole numbers: for each event behind the shared beginning who it is and what it says.

1. The *key* says which event it is, whatever its number. An input's is over its instant, type and content; that of a
   decision over its cause's key, the slot that decided, type, account and instrument; and how many like it came before.
2. The *content* is over the time and all that the body says, numbers replaced as in `projection.py`.
3. Both are BLAKE2b with 64 bits. Among a million events two unlike ones agree with a chance of 1 in 30 million.
4. An event of the shared beginning is its own key: it has the same number in both runs.

Memory: 35 bytes an event for the columns, links apart; while they are made some 100 more, to count those alike.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

import msgspec

from ...events.bodies.run import RunForked, RunStarted
from ...events.envelope import Event
from ..run import Run
from .fields import SHAPES
from .projection import Projection

__all__ = ["Fingerprints"]

_DIGEST_BYTES = 8
_NO_CAUSE = -1
_encode = msgspec.msgpack.Encoder().encode


def _digest(value: object) -> int:
    return int.from_bytes(blake2b(_encode(value), digest_size=_DIGEST_BYTES).digest(), "little")


class Fingerprints:
    """The columns of one run; a place is an event's number less `first_seq`."""

    def __init__(self, run: Run, first_seq: int, projection: Projection) -> None:
        """Read the run from `first_seq` on; some 5 us an event."""
        self.run, self.first_seq, self.projection = run, first_seq, projection
        self.keys, self.contents = array("Q"), array("Q")
        self.causes, self.times_ns = array("q"), array("q")
        self.kinds, self.slots = array("B"), array("H")
        self.links: dict[int, tuple[int, ...]] = {}
        self.slot_names: list[str] = [""]
        self._read()

    def __len__(self) -> int:
        """How many events there are behind the shared beginning."""
        return len(self.keys)

    def slot(self, place: int) -> str:
        """Who decided an event; empty where nobody is named."""
        return self.slot_names[self.slots[place]]

    def cause(self, place: int) -> int | None:
        """The number of the event that this one followed from."""
        cause = self.causes[place]
        return None if cause == _NO_CAUSE else cause

    def _read(self) -> None:
        alike: dict[int, int] = {}
        deciding: list[int] | None = None
        for event in self.run.events(self.first_seq):
            if deciding is None or isinstance(event.body, RunStarted | RunForked):
                deciding = self._deciding_at(event.seq)
            slot = 0 if event.producer is None else deciding[event.producer]
            self._add(event, slot, alike)

    def _deciding_at(self, seq: int) -> list[int]:
        """The number of each producer's slot, which stays when a fork puts the producers in another order."""
        names = [producer.handler for producer in self.run.producers_at(seq)]
        self.slot_names += [name for name in names if name not in self.slot_names]
        return [self.slot_names.index(name) for name in names]

    def _add(self, event: Event, slot: int, alike: dict[int, int]) -> None:
        cause, projection = event.cause, self.projection
        cause_key = None if cause is None else self._key_of(cause)
        base = _digest(projection.identity(event, cause_key, self.slot_names[slot]))
        before = alike.get(base, 0)
        alike[base] = before + 1
        key = _digest((base, before)) if before else base
        self.contents.append(_digest((event.at_ns, projection.content(event.body))))
        if event.links:
            self.links[len(self)] = event.links
        self.causes.append(_NO_CAUSE if cause is None else cause)
        self.times_ns.append(event.at_ns)
        self.kinds.append(SHAPES[type(event.body)].tag)
        self.slots.append(slot)
        self.keys.append(key)
        projection.learn(event, key)

    def _key_of(self, seq: int) -> int:
        return seq if seq < self.first_seq else self.keys[seq - self.first_seq]
