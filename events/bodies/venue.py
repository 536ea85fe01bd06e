"""The venue's own state: halts, timers, notes. Tags 100 to 119."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import (
    AccountNumber,
    EventNumber,
    InstrumentNumber,
    LiquidationNumber,
    Notes,
    Price,
    Time,
)
from .base import BodyBase

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "HandlerStateNoted",
    "TimerFired",
    "TimerSet",
    "TradingHalted",
    "TradingResumed",
    "VenueBody",
]


class TradingHalted(BodyBase, frozen=True, tag=100):
    """Fills stop: the mark moved from `reference_ticks` to `mark_ticks` within the window."""

    grounds = (Ground.MARK, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    reference_ticks: Price
    mark_ticks: Price
    until_ns: Time

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].halted_until_ns = self.until_ns

    def says(self, names: Names) -> str:
        was, mark = (names.price(self.instrument, ticks) for ticks in (self.reference_ticks, self.mark_ticks))
        until = names.time(self.until_ns)
        return (
            f"trading in {names.instrument(self.instrument)} halted until {until}: the mark moved from {was} to {mark}"
        )

    def tells(self, case: Case) -> str:
        names, level_bps, window_ns = case.names, case.rule("move_bps"), case.rule("window_ns")
        was, mark = (names.price(self.instrument, ticks) for ticks in (self.reference_ticks, self.mark_ticks))
        move = names.change(self.mark_ticks - self.reference_ticks, self.reference_ticks)
        within = "" if window_ns is None else f" within {names.duration(window_ns)}"
        level = "" if level_bps is None else f"; from {names.percent_of_bps(level_bps)} on the rule halts"
        first = (
            f"Trading in {names.instrument(self.instrument)} was halted until {names.time(self.until_ns)}, because its "
            f"mark had moved from {was} to {mark}, {move}{within}{level}. Meanwhile marks continue and forced orders "
            "wait."
        )
        return case.joined(first, case.followed())


class TradingResumed(BodyBase, frozen=True, tag=101):
    """Fills may go on."""

    grounds = (Ground.HALT, Ground.TIMER, Ground.RULE)
    sets = True

    instrument: InstrumentNumber

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].halted_until_ns = None

    def says(self, names: Names) -> str:
        return f"trading in {names.instrument(self.instrument)} resumed"

    def tells(self, case: Case) -> str:
        halted = next((event for event in reversed(case.causes) if isinstance(event.body, TimerSet)), None)
        names = case.names
        after = "" if halted is None else f", {names.duration(case.event.at_ns - halted.at_ns)} after it was halted"
        first = f"Trading in {names.instrument(self.instrument)} resumed{after}; liquidations that waited go on."
        return case.joined(first, case.followed())


class TimerSet(BodyBase, frozen=True, tag=102):
    """Something is to happen at `due_ns`, which is later than now. `purpose` says what, in its handler's words."""

    grounds = (Ground.RULE,)
    private = True

    purpose: str
    due_ns: Time
    account: AccountNumber | None = None
    instrument: InstrumentNumber | None = None
    liquidation_id: LiquidationNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.set_timer(self, event)

    def says(self, names: Names) -> str:
        return f"a timer was set for {names.time(self.due_ns)}: {self.purpose}{_whose(self, names)}"

    def tells(self, case: Case) -> str:
        wait = case.names.duration(self.due_ns - case.event.at_ns)
        return case.joined(f"{self.says(case.names)}, {wait} later.", case.followed())


class TimerFired(BodyBase, frozen=True, tag=103):
    """The timer set by event `timer` is due. One that has become pointless fires and is ignored."""

    grounds = (Ground.TIMER,)
    uncompared = ("timer",)
    private = True

    timer: EventNumber
    purpose: str
    account: AccountNumber | None = None
    instrument: InstrumentNumber | None = None
    liquidation_id: LiquidationNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.fire_timer(self)

    def says(self, names: Names) -> str:
        return f"the timer of event {self.timer} was due: {self.purpose}{_whose(self, names)}"

    def tells(self, case: Case) -> str:
        pending = case.names.count(len(case.ledger.timers) - 1, "other timer")
        waited = case.names.duration(case.event.at_ns - case.at(self.timer).at_ns)
        first = f"{self.says(case.names)}. It had been set {waited} before; {pending} were pending."
        return case.joined(first, case.followed())


class HandlerStateNoted(BodyBase, frozen=True, tag=104):
    """A handler's memory without bound, put into the ledger: whole numbers under a key of its own."""

    grounds = (Ground.RULE,)
    private = True

    handler: str
    key: str
    values: Notes

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.notes[self.handler, self.key] = self.values

    def says(self, names: Names) -> str:
        return f"{self.handler} noted {self.key}: {', '.join(map(str, self.values))}"


def _whose(body: TimerSet | TimerFired, names: Names) -> str:
    if body.account is not None:
        return f" of {names.account(body.account)}"
    return "" if body.instrument is None else f" of {names.instrument(body.instrument)}"


VenueBody = TradingHalted | TradingResumed | TimerSet | TimerFired | HandlerStateNoted
