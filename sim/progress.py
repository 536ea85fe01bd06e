"""The progress bar of a run: events, simulated time, rate. It is measured in rows of the scenario's sources."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.progress import Progress

from .bars import progress_on_stderr
from .runner import Simulation
from .scenario import Scenario
from .sources.generator import GeneratorSettings
from .units import format_time_ns

__all__ = ["RunProgress", "run_progress"]

_TIME_OF_DAY = slice(11, 19)


class RunProgress:
    """What the runner calls now and then; shows nothing where there is no bar."""

    def __init__(self, scenario: Scenario, bar: Progress | None) -> None:
        self._scenario, self._bar = scenario, bar
        self._simulation: Simulation | None = None
        self._started = perf_counter()
        self._task = None if bar is None else bar.add_task("", total=None, text="reading the scenario")

    def watch(self, simulation: Simulation) -> None:
        """The run begins. Files were read once already, so it is known how many rows there are."""
        self._simulation, self._started = simulation, perf_counter()
        if self._bar is not None and self._task is not None:
            total = self._rows() + _instants_to_make(self._scenario)
            self._bar.update(self._task, total=total, text="opening the accounts")

    def __call__(self, events: int, at_ns: int) -> None:
        """So many events so far, at this simulated time."""
        if self._bar is not None and self._task is not None:
            rate = events / max(perf_counter() - self._started, 1e-9)
            text = f"{events:,} events {format_time_ns(at_ns)[_TIME_OF_DAY]} {rate:,.0f}/s"
            self._bar.update(self._task, completed=self._rows(), text=text)

    def _rows(self) -> int:
        sources = () if self._simulation is None else self._simulation.scenario.sources
        return sum(source.tally(number).rows for number, source in enumerate(sources))


def _instants_to_make(scenario: Scenario) -> int:
    """A generator is not read beforehand, but its settings say how many instants it makes."""
    prices = scenario.settings.prices
    return prices.duration_ns // prices.interval_ns + 1 if isinstance(prices, GeneratorSettings) else 0


@contextmanager
def run_progress(scenario: Scenario, *, shown: bool) -> Iterator[RunProgress]:
    """A bar on stderr for as long as the context lasts, if it is `shown` and stderr is a terminal."""
    with progress_on_stderr(shown=shown) as bar:
        yield RunProgress(scenario, bar)
