"""A record as it is served: opened twice, for what is asked at every step and for what takes longer, while it grows.

1. A question has a lane to itself while it is answered: a reader is for one at a time. What is asked at every step
   (states, accounts, events) never waits for what takes longer (why, grounds, lives, windows of the timeline).
2. A record that is not sealed is opened anew when it has grown, as far as its last whole block (`watch` does the same).
3. Nothing is written beside the record: states that are missing there are made in memory (`survey.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ...events.errors import QueryError
from ...events.snapshots.snapshot import Snapshot
from ..run import Run, open_run
from ..watch.follow import has_grown, settled
from .accounts import AccountsAt
from .instants import Instants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...handlers.plugins.folders import Folders
    from ..timeline import Timeline

__all__ = ["Explored", "Lane"]

_ACCOUNTS_KEPT = 4


class Lane:
    """A run that is open, for one question at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.instants = Instants(run)
        self.lock = Lock()
        self._accounts: OrderedDict[int, AccountsAt] = OrderedDict()

    def goes_on(self, run: Run) -> None:
        """The record has grown."""
        self.run = run
        self.instants.goes_on(run)

    def accounts(self, seq: int) -> AccountsAt:
        """The accounts in the state after an event."""
        ledger = self.instants.after(self.run.reader.existing(seq) + 1)
        found = self._accounts.pop(seq, None)
        if found is None or not found.is_of(ledger):
            found = AccountsAt(self.run, ledger)
        self._accounts[seq] = found
        while len(self._accounts) > _ACCOUNTS_KEPT:
            self._accounts.popitem(last=False)
        return found


class Explored:
    """The record with its lanes, and what the survey has found of it so far."""

    def __init__(self, path: Path, head: str | None = None, plugins: Folders = ()) -> None:
        """Open it. Raises what `open_run` raises, QueryError where there is no event to show."""
        self.path, self._head, self._plugins = path, head, plugins
        self._quick, self._deep = Lane(self._opened(path)), Lane(self._opened(path))
        self._quick.run.started  # noqa: B018 - raises for what is no run
        self.surveyed = 0
        self.timeline: Timeline | None = None
        self._growing = Lock()

    def _opened(self, path: Path) -> Run:
        run = open_run(path, self._head, self._plugins)
        run.kept.leave_as_they_are()
        return run

    @property
    def count(self) -> int:
        """How many events are served."""
        return self._quick.run.count

    @property
    def torn(self) -> bool:
        """Whether the record was not sealed yet when it was looked at last."""
        return self._quick.run.torn

    @contextmanager
    def quick(self) -> Iterator[Lane]:
        """The lane of what is asked at every step."""
        with self._quick.lock:
            yield self._quick

    @contextmanager
    def deep(self) -> Iterator[Lane]:
        """The lane of what takes longer."""
        with self._deep.lock:
            yield self._deep

    def take(self, count: int, waypoints: Iterable[Snapshot], timeline: Timeline | None) -> None:
        """What the survey found."""
        for lane in (self._quick, self._deep):
            with lane.lock:
                for waypoint in waypoints:
                    lane.instants.add(waypoint)
        self.surveyed, self.timeline = count, timeline

    def has_grown(self) -> bool:
        """Look whether there is more of it, or whether it was sealed, and serve that from now on."""
        with self._growing:
            run = self._quick.run
            if not run.torn or not has_grown(self.path, sum(file.size_bytes for file in run.reader.files)):
                return False
            for lane in (self._quick, self._deep):
                opened = settled(self.path, self._opened)
                if opened.count < lane.run.count:
                    message = f"{self.path}: it is shorter than it was; start the explorer again"
                    raise QueryError(message)
                with lane.lock:
                    lane.goes_on(opened)
            return True
