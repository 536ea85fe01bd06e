"""The progress bar of a run: events, simulated time, rate. It is measured in rows of the scenario's sources.

A progress bar for work whose length is known: shown on stderr where that is a terminal, else nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from .console import new_console
from .runner import Simulation
from .scenario import Scenario
from .sources.generator import GeneratorSettings
from .units import format_time_ns

__all__ = ["Advance", "RunProgress", "bar", "progress_on_stderr", "run_progress"]

_TIME_OF_DAY = slice(11, 19)

Advance = Callable[[int, str], None]
"""Called with how much is done, and what to say beside the bar."""


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


@contextmanager
def progress_on_stderr(*, shown: bool, threaded: bool = True) -> Iterator[Progress | None]:
    """A display for bars with a `text` beside each, for as long as the context lasts; None where nothing is shown.

    It is drawn by a thread, or else whenever something is reported: so it must be where processes are forked.
    """
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    text = TextColumn("{task.fields[text]}", markup=False)
    columns = SpinnerColumn(), BarColumn(bar_width=None), TaskProgressColumn(), text
    console = new_console(sys.stderr)
    with Progress(*columns, console=console, transient=True, expand=True, auto_refresh=threaded) as progress:
        yield progress


@contextmanager
def bar(total: int | None, text: str = "", *, shown: bool = True, threaded: bool = True) -> Iterator[Advance]:
    """A bar for as long as the context lasts; `total` is in the units of what is reported as done."""
    with progress_on_stderr(shown=shown, threaded=threaded) as progress:
        if progress is None:
            yield lambda _done, _text: None
            return
        task = progress.add_task("", total=total, text=text)
        yield lambda done, told: progress.update(task, completed=done, text=told, refresh=not threaded)
