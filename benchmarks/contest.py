"""What every measurement shares: contenders in turn in one process, medians, ratios, bars.

1. In a round every contender has one turn, always in the same order: A B A B. The first round warms up and does not
   count.
2. Garbage is collected before a turn's clock starts. A turn returns the seconds that one unit of its work took; what
   it prepares beforehand is not in them.
3. A ratio is the median of the rounds' ratios: whatever else the machine does in a round hits both sides of it.
4. A bar is reported as met or missed, never asserted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

import msgspec

__all__ = ["Bar", "Contest", "Line", "Turn", "at_least", "at_most", "stopwatch"]

Turn = Callable[[], float]

_ROUNDS, _ROUNDS_SHORT = 5, 1


class Bar(msgspec.Struct, frozen=True):
    """What a figure must reach, or must not pass."""

    limit: float
    least: bool

    def met(self, value: float) -> bool:
        """Whether the figure is on the right side."""
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        """For people: `>= 0.4`."""
        return f"{'>=' if self.least else '<='} {self.limit:g}"


def at_least(limit: float) -> Bar:
    """A bar to reach."""
    return Bar(limit, least=True)


def at_most(limit: float) -> Bar:
    """A bar not to pass."""
    return Bar(limit, least=False)


class Line(msgspec.Struct, frozen=True):
    """One figure: what it is, its unit, the bar if it has one, and the medians behind it, units in their names."""

    name: str
    what: str
    value: float | None
    unit: str = "ratio"
    bar: Bar | None = None
    medians: dict[str, float] = {}
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where there is no bar or no figure."""
        return None if self.bar is None or self.value is None else self.bar.met(self.value)


class Contest:
    """Runs its contenders when it is made; then tells medians and ratios."""

    def __init__(self, turns: Mapping[str, Turn], *, short: bool) -> None:
        """One round to warm up, then five that count, or one where only crashing matters."""
        self._rounds: list[dict[str, float]] = []
        for _ in range(1 + (_ROUNDS_SHORT if short else _ROUNDS)):
            self._rounds.append({name: turn() for name, turn in turns.items()})
        del self._rounds[0]

    def seconds(self, name: str) -> float:
        """A contender's median, in seconds a unit."""
        return median(one[name] for one in self._rounds)

    def ratio(self, name: str, to: str) -> float:
        """How many times as long a unit of `name` takes as one of `to`."""
        return median(one[name] / one[to] for one in self._rounds)

    def medians_ns(self, unit: str) -> dict[str, float]:
        """Every contender's median in nanoseconds a unit, as `<name>_ns_per_<unit>`."""
        names = self._rounds[0]
        return {f"{name.replace(' ', '_')}_ns_per_{unit}": round(self.seconds(name) * 1e9, 1) for name in names}


def stopwatch(work: Callable[[], object], units: int = 1) -> float:
    """Collect garbage, do the work, and tell the seconds that one of its units took."""
    gc.collect()
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / units
