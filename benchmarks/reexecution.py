"""Executing a record's decisions again and comparing every event byte by byte, against recording it.

Recording is that of `rebuild.py`. Re-execution: `open_run`, the whole record in one part in one process, without the
other checks that `verify` makes. A ratio over 1 means that it is quicker than recording was. Raises where it diverges.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from contest import Contest, Line, at_least, stopwatch
from copies import Copies
from stage import Inputs, benign, crash, venue

from deleverage import open_run
from deleverage.replay.verify.reexecution import reexecute, whole
from deleverage.sim.scenario import ResolvedScenario

__all__ = ["measure"]


class _Reexecuting(Copies):
    """A scenario that is recorded and executed again in turn."""

    def reexecute(self) -> float:
        """Seconds to execute the latest record again. Raises RuntimeError where it diverges."""

        def work() -> None:
            run = open_run(self.latest)
            divergence = reexecute(run, whole(run))
            if divergence is not None:
                message = f"{self.latest}: {divergence}"
                raise RuntimeError(message)

        return stopwatch(work)


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as long recording takes."""
    calm = venue(200 if short else 20_000, 1)
    inputs = benign(calm, 500 if short else 100_000, first=0)
    yield _line("reexecution.benign", calm, inputs, 0.85, short=short)
    yield _line("reexecution.flash_crash", crash(short=short), None, 0.95, short=short)


def _line(name: str, scenario: ResolvedScenario, inputs: Inputs | None, bar: float, *, short: bool) -> Line:
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        copies = _Reexecuting(Path(folder), scenario, inputs)
        contest = Contest({"record": copies.record, "reexecute": copies.reexecute}, short=short)
    medians = {f"{way}_ms": round(contest.seconds(way) * 1e3, 1) for way in ("record", "reexecute")}
    what = "every decision executed again and compared byte by byte, recording / re-execution"
    return Line(name, what, contest.ratio("record", "reexecute"), bar=at_least(bar), medians=medians)
