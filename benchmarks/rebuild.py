"""Rebuilding the state from the whole record, against recording it.

Recording: opening, driving and sealing, the whole pipeline with summary into the default durable format; working out
the scenario before is not timed. Rebuilding: `RecordReader.open`, every event decoded and folded into a new ledger;
the two ledgers are compared afterwards. Two records: the benign stream of `pipeline.py` with its prices prepared, and
`flash-crash` as bundled, whose prices are made as it runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from contest import Contest, Line, at_least, stopwatch
from stage import Inputs, benign, simulation, sink_at, venue

from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordReader
from deleverage.sim.scenario import ResolvedScenario, Scenario

__all__ = ["measure"]

_CRASH_SHORT = ("population.accounts=100", 'end="2025-10-10T20:42:00Z"')


class _Copies:
    """A scenario that is recorded again and again; the latest record is the one that is rebuilt."""

    def __init__(self, folder: Path, scenario: ResolvedScenario, inputs: Inputs | None) -> None:
        self._paths = (folder / f"{number}.run" for number in count())
        self._scenario, self._inputs = scenario, inputs
        self._latest, self._state = folder, ""

    def record(self) -> float:
        """Seconds to record it."""
        self._latest = next(self._paths)
        sink = sink_at(self._latest)
        made = simulation(self._scenario, sink, self._inputs)

        def work() -> None:
            made.open()
            made.drive()
            sink.seal()

        seconds = stopwatch(work)
        self._state = made.ledger.digest()
        return seconds

    def rebuild(self) -> float:
        """Seconds to rebuild it. Raises RuntimeError where another state came out."""
        ledger = Ledger()

        def work() -> None:
            fold = ledger.fold
            for event in RecordReader.open(self._latest).events():
                fold(event)

        seconds = stopwatch(work)
        if ledger.digest() != self._state:
            message = f"{self._latest}: the state rebuilt is not the one that was recorded"
            raise RuntimeError(message)
        return seconds


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as long recording takes."""
    benign_venue = venue(200 if short else 20_000, 1)
    crash = Scenario.load("flash-crash", _CRASH_SHORT if short else ()).resolve()
    yield _line("rebuild.benign", benign_venue, benign(benign_venue, 500 if short else 100_000, first=0), short=short)
    yield _line("rebuild.flash_crash", crash, None, short=short)


def _line(name: str, scenario: ResolvedScenario, inputs: Inputs | None, *, short: bool) -> Line:
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        copies = _Copies(Path(folder), scenario, inputs)
        contest = Contest({"record": copies.record, "rebuild": copies.rebuild}, short=short)
    medians = {f"{way}_ms": round(contest.seconds(way) * 1e3, 1) for way in ("record", "rebuild")}
    what = "rebuilding the state from the whole record, recording / rebuilding"
    return Line(name, what, contest.ratio("record", "rebuild"), bar=at_least(3), medians=medians)
