"""Shares by weight of few lots among many places, in time proportional to the places that get a share.

The places come by descending weight, so the result of `in_proportion` is found without reading all of them:

1. A place that is due less than a lot is capped only if it cannot give any. So all places that are capped, or are due a
   lot or more, are at the front: as far as weight x lots left reaches the sum of the weights.
2. The remainders of the places behind them are their weights times the lots left, so what is left over goes to the
   first of them, if to any.
3. A place that cannot give a lot is not in the sum of the weights: it is capped in the first pass, and the capping
   order does not change the final set of capped accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from .allocation import largest_remainder
from .ranking import Ranked

__all__ = ["Giving", "leading_shares"]

Giving = tuple[Ranked, int]
"""A place and the lots that it can give at most."""


def leading_shares(lots: int, total: int, places: Iterable[Giving]) -> list[Giving] | None:
    """Shares of `lots` as `in_proportion` has them, above zero and in order; `total` sums the weights of who can give.

    None where those with a weight can give no more than `lots`, which takes all the places to see. Else O(places up to
    the last one that has a share, or until more than `lots` could be given), a pass over the front for each time that
    somebody is capped.
    """
    front = _Front(place for place in places if place[1])
    if not front.exceeds(lots):
        return None
    return front.shares(lots, total)


class _Front:
    """Lazily materialised prefix of the ranking."""

    def __init__(self, places: Iterator[Giving]) -> None:
        self._more = places
        self._found: list[Giving] = []

    def exceeds(self, lots: int) -> bool:
        """Whether those with a weight can give more than `lots`."""
        could = 0
        for given in self._more:
            self._found.append(given)
            could += given[1]
            if not given[0].score:
                return False
            if could > lots:
                return True
        return False

    def _reach(self, count: int) -> bool:
        """Whether there are so many places."""
        missing = count - len(self._found)
        if missing > 0:
            self._found += islice(self._more, missing)
        return len(self._found) >= count

    def shares(self, left: int, total: int) -> list[Giving]:
        """Cap whoever would pass its cap until nobody does, then share out among the rest; their caps exceed `left`."""
        found, shares, still, reached = self._found, dict[int, int](), list[int](), 0
        while True:
            while self._reach(reached + 1) and found[reached][0].score * left >= total:
                still.append(reached)
                reached += 1
            capped = [place for place in still if found[place][0].score * left >= found[place][1] * total]
            if not capped:
                break
            for place in capped:
                shares[place] = found[place][1]
                left -= found[place][1]
                total -= found[place][0].score
            still = [place for place in still if place not in shares]
        self._round(shares, left, total, still, reached)
        return [(found[place][0], shares[place]) for place in sorted(shares)]

    def _round(self, shares: dict[int, int], left: int, total: int, still: list[int], reached: int) -> None:
        """Share out by largest remainder among those who are due a lot, and the first behind them, who are due less."""
        over = left - sum(left * self._found[place][0].score // total for place in still)
        self._reach(reached + over)
        places = [*still, *range(reached, min(reached + over, len(self._found)))]
        given = largest_remainder(left, [self._found[place][0].score for place in places], total)
        shares.update((place, lots) for place, lots in zip(places, given, strict=True) if lots)
