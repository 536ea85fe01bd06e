"""What each event changes: its postings first, then whatever else the ledger keeps of it.

`FOLD` is the table of all types, one function each, put together at import from `POSTINGS` and `_EFFECTS`. A type in
neither changes nothing but the position in the record: it has None.
"""

from __future__ import annotations

from typing import Any

from ..bodies.inputs import (
    BalanceStated,
    Deposited,
    DepthQuoted,
    FundingRateSet,
    PriceTicked,
    Transferred,
    Withdrawn,
)
from ..bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ..bodies.listing import AccountOpened, AssetListed, FundAssigned, InstrumentListed
from ..bodies.margin import FundingAccrued, MarginCalled, MarginCallMet, MarkPriced, PositionReduced
from ..bodies.run import RunEnded, RunForked, RunStarted
from ..bodies.venue import HandlerStateNoted, TimerFired, TimerSet, TradingHalted, TradingResumed
from ..bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    PositionDeleveraged,
    ShortfallDeclared,
)
from ..envelope import Event
from ..errors import LedgerError
from ..vocabulary import BODY_TYPES, Body
from .account import Account
from .booking import Effect, booked
from .declared import account_opened, asset_listed, instrument_listed, next_number
from .funds import (
    deficit_declared,
    fund_assigned,
    fund_traded,
    funds_ruled_anew,
    paid_by_fund,
    paid_from_outside,
    shortfall_declared,
)
from .lifecycle import move
from .liquidation import Liquidation, OpenOrder
from .postings import POSTINGS
from .pricing import depth_quoted, funding_accrued, funding_rate_set, mark_priced, price_ticked
from .state import LedgerState, PendingTimer, RoundBase
from .timers import timer_fired, timer_set

__all__ = ["FOLD"]


def _run_started(ledger: LedgerState, _event: Event, body: RunStarted) -> None:
    ledger.run, ledger.producers = body, body.producers


def _run_forked(ledger: LedgerState, _event: Event, body: RunForked) -> None:
    """Other producers may decide from here on: pending timers stay with their slot, a ranking is not continued."""
    if not body.producers:
        return
    slots = {producer.handler: number for number, producer in enumerate(body.producers)}
    now = [slots.get(producer.handler) for producer in ledger.producers]
    for seq, pending in ledger.timers.items():
        producer = None if pending.producer is None else now[pending.producer]
        ledger.timers[seq] = PendingTimer(producer, pending.timer)
    ledger.producers = body.producers
    ledger.round_bases = {}
    funds_ruled_anew(ledger)


def _run_ended(ledger: LedgerState, _event: Event, _body: RunEnded) -> None:
    ledger.ended = True


def _position_reduced(ledger: LedgerState, event: Event, body: PositionReduced) -> None:
    ledger.markets[body.instrument].eat(body.size_lots, body.eaten_lots, event.at_ns, event.seq)


def _margin_called(ledger: LedgerState, event: Event, body: MarginCalled) -> None:
    account = ledger.accounts[body.account]
    move(account, MarginCalled)
    account.calls += 1
    account.called_seq = event.seq


def _margin_call_met(ledger: LedgerState, _event: Event, body: MarginCallMet) -> None:
    move(ledger.accounts[body.account], MarginCallMet)


def _liquidation_started(ledger: LedgerState, event: Event, body: LiquidationStarted) -> None:
    ledger.liquidations_started += 1
    next_number("liquidation", body.liquidation_id, ledger.liquidations_started)
    account = ledger.accounts[body.account]
    move(account, LiquidationStarted)
    account.liquidation_id = body.liquidation_id
    ledger.liquidations[body.liquidation_id] = Liquidation(body.liquidation_id, body.account, event.seq)


def _liquidation(ledger: LedgerState, liquidation_id: int) -> Liquidation:
    try:
        return ledger.liquidations[liquidation_id]
    except KeyError:
        message = f"liquidation {liquidation_id} is not open"
        raise LedgerError(message) from None


def _move_on(ledger: LedgerState, body: BankruptcyDeclared | PositionTakenOver | LiquidationEnded) -> Account:
    """Take an account to the next status of the liquidation that it is in, and no other."""
    account = ledger.accounts[body.account]
    move(account, type(body))
    if account.liquidation_id != body.liquidation_id:
        message = f"account {body.account} is in liquidation {account.liquidation_id}, not {body.liquidation_id}"
        raise LedgerError(message)
    return account


def _orders_cancelled(ledger: LedgerState, _event: Event, body: OrdersCancelled) -> None:
    liquidation = ledger.liquidations.get(body.liquidation_id)
    order = None if liquidation is None else liquidation.order
    if body.order_id is not None and order is not None and order.order_id == body.order_id:
        order.open = False


def _liquidation_ordered(ledger: LedgerState, _event: Event, body: LiquidationOrdered) -> None:
    liquidation = _liquidation(ledger, body.liquidation_id)
    ledger.orders += 1
    next_number("order", body.order_id, ledger.orders)
    order = OpenOrder(body.order_id, body.instrument, body.leg, abs(body.size_lots), body.whole)
    if body.account == liquidation.account:
        liquidation.steps = body.step
    liquidation.order = order


def _liquidation_filled(ledger: LedgerState, event: Event, body: LiquidationFilled) -> None:
    liquidation = _liquidation(ledger, body.liquidation_id)
    ledger.trades += 1
    order = liquidation.order
    if order is not None and order.order_id == body.order_id:
        order.left_lots = body.left_lots
        order.open = body.left_lots > 0
    ledger.markets[body.instrument].eat(body.size_lots, body.eaten_lots, event.at_ns, event.seq)
    if ledger.accounts[body.account].kind == "insurance":
        fund_traded(ledger, body.instrument, body.size_lots, body.value_atoms)
        _inventory_sold(ledger, liquidation, body.instrument, -body.size_lots)
    else:
        liquidation.closed_instrument = body.instrument


