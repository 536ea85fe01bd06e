"""What would have spared a position: `deleverage why RUN EVENT --flips` on `flash-crash`, with its default grid.

Wall time of the command from start to exit, for twelve reductions spread evenly over those of the record, each once
after one that warms up the disk's cache: the slowest. Their median stands beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from child import python, watch_child
from contest import Line, at_most

from deleverage import open_run, run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.sim.scenario import Scenario

__all__ = ["measure"]

_REDUCTIONS = 12
_SECONDS_MOST = 5
_SHORT = (
    "population.accounts=600",
    "prices.interval_ns=5s",
    "insurance_fund.balance=0",
    "depth.multiples.AVAX-PERP=0.01",
)


def measure(*, short: bool) -> Iterator[Line]:
    """Seconds of the command."""
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        path = Path(folder) / "crash.run"
        run(Scenario.load("flash-crash", _SHORT if short else ()), path)
        asked = _reductions(path, 1 if short else _REDUCTIONS)
        seconds = [_seconds(path, seq) for seq in (asked[0], *asked)][1:]
    medians = {"median_s": round(median(seconds), 2)}
    what = "wall time of `deleverage why RUN EVENT --flips`, the default grid, the slowest reduction"
    yield Line("flips", what, max(seconds), "s", at_most(_SECONDS_MOST), medians=medians)


def _reductions(path: Path, count: int) -> list[int]:
    """So many reductions by auto-deleveraging, spread evenly."""
    found = [event.seq for event in open_run(path).events() if isinstance(event.body, PositionDeleveraged)]
    return [found[len(found) * (2 * number + 1) // (2 * count)] for number in range(count)]


def _seconds(path: Path, seq: int) -> float:
    return watch_child(python("-m", "deleverage", "why", str(path), str(seq), "--flips")).seconds
