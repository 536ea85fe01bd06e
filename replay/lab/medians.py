"""Medians with 90% intervals, by order statistics.

Of n values, sorted, the interval goes from the k-th lowest to the k-th highest, k being the largest for which it holds
the median of what the values were drawn from with a probability of at least 90%, whatever their distribution:
1 - 2 P(Binomial(n, 1/2) < k). Fewer than five values have no such interval. Exact; the median of an even number is the
mean of the middle two.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import comb
from typing import NamedTuple

__all__ = ["Spread", "interval_place", "spread"]

_LEAST = Fraction(9, 10)


class Spread(NamedTuple):
    """The median of `count` values and the ends of its interval; None where there is none."""

    seeds: int
    median: Fraction | None
    low: Fraction | None
    high: Fraction | None


def interval_place(count: int) -> tuple[int, Fraction]:
    """(k, the probability that the interval holds the median) for so many values; (0, 0) where there is none."""
    place, held = 0, Fraction(0)
    tail = 0
    for k in range(1, count // 2 + 1):
        tail += comb(count, k - 1)
        probability = 1 - Fraction(2 * tail, 2**count)
        if probability < _LEAST:
            break
        place, held = k, probability
    return place, held


def spread(values: Iterable[Fraction]) -> Spread:
    """The median and its interval; O(n log n)."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return Spread(0, None, None, None)
    median = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    place, _ = interval_place(count)
    if not place:
        return Spread(count, median, None, None)
    return Spread(count, median, ordered[place - 1], ordered[count - place])
