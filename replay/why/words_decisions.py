"""What was decided, in words: one function for each type of event."""

from __future__ import annotations

from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ...events.bodies.margin import (
    CollateralAdded,
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
)
from ...events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet, TradingHalted, TradingResumed
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
    ShortfallRemained,
)
from ...sim.figures import score_text
from ...sim.units import format_time_ns
from .names import Names, percent_of_ppm, rate_text, times

__all__ = [
    "balance_written_off",
    "bankruptcy_declared",
    "collateral_added",
    "deleveraging_ended",
    "deleveraging_started",
    "fee_charged",
    "fund_deficit_declared",
    "funding_accrued",
    "handler_state_noted",
    "insurance_fund_credited",
    "insurance_fund_debited",
    "liquidation_ended",
    "liquidation_filled",
    "liquidation_ordered",
    "liquidation_started",
    "loss_socialized",
    "margin_call_met",
    "margin_called",
    "mark_priced",
    "orders_cancelled",
    "position_deleveraged",
    "position_reduced",
    "position_taken_over",
    "profit_cap_exceeded",
    "shortfall_declared",
    "shortfall_remained",
    "timer_fired",
    "timer_set",
    "trading_halted",
    "trading_resumed",
]


def mark_priced(body: MarkPriced, names: Names) -> str:
    """A new mark, with the index where that is another."""
    mark, index = (names.price(body.instrument, ticks) for ticks in (body.mark_ticks, body.index_ticks))
    moved = f", moved {names.price(body.instrument, body.impact_ticks)} by forced orders" if body.impact_ticks else ""
    apart = f", the index at {index}" if body.mark_ticks != body.index_ticks else ""
    return f"{names.instrument(body.instrument)} was marked at {mark}{apart}{moved}"


def margin_called(body: MarginCalled, names: Names) -> str:
    """A call, with the figures compared."""
    equity, requirement = _margin(body, names)
    return (
        f"{names.account(body.account)} was called: equity {equity}, "
        f"under {times(body.warning_bps)}the requirement of {requirement}"
    )


def margin_call_met(body: MarginCallMet, names: Names) -> str:
    """A call that is over, with the figures compared."""
    equity, requirement = _margin(body, names)
    return (
        f"the call of {names.account(body.account)} was met: equity {equity}, "
        f"not under {times(body.recovery_bps)}the requirement of {requirement}"
    )


def _margin(
    body: MarginCalled | MarginCallMet | LiquidationStarted | BankruptcyDeclared, names: Names
) -> tuple[str, str]:
    return names.money(body.account, body.equity_atoms), names.money(body.account, body.requirement_atoms)


def collateral_added(body: CollateralAdded, names: Names) -> str:
    """An answer to a call."""
    return f"{names.account(body.account)} added {names.money(body.account, body.amount_atoms)} of collateral"


def position_reduced(body: PositionReduced, names: Names) -> str:
    """Another answer to a call."""
    trade = names.trade(body.instrument, body.size_lots, body.price_ticks)
    return f"{names.account(body.account)} reduced its position: {trade}"


def funding_accrued(body: FundingAccrued, names: Names) -> str:
    """Who paid whom, and how much of the notional."""
    payers = "longs paid shorts" if body.payment_nanoatoms > 0 else "shorts paid longs"
    at = names.price(body.instrument, body.mark_ticks)
    return f"funding of {names.instrument(body.instrument)}: {payers} {rate_text(abs(body.rate_ppb))} at {at}"


def fee_charged(body: FeeCharged, names: Names) -> str:
    """A fee to the fee pool."""
    return f"{names.account(body.account)} paid a fee of {names.money(body.account, body.amount_atoms)}: {body.reason}"


def liquidation_started(body: LiquidationStarted, names: Names) -> str:
    """A liquidation's first event, with the figures compared."""
    equity, requirement = _margin(body, names)
    who = names.account(body.account)
    return f"liquidation {body.liquidation_id} of {who} began: equity {equity}, under the requirement of {requirement}"


def orders_cancelled(body: OrdersCancelled, names: Names) -> str:
    """The trader's own orders, or the rest of a forced one."""
    who = names.account(body.account)
    if body.order_id is None:
        return f"{who}'s own orders were cancelled: {body.reason}"
    return f"the rest of order {body.order_id} of {who} was cancelled: {body.reason}"


def liquidation_ordered(body: LiquidationOrdered, names: Names) -> str:
    """A forced order."""
    side = "buy" if body.size_lots > 0 else "sell"
    limit = "at any price" if body.limit_ticks is None else f"at {names.price(body.instrument, body.limit_ticks)}"
    bound = "" if body.limit_ticks is None else " or better"
    what = names.size(body.instrument, body.size_lots)
    share = "the whole position" if body.whole else "a part"
    return f"order {body.order_id} for {names.account(body.account)} to {side} {what} {limit}{bound}, {share}"


def liquidation_filled(body: LiquidationFilled, names: Names) -> str:
    """A fill of a forced order."""
    trade = names.trade(body.instrument, body.size_lots, body.price_ticks)
    left = f", {names.units(body.instrument, body.left_lots)} left" if body.left_lots else ""
    who = names.account(body.account)
    return f"{who} {trade} by order {body.order_id}{left}"


def position_taken_over(body: PositionTakenOver, names: Names) -> str:
    """A position that went to the fund."""
    held, at = names.held(body.instrument, body.size_lots), names.price(body.instrument, body.price_ticks)
    return f"{names.account(body.fund)} took {held} over from {names.account(body.account)} at {at}"


def liquidation_ended(body: LiquidationEnded, names: Names) -> str:
    """A liquidation's last event."""
    who, equity = names.account(body.account), names.money(body.account, body.equity_atoms)
    return f"liquidation {body.liquidation_id} of {who} ended: {body.outcome}, equity {equity}"


