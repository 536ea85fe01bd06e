"""How far a published formula explains an order that really happened: three measures, all in whole numbers.

1. `longest_run`: the longest run of fills, in the order that happened and not necessarily next to each other, whose
   scores never rise. All of them would be the formula's own order; an order drawn by lot has about `run_by_lot`.
2. `Pairs`: of all pairs of fills, in how many the one that came first has the higher score, and in how many the lower
   one; equal scores are neither. (agreeing - differing) / all is Kendall's rank correlation, an exact fraction.
   `beyond_chance` says whether it is more than two standard deviations from that of an order drawn by lot.
3. `same_place`: how many stand at exactly the place at which they were taken.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ...sim.units import CONTEXT

__all__ = ["Pairs", "longest_run", "pairs_of", "run_by_lot", "same_place"]

_DEVIATIONS = 2
_RUN_SLOPE = Decimal("1.7711")


class Pairs(NamedTuple):
    """Pairs of so many fills: scores in the order that happened, against it, and all."""

    fills: int
    agreeing: int
    differing: int
    total: int

    @property
    def correlation(self) -> Fraction:
        """From -1 (the reverse) to 1 (the same order); 0 where there is no pair."""
        return Fraction(self.agreeing - self.differing, self.total) if self.total else Fraction(0)

    @property
    def beyond_chance(self) -> bool:
        """Whether an order drawn by lot would seldom come as close: the variance of the difference is exact."""
        variance = Fraction(self.fills * (self.fills - 1) * (2 * self.fills + 5), 18)
        return (self.agreeing - self.differing) ** 2 > _DEVIATIONS**2 * variance


def longest_run(scores: Sequence[int]) -> int:
    """The length of the longest subsequence that never rises; O(n log n)."""
    tails: list[int] = []
    for score in scores:
        place = bisect_right(tails, -score)
        tails[place : place + 1] = [-score]
    return len(tails)


def run_by_lot(count: int) -> int:
    """What the longest run of so many is on the average if they are drawn by lot: 2 n^(1/2) - 1.7711 n^(1/6)."""
    number = Decimal(count)
    sixth = CONTEXT.power(number, CONTEXT.divide(Decimal(1), Decimal(6)))
    return int(CONTEXT.subtract(2 * CONTEXT.sqrt(number), _RUN_SLOPE * sixth).to_integral_value()) if count else 0


def pairs_of(scores: Sequence[int]) -> Pairs:
    """Every pair compared; O(n^2)."""
    agreeing = differing = 0
    for place, score in enumerate(scores):
        for later in scores[place + 1 :]:
            agreeing += score > later
            differing += score < later
    count = len(scores)
    return Pairs(count, agreeing, differing, count * (count - 1) // 2)


def same_place(realised: Sequence[int], ranked: Sequence[int]) -> int:
    """How many accounts stand at the same place in both orders."""
    return sum(one == other for one, other in zip(realised, ranked, strict=False))
