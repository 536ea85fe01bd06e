"""The bus: one record, one ledger, and the handlers in between.

For every event: it gets the next `seq`, is appended to the record, folded into the ledger, observed by indexes and taps; only
then is it delivered, to each subscriber in the order of subscription. What a subscriber returns is appended together, at
once, and delivered in its turn: first in, first out. A handler with a latency gets its delivery later; a timer fires when it
is due. Nothing else happens.

An error in a handler stops the run: `HandlerError` names the event, the handler and the position in the record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ..events.bodies.run import RunEnded
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event, Origin
from ..events.errors import HandlerError, RecordError
from ..events.ledger import Ledger
from ..events.vocabulary import BODY_TYPES, Body
from ..handlers.protocol import Handler, Linked, Product
from .clock import Clock, Item, ItemClass

__all__ = ["Bus", "Sink", "Subscription", "Tap"]

Tap = Callable[[Event, Ledger], None]

_INPUT, _DECIDED = Origin.INPUT, Origin.DECIDED
_NOTHING = Event(0, 0, Origin.INPUT, None, (), None, RunEnded())


class Sink(Protocol):
    """Where events go: the record on disk, in memory, or nowhere but the head."""

    def append(self, event: Event, /) -> None:
        """Take the next event."""
        ...


class Subscription:
    """A handler on the bus; `producer` is its number in `RunStarted` and its place in the order of subscription."""

    __slots__ = ("handle", "handler", "latency_ns", "producer")

    def __init__(self, producer: int, handler: Handler, latency_ns: int = 0) -> None:
        """Deliver to `handler`, `latency_ns` after the event."""
        self.producer, self.handler, self.latency_ns = producer, handler, latency_ns
        self.handle = handler.handle


class _Route:
    """All that one type of event sets in motion, looked up once per event."""

    __slots__ = ("observers", "subscriptions")

    def __init__(self) -> None:
        self.observers: list[Tap] = []
        self.subscriptions: list[Subscription] = []


class Bus:
    """Delivers events. Publishing one that nobody hears costs one append and one fold."""

    def __init__(self, clock: Clock, ledger: Ledger, record: Sink) -> None:
        """An empty bus over a ledger and a record."""
        self.clock, self.ledger = clock, ledger
        self._append, self._fold = record.append, ledger.fold
        self._queue: deque[tuple[Event, list[Subscription]]] = deque()
        self._routes: dict[type[Body], _Route] = {kind: _Route() for kind in BODY_TYPES}
        self._routes[TimerSet].observers.append(self._on_timer_set)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a handler for the types it names; delivery follows the order of these calls."""
        handler = subscription.handler
        for kind in handler.subscribes:
            self._routes[kind].subscriptions.append(subscription)
        for kind in handler.observes:
            self._routes[kind].observers.append(handler.observe)

    def tap(self, tap: Tap, kinds: Iterable[type[Body]] = BODY_TYPES) -> None:
        """Let someone see events after they were folded, for logs and progress, all or of some types; it decides nothing."""
        for kind in kinds:
            self._routes[kind].observers.append(tap)

    def publish_input(self, body: Body) -> None:
        """Record a fact from outside, at the clock's time, and let everything follow from it."""
        self._run((body,), _INPUT, None, None)

    def _run(self, products: Iterable[Product], origin: Origin, cause: int | None, producer: int | None) -> None:
        """Record products at once, then deliver them and all that follows from them, first in, first out.

        Every event passes the first loop and every delivery without a latency the second; both are written for speed.
        """
        now_ns, ledger, queue, routes = self.clock.now_ns, self.ledger, self._queue, self._routes
        append, fold = self._append, self._fold
        deliveries: Iterator[Subscription] = iter(())
        event, subscription = _NOTHING, None
        try:
            while True:
                for product in products:
                    body, links = product if type(product) is Linked else (product, ())
                    route = routes[type(body)]
                    recorded = Event(ledger.seq, now_ns, origin, cause, links, producer, body)
                    append(recorded)
                    fold(recorded)
                    for observe in route.observers:
                        observe(recorded, ledger)
                    if route.subscriptions:
                        queue.append((recorded, route.subscriptions))
                products = ()
                while not products:
                    for subscription in deliveries:
                        if subscription.latency_ns:
                            self._deliver_later(subscription, event)
                            continue
                        products = subscription.handle(event, ledger, now_ns)
                        if products:
                            break
                    else:
                        if not queue:
                            return
                        event, subscriptions = queue.popleft()
                        deliveries = iter(subscriptions)
                if type(products) is not list:
                    products = tuple(products)
                origin, cause, producer = _DECIDED, event.seq, subscription.producer
        except RecordError:
            raise
        except Exception as error:
            if subscription is None:
                raise
            raise _handler_error(subscription, event, ledger, error) from error

    def _deliver_later(self, subscription: Subscription, event: Event) -> None:
        due_ns = event.at_ns + subscription.latency_ns
        item = Item(event.seq, subscription.producer, lambda: self._deliver(subscription, event, due_ns))
        self.clock.schedule(due_ns, ItemClass.DELIVERY, item)

    def _deliver(self, subscription: Subscription, event: Event, now_ns: int) -> None:
        try:
            products = tuple(subscription.handle(event, self.ledger, now_ns))
        except Exception as error:
            raise _handler_error(subscription, event, self.ledger, error) from error
        self._run(products, _DECIDED, event.seq, subscription.producer)

    def _on_timer_set(self, event: Event, _ledger: Ledger) -> None:
        timer = event.body
        assert isinstance(timer, TimerSet)
        item = Item(event.seq, 0, lambda: self._fire(event, timer))
        self.clock.schedule(timer.due_ns, ItemClass.TIMER, item)

    def _fire(self, event: Event, timer: TimerSet) -> None:
        fired = TimerFired(event.seq, timer.purpose, timer.account, timer.instrument, timer.liquidation_id)
        self._run((fired,), _DECIDED, event.seq, event.producer)


def _handler_error(subscription: Subscription, event: Event, ledger: Ledger, error: Exception) -> HandlerError:
    handler = subscription.handler
    message = (
        f"handler {handler.name!r} (producer {subscription.producer}) failed on event {event.seq} "
        f"({type(event.body).__name__}) with the ledger before event {ledger.seq}: {type(error).__name__}: {error}"
    )
    return HandlerError(message)
