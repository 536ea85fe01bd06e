"""What an instrument traded at over a run: first, lowest, highest, last; and who was liquidated in it.

The price is what the venue's own book trades at, where there is one, and the mark where there is none.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.margin import MarkPriced
from ...events.bodies.trading import BookPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState

__all__ = ["PROBED", "Extremes", "Probe"]

PROBED = (BookPriced, MarkPriced, LiquidationStarted)
"""The types of event that a probe takes."""


class Extremes(msgspec.Struct):
    """In ticks, and when the lowest and the highest came first."""

    first_ticks: int
    low_ticks: int
    high_ticks: int
    last_ticks: int
    low_at_ns: int
    high_at_ns: int


class Probe:
    """Takes the events of `PROBED` of a run in their order, and anything else in vain."""

    def __init__(self) -> None:
        self.seen: dict[int, Extremes] = {}
        self.liquidated: set[int] = set()
        self._booked: set[int] = set()

    def tap(self, event: Event, _ledger: LedgerState) -> None:
        """As a tap on a bus."""
        self.take(event)

    def take(self, event: Event) -> None:
        """The next event; O(1)."""
        body: Any = event.body
        if type(body) is BookPriced:
            self._booked.add(body.instrument)
            self._price(event.at_ns, body.instrument, body.price_ticks)
        elif type(body) is MarkPriced and body.instrument not in self._booked:
            self._price(event.at_ns, body.instrument, body.mark_ticks)
        elif type(body) is LiquidationStarted:
            self.liquidated.add(body.account)

    def _price(self, at_ns: int, instrument: int, ticks: int) -> None:
        seen = self.seen.get(instrument)
        if seen is None:
            self.seen[instrument] = Extremes(ticks, ticks, ticks, ticks, at_ns, at_ns)
            return
        seen.last_ticks = ticks
        if ticks < seen.low_ticks:
            seen.low_ticks, seen.low_at_ns = ticks, at_ns
        elif ticks > seen.high_ticks:
            seen.high_ticks, seen.high_at_ns = ticks, at_ns
