"""The volatility that a price implies, by bracketing in whole numbers.

Since prices are correctly rounded they never fall as volatility rises, so the answer is well defined: the least whole
number of ppb at which Black's formula gives the price or more. It is found within a bracket that always holds it, by
the rule of false position with the far end's error halved (the Illinois method: Dowell & Jarratt, BIT 11, 1971), and at
every third step by halving, so that the bracket closes however flat the price is.
"""

from __future__ import annotations

from collections.abc import Callable

from .black76 import NANO, OptionKind, OptionPricer
from .fixed_point import ONE

__all__ = ["VOLATILITY_MOST_PPB", "implied_volatility_ppb"]

VOLATILITY_MOST_PPB = 10**12
"""1000 times the forward a year."""

_FIRST_PPB = NANO
_HALVE_EVERY = 3


def implied_volatility_ppb(
    price_nanoticks: int, forward_ticks: int, strike_ticks: int, kind: OptionKind, time_ns: int, discount: int = ONE
) -> int:
    """The least volatility at which the option is worth this price or more.

    Raises ValueError where none is: below what the option pays at this forward at once, discounted, or above what it is
    worth at `VOLATILITY_MOST_PPB`.
    """

    def excess(volatility_ppb: int) -> int:
        pricer = OptionPricer(strike_ticks, kind, volatility_ppb, time_ns)
        return pricer.price_nanoticks(forward_ticks, discount) - price_nanoticks

    least = excess(0)
    if least > 0:
        message = f"a {kind} at {price_nanoticks} nanoticks is below its intrinsic value by {least}"
        raise ValueError(message)
    if least == 0:
        return 0
    low, high = _bracket(excess)
    if excess(high) < 0:
        message = f"no volatility up to {VOLATILITY_MOST_PPB} ppb gives a {kind} a price of {price_nanoticks} nanoticks"
        raise ValueError(message)
    return _closed(excess, low, high)


def _bracket(excess: Callable[[int], int]) -> tuple[int, int]:
    """Two volatilities, a factor of two apart or at an end of all, between which the excess becomes positive."""
    high = _FIRST_PPB
    while excess(high) < 0 and high < VOLATILITY_MOST_PPB:
        high = min(2 * high, VOLATILITY_MOST_PPB)
    low = high // 2
    while low and excess(low) >= 0:
        low, high = low // 2, low
    return low, high


def _closed(excess: Callable[[int], int], low: int, high: int) -> int:
    """The least volatility of no negative excess; it is above `low`, and `high` has none."""
    below, above = excess(low), excess(high)
    step, side = 0, 0
    while high - low > 1:
        step += 1
        guess = (low + high) // 2
        if step % _HALVE_EVERY and above > below:
            guess = min(max(low - below * (high - low) // (above - below), low + 1), high - 1)
        found = excess(guess)
        if found < 0:
            above = above // 2 if side < 0 else above
            low, below, side = guess, found, -1
        else:
            below = below // 2 if side > 0 else below
            high, above, side = guess, found, 1
    return high
