"""A run taken up again at a boundary of its record: clock, bus and handlers as they stood there.

1. The handlers are built from what the record declares and primed with the state and as much of the past as they look
   back on. Nothing else of the run that made the record is needed, but for its plug-ins.
2. From there the inputs of a record, its own or another's, are published at their times and everything follows. The
   last of them, `RunEnded`, comes when all that was due up to its time is done.
3. With the record's own producers and inputs the same bytes follow (tests/test_resumption.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..events.bodies.run import RunEnded
from ..events.envelope import Event
from ..events.ledger import Ledger
from ..events.vocabulary import Body
from ..handlers.protocol import Handler
from .bus import Bus, Sink, Subscription
from .clock import Clock
from .collecting import seldom_collected
from .patience import watched
from .pending import Past, Pending

__all__ = ["Resumption"]


class Resumption:
    """Stands at a boundary: `begin`, then `follow` inputs."""

    def __init__(self, past: Past, ledger: Ledger, pending: Pending, sink: Sink) -> None:
        """Build and prime the handlers. `ledger` is moved on from here; `past` is read back, never beyond it."""
        start_ns = ledger.at_ns if ledger.seq else past.event(0).at_ns
        ledger.accounts = list(ledger.accounts)  # all unpacked: handlers look at them time and again
        self.ledger, self.clock = ledger, Clock(start_ns)
        self.bus = Bus(self.clock, ledger, sink)
        self._pending = pending
        self._handlers = list[Handler]()
        for number, producer in enumerate(pending.producers):
            handler = watched(past.build(producer), producer.policy)
            first_seq = past.first_at(start_ns - handler.look_back_ns) if ledger.seq else 0
            handler.prime(ledger, past.events(min(first_seq, ledger.seq), ledger.seq))
            self._handlers.append(handler)
            self.bus.subscribe(Subscription(number, handler, producer.latency_ns))

    def prepare(self) -> None:
        """Have ready what handlers keep and what is due, for whoever goes on from here many times."""
        for handler in self._handlers:
            handler.prepare(self.ledger)
        self.bus.schedule_timers()

    def begin(self, inputs: Iterable[Body] = ()) -> None:
        """Publish the inputs that belong to a fork, if this is one, and drain what was under way."""
        self.bus.resume(self._pending, inputs)

    def follow(self, inputs: Iterable[Event], publish: Callable[[Body], None] | None = None) -> None:
        """Publish recorded inputs at their times, the end of the run last, and let everything follow.

        `publish` is the bus's own unless another stands before it. Everything is driven up to the last input; beyond
        it only where the run's end says how far.
        """
        publish = publish or self.bus.publish_input
        stream, ends = iter(inputs), list[Event]()
        with seldom_collected():
            self.clock.run_inputs(_until_end(stream, ends), publish)
            for end in ends:
                self.clock.run_until(end.at_ns)
                publish(end.body)

    def run_until(self, end_ns: int) -> None:
        """Run what is still due up to a time, for a record that breaks off without its end."""
        self.clock.run_until(end_ns)


def _until_end(inputs: Iterator[Event], ends: list[Event]) -> Iterator[tuple[int, Body]]:
    """Times and bodies; the run's end is put aside."""
    for event in inputs:
        if isinstance(event.body, RunEnded):
            ends.append(event)
            return
        yield event.at_ns, event.body
