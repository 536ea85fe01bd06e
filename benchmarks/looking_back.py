"""Looking back on a long record: `flash-crash` with a price every 4.5 ms, some 5 million events over 20,000 accounts.

1. It is recorded once, with all that is kept beside a record, and read by a process that did not write it.
2. A state: `run.at(seq=)` of 300 points drawn evenly, one after the other on one opened run, against folding the whole
   record from its first event, which is timed before and after; the figure is the 99th of 100 over the mean fold.
3. A chain: `run.chain(seq)` of an event with 20 causes above it, the mean of 10,000 calls.
4. `why`: wall time of the command from start to exit, for the last reduction by auto-deleveraging; the median of five
   after one to warm up the disk's cache.
5. Making the columns and the states again, when their files are gone, is timed apart.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

from child import python, watch_child
from contest import Line, at_most, stopwatch
from stage import crash

from deleverage import Run, open_run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordWriter
from deleverage.sim.runner import Simulation
from deleverage.sim.sealing import keep_states

__all__ = ["measure", "record", "state"]

_INTERVAL = "prices.interval_ns=4500us"
_POINTS, _CHAINS, _RUNS = 300, 10_000, 6
_HOPS = 20
_FOLDS_MOST, _CHAIN_US_MOST, _WHY_SECONDS_MOST, _SHARE_MOST = 1 / 40, 20, 1, 1 / 3


def measure(*, short: bool) -> Iterator[Line]:
    """All of it, over one record."""
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        path = Path(folder) / "long.run"
        record(path, short=short)
        yield state("state.p99", path, short=short)
        yield _chain(open_run(path))
        yield _why(path, short=short)
        yield _share(path)
        yield _made_again(path)


def record(path: Path, *, short: bool, long: bool = True) -> None:
    """Record the crash: a `long` one of some 5 million events, or as it is bundled."""
    sink = RecordWriter(path, scenario="flash-crash", seed=1)
    made = Simulation(crash(*([] if short or not long else [_INTERVAL]), short=short), sink)
    keep_states(sink, made.ledger)
    made.open()
    made.drive()
    sink.seal()


def state(name: str, path: Path, *, short: bool) -> Line:
    """States at random points of a record, against folding it."""
    folds = [_fold(path)]
    run, points = open_run(path), random.Random(1)
    taken = []
    for _ in range(20 if short else _POINTS):
        seq = points.randrange(run.count)
        taken.append(stopwatch(lambda seq=seq: run.at(seq=seq)))
    folds.append(_fold(path))
    taken.sort()
    fold, worst = mean(folds), taken[len(taken) * 99 // 100]
    medians = {
        "fold_ms": round(fold * 1e3, 1),
        "state_ms": round(median(taken) * 1e3, 1),
        "state_p99_ms": round(worst * 1e3, 1),
        "events": run.count,
    }
    what = "the state at a random point, 99th of 100 / a fold of the whole record"
    return Line(name, what, worst / fold, bar=at_most(_FOLDS_MOST), medians=medians)


def _fold(path: Path) -> float:
    """Seconds to fold the whole record, decoding included."""
    return stopwatch(lambda: Ledger.of(open_run(path).events()))


def _chain(run: Run) -> Line:
    """The first event with 20 causes above it, or the longest chain where there is none."""
    lengths = ((len(run.chain(seq)) - 1, seq) for seq in range(run.count - 1, -1, -1))
    hops, seq = next((one for one in lengths if one[0] == _HOPS), (0, run.count - 1))
    chain = run.chain

    def work() -> None:
        for _ in range(_CHAINS):
            chain(seq)

    microseconds = stopwatch(work, _CHAINS) * 1e6
    what = f"the causal chain of event {seq}, {hops} hops"
    return Line("chain", what, microseconds, "us", at_most(_CHAIN_US_MOST))


def _why(path: Path, *, short: bool) -> Line:
    seq = _asked(open_run(path))
    command = python("-m", "deleverage", "why", str(path), str(seq))
    seconds = median([watch_child(command).seconds for _ in range(2 if short else _RUNS)][1:])
    return Line("why", f"wall time of `deleverage why RUN {seq}`", seconds, "s", at_most(_WHY_SECONDS_MOST))


def _asked(run: Run) -> int:
    """The last reduction by auto-deleveraging; in a record too short for one the last decision."""
    decided = {type(event.body): event.seq for event in run.events() if event.cause is not None}
    return decided.get(PositionDeleveraged, max(decided.values()))


def _share(path: Path) -> Line:
    record, states = _bytes(path, "*.seg"), _bytes(path, "*.state.idx")
    medians = {"record_bytes": record, "states_bytes": states, "columns_bytes": _bytes(path, "*.idx") - states}
    return Line(
        "snapshots", "bytes of states / bytes of record", states / record, bar=at_most(_SHARE_MOST), medians=medians
    )


def _bytes(path: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in path.glob(pattern))


def _made_again(path: Path) -> Line:
    for file in path.glob("*.idx"):
        file.unlink()
    start = time.perf_counter()
    run = open_run(path)
    run.chain(run.count - 1)
    run.at(seq=0)
    seconds = time.perf_counter() - start
    return Line("made_again", "columns and states made again from the record alone", seconds, "s")
