"""An insurance fund beside a hand-made venue, told of every event as the bus would tell it."""

from __future__ import annotations

from deleverage.events.bodies.venue import TimerFired
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.insurance_fund import InsuranceFund

from .venue import Book, bodies

__all__ = ["Funded"]


class Funded:
    """A book and a fund that is told of its events."""

    def __init__(self, book: Book, fund: InsuranceFund) -> None:
        self.book, self.fund = book, fund
        self.fund.prime(book.ledger, ())

    def put(self, body: Body) -> Event:
        """Fold an event and tell the fund."""
        event = self.book.put(body)
        if type(body) in self.fund.observes:
            self.fund.observe(event, self.book.ledger)
        return event

    def asked(self, event: Event) -> list[Body]:
        """What the fund makes of an event; it is folded too."""
        said = bodies(list(self.fund.handle(event, self.book.ledger, self.book.now_ns)))
        for body in said:
            self.put(body)
        return said

    def due(self, purpose: str) -> list[Body]:
        """What comes of the pending timer for this."""
        pending = ((seq, timer.timer) for seq, timer in self.book.ledger.timers.items())
        seq, timer = next(found for found in pending if found[1].purpose == purpose)
        self.book.now_ns = timer.due_ns
        return self.asked(self.put(TimerFired(seq, purpose, timer.account, timer.instrument)))
