"""A bar (open, high, low, close) and the prices that it stands for, the one place that says in which order.

A bar is four prices: its open at open_time, its two extremes one third and two thirds of the way (rounded down to a
nanosecond), its close at close_time. A bar that falls (close < open) shows its high first, then its low; any other its
low first, then its high. So the last extreme is the one that the close came back from, and no bar is kinder than it
was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from ...events.errors import ScenarioError
from ..units import parse_decimal

__all__ = ["Bar", "apart", "read_bar"]

Read = TypeVar("Read")
Overlap = Callable[[Read, str], None]
"""Told what is left out, and why."""


class Bar(NamedTuple):
    """One bar and the row that it stands in."""

    row: int
    open_ns: int
    close_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @property
    def span_ns(self) -> int:
        """From its open to its close."""
        return self.close_ns - self.open_ns

    def path(self) -> tuple[tuple[int, Decimal], ...]:
        """Its four (time in ns, price), in order."""
        extremes = (self.high, self.low) if self.close < self.open else (self.low, self.high)
        prices = (self.open, *extremes, self.close)
        return tuple((self.open_ns + self.span_ns * thirds // 3, price) for thirds, price in enumerate(prices))


def apart(reads: Iterable[Read], bar_of: Callable[[Read], Bar], leave_out: Overlap[Read]) -> Iterator[Read]:
    """Bars that do not overlap. Of two that do the longer one is to blame, of equals the later."""
    held: Read | None = None
    for read in reads:
        if held is not None and bar_of(read).open_ns <= bar_of(held).close_ns:
            if bar_of(held).span_ns <= bar_of(read).span_ns:
                leave_out(read, "the bar opens before the one above it closes")
                continue
            leave_out(held, "the bar closes after the one below it opens")
        elif held is not None:
            yield held
        held = read
    if held is not None:
        yield held


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
