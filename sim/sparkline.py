"""A path of numbers in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["ASCII_BARS", "UNICODE_BARS", "sparkline"]

UNICODE_BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-~=+*#"


def sparkline(values: Sequence[int], width: int, bars: str = UNICODE_BARS, span: tuple[int, int] | None = None) -> str:
    """At most `width` bars from the lowest value to the highest, or over a span that holds all of them.

    Each stands for the mean of its share of the path. One that never moves is drawn in the middle, where no span is
    given. Empty without values.
    """
    points = _means(values, width)
    if not points:
        return ""
    low, high = (min(points), max(points)) if span is None else span
    if low == high:
        return bars[len(bars) // 2] * len(points)
    return "".join(bars[(point - low) * (len(bars) - 1) // (high - low)] for point in points)


def _means(values: Sequence[int], width: int) -> list[int]:
    """The values in at most `width` groups of neighbours, each group's mean rounded down."""
    groups = min(width, len(values))
    ends = [len(values) * place // groups for place in range(groups + 1)] if groups > 0 else []
    return [sum(values[start:stop]) // (stop - start) for start, stop in pairwise(ends)]
