"""The bus: one record, one ledger, and the handlers in between.

For every event: it gets the next `seq`, is appended to the record, folded into the ledger, observed by indexes and
taps; only then is it delivered, to each subscriber in the order of subscription. What a subscriber returns is
appended together, at once, and delivered in its turn: first in, first out. A handler with a latency gets its delivery
later; a timer fires when it is due. Nothing else happens.

An error in a handler stops the run: `HandlerError` names the event, the handler and the position in the record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event, Origin
from ..events.errors import HandlerError, RecordError
from ..events.ledger import Ledger
from ..events.vocabulary import BODY_TYPES, Body
from ..handlers.protocol import ALWAYS, Handler, Linked
from .clock import Clock, Item, ItemClass

__all__ = ["Bus", "Sink", "Subscription", "Tap"]

Tap = Callable[[Event, Ledger], None]

_INPUT, _DECIDED = Origin.INPUT, Origin.DECIDED


class Sink(Protocol):
    """Where events go: the record on disk, in memory, or nowhere but the head."""

    def append(self, event: Event, /) -> None:
        """Take the next event."""
        ...


class Subscription:
    """A handler on the bus; `producer` is its number in `RunStarted` and its place in the order of subscription.

    `gate` is the handler's for the type of event: while it is empty, a delivery would return nothing and is not made.
    It is asked when the delivery is due, so with a latency it stands open until then.
    """

    __slots__ = ("_own_gate", "gate", "handle", "handler", "latency_ns", "producer")

    def __init__(self, producer: int, handler: Handler, latency_ns: int = 0, gate: Collection[object] = ALWAYS) -> None:
        """Deliver to `handler`, `latency_ns` after the event."""
        self.producer, self.handler, self.latency_ns, self._own_gate = producer, handler, latency_ns, gate
        self.gate = ALWAYS if latency_ns else gate
        self.handle = handler.handle

    def gated(self, kind: type[Body]) -> Subscription:
        """The same, with the handler's gate for one type of event."""
        return Subscription(self.producer, self.handler, self.latency_ns, self.handler.gate(kind))

    def prompt(self) -> Subscription:
        """The same without latency, for a delivery that has waited for it."""
        return Subscription(self.producer, self.handler, 0, self._own_gate)


Queue = list[tuple[Event, list[Subscription]]]


class _Route:
    """All that one type of event sets in motion, looked up once per event."""

    __slots__ = ("count", "observers", "subscriptions")

    def __init__(self) -> None:
        self.count = 0
        self.observers: list[Tap] = []
        self.subscriptions: list[Subscription] = []


class Bus:
    """Delivers events. Publishing one that nobody hears costs one append and one fold."""

    def __init__(self, clock: Clock, ledger: Ledger, record: Sink) -> None:
        """An empty bus over a ledger and a record."""
        self.clock, self.ledger = clock, ledger
        self._append, self._fold = record.append, ledger.fold
        self._routes: dict[type[Body], _Route] = {kind: _Route() for kind in BODY_TYPES}
        self._routes[TimerSet].observers.append(self._on_timer_set)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a handler for the types it names; delivery follows the order of these calls."""
        handler = subscription.handler
        for kind in handler.subscribes:
            self._routes[kind].subscriptions.append(subscription.gated(kind))
        for kind in handler.observes:
            self._routes[kind].observers.append(handler.observe)

    def tap(self, tap: Tap, kinds: Iterable[type[Body]] = BODY_TYPES) -> None:
        """Let someone see events after they were folded, all or of some types; a tap decides nothing."""
        for kind in kinds:
            self._routes[kind].observers.append(tap)

    def counts(self) -> dict[str, int]:
        """How many events of each type there were, by name, those of which there were none left out."""
        return {kind.__name__: route.count for kind, route in self._routes.items() if route.count}

    def publish_input(self, body: Body) -> None:
        """Record a fact from outside, at the clock's time, and let everything follow from it."""
        self._run(Event(self.ledger.seq, self.clock.now_ns, _INPUT, None, (), None, body), [])

    def _run(self, event: Event | None, queue: Queue) -> None:  # noqa: C901, PLR0912
        """Record an event; then deliver what is queued and all that follows from it, first in, first out.

        Folded, appended, observed, queued: that is the way of every event, and what the ledger refuses never reaches
        the record. The queue grows while it is walked. Most of a run's time is spent here, so the way is written twice.
        """
        now_ns, ledger, routes, append, fold = self.clock.now_ns, self.ledger, self._routes, self._append, self._fold
        if event is not None:
            route = routes[type(event.body)]
            route.count += 1
            fold(event)
            append(event)
            for observe in route.observers:
                observe(event, ledger)
            if route.subscriptions:
                queue.append((event, route.subscriptions))
        for heard, subscriptions in queue:
            for subscription in subscriptions:
                if not subscription.gate:
                    continue
                if subscription.latency_ns:
                    self._deliver_later(subscription, heard)
                    continue
                try:
                    products = subscription.handle(heard, ledger, now_ns)
                    if not products:
                        continue
                    cause, producer = heard.seq, subscription.producer
                    for product in products if type(products) is list else tuple(products):
                        links: tuple[int, ...] = ()
                        body: Any = product
                        if type(product) is Linked:
                            body, links = product
                        route = routes[type(body)]
                        route.count += 1
                        decided = Event(ledger.seq, now_ns, _DECIDED, cause, links, producer, body)
                        fold(decided)
                        append(decided)
                        for observe in route.observers:
                            observe(decided, ledger)
                        if route.subscriptions:
                            queue.append((decided, route.subscriptions))
                except RecordError:
                    raise
                except Exception as error:
                    raise _handler_error(subscription, heard, ledger, error) from error

    def _deliver_later(self, subscription: Subscription, event: Event) -> None:
        due_ns = event.at_ns + subscription.latency_ns
        item = Item(event.seq, subscription.producer, lambda: self._run(None, [(event, [subscription.prompt()])]))
        self.clock.schedule(due_ns, ItemClass.DELIVERY, item)

    def _on_timer_set(self, event: Event, _ledger: Ledger) -> None:
        timer = event.body
        assert isinstance(timer, TimerSet)
        item = Item(event.seq, 0, lambda: self._fire(event, timer))
        self.clock.schedule(timer.due_ns, ItemClass.TIMER, item)

    def _fire(self, event: Event, timer: TimerSet) -> None:
        fired = TimerFired(event.seq, timer.purpose, timer.account, timer.instrument, timer.liquidation_id)
        self._run(Event(self.ledger.seq, timer.due_ns, _DECIDED, event.seq, (), event.producer, fired), [])


def _handler_error(subscription: Subscription, event: Event, ledger: Ledger, error: Exception) -> HandlerError:
    handler, what = subscription.handler, f"{type(error).__name__}: {error}"
    if isinstance(error, KeyError) and isinstance(error.args[0], type):
        what = f"a product of type {error.args[0].__name__}, which is not a kind of event"
    message = (
        f"handler {handler.name!r} (producer {subscription.producer}) failed on event {event.seq} "
        f"({type(event.body).__name__}) with the ledger before event {ledger.seq}: {what}"
    )
    return HandlerError(message)
