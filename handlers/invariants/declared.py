"""The invariants that a rulebook declares, held at every event that could break them; a break is an event.

It hears each event before anyone else reacts to it (it is the first slot), and without latency: what an account held
before a reduction is kept for that round only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import BODY_TYPES, Body
from ..protocol import Handler, Product
from .caps import CapsABlock
from .invariant import Break, Invariant, Outcome
from .losses import NoBadDebt
from .notice import NoticeBeforeARuleChanges
from .reductions import NoReductionPastZero, OnlyProfitIsTaken, WholeLots
from .rounds import FundBeforeAdl, OneAdlPrice, QueueOrder

__all__ = ["INVARIANTS", "Claims", "DeclaredInvariants", "Held", "claims_in"]

INVARIANTS: tuple[type[Invariant], ...] = (
    OneAdlPrice,
    NoBadDebt,
    OnlyProfitIsTaken,
    FundBeforeAdl,
    QueueOrder,
    CapsABlock,
    WholeLots,
    NoReductionPastZero,
    NoticeBeforeARuleChanges,
)
"""All that there are, in the order in which they are told."""


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each invariant's claim, with its source, or nothing where the venue does not claim it; and their figures.

    `block_notional_max` and `block_fund_loss_max` are of `caps_a_block`, `lots_step` of `whole_lots`, `notice_ns` of
    `notice_before_a_rule_changes`.
    """

    one_adl_price_an_instant: str = ""
    no_bad_debt: str = ""
    only_profit_is_taken: str = ""
    fund_before_adl: str = ""
    queue_order: str = ""
    caps_a_block: str = ""
    whole_lots: str = ""
    no_reduction_past_zero: str = ""
    notice_before_a_rule_changes: str = ""
    block_notional_max_atoms: int = 0
    block_fund_loss_max_atoms: int = 0
    lots_step: int = 1
    notice_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse what could not be compared, and caps without a cap."""
        caps = self.block_notional_max_atoms, self.block_fund_loss_max_atoms
        if min(*caps, self.notice_ns) < 0 or self.lots_step < 1:
            message = "caps and notice_ns must not be negative, lots_step be at least 1"
            raise ValueError(message)
        if self.caps_a_block and not any(caps):
            message = "caps_a_block must have block_notional_max or block_fund_loss_max with it"
            raise ValueError(message)
        if self.notice_before_a_rule_changes and not self.notice_ns:
            message = "notice_before_a_rule_changes must have notice_ns with it"
            raise ValueError(message)


def claims_in(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What is claimed, by the invariants' names, of a rulebook's table or a producer's parameters."""
    claims = ((kind.name, str(parameters.get(kind.key(), ""))) for kind in INVARIANTS)
    return {name: claim for name, claim in claims if claim}


class Held:
    """The invariants of some claims, told of events one by one: by the handler, or by whoever folds a record."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims_in(msgspec.to_builtins(claims))
        self.invariants = [kind(claims) for kind in INVARIANTS if kind.name in self.claims]
        self.judging = {kind: [one for one in self.invariants if kind in one.judges] for kind in BODY_TYPES}
        self._noting = {kind: [one for one in self.invariants if kind in one.notes] for kind in BODY_TYPES}

    @property
    def look_back_ns(self) -> int:
        """How far back they must be told of events."""
        return max((one.look_back_ns for one in self.invariants), default=0)

    def note(self, event: Event) -> None:
        """An event was folded."""
        for one in self._noting[type(event.body)]:
            one.note(event)

    def begin(self, past: Iterable[Event]) -> None:
        """Forget all, and note this past."""
        for one in self.invariants:
            one.forget()
        for event in past:
            self.note(event)

    def judged(self, event: Event, ledger: LedgerState) -> Iterator[tuple[Invariant, Outcome]]:
        """What each of those that an event could break says of it."""
        for one in self.judging[type(event.body)]:
            yield one, one.judged(event, ledger)


def _all_of(attribute: str) -> tuple[type[Body], ...]:
    kinds = (kind for invariant in INVARIANTS for kind in getattr(invariant, attribute))
    return tuple(dict.fromkeys(kinds))


class DeclaredInvariants(Handler):
    """Says of each event that breaks what the rulebook claims that it does, with the claim and both figures."""

    name: ClassVar[str] = "invariants"
    policy: ClassVar[str] = "declared"
    subscribes: ClassVar[tuple[type[Body], ...]] = _all_of("judges")
    observes: ClassVar[tuple[type[Body], ...]] = _all_of("notes")
    Parameters: ClassVar[type[msgspec.Struct]] = Claims

    def __init__(self, parameters: Claims) -> None:
        self._held = Held(parameters)

    @property
    def look_back_ns(self) -> int:
        """As far as those that are declared look back."""
        return self._held.look_back_ns

    def gate(self, kind: type[Body]) -> Collection[object]:
        """Those that such an event could break."""
        return self._held.judging[kind]

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Let them note it."""
        self._held.note(event)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Let them note the past."""
        self._held.begin(past)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Sequence[Product]:
        """An event for each that is broken."""
        claims = self._held.claims
        outcomes = self._held.judged(event, ledger)
        return [one.told(of.name, claims[of.name]) for of, one in outcomes if isinstance(one, Break)]