def bankruptcy_declared(body: BankruptcyDeclared, names: Names) -> str:
    """Over to the waterfall."""
    equity, _ = _margin(body, names)
    return f"{names.account(body.account)} was declared bankrupt: {body.reason}, equity {equity}"


def insurance_fund_credited(body: InsuranceFundCredited, names: Names) -> str:
    """A liquidation fee."""
    fee = names.money(body.account, body.amount_atoms)
    return f"{names.account(body.account)} paid {names.account(body.fund)} a liquidation fee of {fee}"


def insurance_fund_debited(body: InsuranceFundDebited, names: Names) -> str:
    """Cash for a negative balance."""
    paid = names.money(body.account, body.amount_atoms)
    return f"{names.account(body.fund)} paid the {paid} that {names.account(body.account)} was short of"


def shortfall_declared(body: ShortfallDeclared, names: Names) -> str:
    """The fund cannot pay."""
    needed, capacity = (names.money(body.account, atoms) for atoms in (body.needed_atoms, body.capacity_atoms))
    who = names.account(body.account)
    if body.trigger == "drawdown":
        return f"a drawdown was declared for {who}: the fund had fallen {needed} too far and still had {capacity}"
    if body.trigger == "inventory":
        return f"a shortfall was declared for the inventory of {who}: it lacked {needed} and had {capacity}"
    return f"a shortfall was declared for {who}: the fund needed {needed} and had {capacity}"


def shortfall_remained(body: ShortfallRemained, names: Names) -> str:
    """Auto-deleveraging was not enough for the fund."""
    left = names.money(body.account, body.left_atoms)
    return f"auto-deleveraging was over for {names.account(body.account)}, which still lacked {left}"


def fund_deficit_declared(body: FundDeficitDeclared, names: Names) -> str:
    """Nobody could pay, and trading stopped."""
    deficit, whose = names.money(body.fund, body.deficit_atoms), names.account(body.account)
    return f"a deficit of {deficit} was declared for {names.account(body.fund)}, a loss of {whose}: trading stopped"


def profit_cap_exceeded(body: ProfitCapExceeded, names: Names) -> str:
    """Profit, pool, and the cap."""
    profit, pool = names.value(body.instrument, body.profit_atoms), names.value(body.instrument, body.pool_atoms)
    owing = "minus " if body.pool_atoms < 0 else ""
    what, cap = names.held(body.instrument, body.open_lots), percent_of_ppm(body.max_factor_ppm)
    return (
        f"the cap on profits was exceeded: all traders' {what} stood at {profit}, above {cap} of the {owing}{pool} pool"
    )


def deleveraging_started(body: DeleveragingStarted, names: Names) -> str:
    """A round's first event."""
    what, at = names.held(body.instrument, body.size_lots), names.price(body.instrument, body.price_ticks)
    whose = f"{what} of {names.account(body.account)}"
    if body.trigger == "profit_cap":
        whose = f"winners' {names.held(body.instrument, -body.size_lots)}"
    return f"round {body.round} began: {whose} to be closed at {at}, {body.candidates:,} candidates"


def position_deleveraged(body: PositionDeleveraged, names: Names) -> str:
    """One reduction of a round."""
    trade = names.trade(body.instrument, body.size_lots, body.price_ticks)
    who, place = names.account(body.account), f"rank {body.rank:,}, score {score_text(body.score)}"
    return f"{who} was deleveraged in round {body.round}: {trade}, {place}"


def deleveraging_ended(body: DeleveragingEnded, names: Names) -> str:
    """A round's last event."""
    closed, left = names.size(body.instrument, body.closed_lots), names.units(body.instrument, body.left_lots)
    return f"round {body.round} for {names.account(body.account)} ended: {closed} closed, {left} left"


def loss_socialized(body: LossSocialized, names: Names) -> str:
    """A winner's share of a loss."""
    paid = names.money(body.account, body.amount_atoms)
    return f"{names.account(body.account)} paid {paid} of the loss of {names.account(body.bankrupt)}"


def balance_written_off(body: BalanceWrittenOff, names: Names) -> str:
    """What nobody could pay."""
    amount = names.money(body.account, body.amount_atoms)
    return f"{amount} that {names.account(body.account)} owed were written off against {names.account(body.against)}"


def trading_halted(body: TradingHalted, names: Names) -> str:
    """The breaker tripped."""
    was, mark = (names.price(body.instrument, ticks) for ticks in (body.reference_ticks, body.mark_ticks))
    until = format_time_ns(body.until_ns)
    return f"trading in {names.instrument(body.instrument)} halted until {until}: the mark moved from {was} to {mark}"


def trading_resumed(body: TradingResumed, names: Names) -> str:
    """Fills go on."""
    return f"trading in {names.instrument(body.instrument)} resumed"


def timer_set(body: TimerSet, names: Names) -> str:
    """A timer, for when and for whom."""
    return f"a timer was set for {format_time_ns(body.due_ns)}: {body.purpose}{_whose(body, names)}"


def timer_fired(body: TimerFired, names: Names) -> str:
    """The timer is due."""
    return f"the timer of event {body.timer} was due: {body.purpose}{_whose(body, names)}"


def _whose(body: TimerSet | TimerFired, names: Names) -> str:
    if body.account is not None:
        return f" of {names.account(body.account)}"
    return "" if body.instrument is None else f" of {names.instrument(body.instrument)}"


def handler_state_noted(body: HandlerStateNoted, _names: Names) -> str:
    """A handler's memory."""
    return f"{body.handler} noted {body.key}: {', '.join(map(str, body.values))}"
