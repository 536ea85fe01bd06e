"""Exporting a record as Parquet, against reading it: processor time an event, and memory at ten times the length.

Reading is `Run.events` to the end, each event let go of; exporting is `export` of all tables of events into a new
folder, files closed. Both are of one record, the benign stream of `stage.py`, opened anew for each turn, and in one
process with one thread of Python; processor time counts every thread. *memory* is the most that a process held that
exported a record, over one that exported a tenth of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from child import python, watch_child
from contest import Contest, Line, at_least, at_most
from copies import Copies
from stage import benign, venue

from deleverage import open_run
from deleverage.events.vocabulary import TYPES_BY_NAME
from deleverage.replay.export.export import export

__all__ = ["measure"]


def measure(*, short: bool) -> Iterator[Line]:
    """How fast, and in how much memory."""
    with tempfile.TemporaryDirectory(prefix="deleverage-") as name:
        folder = Path(name)
        few, many = (_recorded(folder / str(ticks), ticks) for ticks in ((50, 500) if short else (28_000, 280_000)))
        outputs = (folder / f"{number}.tables" for number in count())
        events = open_run(many).count

        def read() -> float:
            return _processor(lambda: deque(open_run(many).events(), maxlen=0)) / events

        def write() -> float:
            return _processor(lambda: export(open_run(many), next(outputs), tables=TYPES_BY_NAME)) / events

        contest = Contest({"read": read, "export": write}, short=short)
        what = "rate of exporting a record as Parquet, over that of reading it, in processor time"
        rate, medians = contest.ratio("read", "export"), contest.medians_ns("event")
        yield Line("exporting.rate", what, rate, bar=at_least(0.5), medians=medians)
        small, large = (_peak_bytes(path, next(outputs)) for path in (few, many))
        what = "memory of exporting a record, over that of exporting a tenth of it"
        medians = {"tenth_mb": round(small / 1e6, 1), "whole_mb": round(large / 1e6, 1)}
        yield Line("exporting.memory", what, large / small, bar=at_most(1.3), medians=medians)


def _recorded(folder: Path, ticks: int) -> Path:
    """A benign record of so many ticks."""
    folder.mkdir()
    calm = venue(200, 1)
    copies = Copies(folder, calm, benign(calm, ticks, first=0))
    copies.record()
    return copies.latest


def _processor(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _peak_bytes(path: Path, output: Path) -> int:
    return watch_child(python(__file__, str(path), str(output))).peak_bytes


if __name__ == "__main__":
    export(open_run(sys.argv[1]), Path(sys.argv[2]), tables=TYPES_BY_NAME)
