"""Implied volatilities of one expiry, by strike: a raw SVI, or a list of strikes with their volatilities.

Both give the total variance w = volatility^2 x time at a moneyness K / F, times `VARIANCE` = 10^36, so that even a
nanosecond before expiry the volatility has all its digits. A smile says for which forward it was drawn, and moves with
it: what holds is its shape by moneyness. What lies between listed strikes:

- `SviSmile`: with k = ln(K / F), w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) (Gatheral & Jacquier,
  "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14, 2014, section 3.1). Its five figures are total
  variance, not variance a year.
- `StrikeSmile`: volatility is a monotone cubic of the strike, with the slopes of Fritsch & Butland ("A method for
  constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5, 1984) inside and those of the
  outer chords at the ends: it never leaves what the two strikes around have. Beyond the first and the last it is flat.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

from ...events.errors import ScenarioError
from .black76 import PPB, YEAR_NS
from .fixed_point import divided
from .tables import PLACES, ln_of

__all__ = ["VARIANCE", "Smile", "StrikeSmile", "SviSmile", "variance_of", "volatility_of"]

VARIANCE = 10**36
_SLOPE_PLACES = 80
_LEE_SLOPE = 2
"""No total variance grows faster than 2 |k| far out (Lee, "The moment formula for implied volatility", 2004)."""


class Smile:
    """One expiry's volatilities; `name` is what a refusal calls it."""

    def __init__(self, name: str, expiry_ns: int, forward_ticks: int) -> None:
        """Raises ScenarioError where the forward is not positive."""
        if forward_ticks <= 0:
            message = f"surface {name}: a forward is positive, not {forward_ticks} ticks"
            raise ScenarioError(message)
        self.name, self.expiry_ns, self.forward_ticks = name, expiry_ns, forward_ticks

    def total_variance(self, strike: int, forward: int, time_ns: int) -> int:
        """Its w at the moneyness strike / forward, so long before expiry."""
        raise NotImplementedError


class Bend(NamedTuple):
    """Total variance at a k, and how it goes on from there, each x `VARIANCE`."""

    variance: int
    slope: int
    curvature: int


