"""A run taken up just before one of its events, which is left out or put otherwise; all else follows from it.

1. It begins at the decision that the event belongs to, or at the input, and is executed with the run's own handlers and
   remaining inputs. Up to the event it is the record, byte for byte; nothing is put in to mark it as a fork, so that
   the event has the same number again and can be told from all others.
2. What was decided together with the event stays, numbered anew where its numbers counted on it.
3. Later inputs that have become impossible are refused by the rule for their type, as in any fork.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any, cast

import msgspec

from ...events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from ...events.bodies.options import HedgeOrdered
from ...events.bodies.run import Producer
from ...events.envelope import Event, Origin
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ...handlers.protocol import ALWAYS, Handler, Linked, Product
from ...sim.bus import Sink
from ...sim.resumption import Resumption
from ..run import Run
from .fork import Fork, Progress

__all__ = ["Without"]

_NUMBERED: dict[type[Body], str] = {
    LiquidationStarted: "liquidation_id",
    LiquidationOrdered: "order_id",
    HedgeOrdered: "order_id",
}
"""The field by which the ledger counts events of a type without gaps."""


class Without(Fork):
    """The run from an event on, with other bodies in the place of it; none leave it out."""

    def __init__(self, run: Run, event: Event, began_seq: int, bodies: tuple[Body, ...]) -> None:
        """`began_seq` is the first event of the decision that the event belongs to. Raises as `Fork` does."""
        super().__init__(run, began_seq - 1)
        self.differs = True
        self._event, self._bodies = event, bodies

    def resumption(self, sink: Sink) -> Resumption:
        """As its base, with the handler that made the event replaced by one that makes the others instead."""
        if self._event.origin is Origin.INPUT:
            return super().resumption(sink)
        past = _Past(self.run, self._event, self._bodies)
        resumption = Resumption(cast("Run", past), self.ledger, self._pending, sink)
        resumption.bus.tap(past.take)
        return resumption

    def _remaining(self, progress: Progress | None) -> Iterator[Event]:
        for event in super()._remaining(progress):
            if event.seq != self._event.seq:
                yield event
                continue
            for body in self._bodies:
                yield msgspec.structs.replace(event, body=body)


class _Past:
    """The run up to the event and what was made since; its producers are as they were, but for the event's own."""

    def __init__(self, run: Run, event: Event, bodies: tuple[Body, ...]) -> None:
        self._run, self._event, self._bodies = run, event, bodies
        self._producer, self._since = run.producer_of(event), list[Event]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def take(self, event: Event, _ledger: LedgerState) -> None:
        """Keep an event that was made."""
        self._since.append(event)

    def build(self, producer: Producer) -> Handler:
        """The handler, or one that stands before it."""
        if producer != self._producer:
            return self._run.build(producer)
        return cast("Handler", _Instead(self, producer, self._event, self._bodies))

    def primed(self, producer: Producer, ledger: LedgerState) -> Handler:
        """A handler as it is where the ledger stands, by what it looks back on."""
        handler, since_ns = self._run.build(producer), ledger.at_ns
        stop = self._since[0].seq if self._since else ledger.seq
        recorded = self._run.events(min(self._run.first_at(since_ns - handler.look_back_ns), stop), stop)
        made = (event for event in self._since if event.at_ns >= since_ns - handler.look_back_ns)
        handler.prime(ledger, chain(recorded, made))
        return handler


class _Instead:
    """A handler that returns other bodies in the place of one event, once.

    What it keeps of its own may count on the event, so from then on a new one decides, primed in the state without it.
    """

    def __init__(self, past: _Past, producer: Producer, event: Event, bodies: tuple[Body, ...]) -> None:
        self._past, self._producer, self._event, self._bodies = past, producer, event, bodies
        self._handler, self._state = past._run.build(producer), "before"  # noqa: SLF001 - its own past

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)

    def gate(self, _kind: type[Body]) -> Collection[object]:
        """Every delivery is made: a gate would be that of the first handler."""
        return ALWAYS

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the index; a new handler is primed with this event already."""
        if not self._replaced(ledger):
            self._handler.observe(event, ledger)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """What the handler decides, with the event put otherwise where it is among that."""
        self._replaced(ledger)
        products = tuple(self._handler.handle(event, ledger, now_ns))
        place = self._event.seq - ledger.seq
        if self._state != "before" or event.seq != self._event.cause or not 0 <= place < len(products):
            return products
        self._state = "put"
        later = products[place + 1 :] if self._bodies else tuple(self._renumbered(one) for one in products[place + 1 :])
        return (*products[:place], *self._bodies, *later)

    def _replaced(self, ledger: LedgerState) -> bool:
        """Whether a new handler was put in just now, after the event."""
        if self._state != "put" or ledger.seq <= self._event.seq:
            return False
        self._handler, self._state = self._past.primed(self._producer, ledger), "after"
        return True

    def _renumbered(self, product: Product) -> Product:
        """A product after one that is left out, counted without it."""
        field, body = _NUMBERED.get(type(self._event.body), ""), product.body if type(product) is Linked else product
        number = getattr(body, field, None) if field else None
        if number is None or number <= getattr(self._event.body, field):
            return product
        changed = msgspec.structs.replace(cast("Any", body), **{field: number - 1})
        return Linked(changed, product.links) if type(product) is Linked else changed
