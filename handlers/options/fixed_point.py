"""exp, ln, sqrt and the normal distribution in whole numbers, each correctly rounded.

1. A number x is held as a whole number of units: x times a scale, which is `ONE` = 10^18 unless a caller says
   otherwise. Argument and result have one scale.
2. The result is the exact value rounded to the nearest unit: never half a unit off, for any argument and any scale. So
   each function is monotone where the exact one is, and another program that computes rightly has the same number.
3. It is found by computing with more and more binary places until rounding is sure (Ziv, "Fast evaluation of elementary
   mathematical functions with correctly rounded last bit", ACM TOMS 17, 1991). That ends: but for the arguments that
   are answered first, the exact values are transcendental and lie on no boundary.
4. In a tail the error stays half a unit. Whoever needs a relative error of r there asks with a scale of
   1 / (2 r value) or more.

Nothing here is a float, nor depends on a context. A call costs 10 to 60 us: `tables.py` is for what must be quick.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

from .series import SLACK, density, exponential, logarithm, tail

__all__ = [
    "ONE",
    "divided",
    "exp",
    "ln",
    "nearest",
    "normal_density",
    "normal_distribution",
    "sqrt",
]

ONE = 10**18
"""What stands for one, unless a caller says otherwise."""

_GUARD = 32


def exp(x: int, scale: int = ONE) -> int:
    """e^x, from 0 up; the whole part has all its digits, so a large x costs much."""
    if x == 0:
        return scale
    return nearest(lambda places: exponential(x, scale, places), scale)


def ln(x: int, scale: int = ONE) -> int:
    """The natural logarithm of x. Raises ValueError where x is not positive."""
    if x <= 0:
        message = "a logarithm is of a positive number"
        raise ValueError(message)
    if x == scale:
        return 0
    return nearest(lambda places: logarithm(x, scale, places), scale)


def sqrt(x: int, scale: int = ONE) -> int:
    """The square root of x. Raises ValueError where x is negative."""
    return (isqrt(4 * x * scale) + 1) // 2


def normal_density(x: int, scale: int = ONE) -> int:
    """phi(x) = e^(-x^2 / 2) / sqrt(2 pi)."""
    return nearest(lambda places: density(x, scale, places), scale)


def normal_distribution(x: int, scale: int = ONE) -> int:
    """N(x), the share of the standard normal distribution below x: erfc(-x / sqrt 2) / 2. N(x) + N(-x) is one."""
    if x > 0:
        return scale - normal_distribution(-x, scale)
    if x == 0:
        return divided(scale, 2)
    return nearest(lambda places: tail(-x, scale, places), scale)


def divided(numerator: int, denominator: int) -> int:
    """A quotient rounded to the nearest whole number, a half up; the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def nearest(value: Callable[[int], int], scale: int) -> int:
    """Value x scale, rounded to the nearest; `value(places)` is x 2^places, at most `SLACK` units off."""
    places = scale.bit_length() + _GUARD
    while True:
        found = value(places)
        low = divided((found - SLACK) * scale, 1 << places)
        if low == divided((found + SLACK) * scale, 1 << places):
            return low
        places *= 2
