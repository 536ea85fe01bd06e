"""Paragraphs about marks, margin calls and how they were answered, funding and fees."""

from __future__ import annotations

from ...events.bodies.margin import (
    CollateralAdded,
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
)
from ...sim.figures import duration, percent
from .case import Case, joined
from .names import percent_of_bps, rate_text, times
from .words import words

__all__ = [
    "collateral_added",
    "fee_charged",
    "funding_accrued",
    "margin_call_met",
    "margin_called",
    "mark_priced",
    "position_reduced",
]


def mark_priced(case: Case, body: MarkPriced) -> str:
    """Where the mark came from: index, impact, the fill behind it."""
    names, before = case.names, case.market(body.instrument).mark_ticks
    index, mark = (names.price(body.instrument, ticks) for ticks in (body.index_ticks, body.mark_ticks))
    moved = ""
    if before:
        change = percent(body.mark_ticks - before, before)
        moved = f", {change} from the {names.price(body.instrument, before)} before"
    parts = [f"{names.instrument(body.instrument)} was marked at {mark}{moved}.", f"The index stood at {index}."]
    base = body.mark_ticks - body.impact_ticks
    if body.smoothed_microticks and base != body.index_ticks:
        parts.append(f"Its moving average, which the mark starts from, was {names.price(body.instrument, base)}.")
    if body.impact_ticks:
        impact = names.price(body.instrument, body.impact_ticks)
        parts.append(f"What forced orders had eaten of the depth moved the mark by {impact}.")
    return joined(*parts, case.followed(), case.linked())


def margin_called(case: Case, body: MarginCalled) -> str:
    """Why the account was called."""
    names, calls = case.names, case.ledger.accounts[body.account].calls
    equity = names.money(body.account, body.equity_atoms)
    before = f" It was call {calls + 1} of this account." if calls else ""
    who = names.account(body.account)
    return _compared(f"{who} was called, because its equity of {equity} was under {case.threshold()}.{before}", case)


def margin_call_met(case: Case, body: MarginCallMet) -> str:
    """Why the call was over."""
    names, equity = case.names, case.names.money(body.account, body.equity_atoms)
    links = "".join(f" of event {seq}" for seq in case.event.links[:1])
    return _compared(
        f"The margin call{links} of {names.account(body.account)} was met, because its equity of {equity} was back at "
        f"{case.threshold()}, or over.",
        case,
    )


def _compared(first: str, case: Case) -> str:
    return joined(first, case.held(), case.followed(), case.agreement())


def collateral_added(case: Case, body: CollateralAdded) -> str:
    """How much, and to what level that brought the account."""
    names, target_bps = case.names, case.rule("target_bps")
    given, who = names.money(body.account, body.amount_atoms), names.account(body.account)
    parts = [f"{who} answered its margin call{_call(case, body.account)} with {given} of collateral."]
    if case.evidence is not None:
        before, after = case.evidence.equity_atoms, case.evidence.equity_atoms + body.amount_atoms
        requirement = names.money(body.account, case.evidence.requirement_atoms)
        told = f"That took its equity from {names.money(body.account, before)} to {names.money(body.account, after)}"
        aim = "" if target_bps is None else f"; its aim was {times(target_bps)}the requirement of {requirement}"
        parts.append(f"{told}{aim}.")
    return joined(*parts, case.held(), case.followed())


def position_reduced(case: Case, body: PositionReduced) -> str:
    """How much of which position at which price."""
    names, share_bps = case.names, case.rule("reduce_share_bps")
    held = case.ledger.position(body.account, (body.instrument, body.leg))
    trade = names.trade(body.instrument, body.size_lots, body.price_ticks)
    mark = names.price(body.instrument, case.market(body.instrument).mark_ticks)
    of = "" if held is None else f", having been {names.held(body.instrument, held.size_lots)}"
    first = (
        f"{names.account(body.account)} answered its margin call{_call(case, body.account)} by closing a part of its "
        f"position: it {trade} on average, the mark being {mark}{of}."
    )
    share = "" if share_bps is None else f"It meant to close {percent_of_bps(share_bps)}, as far as the depth went."
    return joined(first, share, case.followed())


def _call(case: Case, account: int) -> str:
    seq = case.ledger.accounts[account].called_seq
    return "" if seq is None else f" of event {seq}, {duration(case.event.at_ns - case.run.event(seq).at_ns)} before,"


def funding_accrued(case: Case, body: FundingAccrued) -> str:
    """Rate, notional and payment of a lot."""
    names, market = case.names, case.market(body.instrument)
    payers = "longs paid shorts" if body.payment_nanoatoms > 0 else "shorts paid longs"
    source = "as it was set from outside" if market.funding_rate_ppb is not None else "the rule's own, as none was set"
    value = names.value(body.instrument, abs(market.payoff.value_atoms(1, body.mark_ticks)))
    interval_ns = case.rule("interval_ns")
    every = "" if interval_ns is None else f" It accrues every {duration(interval_ns)}."
    first = (
        f"Funding of {names.instrument(body.instrument)} accrued: {payers} {rate_text(abs(body.rate_ppb))} ({source}) "
        f"of the notional at the mark of {names.price(body.instrument, body.mark_ticks)}, where "
        f"{names.size(body.instrument, 1)} is worth {value}.{every}"
    )
    return joined(first, case.followed())


def fee_charged(case: Case, body: FeeCharged) -> str:
    """A fee and what for."""
    return joined(f"{words(body, case.names)}.", case.followed())
