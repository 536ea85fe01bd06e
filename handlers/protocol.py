"""What a handler is.

1. `handle(event, ledger, now_ns)` is pure: it reads the event and the ledger and returns bodies. No clock, no I/O, no
   random numbers but keyed ones, no float, nothing that depends on the order of a set. `now_ns` is the delivery's time:
   the event's plus the handler's latency.
2. It never writes state. An index of its own is only speed: `observe` keeps it when an event is folded, before any
   delivery; `prime` rebuilds it from the ledger and the record of the last `look_back_ns`.
3. Primed at any event and run from there, it returns the same bodies as one that ran from the start.
4. It may say up to which marks it returns nothing (`quiet.py`): speed again, and never other bodies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

from ..events.envelope import DecidedRow, Event
from ..events.ledger import Account, LedgerState
from ..events.venue_names import at_venue
from ..events.vocabulary import Body
from .quiet import QUIET_KINDS, QuietSpan

if TYPE_CHECKING:
    from ..events.quiet_ticks import QuietTicks

__all__ = ["ALWAYS", "Handler", "Linked", "NoParameters", "Product"]


class Linked(NamedTuple):
    """A product with links: further events that contributed to it."""

    body: Body
    links: tuple[int, ...]


Product = Body | Linked

ALWAYS = (True,)
"""The gate of whoever wants every delivery."""


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a component that has nothing to set."""


class Handler:
    """Base of every handler: what it is called, what it hears, and the two halves of an index, empty here.

    `name` is the slot it fills ("margin", "adl"), `policy` the rule it follows there, `version` what it declares in the
    record: raise it when the same inputs give other bodies.
    """

    name: ClassVar[str]
    policy: ClassVar[str]
    version: ClassVar[str] = "1"
    subscribes: ClassVar[tuple[type[Body], ...]]
    observes: ClassVar[tuple[type[Body], ...]] = ()
    together: ClassVar[tuple[type[Body], ...]] = ()
    """What of that it can be told of at once, where one handler said many of a type in a row (`observe_all`)."""
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters
    plugin: str = ""
    """What records call the plug-in that decides here; empty for a builtin one."""
    venue: str = ""
    """The venue that it decides for, where a run has several (`at_venue.py`)."""
    hears_all: ClassVar[bool] = False
    """Whether at one of several venues it hears what happens at the others, too."""

    def __init__(self, parameters: msgspec.Struct) -> None:
        self.settings = parameters

    def __init_subclass__(cls, **named: Any) -> None:
        """A class that does anything otherwise than the one that it derives from states its span anew, or has none.

        One that observes otherwise states anew, too, what it can be told of at once.
        """
        super().__init_subclass__(**named)
        does = [name for name, value in vars(cls).items() if isinstance(value, FunctionType) and name != "__init__"]
        if does and "quiet_span" not in does:
            cls.quiet_span = Handler.quiet_span  # type: ignore[method-assign]
        if "observe" in does and "together" not in vars(cls):
            cls.together = ()

    @property
    def look_back_ns(self) -> int:
        """How far back `prime` reads the record."""
        return 0

    def is_here(self, ledger: LedgerState, account: int) -> bool:
        """Whether an account is with the venue that this decides for."""
        return not self.venue or ledger.venue_of(account) == self.venue

    def at_venue(self, name: str) -> str:
        """What an account or instrument of that name is called at the venue that this decides for."""
        return at_venue(name, self.venue)

    def accounts_of(self, group: str, ledger: LedgerState) -> Iterator[Account]:
        """The accounts of a group here, `group`-1, `group`-2, ..., up to the first number that there is not."""
        number = 1
        while (account := ledger.account_ids.get(self.at_venue(f"{group}-{number}"))) is not None:
            yield ledger.accounts[account]
            number += 1

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Decide: the bodies that follow from this event in this state."""
        raise NotImplementedError

    def gate(self, kind: type[Body]) -> Collection[object]:
        """A collection that is empty whenever a delivery of this type would return nothing: then it is not made.

        The bus asks once and keeps it, so an index that serves as a gate is changed in place, never replaced.
        """
        return ALWAYS

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the index: called when an event of `observes` was folded, before any delivery."""

    def observe_all(self, row: DecidedRow, ledger: LedgerState) -> None:
        """Keep the index as `observe` would have done event by event, though all of them were folded before."""

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """How far prices may go, and until when, before it returns anything; None where it must hear each of them."""
        observes = any(kind in self.observes for kind in QUIET_KINDS)
        open_gates = any(self.gate(kind) for kind in QUIET_KINDS if kind in self.subscribes)
        return None if observes or open_gates else QuietSpan()

    def observe_ticks(self, ticks: QuietTicks, ledger: LedgerState) -> None:
        """Keep the index over a run of ticks within its span, as `observe` would have done event by event."""

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Rebuild the index for this state; `past` is the record of the last `look_back_ns`, oldest first."""

    def prepare(self, ledger: LedgerState) -> None:
        """Build at once what is otherwise built when it is first needed; decides nothing and may be left out.

        For whoever goes on from one primed state many times.
        """
