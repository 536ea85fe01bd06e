"""Which event of one run is which of the other, and whether it says the same.

1. What stands at the beginning of both, event for event, is shared: it is compared as it is read and nothing is kept of
   it. `RunStarted` always is, for it declares the run; `started_changed` tells whether it says the same.
2. Behind that, events with the same key are the same event; with another content it is *changed*.
3. Everything is read once, both runs side by side up to where they part, then A, then B.

Cost: 2 us an event for the shared beginning; behind it some 6 us an event, and 150 bytes of memory for each, of which a
third stays.

A run as columns of whole numbers: for each event behind the shared beginning who it is and what it says.

1. The *key* says which event it is, whatever its number. An input's is over its instant, type and content; that of a
   decision over its cause's key, the slot that decided, type, account and instrument; and how many like it came before.
2. The *content* is over the time and all that the body says, numbers replaced as in `projection.py`.
3. Both are BLAKE2b with 64 bits. Among a million events two unlike ones agree with a chance of 1 in 30 million.
4. An event of the shared beginning is its own key: it has the same number in both runs.

Memory: 35 bytes an event for the columns, links apart; while they are made some 100 more, to count those alike.
"""

from __future__ import annotations

from array import array
from collections import Counter
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

from ...events.bodies.listing import AccountOpened
from ...events.bodies.run import RunForked, RunStarted
from ...events.envelope import Event
from ...events.vocabulary import BODY_TYPES, Body
from ..run import Run
from .fields import SHAPES
from .projection import Projection

__all__ = ["Fingerprints", "Match", "Side", "What", "match"]

Side = Literal["a", "b"]
What = Literal["same", "changed", "only_a", "only_b"]

_NOBODY = -1

_DIGEST_BYTES = 8
_NO_CAUSE = -1
_encode = msgspec.msgpack.Encoder().encode


class _Shared(NamedTuple):
    """The shared beginning: where it stops, how many events of each type, and the insurance accounts opened in it."""

    stop_seq: int
    kinds: Counter[type[Body]]
    funds: list[int]


class Match:
    """Two runs with their events paired."""

    def __init__(self, a: Run, b: Run, shared: _Shared) -> None:
        """Read both behind the shared beginning and pair what has the same key."""
        self.shared_events, self._shared_kinds = shared.stop_seq, shared.kinds
        self.started_changed = a.event(0) != b.event(0)
        first = Projection(shared.funds)
        self.a = Fingerprints(a, shared.stop_seq, first)
        self.b = Fingerprints(b, shared.stop_seq, Projection(shared.funds, first))
        places = {key: place for place, key in enumerate(self.a.keys)}
        self.partners_b = array("q", (places.get(key, _NOBODY) for key in self.b.keys))
        self.partners_a = array("q", [_NOBODY]) * len(self.a)
        for place, partner in enumerate(self.partners_b):
            if partner != _NOBODY:
                self.partners_a[partner] = place

    def what_a(self, place: int) -> What:
        """What became in B of A's event at a place."""
        partner = self.partners_a[place]
        if partner == _NOBODY:
            return "only_a"
        return "same" if self.a.contents[place] == self.b.contents[partner] else "changed"

    def what_b(self, place: int) -> What:
        """What B's event at a place was in A."""
        partner = self.partners_b[place]
        return "only_b" if partner == _NOBODY else self.what_a(partner)

    def differs(self, side: Side, seq: int) -> bool:
        """Whether an event of that run is not the same in the other."""
        return self.what(side, seq) != "same"

    def what(self, side: Side, seq: int) -> What:
        """What an event of that run is in the other."""
        place = seq - self.shared_events
        if place < 0:
            return "changed" if seq == 0 and self.started_changed else "same"
        return self.what_a(place) if side == "a" else self.what_b(place)

    def partner(self, side: Side, seq: int) -> int | None:
        """The number of the same event in the other run, None if it is not there."""
        place = seq - self.shared_events
        if place < 0:
            return seq
        found = (self.partners_a if side == "a" else self.partners_b)[place]
        return None if found == _NOBODY else found + self.shared_events

    def follows(self, side: Side, seq: int) -> int | None:
        """The difference that an event follows from: its cause, or the last of its links, where that differs."""
        place = seq - self.shared_events
        if place < 0:
            return None
        events = self.a if side == "a" else self.b
        cause = events.cause(place)
        if cause is not None and self.differs(side, cause):
            return cause
        return max((link for link in events.links.get(place, ()) if self.differs(side, link)), default=None)

    def changed_fields(self, seq_a: int, seq_b: int) -> list[str]:
        """The fields of a changed event that differ, `at_ns` included. Reads it from both records."""
        a, b = self.a, self.b
        return a.projection.changed_fields(a.run.event(seq_a), b.projection, b.run.event(seq_b))

    def counts(self) -> dict[str, Counter[What]]:
        """How many events of each type are what, by the type's name."""
        found: dict[str, Counter[What]] = {kind.__name__: Counter() for kind in BODY_TYPES}
        for kind, number in self._shared_kinds.items():
            found[kind.__name__]["same"] += number
        if self.started_changed:
            found["RunStarted"] += Counter({"changed": 1})
            found["RunStarted"]["same"] -= 1
        names = [kind.__name__ for kind in BODY_TYPES]
        for place, tag in enumerate(self.a.kinds):
            found[names[tag]][self.what_a(place)] += 1
        for place, tag in enumerate(self.b.kinds):
            if self.partners_b[place] == _NOBODY:
                found[names[tag]]["only_b"] += 1
        return {name: counted for name, counted in found.items() if counted}


def match(a: Run, b: Run) -> Match:
    """Pair the events of two runs. Raises QueryError where one is no whole run."""
    return Match(a, b, _shared_beginning(a, b))


def _shared_beginning(a: Run, b: Run) -> _Shared:
    """As far as both are event for event the same, and producers of the same slots have the same numbers."""
    slots_a, slots_b = ([producer.handler for producer in run.started.producers] for run in (a, b))
    stop = None if slots_a == slots_b else 1
    kinds: Counter[type[Body]] = Counter()
    funds: list[int] = []
    count = 0
    for event, other in zip(a.events(0, stop), b.events(0, stop), strict=False):
        if event != other and count:
            break
        count += 1
        body = event.body
        kinds[type(body)] += 1
        if isinstance(body, AccountOpened) and body.kind == "insurance":
            funds.append(body.account)
    return _Shared(count, kinds, funds)


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
