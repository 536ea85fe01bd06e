"""Rows in the order of their times, and which row is to blame where they are not.

1. Left out are as few rows as possible. One row with a time of next month is the wrong one, not all the good ones that
   follow it; one that comes late is wrong itself.
2. Where two choices leave out equally many, the rows that stand first in the file are kept, unless they take more than
   twice as long: so a row far ahead is to blame also where only one good row follows it.
3. Rows are looked at `REACH` at a time with `REACH` more behind them, so memory is bounded. What is wrong for longer
   than that passes for right.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Generic, TypeVar

__all__ = ["REACH", "Order"]

REACH = 512
_LONG_TIMES = 2

Key = int | Decimal
Row = TypeVar("Row")
Blame = Callable[[Row, bool], None]
"""Told a row that is left out, and whether it is ahead of the rows below it (else it is behind one above it)."""


class Order(Generic[Row]):
    """Passes on rows whose keys never fall (`strict`: always rise), across all that it is asked for.

    In order it costs 0.2 us a row, out of order O(log `reach`).
    """

    def __init__(
        self, key: Callable[[Row], Key], blame: Blame[Row], *, strict: bool = False, reach: int = REACH
    ) -> None:
        self._key, self._blame, self._strict, self._reach = key, blame, strict, reach
        self._floor: Key | None = None

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are in order; the others are blamed."""
        waiting: list[Row] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == 2 * self._reach:
                yield from self._settled(waiting, self._reach)
                del waiting[: self._reach]
        yield from self._settled(waiting, len(waiting))

    def _settled(self, rows: list[Row], count: int) -> Iterator[Row]:
        """The first `count` of these rows, without those that are to blame."""
        keys = [self._key(row) for row in rows]
        if self._follow(keys):
            if count:
                self._floor = keys[count - 1]
            yield from rows[:count]
            return
        kept = self._kept(keys)
        for place in range(count):
            if place in kept:
                self._floor = keys[place]
                yield rows[place]
            else:
                self._blame(rows[place], not self._is_behind(keys[place]))

    def _follow(self, keys: list[Key]) -> bool:
        if keys and self._is_behind(keys[0]):
            return False
        if self._strict:
            return all(one < other for one, other in pairwise(keys))
        return all(one <= other for one, other in pairwise(keys))

    def _is_behind(self, key: Key) -> bool:
        return self._floor is not None and (key <= self._floor if self._strict else key < self._floor)

    def _kept(self, keys: list[Key]) -> set[int]:
        """The places of a longest run of keys in order, by rule 2 among equals."""
        places = [place for place, key in enumerate(keys) if not self._is_behind(key)]
        able = [keys[place] for place in places]
        first = _longest(able, strict=self._strict)
        last = [len(able) - 1 - place for place in _longest([-key for key in reversed(able)], strict=self._strict)][
            ::-1
        ]
        is_long = bool(first) and able[first[-1]] - able[first[0]] > _LONG_TIMES * (able[last[-1]] - able[last[0]])
        return {places[place] for place in (last if is_long else first)}


def _longest(keys: Sequence[Key], *, strict: bool) -> list[int]:
    """The places of a longest run of keys in order; found from the end, so that of equals the first are kept.

    `begins[n]` is where the best run of n + 1 keys begins: the one that begins with the greatest key.
    """
    greatest: list[Key] = []
    begins: list[int] = []
    after: list[int | None] = [None] * len(keys)
    find = bisect_left if strict else bisect_right
    for place in range(len(keys) - 1, -1, -1):
        length = find(greatest, -keys[place])
        after[place] = begins[length - 1] if length else None
        if length == len(begins):
            greatest.append(-keys[place])
            begins.append(place)
        else:
            greatest[length], begins[length] = -keys[place], place
    run: list[int] = []
    next_place = begins[-1] if begins else None
    while next_place is not None:
        run.append(next_place)
        next_place = after[next_place]
    return run
