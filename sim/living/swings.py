"""How far a price fell with what trades did to it and without, and how soon it came back.

1. Where the book makes the price, the price *without feedback* is the value outside, which nobody on the venue moves:
   with nobody trading the book trades at it. Where there is no book, it is the mark with no forced order traded: the
   index, averaged as the mark averages it.
2. A *fall* is from the first price to the lowest, over the first. The *amplification* is the fall of the price over the
   fall without feedback; there is none where that did not fall.
3. The *recovery* is the time from the lowest price to the first one after it that has made good half of the fall.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.margin import MarkPriced
from ...events.bodies.trading import BookPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...handlers.mark_pricing import IndexMarkPricing, SmoothedMarkPricing, averaged_microticks

__all__ = ["RECOVERED_SHARE", "Swing", "Swings"]

RECOVERED_SHARE = (1, 2)
"""Of the fall, as numerator and denominator."""

_MICRO = 10**6
_AVERAGED = (IndexMarkPricing.policy, SmoothedMarkPricing.policy)


class Swing(msgspec.Struct):
    """One instrument's prices in ticks, and when it was lowest and had recovered from there, None while it has not."""

    first_ticks: int
    low_ticks: int
    low_at_ns: int
    recovered_at_ns: int | None = None

    def take(self, at_ns: int, ticks: int) -> None:
        """The next price."""
        if ticks < self.low_ticks:
            self.low_ticks, self.low_at_ns, self.recovered_at_ns = ticks, at_ns, None
        elif self.recovered_at_ns is None and self.fallen_ticks:
            part, whole = RECOVERED_SHARE
            if (ticks - self.low_ticks) * whole >= part * self.fallen_ticks:
                self.recovered_at_ns = at_ns

    @property
    def fallen_ticks(self) -> int:
        """From the first price to the lowest."""
        return self.first_ticks - self.low_ticks

    @property
    def recovery_ns(self) -> int | None:
        """From the lowest price on; None where it has not recovered, or never fell."""
        return None if self.recovered_at_ns is None else self.recovered_at_ns - self.low_at_ns


class Swings:
    """Takes the events of a run in their order, each after it was folded."""

    KINDS = (PriceTicked, BookPriced, MarkPriced)

    def __init__(self) -> None:
        self.prices: dict[int, Swing] = {}
        self.without: dict[int, Swing] = {}
        self._averages: dict[int, tuple[int, int]] = {}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(1), and for prices from outside O(instruments)."""
        body: Any = event.body
        if isinstance(body, BookPriced):
            _take(self.prices, body.instrument, event.at_ns, body.price_ticks)
            _take(self.without, body.instrument, event.at_ns, body.outside_ticks)
        elif isinstance(body, MarkPriced):
            if ledger.markets[body.instrument].book is None and body.instrument not in ledger.options:
                _take(self.prices, body.instrument, event.at_ns, body.mark_ticks)
        elif not any(producer.slot == "impact" for producer in ledger.producers):
            self._tick(event, body, ledger)

    def amplification(self, instrument: int) -> tuple[int, int] | None:
        """Fall over fall without feedback, as numerator and denominator; None where the latter is none."""
        price, without = self.prices.get(instrument), self.without.get(instrument)
        if price is None or without is None or not without.fallen_ticks:
            return None
        return price.fallen_ticks * without.first_ticks, without.fallen_ticks * price.first_ticks

    def impact(self, instrument: int) -> tuple[int, int] | None:
        """Fall less fall without feedback, each as a share of its first price; None where the latter is not known."""
        price, without = self.prices.get(instrument), self.without.get(instrument)
        if price is None or without is None:
            return None
        denominator = price.first_ticks * without.first_ticks
        return price.fallen_ticks * without.first_ticks - without.fallen_ticks * price.first_ticks, denominator

    def _tick(self, event: Event, body: PriceTicked, ledger: LedgerState) -> None:
        """What the mark would be if no forced order had moved it; not known of a policy from outside."""
        for instrument, ticks in body.prices:
            mark = ledger.producer("mark", ledger.venue_of_instrument(instrument))
            if mark is None or mark.policy not in _AVERAGED:
                self.without.pop(instrument, None)
                continue
            smoothing_ns = mark.parameters.get("smoothing_ns", 0)
            at_ns, before = self._averages.get(instrument, (event.at_ns, ticks * _MICRO))
            average = ticks * _MICRO
            if smoothing_ns:
                average = averaged_microticks(before, average, event.at_ns - at_ns, smoothing_ns)
            self._averages[instrument] = event.at_ns, average
            _take(self.without, instrument, event.at_ns, max(1, average // _MICRO))


def _take(swings: dict[int, Swing], instrument: int, at_ns: int, ticks: int) -> None:
    swing = swings.get(instrument)
    if swing is None:
        swings[instrument] = Swing(ticks, ticks, at_ns)
    else:
        swing.take(at_ns, ticks)
