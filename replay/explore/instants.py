"""States of a run for whoever jumps about in it: the nearest that is at hand, moved on by the events in between.

1. At hand are the states that were asked for last, which move on where the next one lies a little behind them; the
   *waypoints* that a pass over the record left (`survey.py`); and what is kept beside the record.
2. A waypoint is a snapshot that stays in memory: made from the record's events while it is served, gone with it.
3. What is given is not to be changed, and holds until the next is asked for.

Cost: unpacking a state of 20,000 accounts some 20 ms, an event 1 to 2 us.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict

from ...events.ledger import Ledger
from ...events.snapshots.snapshot import Snapshot, parts_of, restore
from ..run import Run

__all__ = ["Instants", "waypoint_of"]

_LIVE = 4
_MOVED_MOST = 4_096
"""A state that was given is moved on by so many events at most: further away one that is packed is as near."""

_WORTH = 16_384
"""What is kept beside a record is often a difference, which takes longer to unpack: as long as so many events."""

_UNTOLD = bytes(32)
"""A waypoint never leaves the program, so it tells neither a head nor a digest."""


def waypoint_of(ledger: Ledger) -> Snapshot:
    """The state of a ledger, packed; some 15 ms for 20,000 accounts."""
    return Snapshot(ledger.seq, 0, _UNTOLD, _UNTOLD, parts_of(ledger).payload(None))


class Instants:
    """What gives the state after so many events of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._counts: list[int] = []
        self._waypoints: dict[int, Snapshot] = {}
        self._live: OrderedDict[int, Ledger] = OrderedDict()

    def goes_on(self, run: Run) -> None:
        """The record has grown: its first events are what they were, and so are their states."""
        self._run = run

    def add(self, waypoint: Snapshot) -> None:
        """One that a pass has come by."""
        if waypoint.seq not in self._waypoints:
            insort(self._counts, waypoint.seq)
            self._waypoints[waypoint.seq] = waypoint

    def after(self, count: int) -> Ledger:
        """The state after so many events."""
        ledger = self._live.pop(count, None)
        if ledger is None:
            ledger = self._nearest(count) or self._run.kept.after(count)
            for event in self._run.events(ledger.seq, count):
                ledger.fold(event)
        self._live[count] = ledger
        while len(self._live) > _LIVE:
            self._live.popitem(last=False)
        return ledger

    def _nearest(self, count: int) -> Ledger | None:
        """A state at hand that stands before; None where the record's own are nearer."""
        live = max((one for one in self._live if count - _MOVED_MOST <= one <= count), default=-1)
        place = bisect_right(self._counts, count)
        waypoint = self._counts[place - 1] if place else -1
        kept = self._run.kept.seqs
        beside = bisect_right(kept, count)
        if live > waypoint:
            return self._live.pop(live)
        if beside and kept[beside - 1] > waypoint + _WORTH:
            return None
        return restore(self._waypoints[waypoint]) if waypoint >= 0 else None
