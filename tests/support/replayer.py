"""The order of `record.md`, worked out from a record alone, apart from clock and bus.

1. At one instant: inputs, then timers, then delayed deliveries; then by cause, then by subscription.
2. Each item drains the queue of its consequences before the next begins.
3. What a delivery produced are the events that follow at once and name its event as cause and its handler as producer.
4. The end of the run is published when nothing else is due at its instant.

So a record can be told step by step: which event was folded, and who was asked about what in which state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from deleverage.events.bodies.run import Producer, RunEnded, RunStarted
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.envelope import Event, Origin
from deleverage.handlers.registry import build

__all__ = ["Delivery", "Folded", "producers_of", "tell"]

_INPUT, _TIMER, _DELIVERY, _END = 1, 2, 3, 4


class Folded(NamedTuple):
    """The next event of the record."""

    event: Event


class Delivery(NamedTuple):
    """A handler was asked when the ledger stood before `at_seq`; `products` is what the record has of it."""

    event: Event
    producer: int
    now_ns: int
    at_seq: int
    products: tuple[Event, ...]


class _Item(NamedTuple):
    due_ns: int
    item_class: int
    cause: int
    subscription: int


def producers_of(events: Sequence[Event]) -> tuple[Producer, ...]:
    """The producers that a record declares."""
    started = events[0].body
    assert isinstance(started, RunStarted)
    return started.producers


def tell(events: Sequence[Event]) -> Iterator[Folded | Delivery]:
    """The whole story of a record. Raises AssertionError where the record does not follow the order."""
    return _Teller(events).tell()


class _Teller:
    def __init__(self, events: Sequence[Event]) -> None:
        self._events, self._at, self._now_ns = events, 0, events[0].at_ns
        self._producers = producers_of(events)
        self._hears = [build(producer).subscribes for producer in self._producers]
        self._pending: list[_Item] = []
        self._queue: deque[tuple[Event, int]] = deque()

    def tell(self) -> Iterator[Folded | Delivery]:
        while self._at < len(self._events):
            yield from self._next_item()
            while self._queue:
                event, subscription = self._queue.popleft()
                latency_ns = self._producers[subscription].latency_ns
                if latency_ns:
                    heappush(self._pending, _Item(event.at_ns + latency_ns, _DELIVERY, event.seq, subscription))
                else:
                    yield from self._deliver(event, subscription)

    def _next_item(self) -> Iterator[Folded | Delivery]:
        event = self._events[self._at]
        coming = (event.at_ns, _END if isinstance(event.body, RunEnded) else _INPUT)
        if event.origin is Origin.INPUT and (not self._pending or coming < self._pending[0][:2]):
            self._now_ns = event.at_ns
            yield from self._fold(event)
            return
        assert self._pending, f"event {event.seq} follows from nothing"
        item = heappop(self._pending)
        self._now_ns = item.due_ns
        if item.item_class == _TIMER:
            assert isinstance(event.body, TimerFired), f"not timer {item.cause}"
            assert event.body.timer == item.cause, f"not timer {item.cause}"
            yield from self._fold(event)
        else:
            yield from self._deliver(self._events[item.cause], item.subscription)

    def _deliver(self, event: Event, subscription: int) -> Iterator[Folded | Delivery]:
        stop = self._at
        while stop < len(self._events) and _made_by(self._events[stop], event, subscription):
            stop += 1
        products = tuple(self._events[self._at : stop])
        yield Delivery(event, subscription, self._now_ns, self._at, products)
        for product in products:
            yield from self._fold(product)

    def _fold(self, event: Event) -> Iterator[Folded]:
        assert (event.seq, event.at_ns) == (self._at, self._now_ns), f"event {event.seq} is out of its place"
        self._at += 1
        if isinstance(event.body, TimerSet):
            heappush(self._pending, _Item(event.body.due_ns, _TIMER, event.seq, 0))
        self._queue.extend((event, s) for s, hears in enumerate(self._hears) if type(event.body) in hears)
        yield Folded(event)


def _made_by(product: Event, event: Event, subscription: int) -> bool:
    made = product.origin is Origin.DECIDED and (product.cause, product.producer) == (event.seq, subscription)
    return made and not isinstance(product.body, TimerFired)
