"""Bankruptcy prices that follow from the books alone: where what an account has left comes to nothing.

1. One linear position: the price at which its loss has used up its collateral,
   `entry - collateral / size` (a short's size is negative, so its price lies above the entry).
2. Several positions in one cross-margin account have no price each; the account is bankrupt on a whole surface of
   prices. Its equity is shared among the positions by maintenance requirement, and each goes at the price at which its
   share is used up: `mark - share / size`. Closing all of them there leaves exactly zero. dYdX shares so
   (`dydx.py`), and so does `valuation.bankruptcy_values`.
3. The paper's P5 is rule 1 with prices from a common start and a floor at zero: `max(start - cash / (side x size), 0)`.

Sources: arXiv 2512.01112, bankruptcy prices P5 (3); Binance FAQ 360033525271, whose fund takes positions over at the
bankruptcy price (1).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from .numbers import Number, exact, size_of

__all__ = ["CrossPosition", "bankruptcy_price", "cross_bankruptcy_prices", "floored_bankruptcy_price"]


class CrossPosition(NamedTuple):
    """One position of a cross-margin account: signed size, mark price, maintenance requirement."""

    size: Number
    mark: Number
    requirement: Number


def bankruptcy_price(size: Number, entry: Number, collateral: Number) -> Fraction:
    """At which price a linear position has lost its collateral; exact, negative where none can lose it."""
    return exact(entry) - Fraction(exact(collateral), size_of(size))


def cross_bankruptcy_prices(positions: Sequence[CrossPosition], equity: Number) -> list[Fraction]:
    """A bankruptcy price each, the account's equity shared by requirement; exact.

    Raises ValueError where the requirements do not come to more than zero.
    """
    total = sum((exact(position.requirement) for position in positions), Fraction(0))
    if total <= 0:
        message = f"requirements come to {total}; equity is shared by them, so give at least one above 0"
        raise ValueError(message)
    share = Fraction(exact(equity), total)
    return [exact(one.mark) - Fraction(share * exact(one.requirement), size_of(one.size)) for one in positions]


def floored_bankruptcy_price(size: Number, start: Number, cash: Number) -> Fraction:
    """The paper's P5: where a position that began at `start` has lost its cash, not below zero; exact."""
    return max(bankruptcy_price(size, start, cash), Fraction(0))
