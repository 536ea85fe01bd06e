"""Faults of the venue: what does not work, from when to when, and whose acts that held up. Tags 140 to 149.

A fault is planned by the scenario or by a fork. That it begins and ends is decided by a handler, at timers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import (
    FOR_GOOD_NS,
    AccountAmount,
    AccountNumber,
    DeclaredFault,
    Duration,
    FaultNumber,
    InstrumentNumber,
    LiquidationNumber,
    OrderNumber,
    RateBps,
    Time,
)
from ..venue_names import venue_of
from .base import BodyBase

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["ActDelayed", "DelayedAct", "FaultEnded", "FaultKind", "FaultStarted", "FaultsBody"]

FaultKind = Literal[
    "outage",
    "gateway",
    "oracle-frozen",
    "oracle-stale",
    "oracle-wrong",
    "manipulation",
    "feed-gap",
    "bridge-down",
    "slow-liquidation",
    "unresponsive",
    "venue-failure",
]
"""What fails; `handlers/faults.py` says what each kind does."""

DelayedAct = Literal["order", "forced order", "reduction", "collateral", "answer", "transfer"]
"""What was held up: a trader's order, a step of a liquidation, the answer to a margin call, money to another venue."""

_WHAT: dict[FaultKind, str] = {
    "outage": "the matching engine was down",
    "gateway": "the order gateway was slow",
    "oracle-frozen": "the oracle was frozen",
    "oracle-stale": "the oracle was stale",
    "oracle-wrong": "the oracle was wrong",
    "manipulation": "the price was manipulated",
    "feed-gap": "the price feed had a gap",
    "bridge-down": "the deposit bridge was down",
    "slow-liquidation": "the liquidation engine was behind",
    "unresponsive": "traders could not answer calls",
    "venue-failure": "the venue {} had failed",
}

_EACH: dict[FaultKind, str] = {"oracle-stale": "renewed", "manipulation": "a part"}


def _what(kind: FaultKind, instrument: InstrumentNumber | None, names: Names) -> str:
    """What does not work; of a venue that failed, which one."""
    return _WHAT[kind].format("" if instrument is None else venue_of(names.instrument(instrument)))


def _of(kind: FaultKind, instrument: InstrumentNumber | None, names: Names) -> str:
    """The instrument that it is of, if it is of one only."""
    return "" if instrument is None or kind == "venue-failure" else names.instrument(instrument)


class FaultStarted(BodyBase, frozen=True, tag=140):
    """Something of the venue stopped working, until `until_ns` at the latest.

    It is of one instrument and of the accounts of one group, or of all (`instrument` None, `group` empty); a
    `venue-failure` is of the whole venue that lists `instrument`, the first of those there. A figure is 0 where the
    kind has none: `delay_ns` on each order, `interval_ns` between two orders, attacks or prices,
    `offset_bps` of a wrong price, `share_bps` of all accounts; `account` manipulates with `budget_atoms`.
    """

    grounds = (Ground.TIMER, Ground.RULE)
    sets = True

    fault: DeclaredFault
    kind: FaultKind
    until_ns: Time
    instrument: InstrumentNumber | None
    group: str
    account: AccountNumber | None
    delay_ns: Duration
    interval_ns: Duration
    offset_bps: RateBps
    share_bps: RateBps
    budget_atoms: AccountAmount
    buys: bool
    unwinds: bool

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.start_fault(self, event)

    def says(self, names: Names) -> str:
        until = "for good" if self.until_ns == FOR_GOOD_NS else f"until {names.time(self.until_ns)}"
        return f"fault {self.fault}: from here on {self.what(names)}, {until}"

    def what(self, names: Names) -> str:
        """What does not work, and of what."""
        instrument = _of(self.kind, self.instrument, names)
        of = f", of {instrument} only" if instrument else ""
        group = f", for accounts of {self.group} only" if self.group else ""
        return f"{_what(self.kind, self.instrument, names)}{self._figures(names)}{of}{group}"

    def _figures(self, names: Names) -> str:
        told = []
        if self.delay_ns:
            told.append(f"by {names.duration(self.delay_ns)}")
        if self.interval_ns:
            told.append(f"({_EACH.get(self.kind, 'one order')} each {names.duration(self.interval_ns)})")
        if self.offset_bps:
            told.append(f"by {names.percent_of_bps(self.offset_bps)}")
        if self.share_bps:
            told.append(f"({names.percent_of_bps(self.share_bps)} of them)")
        if self.account is not None:
            who, budget = names.account(self.account), names.money(self.account, self.budget_atoms)
            told.append(f"by {who} with {budget}")
        return "".join(f" {one}" for one in told)


class FaultEnded(BodyBase, frozen=True, tag=141):
    """What had failed works again."""

    grounds = (Ground.FAULT, Ground.TIMER, Ground.RULE)
    sets = True

    fault: FaultNumber
    kind: FaultKind
    instrument: InstrumentNumber | None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.end_fault(self.fault)

    def says(self, names: Names) -> str:
        instrument = _of(self.kind, self.instrument, names)
        of = f" in {instrument}" if instrument else ""
        return f"fault {self.fault} ended: until here {_what(self.kind, self.instrument, names)}{of}"


class ActDelayed(BodyBase, frozen=True, tag=142):
    """A fault held up what an account, or the venue for it, was about to do: until `due_ns`, or for good (None)."""

    grounds = (Ground.FAULT, Ground.OWN_ORDER, Ground.LIQUIDATION, Ground.RULE)

    fault: FaultNumber
    account: AccountNumber
    act: DelayedAct
    due_ns: Time | None
    order_id: OrderNumber | None = None
    liquidation_id: LiquidationNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.hold_up(self)

    def says(self, names: Names) -> str:
        which = "" if self.order_id is None else f" {self.order_id}"
        until = "for good" if self.due_ns is None else f"until {names.time(self.due_ns)}"
        whose = f"{'to' if self.act == 'transfer' else 'of'} {names.account(self.account)}"
        return f"the {self.act}{which} {whose} was held up {until} by fault {self.fault}"

    def tells(self, case: Case) -> str:
        standing, names = case.ledger.faults.get(self.fault), case.names
        why = ""
        if standing is not None:
            why = f"That was because {standing.body.what(names)}, since event {standing.seq}."
        return case.joined(f"{self.says(names)}.", why, case.followed())


FaultsBody = FaultStarted | FaultEnded | ActDelayed
