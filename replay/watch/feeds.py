"""Where a watcher's events come from: a record, followed to its end, or a scenario that is run for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ...events.envelope import Event
from ...events.ledger import Ledger
from ...sim.runner import Simulation, run
from ...sim.scenario import Scenario
from ..points import Point, parse_point
from ..run import open_run
from .follow import followed
from .metrics import Metrics
from .watcher import RunWatcher, WarningReading

__all__ = ["Feed", "record_feed", "scenario_feed"]

_NS = 10**9
Show = Callable[[WarningReading], None]


class Feed:
    """Gives a watcher its events up to a point, at a pace, and shows what it reads."""

    def __init__(self, watcher: RunWatcher, speed: float, until: str | None, metrics: Metrics | None = None) -> None:
        """`speed` in simulated seconds a second, 0 for as fast as it goes; `until` is a point as people write it."""
        self._watcher, self._speed, self._until, self._metrics = watcher, speed, until, metrics
        self._stop: Point | None = None
        self._first_ns, self._began_s = 0, 0.0
        self.done = False

    def take(self, event: Event, show: Show) -> None:
        """The next event; after the last one that is asked for it is `done`. Raises QueryError for what is no point."""
        if not event.seq:
            self._first_ns, self._began_s = event.at_ns, time.monotonic()
            self._stop = None if self._until is None else parse_point(self._until, event.at_ns)
        self.done = self.done or self._is_past(event)
        if self.done:
            return
        reading = self._watcher.take(event)
        if self._metrics is not None:
            self._metrics.count(event)
        if reading is not None:
            self._wait(reading.at_ns)
            self._show(reading, show)

    def end(self, show: Show) -> None:
        """The reading of the end; none of a record without events."""
        if self._watcher.ledger.seq:
            self._show(self._watcher.reading(), show)

    def _show(self, reading: WarningReading, show: Show) -> None:
        if self._metrics is not None:
            self._metrics.read(reading)
        show(reading)

    def _is_past(self, event: Event) -> bool:
        stop = self._stop
        return stop is not None and (event.seq if stop.kind == "seq" else event.at_ns) > stop.value

    def _wait(self, at_ns: int) -> None:
        if self._speed:
            due_s = self._began_s + (at_ns - self._first_ns) / _NS / self._speed
            time.sleep(max(due_s - time.monotonic(), 0))


def record_feed(path: Path, feed: Feed, show: Show, *, now_only: bool) -> str | None:
    """Follow a record to its end, or only as far as it goes now; what is said of one that is torn then."""
    warning = None
    events: Iterable[Event] = followed(path)
    if now_only:
        opened = open_run(path)
        events, warning = opened.events(), opened.warning
    for event in events:
        feed.take(event, show)
        if feed.done:
            break
    feed.end(show)
    return warning


def scenario_feed(
    name: str, overrides: Iterable[str], seed: int | None, plugins: Iterable[Path], feed: Feed, show: Show
) -> None:
    """Run a scenario to its end, or until the feed is done. Nothing is written."""
    loaded = Scenario.load(name, overrides, seed=seed, plugins=tuple(plugins))

    def watch(simulation: Simulation) -> None:
        def tap(event: Event, _ledger: Ledger) -> None:
            if not feed.done:
                feed.take(event, show)
                simulation.interrupted = feed.done

        simulation.bus.tap(tap)

    run(loaded, on_start=watch)
    feed.end(show)
