"""Where re-executed events go: each page is held against the recorded one, byte by byte.

1. A page that comes out with the recorded bytes is the same. One that does not is compared event by event, both
   encoded in today's schema, so that a record of an older one still verifies.
2. The first event that differs ends the re-execution: everything after it could differ for that reason alone.
3. On the way the state is held against the snapshots that were taken at the ends of pages.
4. At `stop_seq` the part is over, wherever the bus is just then: that is no error and passes through it as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

import msgspec

from ...events.bodies.run import Producer
from ...events.codec import encode_event
from ...events.envelope import Event
from ...events.errors import RecordDivergedError
from ...events.ledger import Ledger
from ...events.record import PAGE_EVENTS
from .playback import Tape

__all__ = ["Comparison", "Divergence", "EndOfPart", "producer_in"]


class EndOfPart(BaseException):
    """All that was to be compared was compared. Not an error: like `GeneratorExit` it unwinds what is under way."""


class Divergence(msgspec.Struct, frozen=True):
    """The first event that is not as recorded: `expected` is the record's, `got` what was decided now, if anything.

    `error` is what stopped the re-execution, or did not stop it as it stopped the run; `state` says that a snapshot's
    digest is another.
    """

    seq: int
    expected: Event | None
    got: Event | None
    error: str | None = None
    state: str | None = None

    def producer(self, producers: Sequence[Producer]) -> Producer | None:
        """Who decided, now or then, of the producers of that point; None where nobody did."""
        event = self.got if self.got is not None else self.expected
        return None if event is None else producer_in(producers, event)

    def told(self, producers: Sequence[Producer]) -> str:
        """What differs, in one line, with the handler and its policy."""
        if self.state is not None:
            return f"after {self.seq} events the state is another: {self.state}"
        if self.expected is None and self.got is None:
            return f"from event {self.seq} on: {self.error}"
        producer = self.producer(producers)
        who = "the inputs" if producer is None else _named(producer)
        what = f"event {self.seq} was {_kind(self.expected)} and is {_kind(self.got)} now"
        if self.error is not None:
            return f"{what}: {self.error}"
        if _kind(self.expected) == _kind(self.got):
            what = f"event {self.seq}, {_kind(self.expected)}, comes out otherwise now"
        return f"{what}, by {who}"


def producer_in(producers: Sequence[Producer], event: Event) -> Producer | None:
    """Who decided an event; None for an input, and for a number that nobody has."""
    number = event.producer
    return None if number is None or not 0 <= number < len(producers) else producers[number]


def _kind(event: Event | None) -> str:
    return "nothing" if event is None else type(event.body).__name__


def _named(producer: Producer) -> str:
    return f"{producer.handler}:{producer.policy} version {producer.version}"


class Comparison:
    """A sink for the bus: takes the events of a part and compares them with the tape."""

    def __init__(
        self, tape: Tape, ledger: Ledger, stop_seq: int, digests: Mapping[int, str], on_page: Callable[[int], None]
    ) -> None:
        """`ledger` is the one that is re-executed; `digests` are those of snapshots, by number of events."""
        self._tape, self._ledger, self._digests, self._on_page = tape, ledger, digests, on_page
        self._page: list[Event] = []
        self._stop_seq = stop_seq
        self.seq = ledger.seq
        self._room = self._next_room()
        self.divergence: Divergence | None = None

    def append(self, event: Event) -> None:
        """Take the next event. Raises RecordDivergedError where a page is not as recorded, EndOfPart at the end."""
        page = self._page
        page.append(event)
        if len(page) >= self._room:
            self.compare()

    def compare(self) -> None:
        """Hold what was taken since the last comparison against the record."""
        got, self._page = self._page, []
        if got:
            page = self._tape.page()
            if page is None or encode_event(got) != page.data:
                self._find([] if page is None else page.events, got)
            self.seq += len(got)
            self._check_state()
            self._on_page(self.seq)
        if self.seq >= self._stop_seq:
            raise EndOfPart
        self._room = self._next_room()

    def _next_room(self) -> int:
        """Up to the end of the page, or of the part."""
        return min(PAGE_EVENTS - self.seq % PAGE_EVENTS, self._stop_seq - self.seq)

    def _find(self, expected: list[Event], got: list[Event]) -> None:
        """Raise for the first event that differs, if one does; what a page has beyond what was taken is left."""
        for place, (theirs, ours) in enumerate(zip_longest(expected[: len(got)], got)):
            if theirs is None or ours is None or encode_event(theirs) != encode_event(ours):
                self.differs(Divergence(self.seq + place, theirs, ours))

    def _check_state(self) -> None:
        told = self._digests.get(self.seq)
        if told is not None and self._ledger.seq == self.seq:
            found = self._ledger.digest()
            if found != told:
                self.differs(Divergence(self.seq, None, None, state=f"the snapshot has {told}, the fold gives {found}"))

    def differs(self, divergence: Divergence) -> None:
        """Note it, and end the re-execution. Raises RecordDivergedError."""
        self.divergence = divergence
        message = f"event {divergence.seq} is not what the handlers decide"
        raise RecordDivergedError(message)
