"""The bus: one record, one ledger, and the handlers in between.

For every event: it gets the next `seq`, is appended to the record, folded into the ledger, observed by indexes and
taps; only then is it delivered, to each subscriber in the order of subscription. What a subscriber returns is
appended together, at once, and delivered in its turn: first in, first out. A handler with a latency gets its delivery
later; a timer fires when it is due. Nothing else happens.

An error in a handler stops the run: `HandlerError` names the event, the handler and the position in the record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count, groupby, repeat
from typing import TYPE_CHECKING, Any, Protocol

from ..events.bodies.inputs import PriceTicked
from ..events.bodies.margin import MarkPriced
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import DecidedRow, Event, Origin
from ..events.errors import HandlerError, PatienceError, RecordError
from ..events.ledger import Ledger
from ..events.record.pages import PAGE_EVENTS
from ..events.vocabulary import BODY_TYPES, Body
from ..handlers.protocol import ALWAYS, Handler, Linked, Product
from ..handlers.quiet import QUIET_KINDS, Follower
from .clock import Clock, Item, ItemClass
from .pending import Pending, Undelivered, in_order

if TYPE_CHECKING:
    from ..events.quiet_ticks import QuietTicks

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
        self.producer, self.handler, self.latency_ns, self._own_gate = producer, handler, latency_ns, gate
        self.gate = ALWAYS if latency_ns else gate
        self.handle = handler.handle

    def gated(self, kind: type[Body]) -> Subscription:
        """The same, with the handler's gate for one type of event."""
        return Subscription(self.producer, self.handler, self.latency_ns, self.handler.gate(kind))

    def prompt(self) -> Subscription:
        """The same without latency, for a delivery that has waited for it."""
        return Subscription(self.producer, self.handler, 0, self._own_gate)


Delivery = tuple[Event | DecidedRow, list[Subscription]]
"""An event, or several in a row, and who is to hear of each."""
Queue = deque[Delivery]

TapOfMany = Callable[[DecidedRow, Ledger], None]

_MANY = 16
"""Of so many products it is seen whether they are of one type; one takes longer than to take in a few."""


class _Route:
    """All that one type of event sets in motion, looked up once per event.

    `at_once` has what each observer is told of many with; None as soon as there is one that must see each.
    """

    __slots__ = ("at_once", "count", "observers", "subscriptions")

    def __init__(self) -> None:
        self.count = 0
        self.at_once: list[TapOfMany] | None = []
        self.observers: list[Tap] = []
        self.subscriptions: list[Subscription] = []

    def observe(self, tap: Tap, at_once: TapOfMany | None = None) -> None:
        """Let one more see each event, or many of them at once."""
        self.observers.append(tap)
        if at_once is None:
            self.at_once = None
        elif self.at_once is not None:
            self.at_once.append(at_once)


