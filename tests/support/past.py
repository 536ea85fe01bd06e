"""A record in memory as something to be taken up again: `sim.pending.Past` over a list of events."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from deleverage.events.bodies.run import Producer, RunForked, RunStarted
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger

__all__ = ["Recorded"]


class Recorded:
    """The events of a record."""

    def __init__(self, events: Sequence[Event]) -> None:
        """Over these events, from the first one on."""
        self._events = events
        self.count = len(events)

    def event(self, seq: int) -> Event:
        """One event."""
        return self._events[seq]

    def events(self, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events of a span."""
        return islice(self._events, first_seq, stop_seq)

    def before(self, seq: int) -> Ledger:
        """The fold of everything before an event."""
        return Ledger.of(self._events[:seq])

    def first_at(self, at_ns: int) -> int:
        """The number of the first event at or after a time."""
        return bisect_left(self._events, at_ns, key=lambda event: event.at_ns)

    def producers_at(self, seq: int) -> tuple[Producer, ...]:
        """Who decides at an event."""
        found: tuple[Producer, ...] = ()
        for event in self._events[: seq + 1]:
            if isinstance(event.body, RunStarted | RunForked):
                found = event.body.producers or found
        return found