class SviSmile(Smile):
    """A raw SVI; its figures are in ppb."""

    def __init__(
        self,
        name: str,
        expiry_ns: int,
        forward_ticks: int,
        *,
        a_ppb: int,
        b_ppb: int,
        rho_ppb: int,
        m_ppb: int,
        sigma_ppb: int,
    ) -> None:
        """Raises ScenarioError where the figures make no smile: naming it, the figure and its bound."""
        super().__init__(name, expiry_ns, forward_ticks)
        self.a_ppb, self.b_ppb, self.rho_ppb = a_ppb, b_ppb, rho_ppb
        self.m_ppb, self.sigma_ppb = m_ppb, sigma_ppb
        least = (
            a_ppb * PPB + b_ppb * sigma_ppb * isqrt(PPB * PPB - rho_ppb * rho_ppb) // PPB if abs(rho_ppb) < PPB else 0
        )
        for holds, rule in (
            (b_ppb >= 0, "b is not negative"),
            (abs(rho_ppb) < PPB, "rho lies between -1 and 1"),
            (sigma_ppb > 0, "sigma is positive"),
            (least > 0, "a + b sigma sqrt(1 - rho^2), its least total variance, is positive"),
            (b_ppb * (PPB + abs(rho_ppb)) <= _LEE_SLOPE * PPB * PPB, "b (1 + |rho|), its slope far out, is at most 2"),
        ):
            if not holds:
                message = f"surface {name}: {rule}"
                raise ScenarioError(message)

    def total_variance(self, strike: int, forward: int, time_ns: int) -> int:
        """Its w(ln(strike / forward)), whatever the time."""
        return self.at((ln_of(strike) - ln_of(forward)) * VARIANCE >> PLACES)

    def at(self, k: int) -> int:
        """Its w(k); k is x `VARIANCE`."""
        off, root = self._off(k)
        rotated = divided(self.rho_ppb * off, PPB) + root
        return self.a_ppb * (VARIANCE // PPB) + divided(self.b_ppb * rotated, PPB)

    def bend(self, k: int) -> Bend:
        """Its w, w' = b (rho + (k - m) / s) and w'' = b sigma^2 / s^3 at a k, with s = sqrt((k - m)^2 + sigma^2)."""
        off, root = self._off(k)
        slope = self.rho_ppb * (VARIANCE // PPB) + off * VARIANCE // root
        squared = self.sigma_ppb * self.sigma_ppb * VARIANCE * VARIANCE // root * VARIANCE // root
        curvature = self.b_ppb * squared * VARIANCE // (root * PPB**3)
        return Bend(self.at(k), self.b_ppb * slope // PPB, curvature)

    def _off(self, k: int) -> tuple[int, int]:
        """Both k - m, and the root of its square and sigma's."""
        off = k - self.m_ppb * (VARIANCE // PPB)
        sigma = self.sigma_ppb * (VARIANCE // PPB)
        return off, isqrt(off * off + sigma * sigma)


class StrikeSmile(Smile):
    """Volatilities at strikes."""

    def __init__(self, name: str, expiry_ns: int, forward_ticks: int, volatilities: dict[int, int]) -> None:
        """Volatilities in ppb by strike in ticks. Raises ScenarioError for none, or one that is not positive."""
        super().__init__(name, expiry_ns, forward_ticks)
        self.strikes_ticks = sorted(volatilities)
        self.volatilities_ppb = [volatilities[strike] for strike in self.strikes_ticks]
        if not volatilities or min(*self.strikes_ticks, *self.volatilities_ppb, 1) <= 0:
            message = f"surface {name}: it has strikes, and they and their volatilities are positive"
            raise ScenarioError(message)
        self._slopes = _slopes(self.strikes_ticks, self.volatilities_ppb)

    def total_variance(self, strike: int, forward: int, time_ns: int) -> int:
        """Of the volatility that stands at the strike of the same moneyness here."""
        return variance_of(self.volatility_ppb(strike * self.forward_ticks, forward), time_ns)

    def volatility_ppb(self, numerator: int, denominator: int = 1) -> int:
        """At the strike of numerator / denominator ticks, rounded to the nearest."""
        strikes, volatilities = self.strikes_ticks, self.volatilities_ppb
        right = bisect_right(strikes, numerator // denominator)
        if right == 0:
            return volatilities[0]
        if right == len(strikes):
            return volatilities[-1]
        width = (strikes[right] - strikes[right - 1]) * denominator
        past, left = numerator - strikes[right - 1] * denominator, strikes[right] * denominator - numerator
        ends = volatilities[right - 1] * left * left * (left + 3 * past) + volatilities[right] * past * past * (
            past + 3 * left
        )
        leaning = past * left * (self._slopes[right - 1] * left - self._slopes[right] * past)
        return divided((ends * denominator << _SLOPE_PLACES) + width * leaning, width**3 * denominator << _SLOPE_PLACES)


def variance_of(volatility_ppb: int, time_ns: int) -> int:
    """The total variance of a volatility over a time, rounded to the nearest."""
    return divided(volatility_ppb * volatility_ppb * time_ns * VARIANCE, PPB * PPB * YEAR_NS)


def volatility_of(variance: int, time_ns: int) -> int:
    """The volatility in ppb of a total variance over a time that is not 0, rounded to the nearest."""
    return (isqrt(4 * variance * PPB * PPB * YEAR_NS // (VARIANCE * time_ns)) + 1) // 2


def _slopes(strikes: list[int], volatilities: list[int]) -> list[int]:
    """The slope at each strike in ppb a tick, x 2^80: a weighted harmonic mean of the chords', 0 at a turn."""
    widths = [after - before for before, after in pairwise(strikes)]
    rises = [after - before for before, after in pairwise(volatilities)]
    if not widths:
        return [0]
    chords = [(rise << _SLOPE_PLACES) // width for rise, width in zip(rises, widths, strict=True)]
    inner = [
        _mean(*pair) if rise * after > 0 else 0
        for pair, rise, after in zip(
            zip(chords, chords[1:], widths, widths[1:], strict=False), rises, rises[1:], strict=False
        )
    ]
    return [chords[0], *inner, chords[-1]]


def _mean(before: int, after: int, width_before: int, width_after: int) -> int:
    share = width_before + 2 * width_after
    whole = 3 * (width_before + width_after)
    return before * after * whole // (share * after + (whole - share) * before)
