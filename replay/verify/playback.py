"""A record whose deciders are not all at hand: what is missing is played back, so that all others can be executed.

1. A handler that is not at hand hears everything and gives, for each delivery, what the record says that it gave.
2. So its own decisions prove nothing, and every other decision is compared as ever.
3. It must be in force in the whole record: where a fork puts it in or takes it out, what it was still to hear would
   have to be handed over, and what it listened to is not known.

A record read once for two purposes: its inputs, in order, and its pages, to hold what comes out against.

Whoever is ahead pulls the next page in; what the other has not taken yet waits. So memory is that of the few pages
between the input that is published next and the event that it leads to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from ...events.bodies.run import Producer
from ...events.envelope import Event, Origin
from ...events.errors import ScenarioError
from ...events.ledger import LedgerState
from ...events.vocabulary import BODY_TYPES, Body
from ...handlers.protocol import Handler, Linked, NoParameters, Product
from ...sim.pending import maker_of
from ..run import Run

__all__ = ["Missing", "Page", "PlayedBack", "Tape", "missing_in"]

_INPUT = Origin.INPUT


class Missing(NamedTuple):
    """A producer that cannot be executed, and why; `throughout` says that it is in force in the whole record."""

    producer: Producer
    reason: str
    throughout: bool

    @property
    def slot(self) -> str:
        """The slot that it fills."""
        return self.producer.handler

    @property
    def name(self) -> str:
        """Slot and policy."""
        return f"{self.producer.handler}:{self.producer.policy}"


def missing_in(run: Run) -> tuple[Missing, ...]:
    """The producers of a record that are neither builtin nor at hand. Those that are, are built for it."""
    declared = [run.producers_at(seq) for seq in (0, *run.forks)]
    found: list[Missing] = []
    for number, producers in enumerate(declared):
        for producer in producers:
            if not any(producer in earlier for earlier in declared[:number]):
                reason = _reason(run, producer)
                if reason:
                    found.append(Missing(producer, reason, all(producer in one for one in declared)))
    return tuple(found)


def _reason(run: Run, producer: Producer) -> str:
    try:
        run.build(producer)
    except ScenarioError as error:
        return str(error)
    return ""


class PlayedBack(Run):
    """A run of which some handlers are played back."""

    def __init__(self, run: Run, slots: Iterable[str]) -> None:
        """The same record, with what these slots decided played back."""
        super().__init__(run.reader, run.plugin_folders)
        self._slots = frozenset(slots)

    def build(self, producer: Producer) -> Handler:
        """The handler, or what plays it back."""
        return _Recorded(self, producer.handler) if producer.handler in self._slots else super().build(producer)

    def failed_in(self, error: str) -> bool:
        """Whether it was a handler that is played back which failed with this error: that cannot be seen again."""
        return any(error.startswith(f"handler {slot!r} ") for slot in self._slots)

    def decided(self) -> int:
        """How many events those slots decided; reads all of the record."""
        return sum(self._is_theirs(event) for event in self.events())

    def _is_theirs(self, event: Event) -> bool:
        producer = None if maker_of(event) is None else self.producer_of(event)
        return producer is not None and producer.handler in self._slots


class _Recorded(Handler):
    """Gives what the record says that a slot's handler gave."""

    policy: ClassVar[str] = "as recorded"
    subscribes: ClassVar[tuple[type[Body], ...]] = tuple(BODY_TYPES)

    def __init__(self, run: Run, slot: str) -> None:
        super().__init__(NoParameters())
        self._run, self._slot = run, slot
        self._events: Iterator[Event] | None = None
        self._ahead: Event | None = None

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The events that stand next in the record, as far as this delivery made them."""
        found, seq = list[Product](), ledger.seq
        while (made := self._at(seq)) is not None and self._made(made, event):
            found.append(Linked(made.body, made.links))
            seq += 1
        return found

    def _at(self, seq: int) -> Event | None:
        """The event of that number, which never falls."""
        if self._events is None:
            self._events = self._run.events(seq)
        while self._ahead is None or self._ahead.seq < seq:
            self._ahead = next(self._events, None)
            if self._ahead is None:
                return None
        return self._ahead

    def _made(self, made: Event, cause: Event) -> bool:
        maker = maker_of(made)
        if maker is None or maker[0] != cause.seq:
            return False
        producer = self._run.producer_of(made)
        return producer is not None and producer.handler == self._slot


class Page(NamedTuple):
    """The events of a page from the tape's first on, and the page as recorded, None where it is not whole here."""

    events: list[Event]
    data: bytes | None


class Tape:
    """The events of a run from `first_seq` up to `stop_seq`."""

    def __init__(self, run: Run, first_seq: int, stop_seq: int) -> None:
        self._first_seq, self._stop_seq = first_seq, stop_seq
        self._source = run.reader.pages(first_seq) if first_seq < stop_seq else iter(())
        self._inputs: deque[Event] = deque()
        self._pages: deque[Page] = deque()

    def inputs(self) -> Iterator[Event]:
        """The inputs, as they are asked for."""
        while self._inputs or self._read():
            while self._inputs:
                yield self._inputs.popleft()

    def page(self) -> Page | None:
        """The next page; None behind the last one."""
        while not self._pages:
            if not self._read():
                return None
        return self._pages.popleft()

    def _read(self) -> bool:
        """One more page, if there is one."""
        events, data = next(self._source, (None, b""))
        if events is None or events[0].seq >= self._stop_seq:
            self._source = iter(())
            return False
        if events[0].seq >= self._first_seq and events[-1].seq < self._stop_seq:
            self._pages.append(Page(events, data))
        else:
            events = [event for event in events if self._first_seq <= event.seq < self._stop_seq]
            self._pages.append(Page(events, None))
        self._inputs.extend([event for event in events if event.origin is _INPUT])
        return True
