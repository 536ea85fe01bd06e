"""Prices: the oracle's, the mark, the depth, the funding; each as the last event said."""

from __future__ import annotations

from ..bodies.inputs import DepthQuoted, FundingRateSet, PriceTicked
from ..bodies.margin import FundingAccrued, MarkPriced
from ..envelope import Event
from .state import LedgerState

__all__ = ["depth_quoted", "funding_accrued", "funding_rate_set", "mark_priced", "price_ticked"]


def price_ticked(ledger: LedgerState, event: Event, body: PriceTicked) -> None:
    """The oracle's prices."""
    for instrument, ticks in body.prices:
        ledger.markets[instrument].tick(ticks, event.at_ns)


def depth_quoted(ledger: LedgerState, _event: Event, body: DepthQuoted) -> None:
    """The depth of one instrument, as quoted."""
    market = ledger.markets[body.instrument]
    market.bids, market.asks = body.bids, body.asks


def funding_rate_set(ledger: LedgerState, _event: Event, body: FundingRateSet) -> None:
    """The rate of one instrument."""
    ledger.markets[body.instrument].funding_rate_ppb = body.rate_ppb


def mark_priced(ledger: LedgerState, event: Event, body: MarkPriced) -> None:
    """A new mark: whoever holds the instrument is worth something else now."""
    market = ledger.markets[body.instrument]
    market.marked = body
    market.mark_ticks = body.mark_ticks
    market.marked_at_ns = event.at_ns
    ledger.repriced_seq = event.seq


def funding_accrued(ledger: LedgerState, event: Event, body: FundingAccrued) -> None:
    """What a lot owes more since this interval."""
    ledger.markets[body.instrument].cumulative_funding_nanoatoms += body.payment_nanoatoms
    ledger.repriced_seq = event.seq
