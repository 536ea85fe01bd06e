"""A lab in one process against the same lab in two: whole cells, measured and kept, from an empty folder to the last.

The flash crash with few accounts, two ADL policies, so half of the cells are forked. Starting the processes is in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from contest import Contest, Line, at_least, stopwatch

from deleverage.replay.lab.definition import Definition, varied
from deleverage.replay.lab.lab import run_lab

__all__ = ["measure"]

_POLICIES = "adl.policy=profit-leverage,profit-share"
_SETTINGS = (
    "population.accounts=1000",
    "insurance_fund.balance=50_000",
    "depth.multiples.BTC-PERP=0.05",
    "depth.multiples.ETH-PERP=0.03",
    "depth.multiples.AVAX-PERP=0.005",
)
_SHORT = ("population.accounts=100", 'end="2025-10-10T20:42:00Z"')


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as many cells a second."""
    asked = Definition(("flash-crash",), _SHORT if short else _SETTINGS, (varied(_POLICIES),), 1 if short else 16)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        names = (Path(folder) / str(number) for number in count())
        turns = {"one": _turn(asked, names, 1), "two": _turn(asked, names, 2)}
        contest = Contest(turns, short=short)
    medians = {f"{name}_s_per_cell": round(contest.seconds(name), 3) for name in ("one", "two")}
    what = "cells of a lab in two processes, over those in one"
    yield Line("lab", what, contest.ratio("one", "two"), bar=at_least(1.7), medians=medians)


def _turn(asked: Definition, names: Iterator[Path], jobs: int) -> Callable[[], float]:
    """Seconds a cell. Raises RuntimeError where one failed."""

    def work() -> None:
        failed = run_lab(asked, next(names), jobs=jobs).failed
        if failed:
            message = f"{len(failed)} cells failed: {failed[0][1]}"
            raise RuntimeError(message)

    return lambda: stopwatch(work, len(asked.cells))
