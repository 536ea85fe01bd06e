"""Primed at n and fed the rest: what handlers built anew say, beside what the record has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.protocol import Handler, Linked
from deleverage.handlers.registry import build

from .replayer import Delivery, producers_of, tell

__all__ = ["Difference", "differences", "primed"]


class Difference(NamedTuple):
    """A handler asked about an event, when the ledger stood before `at_seq`, said something else than the record."""

    handler: str
    at_seq: int
    event: Event
    said: list[bytes]
    recorded: list[bytes]


def primed(events: Sequence[Event], first_seq: int, ledger: Ledger) -> list[Handler]:
    """The handlers of a record, built anew and primed in the state before `first_seq`."""
    handlers = [build(producer) for producer in producers_of(events)]
    for handler in handlers:
        since_ns = ledger.at_ns - handler.look_back_ns
        handler.prime(ledger, (event for event in events[:first_seq] if event.at_ns >= since_ns))
    return handlers


def differences(events: Sequence[Event], first_seq: int, count: int | None = None) -> Iterator[Difference]:
    """Where handlers primed before `first_seq` differ from the record in its next `count` events, or all."""
    ledger = Ledger.of(events[:first_seq])
    handlers = primed(events, first_seq, ledger)
    stop = len(events) if count is None else first_seq + count
    for step in tell(events):
        if isinstance(step, Delivery):
            if step.at_seq >= stop:
                return
            if step.at_seq >= first_seq:
                yield from _compared(step, handlers[step.producer], ledger)
        elif step.event.seq >= first_seq:
            ledger.fold(step.event)
            for handler in handlers:
                if type(step.event.body) in handler.observes:
                    handler.observe(step.event, ledger)


def _compared(step: Delivery, handler: Handler, ledger: Ledger) -> Iterator[Difference]:
    gate = handler.gate(type(step.event.body))
    products = tuple(handler.handle(step.event, ledger, step.now_ns)) if gate else ()
    said = [_bytes(*product) if isinstance(product, Linked) else _bytes(product) for product in products]
    recorded = [_bytes(product.body, product.links) for product in step.products]
    if said != recorded:
        yield Difference(handler.name, step.at_seq, step.event, said, recorded)


def _bytes(body: object, links: tuple[int, ...] = ()) -> bytes:
    return msgspec.msgpack.encode((body, links))
