"""What two processes give over one, for a lab, for the orders of an instant and for a verification; and what Ray costs.

Each kind of work is done whole in one process and in two, in turn, starting the processes included: the ratio of the
times is the speed-up. Beside it stands the processor time of all processes: where the machine has other work, two
processes are as good as the first figure says only if they cost about what one does.

The bar is nine tenths of two. `processes.ray` is what a task that does nothing costs on a cluster of two workers, its
processes started; none where Ray is not installed.
"""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median

from contest import Contest, Line, at_least, stopwatch

from deleverage import open_run
from deleverage.replay.cluster.cluster import LOCAL, Cluster
from deleverage.replay.fair.beside import KIND
from deleverage.replay.fair.fair import FairQuestion, fair
from deleverage.replay.lab.definition import Definition, varied
from deleverage.replay.lab.lab import run_lab
from deleverage.replay.studies import executed, study_path
from deleverage.replay.verify.verification import verify
from deleverage.sim.runner import run
from deleverage.sim.scenario import Scenario

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

_RECORDED_SHORT = (
    "population.accounts=100",
    "prices.interval_ns=30s",
    "insurance_fund.balance=100",
    "depth.multiples.BTC-PERP=0.002",
    "depth.multiples.ETH-PERP=0.001",
    "depth.multiples.AVAX-PERP=0.0002",
)
_RECORDED = ("population.accounts=4000", *_SETTINGS[1:])
_BAR = 1.8
_ORDERS, _RAY_TASKS = 150, 500

_Work = Callable[[int], None]
"""Does it anew in so many processes."""


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as fast, and how many milliseconds a task of Ray's takes."""
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        record, names = Path(folder, "crash.run"), (Path(folder) / str(number) for number in count())
        run(Scenario.load("flash-crash", _RECORDED_SHORT if short else _RECORDED), record)
        yield _line("processes.lab", "cells of a lab", _lab(names, short=short), short=short)
        yield _line("processes.fair", "orders of an instant", _fair(record, names, short=short), short=short)
        yield _line("processes.verify", "a verification", _verify(record), short=short)
    yield _ray(short=short)


def _line(name: str, what: str, work: _Work, *, short: bool) -> Line:
    used: dict[str, list[float]] = {"one": [], "two": []}

    def turn(way: str, jobs: int) -> float:
        before = _processor_s()
        took = stopwatch(lambda: work(jobs))
        used[way].append(_processor_s() - before)
        return took

    contest = Contest({"one": partial(turn, "one", 1), "two": partial(turn, "two", 2)}, short=short)
    medians = {f"{way}_s": round(contest.seconds(way), 2) for way in used}
    medians |= {f"{way}_processor_s": round(median(times[1:]), 2) for way, times in used.items()}
    told = f"{what} in one process / in two"
    return Line(name, told, contest.ratio("one", "two"), bar=at_least(_BAR), medians=medians)


def _processor_s() -> float:
    """Of this process and of all that it started and that have ended."""
    both = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _lab(names: Iterator[Path], *, short: bool) -> _Work:
    asked = Definition(("flash-crash",), _SHORT if short else _SETTINGS, (varied(_POLICIES),), 1 if short else 5)

    def work(jobs: int) -> None:
        failed = run_lab(asked, next(names), jobs=jobs).failed
        if failed:
            message = f"{len(failed)} cells failed: {failed[0][1]}"
            raise RuntimeError(message)

    return work


def _fair(record: Path, names: Iterator[Path], *, short: bool) -> _Work:
    """Of the instant in which most was reduced, without what an earlier turn found."""
    question = FairQuestion(orders=2 if short else _ORDERS, instants=1)

    def work(jobs: int) -> None:
        opened = open_run(record)
        fair(opened, question, jobs)
        study_path(opened, KIND, question).rename(next(names))

    return work


def _verify(record: Path) -> _Work:
    def work(jobs: int) -> None:
        if not verify(record, jobs=jobs).sound:
            message = f"{record} is not sound"
            raise RuntimeError(message)

    return work


def _nothing(number: int) -> int:
    """A task that costs nothing."""
    return number


def _ray(*, short: bool) -> Line:
    """The overhead of a task."""
    what = "a task that does nothing, by Ray"
    if find_spec("ray") is None:
        return Line("processes.ray", what, None, unit="ms", note="ray is not installed (pip install '.[ray]')")
    cluster = Cluster(LOCAL, 2)
    tasks = [(number, number) for number in range(4 if short else _RAY_TASKS)]

    def turn() -> float:
        return stopwatch(lambda: list(executed(tasks, _nothing, cluster)), len(tasks))

    contest = Contest({"ray": turn}, short=short)
    cluster.close()
    return Line("processes.ray", what, contest.seconds("ray") * 1e3, unit="ms")
