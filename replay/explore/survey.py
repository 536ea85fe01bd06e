"""One pass over a record in a process of its own, while it is served: states on the way, and its timeline.

1. It goes forward in parts, so that what is found so far can be shown. A part that is asked for later, because the
   record has grown, goes on where the last one ended.
2. A waypoint is left each `spacing` events, so that there are some 512 of a long record: about 350 MB where each has
   20,000 accounts.

Cost: some 6 us an event, and 20 ms a waypoint of 20,000 accounts.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import msgspec

from ...events.errors import DeleverageError
from ...events.snapshots.snapshot import Snapshot
from ...sim.collecting import seldom_collected
from ..run import open_run
from ..timeline import Timeline, TimelineTaker
from ..timeline.series import step_ns_for
from ..workers import Workers
from .explored import Explored
from .instants import waypoint_of

__all__ = ["RecordSurvey", "Surveyed", "Surveyor"]

_STEPS, _STEPS_MOST = 1_000, 2_000
_WAYPOINTS, _SPACING_LEAST = 512, 8_192
_PARTS = 24


class Surveyed(msgspec.Struct, frozen=True):
    """What a part found: how far the pass has come, the states on the way, and the timeline from the start to there."""

    count: int
    waypoints: tuple[Snapshot, ...]
    timeline: Timeline | None
    fault: str = ""


class Surveyor:
    """Does parts of the pass, each up to a number of events; keeps its place between them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taker: TimelineTaker | None = None

    def __call__(self, stop: int) -> Surveyed:
        """Go on to so many events."""
        try:
            with seldom_collected():
                return self._to(stop)
        except DeleverageError as error:
            return Surveyed(0, (), None, str(error))

    def _to(self, stop: int) -> Surveyed:
        run = open_run(self._path)
        run.kept.leave_as_they_are()
        length_ns, taker = run.end_ns - run.start_ns, self._taker
        if taker is None or length_ns > _STEPS_MOST * taker.step_ns:
            taker = self._taker = TimelineTaker(run.start_ns, step_ns_for(length_ns, _STEPS))
        spacing, waypoints = max(_SPACING_LEAST, run.count // _WAYPOINTS), list[Snapshot]()
        for event in run.events(taker.ledger.seq, stop):
            taker.take(event)
            if not taker.ledger.seq % spacing:
                waypoints.append(waypoint_of(taker.ledger))
        return Surveyed(taker.ledger.seq, tuple(waypoints), taker.timeline())


class RecordSurvey:
    """Has the record surveyed in the background, and tells what is served of each part."""

    def __init__(self, explored: Explored) -> None:
        """`ended` says that a pass came to the end of what there was."""
        self._explored, self._workers = explored, Workers(1, Surveyor(explored.path), _lost)
        self._tasks, self._wanted, self._stopped = deque[int](), Flag(), False
        self._thread = Thread(target=self._work, daemon=True)
        self.ended = Flag()

    def start(self) -> None:
        """Begin, if there is anything."""
        self._thread.start()
        self.go_on()

    def go_on(self) -> None:
        """The record has grown."""
        self.ended.clear()
        self._wanted.set()

    def stop(self) -> None:
        """End the process, whatever it is at."""
        self._stopped = True
        self._tasks.clear()
        self._workers.__exit__(None, None, None)
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopped:
                return
            begun, count = self._explored.surveyed, self._explored.count
            self._tasks.extend(begun + (count - begun) * part // _PARTS for part in range(1, _PARTS + 1))
            try:
                self._survey()
            except OSError:  # the process was ended while it was waited for
                if not self._stopped:
                    raise
            self.ended.set()

    def _survey(self) -> None:
        for _stop, found in self._workers.outcomes(self._tasks):
            if self._stopped or found.fault:
                self._tasks.clear()
            else:
                self._explored.take(found.count, found.waypoints, found.timeline)


def _lost(told: str) -> Surveyed:
    return Surveyed(0, (), None, told)
