"""European options on a forward by Black's formula, in whole numbers, correctly rounded.

1. With forward F, strike K, volatility s and T years to expiry (Black, "The pricing of commodity contracts", Journal of
   Financial Economics 3, 1976; Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed., 1.1.4):

       v = s sqrt(T),   d1 = ln(F / K) / v + v / 2,   d2 = d1 - v
       call = D (F N(d1) - K N(d2)),   put = D (K N(-d2) - F N(-d1))

   D is the discount factor, one for an option that is margined like a future. At v = 0 the price is the payoff.
2. Units: forward and strike in ticks; volatility in ppb a year, 10^9 being 100%; time in nanoseconds, a year having 365
   days; rates in ppb a year, compounded continuously. Prices are in nanoticks, 10^-9 ticks. An option settled in its
   coin is worth price / F coins: in picocoins, 10^-12 coins.
3. The side that is out of the money is the exact value rounded to the nearest unit. So it is monotone in forward,
   strike, volatility and time, as the exact value is. The other side is that plus D (F - K), rounded likewise: put-call
   parity holds exactly, whatever is asked. In nanoticks without discount D (F - K) is whole, so both sides are
   correctly rounded and monotone; discounted or in coins, the side in the money may be half a unit farther off.
4. A price costs two looks into a table of the normal distribution. The slope of the price by d1 at fixed v is F phi(d1)
   - K phi(d2) = 0, so what ln and the division round off counts by its square. What the tables and v leave is below
   `_SLACK` (F + K) units of 2^-80 ticks; where this reaches a rounding boundary, once in some million prices, the price
   is computed again by `series.py` with more places. So it is where v is below 2^-30, as a microsecond before expiry.
"""

from __future__ import annotations

from math import isqrt
from typing import Literal

from .fixed_point import ONE, divided, exp
from .series import density, logarithm, tail
from .tables import PLACES, ln_of, normal_table

__all__ = [
    "DAY_NS",
    "NANO",
    "PICO",
    "PPB",
    "YEAR_NS",
    "OptionKind",
    "OptionPricer",
    "check_option",
    "deviation_of",
    "discount_factor",
    "price_nanoticks",
    "price_picocoins",
]

OptionKind = Literal["call", "put"]
PPB = 10**9
NANO = 10**9
PICO = 10**12
DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS

_SLACK = 5
"""Units of the last place, for each tick of forward and strike, that no computed price is off: four of N, and 0.4 of
v."""

_QUICK_LEAST = 1 << PLACES - 30
_QUICK_BITS_MOST = 64
_MORE_PLACES = 256
_PLACES_MOST = 4096


def price_nanoticks(
    forward_ticks: int, strike_ticks: int, kind: OptionKind, volatility_ppb: int, time_ns: int, discount: int = ONE
) -> int:
    """What an option is worth in its quote currency. Raises ValueError for what is no option."""
    return OptionPricer(strike_ticks, kind, volatility_ppb, time_ns).price_nanoticks(forward_ticks, discount)


def price_picocoins(
    forward_ticks: int, strike_ticks: int, kind: OptionKind, volatility_ppb: int, time_ns: int, discount: int = ONE
) -> int:
    """What an option that is settled in its coin is worth there: its price over the forward. Raises ValueError."""
    return OptionPricer(strike_ticks, kind, volatility_ppb, time_ns).price_picocoins(forward_ticks, discount)


def discount_factor(rate_ppb: int, time_ns: int) -> int:
    """D = e^(-rate x time), times 10^18, rounded to the nearest; the rate may be negative."""
    return exp(divided(-rate_ppb * time_ns * ONE, PPB * YEAR_NS))


def check_option(strike_ticks: int, volatility_ppb: int, time_ns: int) -> None:
    """Raises ValueError where the strike is not positive, or volatility or time is negative."""
    if strike_ticks <= 0 or volatility_ppb < 0 or time_ns < 0:
        message = "an option has a positive strike, and neither volatility nor time below zero"
        raise ValueError(message)


