"""What is under way after any event of a record, worked out from the record and the latencies alone.

1. It follows `record.md`: at one instant inputs, then timers, then delayed deliveries, each by cause and then by
   producer; each item drains the queue of its consequences before the next begins.
2. What one delivery produced are the events that follow at once and name its event as cause and its handler as
   producer. The *boundary* at or after event n is the first place where those are complete.
3. Where a fork put other producers in, what was undelivered stays so, slot by slot: it goes to the new handler of the
   slot at the time it was due, if that one listens to such events at all.
4. No handler is asked anything: this reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

from ..events.bodies.run import Producer, RunEnded, RunForked
from ..events.bodies.venue import TimerFired
from ..events.envelope import Event, Origin
from ..events.errors import RecordDivergedError
from ..events.ledger import Ledger, LedgerState
from ..events.vocabulary import Body
from ..handlers.protocol import Handler

__all__ = ["Past", "Pending", "Undelivered", "due_timers", "handed_over", "in_order", "maker_of", "pending_after"]


class Past(Protocol):
    """A record as far as it is needed here; `replay.Run` is one."""

    @property
    def count(self) -> int:
        """How many events there are."""
        ...

    def event(self, seq: int) -> Event:
        """One event."""
        ...

    def events(self, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events of a span."""
        ...

    def before(self, seq: int) -> Ledger:
        """The fold of everything before an event, not shared with anyone."""
        ...

    def first_at(self, at_ns: int) -> int:
        """The number of the first event at or after a time."""
        ...

    def producers_at(self, seq: int) -> tuple[Producer, ...]:
        """Who decides at an event."""
        ...

    @property
    def forks(self) -> tuple[int, ...]:
        """The `RunForked` events."""
        ...

    def build(self, producer: Producer) -> Handler:
        """A producer's handler. Raises ScenarioError where a plug-in is not at hand."""
        ...

    def hears(self, producer: Producer) -> Collection[type[Body]]:
        """What a producer listens to; everything, where that cannot be told because it is not at hand."""
        ...


class Undelivered(NamedTuple):
    """An event that a producer is still to hear, and when."""

    event: Event
    producer: int
    due_ns: int


class Pending(NamedTuple):
    """A boundary: who decides, what is left of the item under way, in order, and what is delayed.

    The number of the next event, the time and the pending timers are the ledger's.
    """

    producers: tuple[Producer, ...]
    queue: tuple[Undelivered, ...] = ()
    delayed: tuple[Undelivered, ...] = ()


def pending_after(past: Past, seq: int) -> tuple[Ledger, Pending]:
    """The first boundary at which at least `seq` events are recorded: the state there, and what is under way.

    Costs the state before the instant of the last of them, and reading back over the longest latency. Raises
    RecordDivergedError where the record does not follow its order, ScenarioError where a policy must be at hand.
    """
    if not seq:
        return Ledger(), Pending(past.producers_at(0))
    now_ns = past.event(seq - 1).at_ns
    instant_seq = past.first_at(now_ns)
    ledger = past.before(instant_seq)
    producers = ledger.producers or past.producers_at(0)
    delayed = _delayed(past, instant_seq, now_ns)
    walk = _Walk(past, ledger, now_ns, producers, delayed)
    walk.to(seq)
    return ledger, Pending(walk.producers, tuple(walk.queue), tuple(walk.items + walk.delayed))


def handed_over(
    past: Past, undelivered: Iterable[Undelivered], before: tuple[Producer, ...], after: tuple[Producer, ...]
) -> list[Undelivered]:
    """What is undelivered when other producers take over: by slot, as far as the new ones listen.

    Raises ScenarioError where one that is replaced is not at hand and may have been still to hear something of this.
    """
    slots = {producer.handler: number for number, producer in enumerate(after)}
    now = [slots.get(producer.handler) for producer in before]
    hears = cache(lambda number: past.hears(after[number]))
    moved = list[Undelivered]()
    for one in undelivered:
        number = now[one.producer]
        if number is not None and type(one.event.body) in hears(number):
            if before[one.producer] != after[number]:
                past.build(before[one.producer])  # else it is not known that it listened to this
            moved.append(Undelivered(one.event, number, one.due_ns))
    return moved


def _delayed(past: Past, stop_seq: int, now_ns: int) -> list[Undelivered]:
    """What was published before `stop_seq` and is due at `now_ns` or later, in the order of publication."""
    # Pre-fork producers may have had longer latencies; their undelivered events are still due.
    slowest_ns = max(_slowest_ns(past.producers_at(seq)) for seq in (0, *past.forks) if seq <= stop_seq)
    first_seq = min(past.first_at(now_ns - slowest_ns), stop_seq)
    return _undelivered(past, first_seq, stop_seq, now_ns)


def _slowest_ns(producers: tuple[Producer, ...]) -> int:
    return max((producer.latency_ns for producer in producers), default=0)


def _undelivered(past: Past, first_seq: int, stop_seq: int, now_ns: int) -> list[Undelivered]:
    producers, found = past.producers_at(first_seq), list[Undelivered]()
    listeners = _Listeners(past, producers)
    for event in past.events(first_seq, stop_seq):
        if isinstance(event.body, RunForked) and event.body.producers:
            found = handed_over(past, found, producers, event.body.producers)
            producers = event.body.producers
            listeners = _Listeners(past, producers)
        found += listeners.later(event)
    return [one for one in found if one.due_ns >= now_ns]


