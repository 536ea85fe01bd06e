"""The main job from outside its process: `deleverage run flash-crash -o DIR`, and how soon `deleverage --help` answers.

Wall time from start to exit and the peak of resident memory, as the system counts them for the child (`child.py`).
The median of five runs of each, after one to warm up the disk's cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median

from child import Watched, python, watch_child
from contest import Line, at_most

__all__ = ["measure"]

_RUNS = 6
_MB = 10**6
_SHORT = ("--set", "population.accounts=100", "--set", 'end="2025-10-10T20:42:00Z"')


def measure(*, short: bool) -> Iterator[Line]:
    """Seconds, megabytes, and milliseconds to the help."""
    runs = 2 if short else _RUNS
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        names = (str(Path(folder) / f"{number}.run") for number in count())
        options = _SHORT if short else ()
        crash = _watch(runs, lambda: python("-m", "deleverage", "run", "flash-crash", "-o", next(names), *options))
    help_page = _watch(runs, lambda: python("-m", "deleverage", "--help"))
    seconds, peak = median(w.seconds for w in crash), median(w.peak_bytes for w in crash)
    yield Line("flash_crash.seconds", "wall time of `deleverage run flash-crash -o DIR`", seconds, "s", at_most(20))
    yield Line("flash_crash.memory", "its peak resident memory", peak / _MB, "MB", at_most(200))
    milliseconds = median(w.seconds for w in help_page) * 1e3
    yield Line("help", "wall time of `deleverage --help`", milliseconds, "ms", at_most(200))


def _watch(runs: int, command: Callable[[], list[str]]) -> list[Watched]:
    return [watch_child(command()) for _ in range(runs)][1:]
