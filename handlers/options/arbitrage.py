"""What no surface may offer: a spread that cannot lose and costs nothing. Refused with expiry and strike.

- Butterfly, of an SVI: the density of the price at expiry is negative where

      g(k) = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2

  is (Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14, 2014, lemma 2.2). It is
  asked on `GRID`: at k = ln(K / F) from -2 to 2 in steps of 0.01. Farther out the bound on the slope, which `SviSmile`
  keeps, leaves it not negative in the limit.
- Butterfly, of listed strikes: undiscounted calls, correctly rounded, are convex in the strike, fall with it, and not
  faster than the strike rises; at strike 0 a call is the forward. Asked at the listed strikes, which is what is traded.
- Calendar: at the same moneyness the total variance does not fall from an expiry to the next (the same paper,
  lemma 2.1). Asked on `GRID` and at the moneyness of both smiles' listed strikes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from ...events.errors import ScenarioError
from .black76 import NANO, price_nanoticks
from .fixed_point import ONE, divided, exp
from .smiles import VARIANCE, Smile, StrikeSmile, SviSmile

__all__ = ["GRID", "refuse_arbitrage"]

GRID = range(-200, 201)
"""Hundredths of k at which a smile is asked."""

_HUNDREDTHS = 100
_ROUNDED = VARIANCE // 10**15
"""What rounding may take from g: 10^-15."""


def refuse_arbitrage(smiles: Sequence[Smile], at_ns: int) -> None:
    """Raise ScenarioError at the first arbitrage among the smiles of a surface, which come in the order of expiry."""
    for smile in smiles:
        if isinstance(smile, SviSmile):
            _refuse_butterfly(smile)
        elif isinstance(smile, StrikeSmile):
            _refuse_concave(smile, smile.expiry_ns - at_ns)
    for earlier, later in pairwise(smiles):
        _refuse_calendar(earlier, later, at_ns)


def density_sign(smile: SviSmile, k: int) -> int:
    """g(k), with the sign of the density; k and g are x `VARIANCE`."""
    w, slope, curvature = smile.bend(k)
    tilt = VARIANCE - k * slope // (2 * w)
    return tilt * tilt // VARIANCE - slope * slope // (4 * w) - slope * slope // (16 * VARIANCE) + curvature // 2


def _refuse_butterfly(smile: SviSmile) -> None:
    for hundredths in GRID:
        found = density_sign(smile, hundredths * (VARIANCE // _HUNDREDTHS))
        if found < -_ROUNDED:
            strike = divided(smile.forward_ticks * _moneyness(hundredths), ONE)
            message = (
                f"surface {smile.name}, strike {strike} ticks: butterfly arbitrage, "
                f"g = {_shown(found)} at k = {_shown(hundredths * (VARIANCE // _HUNDREDTHS))} is negative"
            )
            raise ScenarioError(message)


def _refuse_concave(smile: StrikeSmile, time_ns: int) -> None:
    """Each price may be half a nanotick off, so a sum of four of them weighted by widths is off by their sum."""
    calls = [(0, smile.forward_ticks * NANO)]
    for strike, volatility in zip(smile.strikes_ticks, smile.volatilities_ppb, strict=True):
        calls.append((strike, price_nanoticks(smile.forward_ticks, strike, "call", volatility, time_ns)))
    for (low, dearest), (strike, call), (high, cheapest) in zip(calls, calls[1:], calls[2:], strict=False):
        below, above = strike - low, high - strike
        if dearest * above + cheapest * below - call * (below + above) < -(below + above):
            message = (
                f"surface {smile.name}, strike {strike} ticks: butterfly arbitrage, "
                f"calls are not convex from {low} to {high} ticks"
            )
            raise ScenarioError(message)
    (_, before), (strike, last) = calls[-2:]
    if last > before:
        message = (
            f"surface {smile.name}, strike {strike} ticks: vertical arbitrage, a call costs more than the one below"
        )
        raise ScenarioError(message)


def _refuse_calendar(earlier: Smile, later: Smile, at_ns: int) -> None:
    for numerator, denominator in _asked(earlier, later):
        before = earlier.total_variance(numerator, denominator, earlier.expiry_ns - at_ns)
        after = later.total_variance(numerator, denominator, later.expiry_ns - at_ns)
        if after < before:
            strike = divided(later.forward_ticks * numerator, denominator)
            message = (
                f"surface {later.name}, strike {strike} ticks: calendar arbitrage, total variance {_shown(after)} is "
                f"below {_shown(before)} of {earlier.name} at the same moneyness"
            )
            raise ScenarioError(message)


def _asked(*smiles: Smile) -> Iterator[tuple[int, int]]:
    """The moneyness at which total variances are compared, as fractions."""
    for smile in smiles:
        if isinstance(smile, StrikeSmile):
            yield from ((strike, smile.forward_ticks) for strike in smile.strikes_ticks)
    yield from ((_moneyness(hundredths), ONE) for hundredths in GRID)


@cache
def _moneyness(hundredths: int) -> int:
    """e^k, x 10^18."""
    return exp(hundredths * (ONE // _HUNDREDTHS))


def _shown(value: int) -> str:
    """A figure x `VARIANCE`, as it is written with six decimals, rounded toward zero."""
    whole, rest = divmod(abs(value) // (VARIANCE // 10**6), 10**6)
    return f"{'-' if value < 0 else ''}{whole}.{rest:06}"
