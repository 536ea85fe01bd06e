"""What the explorer's server takes for an instant: of `flash-crash` as bundled, and of one of some 5 million events.

1. In one process: the record is opened, `deleverage explore` would serve it, and its survey is done or not.
2. An instant: 200 points drawn evenly, each answered with its panels, encoded. CPU time of this process, so that what
   else the machine does is not in it; the 99th of 100 is the figure.
3. Accounts: a page of them by loss, at 20 of these points, after the instant, as the page asks for them.
4. The first paint: the files, the overview and the last instant, from an opened record on, which is what the page asks
   for before it shows anything; without the browser's own time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import msgspec
from contest import Line, at_most
from looking_back import record

from deleverage.replay.explore.explored import Explored
from deleverage.replay.explore.overview import overview_of
from deleverage.replay.explore.panels import instant_panel
from deleverage.replay.explore.survey import RecordSurvey
from deleverage.sim.collecting import seldom_collected

__all__ = ["measure"]

_POINTS, _PAGES = 200, 20
_MS_MOST, _PAINT_MS_MOST = 100, 1_000
_PATIENCE_S = 3_600


def measure(*, short: bool) -> Iterator[Line]:
    """Both records."""
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        for name in ("bundled",) if short else ("bundled", "long"):
            path = Path(folder) / f"{name}.run"
            record(path, short=short, long=name == "long")
            with seldom_collected(500_000):
                yield from _served(name, path, _POINTS if not short else 10)


def _served(name: str, path: Path, points: int) -> Iterator[Line]:
    started = time.process_time()
    explored = Explored(path)
    with explored.quick() as lane:
        msgspec.json.encode(overview_of(lane.run, lane.instants.after(lane.run.count)))
        msgspec.json.encode(instant_panel(lane.run, lane.instants.after(lane.run.count)))
    painted_ms = (time.process_time() - started) * 1e3
    medians = {"events": float(explored.count)}
    yield Line(f"explore.{name}.paint", "opened, overview, the last instant", painted_ms, "ms", at_most(_PAINT_MS_MOST))
    random = Random(1)
    drawn = [random.randrange(explored.count) for _ in range(points)]
    yield _line(f"explore.{name}.unsurveyed", drawn, explored, medians, bar=False)
    survey = RecordSurvey(explored)
    survey.start()
    try:
        assert survey.ended.wait(_PATIENCE_S)
    finally:
        survey.stop()
    random.shuffle(drawn)
    yield _line(f"explore.{name}.instant", drawn, explored, medians, bar=True)
    with explored.quick() as lane:
        taken = []
        for seq in drawn[:_PAGES]:
            lane.instants.after(seq + 1)
            taken.append(_ms(partial(lane.accounts(seq).page, "loss", down=True, first=0, count=50, named="")))
    yield Line(f"explore.{name}.accounts", "a page of accounts by loss", sorted(taken)[len(taken) * 99 // 100], "ms")


def _line(name: str, drawn: list[int], explored: Explored, medians: dict[str, float], *, bar: bool) -> Line:
    with explored.quick() as lane:
        taken = sorted(
            _ms(lambda seq=seq: msgspec.json.encode(instant_panel(lane.run, lane.instants.after(seq + 1))))  # type: ignore[misc]
            for seq in drawn
        )
    middle, worst = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    figures = medians | {"median_ms": round(middle, 1), "most_ms": round(taken[-1], 1)}
    what = "an instant anywhere, 99th of 100, CPU time"
    return Line(name, what, worst, "ms", at_most(_MS_MOST) if bar else None, medians=figures)


def _ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3
