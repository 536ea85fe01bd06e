"""The quiet lane: a run of prices that nobody says anything of passes at once, in columns.

1. Whoever hears prices or marks is asked for a span (`handlers/quiet.py`): up to which marks, and until when, it
   returns nothing. What lies within all spans, and before anything else is due, is folded, recorded and shown to
   indexes and taps together. What leaves them is published as ever, and so is all where one has no span, hears late, or
   is a tap that sees each event.
2. The bytes are those of the plain way, block for block: a run stops before a block ends, as a state may be kept there.
3. A run is of prices of the same instruments, at times that rise, each encoded in as many bytes as the first.
4. Where a run would be short, some inputs go the plain way before anybody is asked again, each time twice as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from ..events.codec import same_width
from ..events.record.pages import PAGE_EVENTS
from ..events.record.sink import PageSink
from ..events.vocabulary import Body
from ..handlers.quiet import QuietSpan
from .bus import Bus

if TYPE_CHECKING:
    from ..events.quiet_ticks import QuietTicks
    from .ahead import TicksAhead

__all__ = ["QuietLane"]

_Entry = tuple[int, Body]

_FEW, _MANY = 64, 4096
"""So many inputs are read at once where little is quiet, and where all is; what is asked between costs little."""

_SHORT = 24
"""A run of fewer instants would cost more than the plain way."""

_EVENT_BYTES, _PRICE_BYTES = 64, 16
"""No mark is longer than the first, and no input than both, the second for each of its prices."""


class QuietLane:
    """Stands between a run's inputs and the clock."""

    def __init__(self, bus: Bus, inputs: Iterable[_Entry], *, is_open: bool = True) -> None:
        self._bus = bus
        self._sink = bus.record if isinstance(bus.record, PageSink) else None
        self._inputs = iter(inputs)
        self._read_at_once = self._plain = _FEW
        self._entries: list[_Entry] = []
        self._next = 0
        self._ahead: TicksAhead | None = None
        self._is_open = is_open

    def some(self) -> list[_Entry]:
        """The next inputs to publish, a few of them, once all before them that is quiet has passed; none at the end.

        Ask for them while the bus is idle.
        """
        self._plain = min(2 * self._plain, _FEW) if self._is_open else _FEW
        while self._is_open and self._pass_run():
            self._plain = 1
        self._fill(1)
        some = self._entries[self._next : self._next + self._plain]
        self._next += len(some)
        return some

    def _fill(self, least: int) -> None:
        """Read on where fewer than so many inputs are left."""
        if len(self._entries) - self._next < least:
            self._entries = [*self._entries[self._next :], *islice(self._inputs, self._read_at_once)]
            self._next, self._ahead = 0, None

    def _pass_run(self) -> bool:
        """Let a run pass, if there is one that is long enough."""
        found = self._span()
        if found is None or self._sink is None:
            return False
        self._fill(_SHORT)
        ticks = self._run(self._sink, *found)
        self._read_at_once = min(2 * self._read_at_once, _MANY) if ticks.instants >= _SHORT else _FEW
        if ticks.instants < _SHORT:
            return False
        self._take(self._sink, ticks)
        return True

    def _span(self) -> tuple[QuietSpan, int] | None:
        """How long all are quiet, and who marks; None where somebody is not, or nobody or several would mark."""
        if self._bus.ledger.deliveries:
            return None
        bounds, until_ns, markers = dict[int, tuple[int, int]](), self._bus.clock.next_due_ns, list[int]()
        for producer, follower in self._bus.followers:
            span = None if follower is None else follower.quiet_span(self._bus.ledger)
            if span is None:
                return None
            _narrow(bounds, span.bounds)
            until_ns = min(until_ns, span.until_ns)
            if span.marks and producer is not None:
                markers.append(producer)
        return (QuietSpan(bounds, until_ns), markers[0]) if len(markers) == 1 else None

    def _run(self, sink: PageSink, span: QuietSpan, producer: int) -> QuietTicks:
        """The run from the next input on, before anybody looks at the state, while all numbers keep their length."""
        from .ahead import TicksAhead  # noqa: PLC0415 - numpy is only for whoever has a run of prices

        ahead = self._ahead
        if ahead is None or self._next >= ahead.stop:
            ahead = self._ahead = TicksAhead(self._entries, self._next)
        seq, prices = self._bus.ledger.seq, ahead.instruments
        inputs_a_page = PAGE_EVENTS // (1 + prices) + 1
        room = sink.unwatched(PAGE_EVENTS * _EVENT_BYTES + inputs_a_page * prices * _PRICE_BYTES)
        most = min(room, same_width(seq)[1] + 1 - seq) // (1 + prices)
        return ahead.quiet_from(self._next, most, self._bus.clock.now_ns, span, producer)

    def _take(self, sink: PageSink, ticks: QuietTicks) -> None:
        """What the bus does of each event, of all of them."""
        from ..events.quiet_ticks import EncodedTicks  # noqa: PLC0415 - as above

        bus, ledger = self._bus, self._bus.ledger
        encoded = EncodedTicks(ticks, ledger.seq)
        ledger.fold_ticks(ticks)
        bus.clock.now_ns = ledger.at_ns
        sink.append_ticks(encoded)
        bus.count_ticks(ticks)
        for _, follower in bus.followers:
            if follower is not None:
                follower.observe_ticks(ticks, ledger)
        self._next += ticks.instants


def _narrow(bounds: dict[int, tuple[int, int]], further: Mapping[int, tuple[int, int]]) -> None:
    """Keep to both."""
    for instrument, (low, high) in further.items():
        known_low, known_high = bounds.get(instrument, (low, high))
        bounds[instrument] = max(low, known_low), min(high, known_high)
