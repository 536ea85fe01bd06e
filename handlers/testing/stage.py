"""A bus on one screen: events are folded, observed and delivered, first in, first out; timers fire when they are due.

It is the order of the real one without latencies and without a record, so that a policy can be watched from the inside
with nothing but the handlers and the ledger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event, Origin
from ...events.ledger import Ledger
from ...events.vocabulary import Body
from ..protocol import Handler, Linked, Product

__all__ = ["EVENTS_MOST", "Stage"]

EVENTS_MOST = 100_000
"""The small crash is over long before; what goes on longer does not end."""

Ask = Callable[[Handler, Event, int], Sequence[Product]]
"""How a handler is asked: it, the event, and the time."""


class Stage:
    """Handlers in the order of delivery over a ledger."""

    def __init__(self, handlers: Sequence[Handler], ask: Ask, told: Callable[[Event], None]) -> None:
        """`ask` stands between the stage and the handlers; `told` hears every event once it is folded."""
        self.ledger, self.events = Ledger(), list[Event]()
        self._handlers, self._ask, self._told = handlers, ask, told
        self._timers: list[tuple[int, int, int, TimerSet]] = []
        self._queue: deque[Event] = deque()

    def play(self, inputs: Iterable[tuple[int, Body]], until_ns: int) -> None:
        """Everything that follows from these inputs, up to a time."""
        for at_ns, body in inputs:
            self._fire_before(at_ns)
            self._take(Event(self.ledger.seq, at_ns, Origin.INPUT, None, (), None, body))
            self._drain(at_ns)
        self._fire_before(until_ns)

    def _fire_before(self, stop_ns: int) -> None:
        while self._timers and self._timers[0][0] < stop_ns:
            due_ns, seq, producer, timer = heappop(self._timers)
            fired = TimerFired(seq, timer.purpose, timer.account, timer.instrument, timer.liquidation_id)
            self._take(Event(self.ledger.seq, due_ns, Origin.DECIDED, seq, (), producer, fired))
            self._drain(due_ns)

    def _drain(self, now_ns: int) -> None:
        while self._queue:
            event = self._queue.popleft()
            for producer, handler in enumerate(self._handlers):
                kind = type(event.body)
                if kind in handler.subscribes and handler.gate(kind):
                    for product in self._ask(handler, event, now_ns):
                        body: Any = product.body if isinstance(product, Linked) else product
                        links = product.links if isinstance(product, Linked) else ()
                        self._take(Event(self.ledger.seq, now_ns, Origin.DECIDED, event.seq, links, producer, body))

    def _take(self, event: Event) -> None:
        assert len(self.events) < EVENTS_MOST, f"it does not end: {EVENTS_MOST:,} events and more came of a small crash"
        self.ledger.fold(event)
        self.events.append(event)
        for handler in self._handlers:
            if type(event.body) in handler.observes:
                handler.observe(event, self.ledger)
        if isinstance(event.body, TimerSet):
            heappush(self._timers, (event.body.due_ns, event.seq, event.producer or 0, event.body))
        self._told(event)
        self._queue.append(event)