class _Listeners:
    """Which producers hear which type of event, at once or later."""

    def __init__(self, past: Past, producers: tuple[Producer, ...]) -> None:
        self._prompt: dict[type[Body], list[int]] = {}
        self._late: dict[type[Body], list[tuple[int, int]]] = {}
        for number, producer in enumerate(producers):
            for kind in past.hears(producer):
                if producer.latency_ns:
                    self._late.setdefault(kind, []).append((number, producer.latency_ns))
                else:
                    self._prompt.setdefault(kind, []).append(number)

    def at_once(self, event: Event) -> list[Undelivered]:
        return [Undelivered(event, number, event.at_ns) for number in self._prompt.get(type(event.body), ())]

    def later(self, event: Event) -> list[Undelivered]:
        heard = self._late.get(type(event.body), ())
        return [Undelivered(event, number, event.at_ns + latency_ns) for number, latency_ns in heard]


class _Walk:
    """One instant of a record, item by item and delivery by delivery."""

    def __init__(
        self,
        past: Past,
        ledger: Ledger,
        now_ns: int,
        producers: tuple[Producer, ...],
        delayed: list[Undelivered],
    ) -> None:
        self.producers = producers
        self.queue: deque[Undelivered] = deque()
        self.items = sorted((one for one in delayed if one.due_ns == now_ns), key=_place)
        self.delayed = [one for one in delayed if one.due_ns > now_ns]
        self._past, self._ledger, self._events = past, ledger, past.events(ledger.seq)
        self._now_ns = now_ns
        self._next = next(self._events, None)
        self._listeners = _Listeners(past, producers)
        self._timers: list[int] | None = None

    def to(self, seq: int) -> None:
        """Up to the first boundary at or after `seq`."""
        while self._ledger.seq < seq and self._next is not None:
            if isinstance(self._next.body, RunForked):
                self._fork(self._next.body)
            elif self.queue:
                self._deliver(self.queue.popleft())
            else:
                self._begin_item(self._next)

    def _begin_item(self, event: Event) -> None:
        timer = event.body.timer if isinstance(event.body, TimerFired) else None
        if event.origin is Origin.INPUT and not isinstance(event.body, RunEnded):
            self._take()
        elif timers := self._timers_left():
            if timer != timers.pop(0):
                raise self._disorder(event)
            self._take()
        elif self.items:
            self._deliver(self.items.pop(0))
        elif event.origin is Origin.INPUT:
            self._take()
        else:
            raise self._disorder(event)

    def _timers_left(self) -> list[int]:
        """The timers of this instant that are still to fire, in their order, which is settled as the first one does."""
        if self._timers is None:
            self._timers = due_timers(self._ledger, self._now_ns)
        return self._timers

    def _deliver(self, delivery: Undelivered) -> None:
        """Take in what the record says this delivery produced, if anything."""
        made_by = delivery.event.seq, delivery.producer
        while self._next is not None and maker_of(self._next) == made_by:
            self._take()

    def _fork(self, body: RunForked) -> None:
        """Other producers take over, and the inputs of the fork queue behind what is undelivered."""
        self._timers = None
        if body.producers:
            self.queue = deque(handed_over(self._past, self.queue, self.producers, body.producers))
            self.items = handed_over(self._past, self.items, self.producers, body.producers)
            self.delayed = handed_over(self._past, self.delayed, self.producers, body.producers)
            self.producers = body.producers
            self._listeners = _Listeners(self._past, body.producers)
        for _ in range(1 + body.inputs):
            self._take()

    def _take(self) -> None:
        """Fold the next event and note who is still to hear it."""
        event = self._next
        if event is None:
            message = f"the record ends at event {self._ledger.seq}, in the middle of a fork's inputs"
            raise RecordDivergedError(message)
        self._ledger.fold(event)
        self.queue += self._listeners.at_once(event)
        self.delayed += self._listeners.later(event)
        self._next = next(self._events, None)

    def _disorder(self, event: Event) -> RecordDivergedError:
        message = (
            f"event {event.seq} ({type(event.body).__name__}) follows from nothing that was due at its instant; "
            f"the decisions of this record were not made by the bus, so they cannot be made again"
        )
        return RecordDivergedError(message)


def _place(undelivered: Undelivered) -> tuple[int, int]:
    return undelivered.event.seq, undelivered.producer


def due_timers(ledger: LedgerState, due_ns: int) -> list[int]:
    """The timers that are due at a time, in the order in which they fire. Looks at every timer that waits."""
    return in_order(ledger, sorted(seq for seq, pending in ledger.timers.items() if pending.timer.due_ns == due_ns))


def in_order(ledger: LedgerState, due: list[int]) -> list[int]:
    """Timers of one instant, given as they were set, as they fire: in a fork with an order, those of accounts in it."""
    if not ledger.ordering:
        return due
    accounts = {seq: ledger.timers[seq].timer.account for seq in due}
    return ledger.ordering.arranged(ledger.seq, due, lambda seq: None if accounts[seq] is None else 0)


def maker_of(event: Event) -> tuple[int, int] | None:
    """The event and the producer whose delivery made this event; None for inputs, timers, and what nobody made."""
    if event.origin is not Origin.DECIDED or isinstance(event.body, TimerFired):
        return None
    return None if event.cause is None or event.producer is None else (event.cause, event.producer)
