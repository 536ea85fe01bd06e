"""A record in memory to be taken up again (`sim.pending.Past`), and the assertion that it goes on the same."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from deleverage.events.bodies.run import Producer, RunForked, RunStarted
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.events.vocabulary import Body
from deleverage.handlers.protocol import Handler
from deleverage.handlers.registry import build
from deleverage.sim.pending import pending_after
from deleverage.sim.resumption import Resumption

__all__ = ["Recorded", "goes_on_the_same"]


class Recorded:
    """The events of a record."""

    def __init__(self, events: Sequence[Event]) -> None:
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

    @property
    def forks(self) -> tuple[int, ...]:
        """The `RunForked` events."""
        return tuple(event.seq for event in self._events if isinstance(event.body, RunForked))

    def producers_at(self, seq: int) -> tuple[Producer, ...]:
        """Who decides at an event."""
        found: tuple[Producer, ...] = ()
        for event in self._events[: seq + 1]:
            if isinstance(event.body, RunStarted | RunForked):
                found = event.body.producers or found
        return found

    def build(self, producer: Producer) -> Handler:
        """A producer's handler."""
        return build(producer)

    def hears(self, producer: Producer) -> Collection[type[Body]]:
        """What a producer listens to."""
        return build(producer).subscribes


class Tail:
    """A sink for what follows a boundary."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.append = self.events.append


def resumed(events: tuple[Event, ...], seq: int) -> tuple[int, list[Event]]:
    """Take the record up again after so many events; the boundary, and what was recorded from there on."""
    past, tail = Recorded(events), Tail()
    ledger, pending = pending_after(past, seq)
    boundary = ledger.seq
    run = Resumption(past, ledger, pending, tail)
    run.begin()
    run.follow(event for event in events[boundary:] if event.origin is Origin.INPUT)
    return boundary, tail.events


def goes_on_the_same(events: tuple[Event, ...], seqs: Iterable[int]) -> None:
    """Assert it for each of these points."""
    for seq in seqs:
        boundary, tail = resumed(events, seq)
        assert boundary >= seq
        assert tail == list(events[boundary:]), f"after {seq} events"