def _position_taken_over(ledger: LedgerState, _event: Event, body: PositionTakenOver) -> None:
    _move_on(ledger, body)
    liquidation = _liquidation(ledger, body.liquidation_id)
    liquidation.closed_instrument = body.instrument
    if ledger.accounts[body.fund].kind != "insurance":
        return  # a vault, whose positions are its own: what it does with them is no inventory
    fund_traded(ledger, body.instrument, body.size_lots, body.value_atoms)
    taken = liquidation.taken_lots
    taken[body.instrument] = taken.get(body.instrument, 0) + body.size_lots


def _inventory_sold(ledger: LedgerState, liquidation: Liquidation, instrument: int, lots: int) -> None:
    sold = liquidation.sold_lots
    sold[instrument] = sold.get(instrument, 0) + lots
    _forget_if_done(ledger, liquidation)


def _forget_if_done(ledger: LedgerState, liquidation: Liquidation) -> None:
    if liquidation.ended and not liquidation.holds_inventory():
        del ledger.liquidations[liquidation.liquidation_id]


def _bankruptcy_declared(ledger: LedgerState, _event: Event, body: BankruptcyDeclared) -> None:
    _move_on(ledger, body)


def _liquidation_ended(ledger: LedgerState, _event: Event, body: LiquidationEnded) -> None:
    account = _move_on(ledger, body)
    account.liquidation_id = None
    liquidation = _liquidation(ledger, body.liquidation_id)
    liquidation.ended = True
    _forget_if_done(ledger, liquidation)


def _deleveraging_started(ledger: LedgerState, event: Event, body: DeleveragingStarted) -> None:
    ledger.rounds += 1
    next_number("round", body.round, ledger.rounds)
    ledger.open_round = body
    side = 1 if body.size_lots > 0 else -1
    ledger.round_bases[body.instrument, side] = RoundBase(body.round, event.seq, event.at_ns, ledger.repriced_seq)


def _position_deleveraged(ledger: LedgerState, _event: Event, body: PositionDeleveraged) -> None:
    against = ledger.accounts[body.against]
    if against.kind == "insurance":
        fund_traded(ledger, body.instrument, -body.size_lots, -body.value_atoms)
        _inventory_sold(ledger, _liquidation(ledger, body.liquidation_id), body.instrument, body.size_lots)
    elif against.kind != "liquidity":
        move(against, PositionDeleveraged)
        if body.liquidation_id in ledger.liquidations:
            ledger.liquidations[body.liquidation_id].closed_instrument = body.instrument


def _deleveraging_ended(ledger: LedgerState, _event: Event, _body: DeleveragingEnded) -> None:
    ledger.open_round = None


def _trading_halted(ledger: LedgerState, _event: Event, body: TradingHalted) -> None:
    ledger.markets[body.instrument].halted_until_ns = body.until_ns


def _trading_resumed(ledger: LedgerState, _event: Event, body: TradingResumed) -> None:
    ledger.markets[body.instrument].halted_until_ns = None


def _handler_state_noted(ledger: LedgerState, _event: Event, body: HandlerStateNoted) -> None:
    ledger.notes[body.handler, body.key] = body.values


_EFFECTS: dict[type[Body], Effect] = {
    RunStarted: _run_started,
    RunForked: _run_forked,
    RunEnded: _run_ended,
    **dict.fromkeys((BalanceStated, Deposited, Withdrawn, Transferred), paid_from_outside),
    AssetListed: asset_listed,
    InstrumentListed: instrument_listed,
    AccountOpened: account_opened,
    FundAssigned: fund_assigned,
    **dict.fromkeys((InsuranceFundCredited, InsuranceFundDebited, BalanceWrittenOff), paid_by_fund),
    PriceTicked: price_ticked,
    DepthQuoted: depth_quoted,
    FundingRateSet: funding_rate_set,
    MarkPriced: mark_priced,
    FundingAccrued: funding_accrued,
    PositionReduced: _position_reduced,
    MarginCalled: _margin_called,
    MarginCallMet: _margin_call_met,
    LiquidationStarted: _liquidation_started,
    OrdersCancelled: _orders_cancelled,
    LiquidationOrdered: _liquidation_ordered,
    LiquidationFilled: _liquidation_filled,
    PositionTakenOver: _position_taken_over,
    BankruptcyDeclared: _bankruptcy_declared,
    LiquidationEnded: _liquidation_ended,
    ShortfallDeclared: shortfall_declared,
    FundDeficitDeclared: deficit_declared,
    DeleveragingStarted: _deleveraging_started,
    PositionDeleveraged: _position_deleveraged,
    DeleveragingEnded: _deleveraging_ended,
    TradingHalted: _trading_halted,
    TradingResumed: _trading_resumed,
    TimerSet: timer_set,
    TimerFired: timer_fired,
    HandlerStateNoted: _handler_state_noted,
}


def _both(first: Effect, second: Effect) -> Effect:
    def apply(ledger: LedgerState, event: Event, body: Any) -> None:
        first(ledger, event, body)
        second(ledger, event, body)

    return apply


def _all_of(body_type: type[Body]) -> Effect | None:
    posting, effect = POSTINGS.get(body_type), _EFFECTS.get(body_type)
    if posting is None:
        return effect
    return _both(booked(posting), effect) if effect else booked(posting)


FOLD: dict[type[Body], Effect | None] = {body_type: _all_of(body_type) for body_type in BODY_TYPES}