def deviation_of(volatility_ppb: int, time_ns: int, places: int) -> int:
    """The deviation v = volatility x sqrt(time) of ln F at expiry, x 2^places, rounded down."""
    variance = volatility_ppb * volatility_ppb * time_ns
    return isqrt((variance << 2 * places) // (PPB * PPB * YEAR_NS))


class OptionPricer:
    """One option at one volatility and time: what does not change with the forward is computed once."""

    __slots__ = (
        "_deviation",
        "_half",
        "_is_quick",
        "_ln_strike",
        "_normal",
        "kind",
        "strike_ticks",
        "time_ns",
        "volatility_ppb",
    )

    def __init__(self, strike_ticks: int, kind: OptionKind, volatility_ppb: int, time_ns: int) -> None:
        """Raises ValueError where the strike is not positive, or volatility or time is negative."""
        check_option(strike_ticks, volatility_ppb, time_ns)
        self.strike_ticks, self.kind = strike_ticks, kind
        self.volatility_ppb, self.time_ns = volatility_ppb, time_ns
        self._deviation = deviation_of(volatility_ppb, time_ns, PLACES)
        self._half = self._deviation >> 1
        self._is_quick = self._deviation >= _QUICK_LEAST and strike_ticks.bit_length() <= _QUICK_BITS_MOST
        self._ln_strike = ln_of(strike_ticks) if self._is_quick else 0
        self._normal = normal_table()

    def price_nanoticks(self, forward_ticks: int, discount: int = ONE) -> int:
        """The price in nanoticks. Raises ValueError where the forward is not positive."""
        if discount == ONE:
            return self._rounded(forward_ticks, NANO, 1)
        return self._rounded(forward_ticks, NANO * discount, ONE)

    def price_picocoins(self, forward_ticks: int, discount: int = ONE) -> int:
        """The price over the forward, in picocoins. Raises ValueError where the forward is not positive."""
        if discount == ONE:
            return self._rounded(forward_ticks, PICO, forward_ticks)
        return self._rounded(forward_ticks, PICO * discount, forward_ticks * ONE)

    def payoff_nanoticks(self, settled_ticks: int) -> int:
        """What it pays at expiry, settled at that price."""
        inside = settled_ticks - self.strike_ticks if self.kind == "call" else self.strike_ticks - settled_ticks
        return max(inside, 0) * NANO

    def moments(self, forward_ticks: int) -> tuple[int, int, int, int, int]:
        """The places, and with so many of them v, N(d1), N(d2) and phi(d1); v is not 0."""
        places = PLACES if self._fits(forward_ticks) else _MORE_PLACES
        v = deviation_of(self.volatility_ppb, self.time_ns, places)
        if places == PLACES:
            first = (ln_of(forward_ticks) - self._ln_strike << PLACES) // v + (v >> 1)
            normal = self._normal
            return places, v, normal.distribution(first), normal.distribution(first - v), normal.density(first)
        first = self._first(forward_ticks, v, places)
        bell = density(first, 1 << places, places)
        return places, v, _distribution(first, places), _distribution(first - v, places), bell

    def _rounded(self, forward: int, numerator: int, denominator: int) -> int:
        """The price x numerator / denominator: the side out of the money, and what the other is worth above it."""
        if forward <= 0:
            message = "a forward is positive"
            raise ValueError(message)
        inside = forward - self.strike_ticks if self.kind == "call" else self.strike_ticks - forward
        outer = self._outer_rounded(forward, numerator, denominator)
        return outer + divided(inside * numerator, denominator) if inside > 0 else outer

    def _outer_rounded(self, forward: int, numerator: int, denominator: int) -> int:
        if not self.volatility_ppb or not self.time_ns:
            return 0
        places = PLACES if self._fits(forward) else _MORE_PLACES
        slack = _SLACK * (forward + self.strike_ticks) * numerator
        value = self._outer_quick(forward) if places == PLACES else self._outer(forward, places)
        while True:
            whole = denominator << places
            price, rest = divmod(value * numerator + (whole >> 1), whole)
            if slack <= rest < whole - slack or places > _PLACES_MOST:
                return price
            places = max(2 * places, _MORE_PLACES)
            value = self._outer(forward, places)

    def _outer_quick(self, forward: int) -> int:
        """The side out of the money in 2^-80 ticks, by the tables."""
        v, strike, distribution = self._deviation, self.strike_ticks, self._normal.distribution
        first = (ln_of(forward) - self._ln_strike << PLACES) // v + self._half
        if forward <= strike:
            return forward * distribution(first) - strike * distribution(first - v)
        return strike * distribution(v - first) - forward * distribution(-first)

    def _outer(self, forward: int, places: int) -> int:
        """The side out of the money in 2^-places ticks, by the series; no farther off than `_outer_quick`."""
        v, strike = deviation_of(self.volatility_ppb, self.time_ns, places), self.strike_ticks
        first = self._first(forward, v, places)
        if forward <= strike:
            return forward * _distribution(first, places) - strike * _distribution(first - v, places)
        return strike * _distribution(v - first, places) - forward * _distribution(-first, places)

    def _first(self, forward: int, v: int, places: int) -> int:
        """d1 x 2^places."""
        return (logarithm(forward, self.strike_ticks, places) << places) // v + (v >> 1)

    def _fits(self, forward: int) -> bool:
        return self._is_quick and forward.bit_length() <= _QUICK_BITS_MOST


def _distribution(x: int, places: int) -> int:
    """N(x) by the series, for any x."""
    below = tail(abs(x), 1 << places, places)
    return below if x <= 0 else (1 << places) - below
