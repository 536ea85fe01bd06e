"""Any event in words, with names and figures in real units: half a sentence, to stand after its number and time.

`WORDS` is the table, one function a type; a test holds that every type of event has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...events.bodies import inputs, liquidation, listing, margin, run, venue, waterfall
from ...events.vocabulary import Body
from . import words_decisions as decided
from . import words_inputs as given
from .names import Names

__all__ = ["WORDS", "words"]

Says = Callable[[Any, Names], str]

WORDS: dict[type[Body], Says] = {
    run.RunStarted: given.run_started,
    run.RunForked: given.run_forked,
    run.SourceOpened: given.source_opened,
    run.RunEnded: given.run_ended,
    listing.AssetListed: given.asset_listed,
    listing.InstrumentListed: given.instrument_listed,
    listing.AccountOpened: given.account_opened,
    listing.FundAssigned: given.fund_assigned,
    inputs.PriceTicked: given.price_ticked,
    inputs.DepthQuoted: given.depth_quoted,
    inputs.FundingRateSet: given.funding_rate_set,
    inputs.Deposited: given.deposited,
    inputs.Withdrawn: given.withdrawn,
    inputs.Transferred: given.transferred,
    inputs.TradeExecuted: given.trade_executed,
    inputs.BalanceStated: given.balance_stated,
    inputs.PositionStated: given.position_stated,
    inputs.InputRefused: given.input_refused,
    inputs.FillReported: given.fill_reported,
    margin.MarkPriced: decided.mark_priced,
    margin.MarginCalled: decided.margin_called,
    margin.MarginCallMet: decided.margin_call_met,
    margin.CollateralAdded: decided.collateral_added,
    margin.PositionReduced: decided.position_reduced,
    margin.FundingAccrued: decided.funding_accrued,
    margin.FeeCharged: decided.fee_charged,
    liquidation.LiquidationStarted: decided.liquidation_started,
    liquidation.OrdersCancelled: decided.orders_cancelled,
    liquidation.LiquidationOrdered: decided.liquidation_ordered,
    liquidation.LiquidationFilled: decided.liquidation_filled,
    liquidation.PositionTakenOver: decided.position_taken_over,
    liquidation.LiquidationEnded: decided.liquidation_ended,
    liquidation.BankruptcyDeclared: decided.bankruptcy_declared,
    waterfall.InsuranceFundCredited: decided.insurance_fund_credited,
    waterfall.InsuranceFundDebited: decided.insurance_fund_debited,
    waterfall.ShortfallDeclared: decided.shortfall_declared,
    waterfall.DeleveragingStarted: decided.deleveraging_started,
    waterfall.PositionDeleveraged: decided.position_deleveraged,
    waterfall.DeleveragingEnded: decided.deleveraging_ended,
    waterfall.LossSocialized: decided.loss_socialized,
    waterfall.BalanceWrittenOff: decided.balance_written_off,
    waterfall.ProfitCapExceeded: decided.profit_cap_exceeded,
    waterfall.ShortfallRemained: decided.shortfall_remained,
    waterfall.FundDeficitDeclared: decided.fund_deficit_declared,
    venue.TradingHalted: decided.trading_halted,
    venue.TradingResumed: decided.trading_resumed,
    venue.TimerSet: decided.timer_set,
    venue.TimerFired: decided.timer_fired,
    venue.HandlerStateNoted: decided.handler_state_noted,
}


def words(body: Body, names: Names) -> str:
    """What an event says, in words."""
    return WORDS[type(body)](body, names)
