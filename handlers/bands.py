"""Dynamic price bands: how far from the index an order may trade, for forced orders and for traders' own.

    band = min(widest, band x max(1, volatility / calm volatility)), in basis points of the index

where the index is the price from outside, and volatility that of the venue's own book; without a book the band is as
stated. Whatever an order would trade beyond it is cancelled: a forced order is tried again after `retry_ns`, a stop
waits until its instrument is back within the band.

Source: CME Group, "Price Banding" and "Dynamic Circuit Breakers" (bands around a reference price, wider in volatile
markets); the SEC's limit up - limit down plan has them around an average of five minutes.
"""

from __future__ import annotations

import msgspec

from ..events.ledger import LedgerState, Market
from .valuation import BPS

__all__ = ["OUT_OF_BAND", "BandParameters", "band_in_force", "band_limit_ticks", "tighter"]

OUT_OF_BAND = "beyond the price band"
"""Why the rest of an order is cancelled when only the band was in its way."""


class BandParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`band_bps` at `calm_volatility_ppb` of realised volatility, in proportion to it above, up to `widest_bps`."""

    band_bps: int = 300
    widest_bps: int = 1_000
    calm_volatility_ppb: int = 200_000
    retry_ns: int = 5_000_000_000

    def __post_init__(self) -> None:
        """Refuse a band that nothing could trade in."""
        if not 0 < self.band_bps <= self.widest_bps < BPS:
            message = "band_bps must lie above 0, up to widest_bps, and that below 10000"
            raise ValueError(message)
        if self.calm_volatility_ppb <= 0 or self.retry_ns <= 0:
            message = "calm_volatility_ppb and retry_ns must be above 0"
            raise ValueError(message)


def band_in_force(ledger: LedgerState, instrument: int) -> BandParameters | None:
    """The band of those who decide now where an instrument is listed; None where the market has none."""
    producer = ledger.producer("market", ledger.venue_of_instrument(instrument))
    if producer is None or producer.policy != "banded":
        return None
    return msgspec.convert(producer.parameters, BandParameters)


def band_limit_ticks(market: Market, band: BandParameters, *, selling: bool) -> int:
    """The worst price that an order may trade at, rounded inwards to a tick."""
    index_ticks, width_bps = market.index_ticks, band.band_bps
    if market.book is not None:
        index_ticks = market.book.outside_ticks
        width_bps = width_bps * max(market.book.volatility_ppb, band.calm_volatility_ppb) // band.calm_volatility_ppb
    width_bps = min(width_bps, band.widest_bps)
    if selling:
        return -(-index_ticks * (BPS - width_bps) // BPS)
    return index_ticks * (BPS + width_bps) // BPS


def tighter(limit_ticks: int | None, other_ticks: int, *, selling: bool) -> int:
    """The tighter of two limits."""
    if limit_ticks is None:
        return other_ticks
    return max(limit_ticks, other_ticks) if selling else min(limit_ticks, other_ticks)
