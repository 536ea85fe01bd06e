"""A scenario that is recorded again and again, each time into a new directory: what its recording is held against."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from contest import stopwatch
from stage import Inputs, simulation, sink_at

from deleverage.sim.scenario import ResolvedScenario
from deleverage.sim.sealing import keep_states

__all__ = ["Copies"]


class Copies:
    """`latest` is the record made last, `state` the digest of the state at its end."""

    def __init__(self, folder: Path, scenario: ResolvedScenario, inputs: Inputs | None) -> None:
        """Record into this folder; with `inputs`, those take the place of the scenario's sources."""
        self._paths = (folder / f"{number}.run" for number in count())
        self._scenario, self._inputs = scenario, inputs
        self.latest, self.state = folder, ""

    def record(self) -> float:
        """Seconds to record it: opening, driving and sealing, with all that is kept beside a record."""
        self.latest = next(self._paths)
        sink = sink_at(self.latest)
        made = simulation(self._scenario, sink, self._inputs)
        keep_states(sink, made.ledger)

        def work() -> None:
            made.open()
            made.drive()
            sink.seal()

        seconds = stopwatch(work)
        self.state = made.ledger.digest()
        return seconds
