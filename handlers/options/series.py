"""exp, ln, pi and the normal distribution to any number of binary places: slow, and surely near enough.

Each function takes its argument as a fraction of two whole numbers and returns the value times 2^places, at most
`SLACK` units of 2^-places from the exact value, for every argument. Inside it computes with so many places more that
what each step rounds off cannot add up to a unit; the formulas are those of Abramowitz & Stegun, "Handbook of
Mathematical Functions" (1964), as cited at each.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

__all__ = ["SLACK", "circle", "density", "exponential", "logarithm", "tail"]

SLACK = 2
"""No value here is farther from the exact one than so many units of its last place."""

_GUARD = 40
_HALVINGS = 8
_CONSTANTS = 64
_STEP = 64


def exponential(numerator: int, denominator: int, places: int) -> int:
    """e^(numerator / denominator) x 2^places; 4.2.1 of the handbook, after k ln 2 is taken off and 2^8 divided out.

    Below 2^-places it is 0. The larger the value, the more it costs: its whole part has all its digits.
    """
    if numerator < 0 and -numerator > places * denominator:
        return 0
    inner = places + max(3 * numerator // (2 * denominator), 0) + _GUARD
    doublings, rest = divmod((numerator << inner) // denominator, _ln_two(inner))
    rest >>= _HALVINGS
    total = term = 1 << inner
    count = 0
    while term:
        count += 1
        term = (term * rest >> inner) // count
        total += term
    for _ in range(_HALVINGS):
        total = total * total >> inner
    return total >> inner - places - doublings


def logarithm(numerator: int, denominator: int, places: int) -> int:
    """ln(numerator / denominator) x 2^places, both positive; 4.1.27 of the handbook, after 2^k is divided out."""
    inner = places + _GUARD
    doublings = numerator.bit_length() - denominator.bit_length()
    if doublings >= 0:
        denominator <<= doublings
    else:
        numerator <<= -doublings
    ratio = (abs(numerator - denominator) << inner) // (numerator + denominator)
    mantissa = 2 * _inverse_tangent(ratio, inner, 1)
    mantissa = mantissa if numerator >= denominator else -mantissa
    return mantissa + (doublings * _ln_two(inner) if doublings else 0) >> _GUARD


def circle(places: int) -> int:
    """The number pi x 2^places, by Machin's formula, pi = 16 arctan(1/5) - 4 arctan(1/239); 4.4.64 of the handbook."""
    return _circle(places + -places % _STEP) >> -places % _STEP


def density(numerator: int, denominator: int, places: int) -> int:
    """phi(x) x 2^places, x = numerator / denominator: e^(-x^2 / 2) / sqrt(2 pi); 26.2.1 of the handbook."""
    inner = places + _GUARD
    bell = exponential(-numerator * numerator, 2 * denominator * denominator, inner)
    return bell * isqrt((1 << 3 * inner) // (2 * circle(inner))) >> inner + _GUARD


def tail(numerator: int, denominator: int, places: int) -> int:
    """N(-x) x 2^places, x = numerator / denominator not negative: what the normal distribution has below -x.

    1/2 - phi(x) (x + x^3 / 3 + x^5 / 15 + ...), 26.2.11 of the handbook. All terms are positive, so nothing is lost but
    in the difference at the end, for which there are x^2 / 2 x log2(e) places more. Where even phi(x) is below
    2^-places it is 0.
    """
    square = numerator * numerator // (denominator * denominator)
    if square > 2 * places + _STEP:
        return 0
    inner = places + square + _GUARD
    argument = (numerator << inner) // denominator
    squared = argument * argument >> inner
    total, term, count = 0, argument, 1
    while term:
        total += term
        count += 2
        term = (term * squared >> inner) // count
    return (1 << inner - 1) - (density(numerator, denominator, inner) * total >> inner) >> inner - places


def _inverse_tangent(ratio: int, places: int, sign: int) -> int:
    """The artanh (sign 1) or arctan (sign -1) of a ratio from 0 to 1/2; 4.6.33 and 4.4.42 of the handbook."""
    squared = ratio * ratio >> places
    total, power, count, turn = 0, ratio, 1, 1
    while power:
        total += turn * (power // count)
        power, count, turn = power * squared >> places, count + 2, turn * sign
    return total


def _ln_two(places: int) -> int:
    """The constant ln 2 x 2^places: 2 artanh(1/3)."""
    return _ln_two_stepped(places + -places % _STEP) >> -places % _STEP


@lru_cache(maxsize=_CONSTANTS)
def _ln_two_stepped(places: int) -> int:
    inner = places + _GUARD
    return 2 * _inverse_tangent((1 << inner) // 3, inner, 1) >> _GUARD


@lru_cache(maxsize=_CONSTANTS)
def _circle(places: int) -> int:
    inner = places + _GUARD
    return (
        16 * _inverse_tangent((1 << inner) // 5, inner, -1) - 4 * _inverse_tangent((1 << inner) // 239, inner, -1)
        >> _GUARD
    )
