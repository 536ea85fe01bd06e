"""How marks have moved over the last readings: realised volatility, and how alike the instruments move.

Each reading adds the return of every mark since the one before, r = (p - p') 10^9 / p' in whole billionths.

- volatility = sqrt(sum(r^2)) over the short window, in parts per million: what it came to, not a yearly rate;
- correlation of two instruments = sum(r s) / sqrt(sum(r^2) sum(s^2)) over a window, in parts per million; the figure is
  the mean over all pairs that moved at all, None without one. Its *rise* is the short window's less the long one's.

Means of returns are taken for zero, as is usual over seconds. Whole numbers; square roots and quotients rounded down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import combinations
from math import isqrt
from typing import NamedTuple

__all__ = ["LONG_READINGS", "SHORT_READINGS", "Movement", "Moves"]

SHORT_READINGS, LONG_READINGS = 12, 60
"""Two minutes and ten, where there is a reading every ten seconds."""

_PPB, _PPM, _PPB_A_PPM = 10**9, 10**6, 10**3


class Movement(NamedTuple):
    """In parts per million; volatility by instrument, of those that have a mark."""

    volatility_ppm: dict[int, int]
    correlation_ppm: int | None
    correlation_rise_ppm: int | None


class Moves:
    """The returns of the last readings."""

    def __init__(self) -> None:
        self._marks: list[int] = []
        self._returns: deque[list[int]] = deque(maxlen=LONG_READINGS)

    def add(self, marks_ticks: Sequence[int]) -> None:
        """The marks of a reading by instrument, 0 where there is none; what was listed since has not moved yet."""
        before = [*self._marks, *(0 for _ in range(len(marks_ticks) - len(self._marks)))]
        if self._marks:
            self._returns.append([_return(was, now) for was, now in zip(before, marks_ticks, strict=True)])
        self._marks = list(marks_ticks)

    def movement(self) -> Movement:
        """O(instruments squared x the long window)."""
        rows = list(self._returns)
        short = rows[-SHORT_READINGS:]
        near, far = _correlation(short), _correlation(rows)
        rise = None if near is None or far is None else near - far
        told = [number for number, ticks in enumerate(self._marks) if ticks]
        volatility = {one: isqrt(sum(_at(row, one) ** 2 for row in short)) // _PPB_A_PPM for one in told}
        return Movement(volatility, near, rise)


def _return(was: int, now: int) -> int:
    return (now - was) * _PPB // was if was and now else 0


def _at(row: list[int], instrument: int) -> int:
    return row[instrument] if instrument < len(row) else 0


def _correlation(rows: list[list[int]]) -> int | None:
    width = len(rows[-1]) if rows else 0
    columns = [[_at(row, one) for row in rows] for one in range(width)]
    moving = [column for column in columns if any(column)]
    pairs = [_alike_ppm(one, other) for one, other in combinations(moving, 2)]
    return sum(pairs) // len(pairs) if pairs else None


def _alike_ppm(one: list[int], other: list[int]) -> int:
    both = sum(a * b for a, b in zip(one, other, strict=True))
    return both * _PPM // isqrt(sum(a * a for a in one) * sum(b * b for b in other))
