"""A bar (open, high, low, close) and the prices that it stands for, the one place that says in which order.

A bar is four prices: its open at open_time, its two extremes one third and two thirds of the way (rounded down to a
nanosecond), its close at close_time. A bar that falls (close < open) shows its high first, then its low; any other its
low first, then its high. So the last extreme is the one that the close came back from, and no bar is kinder than it
was.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from ...events.errors import ScenarioError
from ..units import parse_decimal

__all__ = ["Bar", "read_bar"]


class Bar(NamedTuple):
    """One bar and the row that it stands in."""

    row: int
    open_ns: int
    close_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def path(self) -> tuple[tuple[int, Decimal], ...]:
        """Its four (time in ns, price), in order."""
        extremes = (self.high, self.low) if self.close < self.open else (self.low, self.high)
        span_ns = self.close_ns - self.open_ns
        prices = (self.open, *extremes, self.close)
        return tuple((self.open_ns + span_ns * thirds // 3, price) for thirds, price in enumerate(prices))


def read_bar(row: int, open_ns: int, close_ns: int, prices: Sequence[str]) -> Bar:
    """A bar from its prices as written: open, high, low, close. Raises ScenarioError for one that cannot be."""
    bar = Bar(row, open_ns, close_ns, *(parse_decimal(text) for text in prices))
    if bar.close_ns <= bar.open_ns:
        message = "the bar closes before it opens; mend or remove the line"
        raise ScenarioError(message)
    if not 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        message = "the bar's open and close do not lie between its low and high, above 0; mend or remove the line"
        raise ScenarioError(message)
    return bar
