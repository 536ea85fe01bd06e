"""ln and the normal distribution to 80 binary places from tables: two microseconds a value, with a proven bound.

1. `PLACES` = 80: a number is held times 2^80. Every value is at most `SLACK` units, 4 x 2^-80 = 3.4e-24, from exact.
2. The normal distribution is a Taylor polynomial of degree 7 around the nearest of the points i / 256. At most 2^-9
   from that point, what it leaves out is below max|phi^(7)| / 8! x 2^-72 < 15 / 40320 x 2^-72 < 2^-83: an eighth of a
   unit. Its eight coefficients, each half a unit off, and seven products that round down make less than three units
   more. Beyond 10.5 there is less than 2^-83 left, and the value is 0 or 1.
3. The logarithm of a whole number takes off its power of two, multiplies by one of 1024 reciprocals, whose logarithms
   are in the table, and ends with eight terms of ln(1 + u), |u| < 2^-10; what is left out is below 2^-90 / 9.

The tables are computed once, by `series.py`, when somebody first asks; that takes about a tenth of a second.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import factorial

from .series import density, logarithm, tail

__all__ = ["PLACES", "SLACK", "UNIT", "LogarithmTable", "NormalTable", "ln_of", "normal_table"]

PLACES = 80
UNIT = 1 << PLACES
SLACK = 4
"""No value of a table here is farther from the exact one than so many units of 2^-80."""

_POINTS_PER_ONE = 256
_STEP = PLACES - 8
_HALF_STEP = 1 << _STEP - 1
_REACH = 21 * _POINTS_PER_ONE // 2
_DEGREE = 7
_MORE = 64

_RECIPROCAL_BITS = 10
_RECIPROCALS = 1 << _RECIPROCAL_BITS
_TERMS = tuple(UNIT // count for count in range(2, 9))

_NUMBERS_MOST = 4096

Row = tuple[int, int, int, int, int, int, int, int]


class NormalTable:
    """The normal distribution function of any whole number of units, and its density."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        below = [_row(-index) for index in range(_REACH, 0, -1)]
        above = [_reflected(row) for row in reversed(below)]
        self._rows = (*below, _row(0), *above)

    def distribution(self, x: int) -> int:
        """N(x), in units."""
        index = x + _HALF_STEP >> _STEP
        if index < -_REACH:
            return 0
        if index > _REACH:
            return UNIT
        t = x - (index << _STEP)
        n0, n1, n2, n3, n4, n5, n6, n7 = self._rows[index + _REACH]
        inner = n4 + (t * (n5 + (t * (n6 + (t * n7 >> PLACES)) >> PLACES)) >> PLACES)
        return n0 + (t * (n1 + (t * (n2 + (t * (n3 + (t * inner >> PLACES)) >> PLACES)) >> PLACES)) >> PLACES)

    def density(self, x: int) -> int:
        """phi(x), in units, with an error below 2^-70: the derivative of the polynomial."""
        index = x + _HALF_STEP >> _STEP
        if abs(index) > _REACH:
            return 0
        t = x - (index << _STEP)
        _, n1, n2, n3, n4, n5, n6, n7 = self._rows[index + _REACH]
        inner = 4 * n4 + (t * (5 * n5 + (t * (6 * n6 + (t * 7 * n7 >> PLACES)) >> PLACES)) >> PLACES)
        return n1 + (t * (2 * n2 + (t * (3 * n3 + (t * inner >> PLACES)) >> PLACES)) >> PLACES)


@cache
def normal_table() -> NormalTable:
    """The one table of the normal distribution."""
    return NormalTable()


@cache
def _logarithm_table() -> LogarithmTable:
    return LogarithmTable()


@lru_cache(maxsize=_NUMBERS_MOST)
def ln_of(number: int) -> int:
    """ln(number) by the one table of logarithms; the forward of an instant is asked for by each option on it."""
    return _logarithm_table().ln(number)


class LogarithmTable:
    """The logarithm of any positive whole number."""

    __slots__ = ("_ln_two", "_rows")

    def __init__(self) -> None:
        self._ln_two = logarithm(2, 1, PLACES + _MORE)
        middles = (2 * _RECIPROCALS + 2 * index + 1 for index in range(_RECIPROCALS))
        reciprocals = [(UNIT * 2 * _RECIPROCALS + middle // 2) // middle for middle in middles]
        self._rows = tuple((reciprocal, logarithm(UNIT, reciprocal, PLACES)) for reciprocal in reciprocals)

    def ln(self, number: int) -> int:
        """The logarithm in units; the number is a positive whole one, below 2^64 for the bound to hold."""
        exponent = number.bit_length() - 1
        cut = exponent - _RECIPROCAL_BITS
        reciprocal, above = self._rows[(number >> cut if cut >= 0 else number << -cut) - _RECIPROCALS]
        u = (number * reciprocal >> exponent) - UNIT
        t2, t3, t4, t5, t6, t7, t8 = _TERMS
        inner = t4 - (u * (t5 - (u * (t6 - (u * (t7 - (u * t8 >> PLACES)) >> PLACES)) >> PLACES)) >> PLACES)
        rest = u - (u * (u * (t2 - (u * (t3 - (u * inner >> PLACES)) >> PLACES)) >> PLACES) >> PLACES)
        return (exponent * self._ln_two >> _MORE) + above + rest


def _row(index: int) -> Row:
    """N and its derivatives at index / 256, over their factorials; the index is not positive.

    The derivative of order n + 1 is (-1)^n He_n(x) phi(x), with the Hermite polynomials of 26.2.31 of Abramowitz &
    Stegun; at a fraction of 256 these are whole numbers over a power of 256.
    """
    bell = density(index, _POINTS_PER_ONE, PLACES + _MORE)
    row = [tail(-index, _POINTS_PER_ONE, PLACES + _MORE) + (1 << _MORE - 1) >> _MORE]
    before, hermite = 0, 1
    for order in range(_DEGREE):
        divisor = factorial(order + 1) * _POINTS_PER_ONE**order << _MORE
        row.append(((-1) ** order * hermite * bell + divisor // 2) // divisor)
        before, hermite = hermite, index * hermite - order * _POINTS_PER_ONE**2 * before
    n0, n1, n2, n3, n4, n5, n6, n7 = row
    return n0, n1, n2, n3, n4, n5, n6, n7


def _reflected(row: Row) -> Row:
    """The row of -x from that of x: N(-x + t) = 1 - N(x - t)."""
    n0, n1, n2, n3, n4, n5, n6, n7 = row
    return UNIT - n0, n1, -n2, n3, -n4, n5, -n6, n7
