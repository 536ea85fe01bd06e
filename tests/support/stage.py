"""Handlers on a real bus over a small venue: for what only shows when they work together."""

from __future__ import annotations

from collections.abc import Iterable

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.events.vocabulary import Body
from deleverage.handlers.protocol import Handler
from deleverage.sim.bus import Bus, Subscription
from deleverage.sim.clock import Clock

from .venue import Book

__all__ = ["Stage", "ticks"]


class Stage:
    """A clock, a bus and a record in memory, opened like a `Book`; the handlers are subscribed in their order."""

    def __init__(self, opening: Book, *handlers: Handler, latencies_ns: Iterable[int] = ()) -> None:
        """Subscribe the handlers, with these latencies first of them, and publish the opening."""
        self.clock, self.ledger, self.record = Clock(0), Ledger(), MemoryRecord()
        self.bus = Bus(self.clock, self.ledger, self.record)
        latencies = [*latencies_ns, *[0] * len(handlers)]
        for number, handler in enumerate(handlers):
            self.bus.subscribe(Subscription(number, handler, latencies[number]))
        for event in opening.events:
            self.bus.publish_input(event.body)
        self.first_seq = self.ledger.seq

    def run(self, *inputs: tuple[int, Body], until_ns: int = 0) -> list[Event]:
        """Feed these inputs at their times, run to the end, and give all that was recorded since the opening."""
        self.clock.run_inputs(inputs, self.bus.publish_input)
        self.clock.run_until(until_ns)
        return list(self.record.events(self.first_seq))


def ticks(*path: tuple[int, int], instrument: int = 0) -> list[tuple[int, Body]]:
    """A path of (time, price) as inputs."""
    return [(at_ns, PriceTicked(((instrument, price),))) for at_ns, price in path]
