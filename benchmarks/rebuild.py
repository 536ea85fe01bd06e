"""Rebuilding the state from the whole record, against recording it.

Recording: opening, driving and sealing, the whole pipeline with summary into the default durable format; working out
the scenario before is not timed. Rebuilding: `RecordReader.open`, every event decoded and folded into a new ledger;
the two ledgers are compared afterwards. Two records: the benign stream of `pipeline.py` with its prices prepared, and
`flash-crash` as bundled, whose prices are made as it runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from contest import Contest, Line, at_least, stopwatch
from copies import Copies
from stage import Inputs, benign, crash, venue

from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordReader
from deleverage.sim.scenario import ResolvedScenario

__all__ = ["measure"]


class _Rebuilding(Copies):
    """A scenario that is recorded and rebuilt in turn."""

    def rebuild(self) -> float:
        """Seconds to rebuild it. Raises RuntimeError where another state came out."""
        ledger = Ledger()

        def work() -> None:
            fold = ledger.fold
            for event in RecordReader.open(self.latest).events():
                fold(event)

        seconds = stopwatch(work)
        if ledger.digest() != self.state:
            message = f"{self.latest}: the state rebuilt is not the one that was recorded"
            raise RuntimeError(message)
        return seconds


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as long recording takes."""
    calm = venue(200 if short else 20_000, 1)
    yield _line("rebuild.benign", calm, benign(calm, 500 if short else 100_000, first=0), short=short)
    yield _line("rebuild.flash_crash", crash(short=short), None, short=short)


def _line(name: str, scenario: ResolvedScenario, inputs: Inputs | None, *, short: bool) -> Line:
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        copies = _Rebuilding(Path(folder), scenario, inputs)
        contest = Contest({"record": copies.record, "rebuild": copies.rebuild}, short=short)
    medians = {f"{way}_ms": round(contest.seconds(way) * 1e3, 1) for way in ("record", "rebuild")}
    what = "rebuilding the state from the whole record, recording / rebuilding"
    return Line(name, what, contest.ratio("record", "rebuild"), bar=at_least(3), medians=medians)
