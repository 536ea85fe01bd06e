"""What a debt costs a year: a rate with a kink, by how much of what was supplied is lent out.

Rates and utilisation are in parts of `ONE` (10^27).
"""

from __future__ import annotations

import msgspec

from .worth import rounded

__all__ = ["ONE", "RateCurve", "grown_index", "supply_rate", "utilisation"]

ONE = 10**27
_BPS = 10**4
_PPB = 10**9
_YEAR_NS = 365 * 86_400 * 10**9


class RateCurve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In basis points: `base`, `slope1` over all of what lies below the kink, `slope2` over all of what lies above."""

    base_bps: int = 0
    kink_bps: int = 8_000
    slope1_bps: int = 0
    slope2_bps: int = 0

    def __post_init__(self) -> None:
        """Refuse a kink at an end, and rates below zero."""
        if not 0 < self.kink_bps < _BPS or min(self.base_bps, self.slope1_bps, self.slope2_bps) < 0:
            message = "rates: kink_bps must lie between 0 and 10000, and no rate be negative"
            raise ValueError(message)

    def borrow_rate(self, used: int) -> int:
        """The yearly rate at a utilisation; each product and quotient rounded to the nearest, halves up."""
        base, kink, first, second = (
            bps * (ONE // _BPS) for bps in (self.base_bps, self.kink_bps, self.slope1_bps, self.slope2_bps)
        )
        if used <= kink:
            return base + rounded(rounded(first * used, ONE) * ONE, kink)
        over = rounded((used - kink) * ONE, ONE - kink)
        return base + first + rounded(second * over, ONE)


def utilisation(debt: int, liquidity: int) -> int:
    """How much of what was supplied is lent out; nothing of nothing."""
    return rounded(debt * ONE, liquidity + debt) if debt else 0


def supply_rate(borrow_rate: int, debt: int, liquidity: int, reserve_bps: int, deficit: int = 0) -> int:
    """What suppliers get: the borrowers' rate on the part that is lent out, less the protocol's share."""
    if not debt:
        return 0
    lent = rounded(debt * ONE, liquidity + debt + deficit)
    return rounded(rounded(borrow_rate * lent, ONE) * (_BPS - reserve_bps), _BPS)


def grown_index(index: int, rate_ppb: int, length_ns: int) -> int:
    """The index after a time at a yearly rate, rounded up."""
    return index - (-index * rate_ppb * length_ns // (_PPB * _YEAR_NS))