class Bus:
    """Delivers events. Publishing one that nobody hears costs one append and one fold."""

    def __init__(self, clock: Clock, ledger: Ledger, record: Sink) -> None:
        self.clock, self.ledger, self.record = clock, ledger, record
        self._routes: dict[type[Body], _Route] = {kind: _Route() for kind in BODY_TYPES}
        self._routes[TimerSet].observe(self._on_timer_set)
        self.followers: list[tuple[int | None, Follower | None]] = []
        self._take = self._taker(record.append)
        self._firing = deque[int]()
        self._timers_are_due = False

    def _taker(self, append: Callable[[Event], None]) -> Callable[[Event, Queue], None]:
        """What folds, appends, observes and queues one event; what the ledger refuses never reaches the record."""
        routes, ledger, fold = self._routes, self.ledger, self.ledger.fold

        def take(event: Event, queue: Queue) -> None:
            route = routes[type(event.body)]
            route.count += 1
            fold(event)
            append(event)
            for observe in route.observers:
                observe(event, ledger)
            if route.subscriptions:
                queue.append((event, route.subscriptions))

        return take

    def subscribe(self, subscription: Subscription) -> None:
        """Add a handler for the types it names; delivery follows the order of these calls."""
        handler = subscription.handler
        if any(kind in handler.subscribes or kind in handler.observes for kind in QUIET_KINDS):
            self.followers.append((subscription.producer, None if subscription.latency_ns else handler))
        for kind in handler.subscribes:
            self._routes[kind].subscriptions.append(subscription.gated(kind))
        for kind in handler.observes:
            self._routes[kind].observe(handler.observe, handler.observe_all if kind in handler.together else None)

    def tap(
        self,
        tap: Tap,
        kinds: Iterable[type[Body]] = BODY_TYPES,
        follower: Follower | None = None,
        at_once: TapOfMany | None = None,
    ) -> None:
        """Let someone see events after they were folded, all or of some types; a tap decides nothing.

        A `follower` takes in runs of quiet ticks in place of the tap, `at_once` many of one type in a row that one
        handler said; without them, such a tap sees each event.
        """
        kinds = list(kinds)
        for kind in kinds:
            self._routes[kind].observe(tap, at_once)
        if any(kind in QUIET_KINDS for kind in kinds):
            self.followers.append((None, follower))

    def count_ticks(self, ticks: QuietTicks) -> None:
        """Count a run of quiet ticks, which was folded and recorded without the bus."""
        self._routes[PriceTicked].count += ticks.instants
        self._routes[MarkPriced].count += ticks.events - ticks.instants

    def counts(self) -> dict[str, int]:
        """How many events of each type there were, by name, those of which there were none left out."""
        return {kind.__name__: route.count for kind, route in self._routes.items() if route.count}

    def publish_input(self, body: Body) -> None:
        """Record a fact from outside, at the clock's time, and let everything follow from it."""
        self._run(Event(self.ledger.seq, self.clock.now_ns, _INPUT, None, (), None, body), [])

    def _run(self, event: Event | None, undelivered: Iterable[Delivery]) -> None:  # noqa: C901
        """Record an event; then deliver what is queued and all that follows from it, first in, first out.

        What was delivered is let go of: a cascade may be a million events long. Most of a run's time is spent here and
        in `_take`.
        """
        now_ns, ledger, take, queue = self.clock.now_ns, self.ledger, self._take, deque(undelivered)
        if event is not None:
            take(event, queue)
        while queue:
            heard, subscriptions = queue.popleft()
            if type(heard) is DecidedRow:
                # Where no gate is open nobody hears of the first, and then nothing opens one before the last.
                if any(subscription.gate for subscription in subscriptions):
                    queue.extendleft([(event, subscriptions) for event in reversed(heard)])
                continue
            assert type(heard) is Event
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
                    some = products if type(products) is list else tuple(products)
                    each = some if len(some) < _MANY else self._take_rows(some, cause, producer, queue)
                    for product in each:
                        links: tuple[int, ...] = ()
                        body: Any = product
                        if type(product) is Linked:
                            body, links = product
                        take(Event(ledger.seq, now_ns, _DECIDED, cause, links, producer, body), queue)
                except (RecordError, PatienceError):
                    raise
                except Exception as error:
                    raise _handler_error(subscription, heard, ledger, error) from error

    def _take_rows(self, products: Sequence[Product], cause: int, producer: int, queue: Queue) -> Iterator[Product]:
        """The products, but for those of one type in a row of which all observers can be told at once: they are taken.

        A row ends with a page, so that whoever keeps states beside the record finds the ledger where the record is.
        """
        for kind, row in groupby(products, type):
            if kind is Linked or self._routes[kind].at_once is None:
                yield from row
                continue
            bodies: list[Any] = list(row)
            while bodies:
                room = PAGE_EVENTS - self.ledger.seq % PAGE_EVENTS
                self._take_row(self._routes[kind], bodies[:room], (cause, producer), queue)
                del bodies[:room]

    def _take_row(self, route: _Route, bodies: Sequence[Any], made_by: tuple[int, int], queue: Queue) -> None:
        """Fold events of one type, record them, and tell observers of all of them."""
        ledger, now_ns, (cause, producer) = self.ledger, self.clock.now_ns, made_by
        first_seq, append = ledger.seq, self.record.append
        said = (repeat(now_ns), repeat(_DECIDED), repeat(cause), repeat(()), repeat(producer), bodies)
        row = DecidedRow(map(Event, count(first_seq), *said))
        route.count += len(row)
        try:
            ledger.fold_row(row)
        finally:
            for event in row[: ledger.seq - first_seq]:
                append(event)
        for observe_all in route.at_once or ():
            observe_all(row, ledger)
        if route.subscriptions:
            queue.append((row, route.subscriptions))

    def resume(self, pending: Pending, inputs: Iterable[Body] = ()) -> None:
        """Go on in the middle of an instant, with handlers primed there and nothing else on the bus yet.

        The inputs (those that belong to a fork) come first; then what is undelivered of the item under way, at once,
        even if who is to hear it is slower now. Timers and delayed deliveries are put back to where they are due.
        """
        queue: Queue = deque((event, [heard.prompt()]) for event, heard in self._heard(pending.queue))
        for body in inputs:
            self._take(Event(self.ledger.seq, self.clock.now_ns, _INPUT, None, (), None, body), queue)
        self.schedule_timers()
        for undelivered, (event, heard) in zip(pending.delayed, self._heard(pending.delayed), strict=True):
            self._schedule_delivery(undelivered.due_ns, event, heard)
        self._run(None, queue)

    def _heard(self, undelivered: Iterable[Undelivered]) -> Iterator[tuple[Event, Subscription]]:
        """Each undelivered event with the subscription of the producer that is to hear it."""
        for event, producer, _ in undelivered:
            for subscription in self._routes[type(event.body)].subscriptions:
                if subscription.producer == producer:
                    yield event, subscription

    def _deliver_later(self, subscription: Subscription, event: Event) -> None:
        self._schedule_delivery(event.at_ns + subscription.latency_ns, event, subscription)

    def _schedule_delivery(self, due_ns: int, event: Event, subscription: Subscription) -> None:
        prompt = subscription.prompt()
        item = Item(event.seq, subscription.producer, lambda: self._run(None, [(event, [prompt])]))
        self.clock.schedule(due_ns, ItemClass.DELIVERY, item)

    def schedule_timers(self) -> None:
        """Put the timers that wait in the ledger to where they are due; once, before or as it is resumed."""
        if not self._timers_are_due:
            self._timers_are_due = True
            for seq, waiting in self.ledger.timers.items():
                self._schedule_timer(seq, waiting.timer)

    def _on_timer_set(self, event: Event, _ledger: Ledger) -> None:
        assert isinstance(event.body, TimerSet)
        self._schedule_timer(event.seq, event.body)

    def _schedule_timer(self, seq: int, timer: TimerSet) -> None:
        self.clock.schedule(timer.due_ns, ItemClass.TIMER, Item(seq, 0, lambda: self._fire(seq)))

    def _fire(self, seq: int) -> None:
        if self.ledger.ordering:
            self._firing = self._firing or deque(in_order(self.ledger, [seq, *self.clock.causes_left()]))
            seq = self._firing.popleft()
        waiting = self.ledger.timers[seq]
        timer = waiting.timer
        fired = TimerFired(seq, timer.purpose, timer.account, timer.instrument, timer.liquidation_id)
        self._run(Event(self.ledger.seq, timer.due_ns, _DECIDED, seq, (), waiting.producer, fired), [])


def _handler_error(subscription: Subscription, event: Event, ledger: Ledger, error: Exception) -> HandlerError:
    handler, what = subscription.handler, f"{type(error).__name__}: {error}"
    if isinstance(error, KeyError) and isinstance(error.args[0], type):
        what = f"a product of type {error.args[0].__name__}, which is not a kind of event"
    if isinstance(error, HandlerError):  # a plug-in's guard has named it
        what = str(error)
    elif handler.plugin:
        what = f"plug-in {handler.plugin}: {what}"
    message = (
        f"handler {handler.name!r} (producer {subscription.producer}) failed on event {event.seq} "
        f"({type(event.body).__name__}) with the ledger before event {ledger.seq}: {what}"
    )
    return HandlerError(message)
