"""The Pareto distribution in whole numbers: a table and a shift instead of a power for every draw.

With u even in (0, 1), (2u)^(-1 / alpha) is Pareto with a median of 1. Write u as 2^-k x m with m in [1/2, 1): the
first factor comes from a table of k, the second from a table of m with straight lines between its points (within 1
part in 10^5 for an alpha from 0.5 on).
"""

from __future__ import annotations

from decimal import Decimal

from ..units import CONTEXT

__all__ = ["QUANTILE_ONE", "ParetoTable"]

QUANTILE_ONE = 10**9
"""The median."""

_BITS = 64
_POINT_BITS = 8
_REST_BITS = _BITS - 1 - _POINT_BITS


class ParetoTable:
    """Turns 64 random bits into a multiple of the median."""

    def __init__(self, alpha: Decimal) -> None:
        power = CONTEXT.divide(-1, alpha)
        points = 1 << _POINT_BITS
        self._halvings = [_power(Decimal(2), CONTEXT.multiply(-k, power)) for k in range(_BITS + 1)]
        shares = (CONTEXT.divide(points + point, points) for point in range(points + 1))
        self._points = [_power(share, power) for share in shares]

    def quantile(self, bits: int) -> int:
        """The value whose share of greater ones is `bits` / 2^64, in units of 10^-9 medians, rounded down; O(1)."""
        drawn = bits | 1
        halvings = _BITS - drawn.bit_length()
        mantissa = (drawn << halvings) - (1 << (_BITS - 1))
        point, rest = mantissa >> _REST_BITS, mantissa & ((1 << _REST_BITS) - 1)
        high, low = self._points[point], self._points[point + 1]
        return self._halvings[halvings] * (high - ((high - low) * rest >> _REST_BITS)) // QUANTILE_ONE


def _power(base: Decimal, exponent: Decimal) -> int:
    return int(CONTEXT.multiply(CONTEXT.power(base, exponent), QUANTILE_ONE))
