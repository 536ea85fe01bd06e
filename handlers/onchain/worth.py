"""What amounts are worth in the unit that a protocol counts in, and how safe an account is; whole numbers throughout.

1. A quote says what a unit of an asset is worth: `amount x price / unit`. On chain the unit counted in is a dollar with
   eight decimals; in a run it is an atom of the asset that debts are in.
2. Collateral is worth its value rounded down, a debt its value rounded up.
3. Each collateral counts with a weight out of `scale`. An account is unsafe iff

       sum of (value x weight) < scale x debt,

   and its health factor is the one side over the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "BPS",
    "PPB",
    "WAD",
    "AssetQuote",
    "Health",
    "ceil_div",
    "collateral_value",
    "debt_value",
    "health_of",
    "rounded",
]

BPS, PPB, WAD = 10**4, 10**9, 10**18


class AssetQuote(NamedTuple):
    """So many base units of an asset (`unit`) are worth `price`."""

    price: int
    unit: int


class Health(NamedTuple):
    """What the collateral counts for, in `scale` parts of the unit counted in, and the debt."""

    weighted: int
    debt: int
    scale: int

    @property
    def is_unsafe(self) -> bool:
        """Whether the health factor is under 1; without a debt it never is."""
        return self.weighted < self.scale * self.debt

    @property
    def factor_ppb(self) -> int:
        """The health factor in parts per billion, rounded down; of an account without a debt 2^63 - 1."""
        return min(self.weighted * PPB // (self.scale * self.debt), 2**63 - 1) if self.debt else 2**63 - 1


def collateral_value(amount: int, quote: AssetQuote) -> int:
    """Rounded down."""
    return amount * quote.price // quote.unit


def debt_value(amount: int, quote: AssetQuote) -> int:
    """Rounded up."""
    return ceil_div(amount * quote.price, quote.unit)


def health_of(collateral: Iterable[tuple[int, int]], debt: int, scale: int) -> Health:
    """Of (value, weight) of each collateral and the value of all debts."""
    return Health(sum(value * weight for value, weight in collateral), debt, scale)


def ceil_div(number: int, divisor: int) -> int:
    """Rounded up."""
    return -(-number // divisor)


def rounded(number: int, divisor: int) -> int:
    """To the nearest whole number, halves up."""
    return (number + divisor // 2) // divisor
