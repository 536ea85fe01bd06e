"""Binance: maintenance amount and liquidation price, for one position and for a cross wallet with several.

1. Maintenance amount of tier n: `cum_n = floor_n x (rate_n - rate_(n-1)) + cum_(n-1)`, 0 in the first. It makes
   `notional x rate - cum` continuous (and is `Tier.amount_microatoms` of a scenario's instruments).
2. Liquidation price, one-way mode: `(WB - TMM + UPNL + cum - size x entry) / (|size| x rate - size)`, with the wallet
   balance WB, and of the wallet's other positions the maintenance margin TMM and the unrealised profit UPNL. For an
   isolated position both are 0, and WB is what was put behind it.
3. Rate and amount are those of the notional at the liquidation price. Within one tier that is a given; over several,
   `liquidation_price_in_tiers` finds the tier in which the price lies.

Sources: FAQ b3c689c1f50a44cabb3a84e663b81d93 (liquidation price), FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46 (maintenance
amount).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from .numbers import Number, exact, size_of

__all__ = ["Bracket", "Wallet", "liquidation_price", "liquidation_price_in_tiers", "maintenance_amount"]


class Bracket(NamedTuple):
    """A tier of the notional: from where, the maintenance rate as a share, and the maintenance amount."""

    floor: Number
    rate: Number
    amount: Number


class Wallet(NamedTuple):
    """What stands behind a position: the balance, and of the other positions margin (TMM) and profit (UPNL)."""

    balance: Number
    others_requirement: Number = 0
    others_profit: Number = 0


def maintenance_amount(floor: Number, rate: Number, rate_before: Number, amount_before: Number = 0) -> Fraction:
    """`cum` of a tier from that of the one before; exact."""
    return exact(floor) * (exact(rate) - exact(rate_before)) + exact(amount_before)


def liquidation_price(wallet: Wallet, size: Number, entry: Number, rate: Number, amount: Number) -> Fraction:
    """The price at which the wallet's equity is its maintenance margin; exact, not positive where there is none.

    Raises ValueError for a size of zero and where the rate leaves nothing of a long.
    """
    signed = size_of(size)
    slope = abs(signed) * exact(rate) - signed
    if not slope:
        message = f"a long at a maintenance rate of {rate} has no liquidation price; rates lie below 1"
        raise ValueError(message)
    behind = exact(wallet.balance) - exact(wallet.others_requirement) + exact(wallet.others_profit)
    return Fraction(behind + exact(amount) - signed * exact(entry), slope)


def liquidation_price_in_tiers(
    wallet: Wallet, size: Number, entry: Number, brackets: Sequence[Bracket]
) -> Fraction | None:
    """The liquidation price in the tier in which it lies; None where no positive price is one. O(tiers).

    The requirement is the greatest of the tiers' lines, so a long's price is the highest of theirs and a short's the
    lowest that is positive.
    """
    prices = [liquidation_price(wallet, size, entry, bracket.rate, bracket.amount) for bracket in brackets]
    positive = [price for price in prices if price > 0]
    if not positive or (size_of(size) < 0 and len(positive) < len(prices)):
        return None
    return max(positive) if size_of(size) > 0 else min(positive)
