"""Many options over many scenarios at once: Black's formula on columns of 64-bit whole numbers.

1. A scenario moves the forward by some bps and the volatility by some bps of itself. Forward and strike are held in
   10^-4 ticks, so a moved forward is exact; prices are whole microticks, 10^-6 ticks, rounded down.
2. Every step is an addition, product or shift of int64 that cannot overflow, so a grid has the same numbers on every
   machine; how numpy orders its work changes nothing. There is no float.
3. A price is at most 10^-12 of the greater of forward and strike, and 1.01 microticks, from the exact value: one that
   it is rounded down by, and 100 x 2^-14 for the eight places that are dropped before. With x, v, d1, d2 at 44 binary
   places: N is c0 + t (c1 + t c2) around the nearest of the points i / 4096, |t| <= 2^-13. Left out is
   phi''(x) / 6 t^3 <= 0.4 / 6 x 2^-39 = 1.3 x 10^-13; c1 and the product with c2, 32 places each, add 2 x 2^-33 x
   2^-13, c0 and the last product 2 x 2^-45, v rounded down 0.4 x 2^-44: 2.3 x 10^-13 of the forward and as much of the
   strike. What ln and the reciprocal of v round off in d1 counts by its square (`black76.py`, rule 4): it takes less
   than 2^-45.
4. What does not change with the forward - logarithms of strikes and moves, v of each option and volatility move and its
   reciprocal - is computed when the grid is made. `benchmarks/options.py` measures both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from .black76 import OptionKind, check_option, deviation_of
from .tables import PLACES as TABLE_PLACES
from .tables import ln_of, normal_table

__all__ = ["BPS", "TICKS_MOST", "GridOption", "PriceGrid"]

BPS = 10_000
TICKS_MOST = 2**39 // BPS
"""No strike and no moved forward is more, 54,975,581 ticks: beyond, a product could leave 64 bits."""

PLACES = 44
_MASK = (1 << PLACES // 2) - 1
_STEP = PLACES - 12
_HALF_STEP = 1 << _STEP - 1
_REACH = 21 * 4096 // 2
_FARTHEST = 10 << PLACES
"""Where N is 0 or 1 to within 2^-76."""

_DEVIATION_MOST = 1 << PLACES + 10
"""From 42 on all of it is the same: a call is worth the forward, a put the strike."""

_SLOPE_PLACES = 32
_BITS = 31
_MICROTICKS = 100
"""In 10^-4 ticks."""

Column = NDArray[np.int64]
Row = tuple[int, int, int, int, int, int, int]


class GridOption(msgspec.Struct, frozen=True):
    """One option, in the units of `black76.py`."""

    kind: OptionKind
    strike_ticks: int
    volatility_ppb: int
    time_ns: int

    def __post_init__(self) -> None:
        """Refuse what is no option."""
        check_option(self.strike_ticks, self.volatility_ppb, self.time_ns)


class PriceGrid:
    """Prices of some options where the forward and their volatilities move."""

    def __init__(
        self, options: Sequence[GridOption], forward_moves_bps: Sequence[int], volatility_moves_bps: Sequence[int]
    ) -> None:
        """Raises ValueError for a strike above `TICKS_MOST`, or a move of -100% and less."""
        if min((*forward_moves_bps, *volatility_moves_bps), default=0) <= -BPS:
            message = "a move leaves something of what it moves"
            raise ValueError(message)
        if max((option.strike_ticks for option in options), default=0) > TICKS_MOST:
            message = f"a strike is above {TICKS_MOST} ticks"
            raise ValueError(message)
        self._shape = (len(options), len(volatility_moves_bps), len(forward_moves_bps))
        self._moves = np.array([BPS + move for move in forward_moves_bps], np.int64)
        self._move_most = max(forward_moves_bps, default=0)
        self._ln_moves = np.array([_ln(BPS + move) - _ln(BPS) for move in forward_moves_bps], np.int64)
        rows = [row for option in options for row in _rows(option, volatility_moves_bps)]
        columns = np.array(rows, np.int64).reshape(-1, 7, 1).transpose(1, 0, 2)
        self._strikes, self._puts, self._ln_strikes, self._v, self._coarser, self._reciprocals, self._shifts = columns
        self._points = _points()

    def prices_microticks(self, forward_ticks: int) -> Column:
        """The prices, by option, volatility move and forward move. Raises ValueError beyond `TICKS_MOST`."""
        if not 0 < forward_ticks * (BPS + self._move_most) <= TICKS_MOST * BPS:
            message = f"a forward is positive and, moved, at most {TICKS_MOST} ticks"
            raise ValueError(message)
        forwards = self._moves * forward_ticks
        x = self._ln_moves + _ln(forward_ticks) - self._ln_strikes
        reach = 11 * self._v
        np.clip(x, -reach, reach, out=x)
        x >>= self._coarser
        x *= self._reciprocals
        x >>= self._shifts
        x += self._v >> 1
        first = self._times_distribution(x, forwards)
        x -= self._v
        first -= self._times_distribution(x, self._strikes)
        first += self._puts * (self._strikes - forwards << PLACES // 2)
        first >>= 8
        first *= _MICROTICKS
        first >>= PLACES // 2 - 8
        np.maximum(first, 0, out=first)
        return first.reshape(self._shape)

    def _times_distribution(self, d: Column, amounts: Column) -> Column:
        """Amounts x N(d), with 22 binary places."""
        values, slopes, curves = self._points
        t = np.clip(d, -_FARTHEST, _FARTHEST)
        index = t + _HALF_STEP
        index >>= _STEP
        t -= index << _STEP
        index += _REACH
        n = curves.take(index)
        n *= t
        n >>= PLACES
        n += slopes.take(index)
        n *= t
        n >>= _SLOPE_PLACES
        n += values.take(index)
        low = n & _MASK
        low *= amounts
        low >>= PLACES // 2
        n >>= PLACES // 2
        n *= amounts
        n += low
        return n


def _rows(option: GridOption, moves_bps: Sequence[int]) -> Iterator[Row]:
    """What each row of an option needs: strike, put or not, ln of the strike, v, and how x is divided by v.

    x / v, both with 44 places, is (x >> coarser) x reciprocal >> shift; x is at most 11 v, so with `_BITS` bits left of
    it the product has 62.
    """
    deviation = deviation_of(option.volatility_ppb, option.time_ns, TABLE_PLACES)
    strike, is_put, ln_strike = option.strike_ticks * BPS, option.kind == "put", _ln(option.strike_ticks)
    for move in moves_bps:
        v = min(max((deviation * (BPS + move) // BPS) >> TABLE_PLACES - PLACES, 1), _DEVIATION_MOST)
        coarser = max((11 * v).bit_length() - _BITS, 0)
        shift = max(v.bit_length() + _BITS - 1 - coarser - PLACES, 0)
        yield strike, is_put, ln_strike, v, coarser, (1 << PLACES + coarser + shift) // v, shift


def _ln(number: int) -> int:
    return ln_of(number) >> TABLE_PLACES - PLACES


@cache
def _points() -> tuple[Column, Column, Column]:
    """N at the points i / 4096, its slope, and half its curvature, by the finer table; 2 MB, made once."""
    normal, finer = normal_table(), TABLE_PLACES - _SLOPE_PLACES
    points = [index << TABLE_PLACES - 12 for index in range(_REACH + 1)]
    bells = [normal.density(point) for point in points]
    above = [_nearest(normal.distribution(point), TABLE_PLACES - PLACES) for point in points]
    slopes = [_nearest(bell, finer) for bell in bells]
    curves = [_nearest(point * bell >> TABLE_PLACES + 1, finer) for point, bell in zip(points, bells, strict=True)]
    values = np.array(above, np.int64)
    return (
        np.concatenate([(1 << PLACES) - values[:0:-1], values]),
        np.array(slopes[:0:-1] + slopes, np.int64),
        np.array(curves[:0:-1] + [-curve for curve in curves], np.int64),
    )


def _nearest(value: int, places: int) -> int:
    """A value with so many places less, rounded to the nearest."""
    return value + (1 << places - 1) >> places
