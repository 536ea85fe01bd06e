"""Inverse (coin-margined) positions: liquidation and bankruptcy price from the coins behind them.

1. A position of S of quote (long positive) entered at E has made `S x (1/E - 1/price)` coins, and is `|S| / price`
   coins large. Its requirement is `rate x |S| / price - amount`, all in coins.
2. Liquidation price, where equity is the requirement: `(S + rate x |S|) / (coins + amount + S / E)`.
3. Bankruptcy price, where equity is zero: the same with neither rate nor amount, `S / (coins + S / E)`.
4. A short whose coins cover its whole size has neither: then the divisor is not negative.

Source: rule 1 is the contract as BitMEX and Binance (COIN-M) define it, the others follow from it; with coins of
`|S| / (E x leverage)` rule 3 is Bybit's formula (`bybit.py`).
"""

from __future__ import annotations

from fractions import Fraction

from .numbers import Number, exact, size_of

__all__ = ["bankruptcy_price", "liquidation_price"]


def liquidation_price(size: Number, entry: Number, coins: Number, rate: Number, amount: Number = 0) -> Fraction | None:
    """The price at which equity is the requirement; exact; None where no price is that high.

    Raises ValueError for a size of zero and a rate that is not below 1.
    """
    if not 0 <= exact(rate) < 1:
        message = f"a maintenance rate of {rate} is not possible; rates lie between 0 and 1"
        raise ValueError(message)
    signed = size_of(size)
    above, below = signed + exact(rate) * abs(signed), exact(coins) + exact(amount) + Fraction(signed, exact(entry))
    return Fraction(above, below) if above * below > 0 else None


def bankruptcy_price(size: Number, entry: Number, coins: Number) -> Fraction | None:
    """The price at which the coins are lost; exact; None where no price is that high."""
    return liquidation_price(size, entry, coins, 0)
