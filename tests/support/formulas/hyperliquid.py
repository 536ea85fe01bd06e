"""Hyperliquid: the liquidation price.

`price - side x margin_available / size / (1 - l x side)`, with `l = 1 / maintenance leverage`, the maintenance leverage
being twice the asset's maximum leverage (maintenance margin is half of the initial margin there). `margin_available`
is, cross, the account's value less its whole maintenance margin; isolated, the position's margin less its maintenance
margin: both at the price given.

Source: docs page trading/liquidations.
"""

from __future__ import annotations

from fractions import Fraction

from .numbers import Number, exact, size_of

__all__ = ["liquidation_price", "maintenance_leverage"]


def maintenance_leverage(max_leverage: Number) -> Fraction:
    """Notional over maintenance margin: twice the maximum leverage."""
    return 2 * exact(max_leverage)


def liquidation_price(price: Number, size: Number, margin_available: Number, leverage: Number) -> Fraction:
    """From the price now, with the *maintenance* leverage; exact, not positive where no price liquidates.

    Raises ValueError for a size of zero or a leverage of 1 or less.
    """
    times, signed = exact(leverage), size_of(size)
    if times <= 1:
        message = f"a maintenance leverage of {leverage} is not possible; it is twice the maximum leverage"
        raise ValueError(message)
    side = 1 if signed > 0 else -1
    return exact(price) - Fraction(exact(margin_available), signed * (1 - Fraction(side, times)))
