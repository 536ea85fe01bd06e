"""The answer in one paragraph: a table from the type of event to what writes it, and the plain one for other types.

Every paragraph begins with the event's number and time. The rounds of auto-deleveraging and shortfalls are written from
more parts and have their own calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...events.bodies import liquidation, margin, venue, waterfall
from ...events.envelope import Event
from ...events.vocabulary import Body
from ...sim.units import format_time_ns
from . import paragraphs_liquidation as forced
from . import paragraphs_margin as margins
from . import paragraphs_venue as venues
from . import paragraphs_waterfall as losses
from .cap import profit_cap_exceeded
from .case import Case
from .paragraphs_round import RoundParts, position_deleveraged, round_ended, round_started
from .parts import Fund

__all__ = ["PARAGRAPHS", "paragraph_of", "round_paragraph", "shortfall_paragraph"]

PARAGRAPHS: dict[type[Body], Callable[[Case, Any], str]] = {
    margin.MarkPriced: margins.mark_priced,
    margin.MarginCalled: margins.margin_called,
    margin.MarginCallMet: margins.margin_call_met,
    margin.CollateralAdded: margins.collateral_added,
    margin.PositionReduced: margins.position_reduced,
    margin.FundingAccrued: margins.funding_accrued,
    margin.FeeCharged: margins.fee_charged,
    liquidation.LiquidationStarted: forced.liquidation_started,
    liquidation.OrdersCancelled: forced.orders_cancelled,
    liquidation.LiquidationOrdered: forced.liquidation_ordered,
    liquidation.LiquidationFilled: forced.liquidation_filled,
    liquidation.PositionTakenOver: forced.position_taken_over,
    liquidation.LiquidationEnded: forced.liquidation_ended,
    liquidation.BankruptcyDeclared: forced.bankruptcy_declared,
    waterfall.InsuranceFundCredited: losses.insurance_fund_credited,
    waterfall.InsuranceFundDebited: losses.insurance_fund_debited,
    waterfall.LossSocialized: losses.loss_socialized,
    waterfall.BalanceWrittenOff: losses.balance_written_off,
    waterfall.ProfitCapExceeded: profit_cap_exceeded,
    waterfall.ShortfallRemained: losses.shortfall_remained,
    waterfall.FundDeficitDeclared: losses.fund_deficit_declared,
    venue.TradingHalted: venues.trading_halted,
    venue.TradingResumed: venues.trading_resumed,
    venue.TimerSet: venues.timer_set,
    venue.TimerFired: venues.timer_fired,
}


def paragraph_of(case: Case) -> str:
    """The paragraph for any event that is no shortfall and no part of a round."""
    body = case.event.body
    return _headed(case.event, PARAGRAPHS.get(type(body), venues.any_event)(case, body))


def shortfall_paragraph(case: Case, fund: Fund) -> str:
    """The paragraph for a shortfall, with the fund's account."""
    body = case.event.body
    assert isinstance(body, waterfall.ShortfallDeclared)
    return _headed(case.event, losses.shortfall_declared(case, body, fund))


def round_paragraph(case: Case, parts: RoundParts) -> str:
    """The paragraph for a round's start, a reduction, or its end; the ledger of the case stands before the round."""
    body = case.event.body
    if isinstance(body, waterfall.PositionDeleveraged):
        return _headed(case.event, position_deleveraged(case, body, parts))
    write = round_started if isinstance(body, waterfall.DeleveragingStarted) else round_ended
    return _headed(case.event, write(case, parts))


def _headed(event: Event, text: str) -> str:
    return f"Event {event.seq}, {format_time_ns(event.at_ns)}: {text}"
