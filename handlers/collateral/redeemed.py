"""What a right to redeem an asset brings, as a price of the asset's own market."""

from __future__ import annotations

from fractions import Fraction

from ...events.ledger import LedgerState
from ...events.ledger.conversion import Conversion

__all__ = ["redeemed_ticks"]

_PPM = 10**6


def redeemed_ticks(conversion: Conversion, redeemed_for: str, rate_ppm: int, ledger: LedgerState) -> int | None:
    """The price, in ticks, for `rate_ppm` millionths of a unit of an instrument to a unit of the asset.

    Without an instrument, "", it is redeemed for the settlement asset itself. None while what it brings has no mark.
    """
    unit_atoms = 10 ** ledger.assets[conversion.asset].decimals
    if redeemed_for:
        market = next(m for m in ledger.listed_everywhere(redeemed_for) if m.listing.asset == conversion.quote)
        if not market.mark_ticks:
            return None
        lot, lot_atoms = Fraction(market.listing.lot_size), market.mark_ticks * market.listing.multiplier_atoms
        brings = Fraction(lot_atoms * lot.denominator, lot.numerator)
    else:
        brings = Fraction(10 ** ledger.assets[conversion.quote].decimals)
    return int(brings * rate_ppm * conversion.asset_atoms // (_PPM * unit_atoms * conversion.quote_atoms))
