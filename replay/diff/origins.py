"""Where two runs begin to differ, and what follows from what.

1. A difference follows from its cause, where that differs, or else from the last of the events it links to that differ
   (the fill behind a mark). Where that is another one in A and in B, the later counts.
2. What it follows from in the end is an *origin*: a decision that came out otherwise although the same event was
   answered by the same slot, because the rule is another or the state is. All that differs in the answer belongs to it.
   Or it is an input that differs.
3. So every difference either is part of an origin or follows from exactly one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from .matching import Match, Side, What

__all__ = ["DifferenceOrigin", "origins_of"]

_SAME = -1


class DifferenceOrigin(msgspec.Struct):
    """A decision whose cause is the same in both runs, or an input; `slot` is None for an input.

    `cause_a` and `cause_b` number the same event; `seq_a` and `seq_b` are the first of its events that differ, on a
    side where there is one. `changed`, `only_a` and `only_b` count what differs in it, `following` what follows.
    """

    at_ns: int
    slot: str | None
    cause_a: int | None
    cause_b: int | None
    seq_a: int | None = None
    seq_b: int | None = None
    changed: int = 0
    only_a: int = 0
    only_b: int = 0
    following: int = 0

    @property
    def differing(self) -> int:
        """How many events of its own differ."""
        return self.changed + self.only_a + self.only_b


class _Differing(NamedTuple):
    """An event that differs. It sorts by time, then by the lesser of its numbers, so that causes stand before it."""

    at_ns: int
    first_seq: int
    last_seq: int
    key: int
    what: What
    seq_a: int | None
    seq_b: int | None
    cause_a: int | None
    cause_b: int | None
    slot: str

    @property
    def is_input(self) -> bool:
        """Whether it answers nothing."""
        return self.cause_a is None and self.cause_b is None


def origins_of(match: Match) -> tuple[DifferenceOrigin, ...]:
    """All origins, in the order of time; 3 us and, while it runs, 300 bytes for each difference."""
    search = _OriginSearch(match)
    for event in sorted(_differing(match)):
        search.place(event)
    return tuple(search.origins)


class _OriginSearch:
    """Takes the differences in their order; the roots are the origins of those placed, by their places in A and B."""

    def __init__(self, match: Match) -> None:
        self.origins: list[DifferenceOrigin] = []
        self._match = match
        self._roots = {"a": array("q", [_SAME]) * len(match.a), "b": array("q", [_SAME]) * len(match.b)}
        self._numbers: dict[tuple[object, ...], int] = {}

    def place(self, event: _Differing) -> None:
        """Find what an event follows from; or let it be part of an origin."""
        root = max(self._root_behind("a", event.seq_a), self._root_behind("b", event.seq_b))
        if root == _SAME:
            root = self._number(event)
            _count(self.origins[root], event)
        else:
            self.origins[root].following += 1
        self._note("a", event.seq_a, root)
        self._note("b", event.seq_b, root)

    def _root_behind(self, side: Side, seq: int | None) -> int:
        """The origin of what an event follows from on one side."""
        followed = None if seq is None else self._match.follows(side, seq)
        shared = self._match.shared_events
        return _SAME if followed is None or followed < shared else self._roots[side][followed - shared]

    def _note(self, side: Side, seq: int | None, root: int) -> None:
        if seq is not None and seq >= self._match.shared_events:
            self._roots[side][seq - self._match.shared_events] = root

    def _number(self, event: _Differing) -> int:
        """The origin that an event is part of: one for each input, one for all of an answer."""
        own = (event.seq_a, event.seq_b) if event.is_input else (event.cause_a, event.cause_b, event.slot)
        number = self._numbers.setdefault(own, len(self.origins))
        if number == len(self.origins):
            slot = None if event.is_input else event.slot
            self.origins.append(DifferenceOrigin(event.at_ns, slot, event.cause_a, event.cause_b))
        return number


def _count(origin: DifferenceOrigin, event: _Differing) -> None:
    """Let an event be part of an origin."""
    setattr(origin, event.what, getattr(origin, event.what) + 1)
    origin.seq_a, origin.seq_b = _least(origin.seq_a, event.seq_a), _least(origin.seq_b, event.seq_b)


def _least(one: int | None, other: int | None) -> int | None:
    return min((seq for seq in (one, other) if seq is not None), default=None)


def _differing(match: Match) -> Iterator[_Differing]:
    """All differences: those that A has, then those that only B has."""
    first = match.shared_events
    if match.started_changed:
        yield _Differing(
            at_ns=match.a.run.event(0).at_ns,
            first_seq=0,
            last_seq=0,
            key=0,
            what="changed",
            seq_a=0,
            seq_b=0,
            cause_a=None,
            cause_b=None,
            slot="",
        )
    for place in range(len(match.a)):
        what = match.what_a(place)
        if what != "same":
            yield _event(match, "a", first + place, what)
    for place in range(len(match.b)):
        if match.what_b(place) == "only_b":
            yield _event(match, "b", first + place, "only_b")


def _event(match: Match, side: Side, seq: int, what: What) -> _Differing:
    """One that a side has, with where it is on the other."""
    mine, others = (match.a, match.b) if side == "a" else (match.b, match.a)
    place, partner = seq - match.shared_events, match.partner(side, seq)
    cause, at_ns = mine.cause(place), mine.times_ns[place]
    if partner is not None:
        at_ns = min(at_ns, others.times_ns[partner - match.shared_events])
    other_cause = None if cause is None else match.partner(side, cause)
    seqs = [seq] if partner is None else [seq, partner]
    order = at_ns, min(seqs), max(seqs), mine.keys[place]
    if side == "a":
        return _Differing(*order, what, seq, partner, cause, other_cause, mine.slot(place))
    return _Differing(*order, what, partner, seq, other_cause, cause, mine.slot(place))
