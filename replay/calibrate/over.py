"""One figure of many seeds: its estimate, and the interval that it lies in with 90%, by order statistics.

1. Of n values, sorted, the quantile p is estimated by the ceil(p x n)-th lowest: at least a share p of the values is
   not above it. It is said only where at least one value lies above it, and it is itself one of them:
   1/n <= p <= 1 - 1/n. So eight seeds support quantiles up to 0.875, and 0.999 needs a thousand.
2. Its interval goes from the k-th to the m-th lowest: k is the largest with P(Binomial(n, p) < k) <= 5%, m the
   smallest with P(Binomial(n, p) >= m) <= 5%, whatever the distribution of the values. An end for which there are too
   few values is open. For p = 1/2 that is the interval of `replay/lab/scores.py`, whose median (the mean of the middle
   two) is used.
3. A mean, a highest and a lowest value have no interval: nothing is assumed of the distribution they are drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import ceil, comb
from typing import NamedTuple

from ..lab.scores import spread

__all__ = ["OVERS", "Estimate", "Over", "check_support", "estimated", "parse_over", "quantile_places"]

OVERS = ("median", "mean", "highest", "lowest", "quantile:P")
_QUANTILE = "quantile:"
_TAIL = Fraction(1, 20)


class Over(NamedTuple):
    """How the values of seeds become one; `probability` of a quantile."""

    kind: str
    probability: Fraction | None = None


class Estimate(NamedTuple):
    """The figure, and the ends of its interval; None where there is none."""

    value: Fraction | None
    low: Fraction | None = None
    high: Fraction | None = None


def parse_over(text: str) -> Over:
    """`median`, `mean`, `highest`, `lowest` or `quantile:0.999`. Raises ValueError."""
    if text in OVERS[:-1]:
        return Over(text)
    try:
        probability = Decimal(text.removeprefix(_QUANTILE)) if text.startswith(_QUANTILE) else None
    except InvalidOperation:
        probability = None
    if probability is None or not probability.is_finite() or not 0 < probability < 1:
        message = f"{text!r} is none of {', '.join(OVERS)}, with P between 0 and 1 such as 0.999"
        raise ValueError(message)
    return Over("quantile", Fraction(probability))


def check_support(text: str, seeds: int, where: str) -> None:
    """Refuse a quantile that so many seeds do not support, by rule 1. Raises ValueError."""
    probability = parse_over(text).probability
    if probability is None:
        return
    needed = ceil(1 / min(probability, 1 - probability))
    if seeds < needed:
        supported = f"support quantiles up to {float(1 - Fraction(1, seeds)):.6g}" if seeds > 1 else "support none"
        message = (
            f"{text} needs {needed:,} seeds, and the {seeds:,} of {where} {supported}; give more, or ask over 'highest'"
        )
        raise ValueError(message)


def quantile_places(count: int, probability: Fraction) -> tuple[int, int]:
    """(k, m) of rule 2, counted from 1, for so many values; 0 for an open end. Exact; O(count) large numbers."""
    hits, whole = probability.numerator, probability.denominator
    below, low, high = 0, 0, 0
    for place in range(count + 1):
        fewer = Fraction(below, whole**count)
        if fewer <= _TAIL:
            low = place
        if not high and 1 - fewer <= _TAIL:
            high = place
        below += comb(count, place) * hits**place * (whole - hits) ** (count - place)
    return low, high


def estimated(values: Sequence[Fraction], over: Over) -> Estimate:
    """The figure of values, one a seed; O(n log n). Of a quantile there are enough of them (`check_support`)."""
    ordered = sorted(values)
    if over.kind == "median":
        _, median, low, high = spread(ordered)
        return Estimate(median, low, high)
    if over.kind == "mean":
        return Estimate(sum(ordered, Fraction(0)) / len(ordered))
    if over.probability is None:
        return Estimate(ordered[-1 if over.kind == "highest" else 0])
    low_place, high_place = quantile_places(len(ordered), over.probability)
    return Estimate(
        ordered[ceil(over.probability * len(ordered)) - 1],
        ordered[low_place - 1] if low_place else None,
        ordered[high_place - 1] if high_place else None,
    )
