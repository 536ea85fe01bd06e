"""A handler at one of several venues: it hears what happens there, and nothing of the others.

1. An event is of the venue of the instrument that it names, or of its account, or of whoever decided it. What names
   none of these, as the run's beginning, is of all venues.
2. Prices from outside come for all venues at once: each hears its own.
3. A handler that `hears_all` decides for its own venue, but from what happens on all of them.
4. While its venue has failed it hears no price, and puts off what its own timers were set for.

The handler stays an instance of its own class: the filter is mixed in before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..events.bodies.inputs import PriceTicked
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.vocabulary import ACCOUNT_FIELDS
from .faults import back_ns, failure_at
from .protocol import Handler, Product
from .quiet import QuietSpan

__all__ = ["at_venue", "venue_of_event"]


def at_venue(handler: Handler, venue: str) -> Handler:
    """The same handler, deciding for one venue."""
    handler.venue = venue
    if not handler.hears_all:
        handler.__class__ = _filtered(type(handler))
    return handler


def _filtered(kind: type[Handler]) -> type[Handler]:
    filtered: type[Handler] = type(kind.__name__, (_AtVenue, kind), {"__doc__": kind.__doc__})
    return filtered


def venue_of_event(event: Event, ledger: LedgerState) -> str | None:
    """The venue that an event is of; None for all."""
    body = event.body
    instrument = getattr(body, "instrument", None)
    if instrument is not None:
        return ledger.venue_of_instrument(instrument)
    for field in ACCOUNT_FIELDS[type(body)]:
        account = getattr(body, field)
        if account is not None:
            return ledger.venue_of(account)
    liquidation = ledger.liquidations.get(getattr(body, "liquidation_id", None) or 0)
    if liquidation is not None:
        return ledger.venue_of(liquidation.account)
    return None if event.producer is None else ledger.producers[event.producer].venue or None


class _AtVenue(Handler):
    """Stands before the handler's own methods."""

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """What the handler says of its own venue's events."""
        own = self._part_here(event, ledger)
        if own is None:
            return ()
        failure = failure_at(ledger, self.venue) if ledger.faults else None
        if failure is not None and isinstance(own.body, PriceTicked):
            return ()
        if failure is not None and isinstance(own.body, TimerFired):
            return self._put_off(own, own.body, ledger, back_ns(failure, now_ns))
        return super().handle(own, ledger, now_ns)

    def _put_off(self, event: Event, timer: TimerFired, ledger: LedgerState, due_ns: int | None) -> Iterable[Product]:
        """The timer anew, by who had set it, for when the venue is back; none if it never is."""
        setter = None if event.producer is None else ledger.producers[event.producer].handler
        if due_ns is None or setter != self.at_venue(self.name):
            return ()
        return (TimerSet(timer.purpose, due_ns, timer.account, timer.instrument, timer.liquidation_id),)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Only its own venue's events."""
        own = self._part_here(event, ledger)
        if own is not None:
            super().observe(own, ledger)

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """None: it hears a part of each price."""
        return None

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Only its own venue's past."""
        super().prime(ledger, self._past_here(past, ledger))

    def _past_here(self, past: Iterable[Event], ledger: LedgerState) -> Iterator[Event]:
        for event in past:
            own = self._part_here(event, ledger)
            if own is not None:
                yield own

    def _part_here(self, event: Event, ledger: LedgerState) -> Event | None:
        """The event, or its part for this venue; None where it is another's."""
        if type(event.body) is not PriceTicked:
            return event if venue_of_event(event, ledger) in (None, self.venue) else None
        prices = tuple(one for one in event.body.prices if ledger.venue_of_instrument(one[0]) == self.venue)
        return msgspec.structs.replace(event, body=PriceTicked(prices, event.body.provenance)) if prices else None
