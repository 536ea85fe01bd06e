"""Black's formula to sixty digits, by mpmath: what prices and greeks are held against."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mpmath import MPContext

from deleverage.handlers.options.black76 import DAY_NS, PPB, YEAR_NS, OptionKind

__all__ = ["EXACT", "exact_greeks", "exact_price"]

EXACT = MPContext()
EXACT.dps = 60


def _number(value: int | Fraction) -> Any:
    fraction = Fraction(value)
    return EXACT.mpf(fraction.numerator) / fraction.denominator


def _terms(forward: Any, strike: Any, volatility_ppb: int | Fraction, time_ns: int) -> tuple[Any, Any]:
    """The deviation v and d1."""
    v = _number(volatility_ppb) / PPB * EXACT.sqrt(EXACT.mpf(time_ns) / YEAR_NS)
    return v, EXACT.log(forward / strike) / v + v / 2


def exact_price(
    forward_ticks: int | Fraction, strike_ticks: int, kind: OptionKind, volatility_ppb: int | Fraction, time_ns: int
) -> Any:
    """In ticks, not discounted."""
    forward, strike = _number(forward_ticks), _number(strike_ticks)
    if not volatility_ppb or not time_ns:
        return max(forward - strike if kind == "call" else strike - forward, EXACT.mpf(0))
    v, first = _terms(forward, strike, volatility_ppb, time_ns)
    if kind == "call":
        return forward * EXACT.ncdf(first) - strike * EXACT.ncdf(first - v)
    return strike * EXACT.ncdf(v - first) - forward * EXACT.ncdf(-first)


def exact_greeks(
    forward_ticks: int, strike_ticks: int, kind: OptionKind, volatility_ppb: int, time_ns: int, discount: int
) -> tuple[Any, Any, Any, Any]:
    """Delta, gamma a tick, vega in ticks a point, and ticks that a day takes off; v is not 0, D is over 10^18."""
    forward, factor = _number(forward_ticks), EXACT.mpf(discount) / 10**18
    v, first = _terms(forward, _number(strike_ticks), volatility_ppb, time_ns)
    bell = EXACT.npdf(first) * factor
    delta = factor * (EXACT.ncdf(first) if kind == "call" else -EXACT.ncdf(-first))
    vega = forward * bell * v * PPB / volatility_ppb / 100
    return delta, bell / (forward * v), vega, forward * bell * v * DAY_NS / (2 * time_ns)
