"""How fast the whole pipeline records a benign stream, against one SimPy process that only yields `timeout(1)`.

Timed: from the first prepared tick to the sealed record, with every default handler and the summary. Every tick gives
exactly `PriceTicked` and `MarkPriced`. Not timed: the opening and the first tick, which arms all accounts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import simpy
from contest import Contest, Line, at_least, stopwatch
from stage import Inputs, benign, opened, sink_at, venue

from deleverage.sim.scenario import ResolvedScenario

__all__ = ["measure"]

_EVENTS_A_TICK = 2


def measure(*, short: bool) -> Iterator[Line]:
    """Events a second: recorded on disk, and with the head only."""
    accounts, ticks = (200, 500) if short else (20_000, 250_000)
    scenario = venue(accounts, 1)
    inputs = benign(scenario, ticks)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        names = count()
        turns = {
            "recorded": lambda: _drive(scenario, inputs, Path(folder) / f"{next(names)}.run"),
            "simpy": lambda: _simpy(ticks * _EVENTS_A_TICK),
            "head only": lambda: _drive(scenario, inputs, None),
        }
        contest = Contest(turns, short=short)
    medians = contest.medians_ns("event")
    what = f"events/s of a benign tick stream, {accounts:,} accounts, {ticks:,} ticks"
    yield Line(
        "pipeline.recorded",
        f"{what}, recorded / SimPy",
        contest.ratio("simpy", "recorded"),
        bar=at_least(2.0),
        medians=medians,
    )
    yield Line("pipeline.head_only", f"{what}, without a disk / SimPy", contest.ratio("simpy", "head only"))


def _drive(scenario: ResolvedScenario, inputs: Inputs, path: Path | None) -> float:
    """Seconds an event. Raises RuntimeError where the stream was not benign after all."""
    sink = sink_at(path)
    made = opened(scenario, sink, inputs)
    before, due = made.ledger.seq, len(inputs) * _EVENTS_A_TICK

    def record() -> None:
        made.drive()
        sink.seal()

    seconds = stopwatch(record, due)
    if made.ledger.seq - before != due + 1:
        message = f"{made.ledger.seq - before} events came of {len(inputs)} ticks and the end; something else happened"
        raise RuntimeError(message)
    return seconds


def _simpy(events: int) -> float:
    environment = simpy.Environment()

    def process() -> Iterator[simpy.Event]:
        for _ in range(events):
            yield environment.timeout(1)

    environment.process(process())  # type: ignore[arg-type]
    return stopwatch(environment.run, events)
