"""Marks and margin. Tags 40 to 59."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    EventNumber,
    InstrumentAmount,
    InstrumentMicroPrice,
    InstrumentNanoAmount,
    InstrumentNumber,
    Leg,
    Price,
    RateBps,
    RatePpb,
    RatePpm,
    Size,
    Time,
)
from .base import BodyBase
from .declaring import FEES, OUTSIDE, Payment, Trade
from .listing import Tier

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

_NANO = 10**9
_MANY = 1_000
"""Funding is told for so many lots, as that of one may be less than an atom."""

__all__ = [
    "CollateralAdded",
    "FeeCharged",
    "FundingAccrued",
    "MarginBody",
    "MarginCallMet",
    "MarginCalled",
    "MarkPriced",
    "PositionReduced",
    "RuleBound",
    "RulesAnnounced",
    "RulesChanged",
]

RuleBound = Literal["model", "stressed period", "buffer", "used buffer", "floor", "listing", "most", "step"]
"""What a rate comes of: what the model asks, or what keeps it from that."""


class MarkPriced(BodyBase, frozen=True, tag=40):
    """A new mark: `mark_ticks` is the index, or its moving average, plus what forced orders moved it by.

    `smoothed_microticks` carries the smoothing from mark to mark, 0 where the policy does not smooth.
    """

    grounds = (
        Ground.CONSTITUENTS,
        Ground.BOOK,
        Ground.INDEX,
        Ground.DEPTH,
        Ground.VOLATILITY,
        Ground.FAULT,
        Ground.RULE,
    )
    sets = True
    replaced = True

    instrument: InstrumentNumber
    index_ticks: Price
    impact_ticks: Price
    mark_ticks: Price
    smoothed_microticks: InstrumentMicroPrice = 0

    def alters(self, ledger: Ledger, event: Event) -> None:
        market = ledger.markets[self.instrument]
        market.marked, market.mark_ticks, market.marked_at_ns = self, self.mark_ticks, event.at_ns
        ledger.repriced_seq = event.seq
        if ledger.deliveries:
            ledger.average_deliveries(self.instrument, self.index_ticks, event.at_ns)

    def says(self, names: Names) -> str:
        mark, index = (names.price(self.instrument, ticks) for ticks in (self.mark_ticks, self.index_ticks))
        moved = (
            f", moved {names.price(self.instrument, self.impact_ticks)} by forced orders" if self.impact_ticks else ""
        )
        apart = f", the index at {index}" if self.mark_ticks != self.index_ticks else ""
        return f"{names.instrument(self.instrument)} was marked at {mark}{apart}{moved}"

    def tells(self, case: Case) -> str:
        names, before = case.names, case.market(self.instrument).mark_ticks
        index, mark = (names.price(self.instrument, ticks) for ticks in (self.index_ticks, self.mark_ticks))
        moved = ""
        if before == self.mark_ticks:
            moved = ", as before"
        elif before:
            change = names.change(self.mark_ticks - before, before)
            moved = f", {change} from the {names.price(self.instrument, before)} before"
        parts = [f"{names.instrument(self.instrument)} was marked at {mark}{moved}.", f"The index stood at {index}."]
        base = self.mark_ticks - self.impact_ticks
        if self.smoothed_microticks and base != self.index_ticks:
            parts.append(f"Its moving average, which the mark starts from, was {names.price(self.instrument, base)}.")
        if self.impact_ticks:
            impact = names.price(self.instrument, self.impact_ticks)
            parts.append(f"What forced orders had eaten of the depth moved the mark by {impact}.")
        return case.joined(*parts, case.followed(), case.linked())


class MarginCalled(BodyBase, frozen=True, tag=41):
    """Equity fell below a warning level: `warning_bps` of the maintenance requirement.

    Where there are several levels a call may be followed by one at a lower level, which takes its place.
    """

    grounds = (Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    steps = {"healthy": "called", "called": "called"}

    account: AccountNumber
    equity_atoms: AccountAmount
    requirement_atoms: AccountAmount
    warning_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        account = ledger.accounts[self.account]
        account.move(self)
        account.calls += 1
        account.called_seq, account.called_bps = event.seq, self.warning_bps

    def says(self, names: Names) -> str:
        equity, requirement = (names.money(self.account, a) for a in (self.equity_atoms, self.requirement_atoms))
        return (
            f"{names.account(self.account)} was called: equity {equity}, "
            f"under {names.times(self.warning_bps)}the requirement of {requirement}"
        )

    def tells(self, case: Case) -> str:
        names, calls = case.names, case.ledger.accounts[self.account].calls
        equity = names.money(self.account, self.equity_atoms)
        before = f" It was call {calls + 1} of this account." if calls else ""
        who = names.account(self.account)
        first = (
            f"{who} was called, because its equity of {equity}{case.haircut()} was under {case.threshold()}.{before}"
        )
        return case.joined(first, case.held(), case.ruled(), case.followed(), case.agreement())


class MarginCallMet(BodyBase, frozen=True, tag=42):
    """Equity is back at the recovery level: `recovery_bps` of the maintenance requirement."""

    grounds = (Ground.CALL, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    steps = {"called": "healthy"}

    account: AccountNumber
    equity_atoms: AccountAmount
    requirement_atoms: AccountAmount
    recovery_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.accounts[self.account].move(self)

    def says(self, names: Names) -> str:
        equity, requirement = (names.money(self.account, a) for a in (self.equity_atoms, self.requirement_atoms))
        return (
            f"the call of {names.account(self.account)} was met: equity {equity}, "
            f"not under {names.times(self.recovery_bps)}the requirement of {requirement}"
        )

    def tells(self, case: Case) -> str:
        names, equity = case.names, case.names.money(self.account, self.equity_atoms)
        links = "".join(f" of event {seq}" for seq in case.event.links[:1])
        first = (
            f"The margin call{links} of {names.account(self.account)} was met, because its equity of {equity}"
            f"{case.haircut()} was back at {case.threshold()}, or over."
        )
        return case.joined(first, case.held(), case.ruled(), case.followed(), case.agreement())


class CollateralAdded(BodyBase, frozen=True, tag=43):
    """The trader answered a margin call with money from outside."""

    grounds = (Ground.CALL, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    posting = Payment(OUTSIDE, "account")
    private = True

    account: AccountNumber
    amount_atoms: AccountAmount

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} added {names.money(self.account, self.amount_atoms)} of collateral"

    def tells(self, case: Case) -> str:
        names, target_bps = case.names, case.rule("target_bps")
        given, who = names.money(self.account, self.amount_atoms), names.account(self.account)
        parts = [f"{who} answered its margin call{_call(case, self.account)} with {given} of collateral."]
        if case.figures is not None:
            atoms = (case.figures[0], case.figures[0] + self.amount_atoms, case.figures[1])
            before, after, requirement = (names.money(self.account, one) for one in atoms)
            aim = f"; its aim was {names.times(target_bps)}the requirement of {requirement}" if target_bps else ""
            parts.append(f"That took its equity from {before} to {after}{aim}.")
        return case.joined(*parts, case.held(), case.followed())


class PositionReduced(BodyBase, frozen=True, tag=44):
    """The trader traded `size_lots` (signed like a trade) with outside liquidity to answer a margin call.

    `eaten_lots` is how much of that side of the depth is gone afterwards; `price_ticks` is the average, for reading.
    """

    grounds = (Ground.CALL, Ground.MARK, Ground.CONVERSION, Ground.INDEX, Ground.DEPTH, Ground.BALANCE, Ground.RULE)
    posting = Trade("account", "counterparty")
    sets = True
    private = True

    account: AccountNumber
    counterparty: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    eaten_lots: Size

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].eat(self.size_lots, self.eaten_lots, event.at_ns, event.seq)

    def says(self, names: Names) -> str:
        trade = names.traded(self.instrument, self.size_lots, self.value_atoms)
        return f"{names.account(self.account)} reduced its position: {trade}"

    def tells(self, case: Case) -> str:
        names, share_bps = case.names, case.rule("reduce_share_bps")
        held = case.ledger.position(self.account, (self.instrument, self.leg))
        trade = names.traded(self.instrument, self.size_lots, self.value_atoms)
        mark = names.price(self.instrument, case.market(self.instrument).mark_ticks)
        of = "" if held is None else f", having been {names.held(self.instrument, held.size_lots)}"
        first = (
            f"{names.account(self.account)} answered its margin call{_call(case, self.account)} by closing a part of "
            f"its position: it {trade} on average, the mark being {mark}{of}."
        )
        share = f"It meant to close {names.percent_of_bps(share_bps or 0)}, as far as the depth went."
        return case.joined(first, "" if share_bps is None else share, case.followed())


class FundingAccrued(BodyBase, frozen=True, tag=45):
    """Funding of an interval: a lot long pays `payment_nanoatoms` (negative: receives), a lot short the reverse."""

    grounds = (Ground.FUNDING_RATE, Ground.MARK, Ground.TIMER, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    rate_ppb: RatePpb
    mark_ticks: Price
    payment_nanoatoms: InstrumentNanoAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].cumulative_funding_nanoatoms += self.payment_nanoatoms
        ledger.repriced_seq = event.seq

    def says(self, names: Names) -> str:
        value = f"of what its position was worth at {names.price(self.instrument, self.mark_ticks)}"
        return f"funding of {names.instrument(self.instrument)}: {self._who(names)} {value}"

    def _who(self, names: Names) -> str:
        """Who paid whom, at which rate."""
        payers, paid = ("long", "short") if self.payment_nanoatoms > 0 else ("short", "long")
        if not self.payment_nanoatoms:
            return "nobody paid anything, 0%"
        return f"whoever was {payers} paid whoever was {paid} {names.rate(abs(self.rate_ppb))}"

    def tells(self, case: Case) -> str:
        names, market, interval_ns = case.names, case.market(self.instrument), case.rule("interval_ns")
        given = market.funding_rate_ppb is not None
        source = "as it was set from outside" if given else "the rule's own, as none was set"
        if not given and case.rule("premium_bps") is not None:
            source = "as it was rated by the premium and by crowding"
        every = "" if interval_ns is None else f" It accrues every {names.duration(interval_ns)}."
        first = (
            f"Funding of {names.instrument(self.instrument)} accrued: {self._who(names)} ({source}) of what its "
            f"position was worth at the mark of {names.price(self.instrument, self.mark_ticks)}.{every}"
        )
        return case.joined(first, self._paid(case), case.followed())

    def _paid(self, case: Case) -> str:
        """What that came to for all who held the instrument, before each amount is cut to whole atoms."""
        names, instrument, long_lots = case.names, self.instrument, 0
        for account in case.ledger.accounts:
            held = (position.size_lots for (one, _), position in account.positions.items() if one == instrument)
            long_lots += sum(lots for lots in held if lots > 0)
        if not long_lots or not self.payment_nanoatoms:
            return ""
        each, whole = (
            names.value(instrument, abs(self.payment_nanoatoms) * lots // _NANO) for lots in (_MANY, long_lots)
        )
        size, many = (names.size(instrument, lots) for lots in (long_lots, _MANY))
        paid = f"{whole} changed hands in all, {each} for each {many}"
        return f"{size} were held long and as much short, for which {paid}."


class FeeCharged(BodyBase, frozen=True, tag=46):
    """A fee to the fee pool."""

    grounds = (Ground.FILL, Ground.RULE)
    posting = Payment("account", FEES)
    private = True

    account: AccountNumber
    amount_atoms: AccountAmount
    reason: str

    def says(self, names: Names) -> str:
        return (
            f"{names.account(self.account)} paid a fee of {names.money(self.account, self.amount_atoms)}: {self.reason}"
        )

    def tells(self, case: Case) -> str:
        return case.joined(f"{self.says(case.names)}.", case.followed())


class RulesAnnounced(BodyBase, frozen=True, tag=47):
    """A change of the maintenance margin was announced, with notice: from `before_ppm` to `rate_ppm` in the first tier.

    `model_ppm` is what the rule's model asks, `bound` what makes the rate another one; it is in force at
    `effective_at_ns`.
    """

    grounds = (Ground.MARK, Ground.TIMER, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    rate_ppm: RatePpm
    before_ppm: RatePpm
    model_ppm: RatePpm
    bound: RuleBound
    effective_at_ns: Time

    def alters(self, ledger: Ledger, event: Event) -> None:
        market = ledger.markets[self.instrument]
        market.announced, market.announced_seq = self, event.seq

    def says(self, names: Names) -> str:
        rate, before = (names.percent_of_ppm(ppm) for ppm in (self.rate_ppm, self.before_ppm))
        name, when = names.instrument(self.instrument), names.time(self.effective_at_ns)
        return f"a maintenance margin of {rate} in place of {before} was announced for {name} from {when}"

    def tells(self, case: Case) -> str:
        notice = case.names.duration(self.effective_at_ns - case.event.at_ns)
        return case.joined(f"{self.says(case.names)}, {notice} later.", _rated(self, case), case.followed())


class RulesChanged(BodyBase, frozen=True, tag=48):
    """From here on the instrument has these tiers of maintenance margin, and of initial margin where it has any.

    `before_ppm` and `model_ppm` are the first tier's rate before and what the rule's model asks, `bound` is what makes
    the rate another one. `announced` is the event that gave notice, None where there was no notice.
    """

    grounds = (Ground.MARK, Ground.TIMER, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    tiers: tuple[Tier, ...]
    initial: tuple[Tier, ...]
    before_ppm: RatePpm
    model_ppm: RatePpm
    bound: RuleBound
    announced: EventNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.change_rules(self, event)

    def says(self, names: Names) -> str:
        rate, before = (names.percent_of_ppm(ppm) for ppm in (self.tiers[0].rate_ppm, self.before_ppm))
        moved = "raised" if self.tiers[0].rate_ppm > self.before_ppm else "lowered"
        return f"the maintenance margin of {names.instrument(self.instrument)} was {moved} from {before} to {rate}"

    def tells(self, case: Case) -> str:
        names, notice = case.names, "There was no notice."
        if self.announced is not None:
            given = names.duration(case.event.at_ns - case.at(self.announced).at_ns)
            notice = f"It had been announced {given} before (event {self.announced})."
        return case.joined(f"{self.says(names)}.", notice, _rated(self, case), case.followed())


_BOUNDS: dict[RuleBound, str] = {
    "model": "",
    "buffer": "it keeps a buffer over that for calm times",
    "used buffer": "part of the buffer is used up, as the model asks more than over the long lookback",
    "floor": "it does not go under what the long lookback asks",
    "stressed period": "a stressed period has a share of the weight",
    "listing": "it does not go under the rate that is listed",
    "most": "it is as high as the tiers of the instrument can be raised",
    "step": "it moves no further than a step at once",
}


def _rated(body: RulesAnnounced | RulesChanged, case: Case) -> str:
    """What the model asked, and what made the rate another one."""
    asked = f"The rule {case.policy} asked for {case.names.percent_of_ppm(body.model_ppm)}"
    return f"{asked}; {_BOUNDS[body.bound]}." if _BOUNDS[body.bound] else f"{asked}."


def _call(case: Case, account: int) -> str:
    """The margin call that is answered, and how long before it was."""
    seq = case.ledger.accounts[account].called_seq
    if seq is None:
        return ""
    return f" of event {seq}, {case.names.duration(case.event.at_ns - case.at(seq).at_ns)} before,"


MarginBody = (
    MarkPriced
    | MarginCalled
    | MarginCallMet
    | CollateralAdded
    | PositionReduced
    | FundingAccrued
    | FeeCharged
    | RulesAnnounced
    | RulesChanged
)
