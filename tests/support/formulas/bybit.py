"""Bybit: the bankruptcy price of an inverse position, from its leverage.

1. A position of leverage L has 1/L of its coins at entry behind it. A long has lost them where
   `1/price - 1/entry = 1/(L x entry)`: at `entry x L / (L + 1)`; a short at `entry x L / (L - 1)`, one with a leverage
   of 1 or less at no price.
2. Printed in the example with a tick of 0.5: 7735.372549 becomes 7735.5. To the nearest tick, halves up, gives that,
   and so does rounding up; the text does not say which. This follows the nearest tick.

Source: help article 900000031623 ("What is Auto-Deleveraging").
"""

from __future__ import annotations

from fractions import Fraction

from .numbers import Number, exact, rounded_to_step, size_of

__all__ = ["inverse_bankruptcy_price", "inverse_bankruptcy_price_in_ticks"]


def inverse_bankruptcy_price(size: Number, entry: Number, leverage: Number) -> Fraction | None:
    """Where an inverse position has lost its initial margin; exact; None for a short that cannot lose it.

    Raises ValueError for a size of zero or a leverage that is not positive.
    """
    times = exact(leverage)
    if times <= 0:
        message = f"a leverage of {leverage} is not possible; it must be more than 0"
        raise ValueError(message)
    if size_of(size) > 0:
        return exact(entry) * Fraction(times, times + 1)
    return exact(entry) * Fraction(times, times - 1) if times > 1 else None


def inverse_bankruptcy_price_in_ticks(size: Number, entry: Number, leverage: Number, tick: Number) -> Fraction | None:
    """The same, rounded to the nearest tick, halves up, as in the example."""
    price = inverse_bankruptcy_price(size, entry, leverage)
    return None if price is None else rounded_to_step(price, tick)
