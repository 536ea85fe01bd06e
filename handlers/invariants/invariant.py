"""What an invariant is: something that a venue claims, held against the events that could break it.

1. It looks at the few types of events that it `judges`, as they are delivered, and says what broke.
2. What it must know of earlier events it keeps by `note`, as they are folded: of their bodies alone, and of no more
   than the instant, or the time that it looks back on. So it can be primed.
3. It judges by the event, by what it noted before it, and by what of the ledger all products of that delivery leave
   alone. So a break is found at the same event by the run and by whoever folds its record (`replay/verify`).
4. What cannot be told is neither held nor broken: `UNKNOWN`.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from ...events.bodies.invariants import Bound, InvariantBroken, Measure
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ..protocol import Linked

__all__ = ["HELD", "UNKNOWN", "Break", "Invariant", "Outcome", "ThisInstant"]

_Noted = TypeVar("_Noted")


class Break(NamedTuple):
    """What did not hold, as `InvariantBroken` has it, without the invariant's name and the claim."""

    measure: Measure
    bound: Bound
    expected: int
    found: int
    instrument: int | None = None
    account: int | None = None
    round: int | None = None
    links: tuple[int, ...] = ()

    def told(self, invariant: str, claim: str) -> Linked:
        """The event that says so."""
        *figures, links = self
        return Linked(InvariantBroken(invariant, claim, *figures), links)  # type: ignore[arg-type]


HELD, UNKNOWN = True, False

Outcome = Break | bool | None
"""A break; whether it could be told that it holds; or None for one more event of a break that was told of already."""


class Invariant:
    """Base of every invariant: `name` is what it is called, `key` what a rulebook calls it, `rule` what is compared."""

    name: ClassVar[str]
    rule: ClassVar[str]
    judges: ClassVar[tuple[type[Body], ...]]
    notes: ClassVar[tuple[type[Body], ...]] = ()

    def __init__(self, _parameters: Any) -> None:
        """One with figures of its own reads them here, from the whole of what its rulebook declares."""

    @property
    def look_back_ns(self) -> int:
        """How far back `note` must have been told of events."""
        return 0

    @classmethod
    def key(cls) -> str:
        """The parameter that declares it."""
        return cls.name.lower().replace(" ", "_")

    def note(self, event: Event) -> None:
        """Keep what a later judgement needs of an event of `notes`."""

    def forget(self) -> None:
        """Begin anew, before the past is told again."""

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """Whether an event of `judges` keeps to it; `ledger` holds it and all that was decided with it."""
        raise NotImplementedError


class ThisInstant(Generic[_Noted]):
    """What was noted at the present instant, by a key and by event; it is forgotten as the next instant begins."""

    def __init__(self) -> None:
        self._at_ns = -1
        self._noted: dict[object, list[tuple[int, _Noted]]] = {}

    def note(self, event: Event, key: object, noted: _Noted) -> None:
        """Keep it."""
        if event.at_ns != self._at_ns:
            self._at_ns, self._noted = event.at_ns, {}
        self._noted.setdefault(key, []).append((event.seq, noted))

    def clear(self) -> None:
        """Keep nothing."""
        self._at_ns, self._noted = -1, {}

    def before(self, event: Event, key: object) -> list[tuple[int, _Noted]]:
        """What was noted under a key before an event of the instant, the latest last."""
        noted = self._noted.get(key, [])
        return noted[: bisect_left(noted, event.seq, key=itemgetter(0))]

    def last(self, event: Event, key: object) -> tuple[int, _Noted] | None:
        """The latest of them; None where there is none."""
        noted = self._noted.get(key, [])
        place = bisect_left(noted, event.seq, key=itemgetter(0))
        return noted[place - 1] if place else None
