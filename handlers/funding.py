"""Funding: at every interval, longs pay shorts a rate of the notional, or the reverse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..events.bodies.listing import InstrumentListed
from ..events.bodies.margin import FundingAccrued
from ..events.bodies.run import RunForked
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.ledger import LedgerState, Market
from ..events.vocabulary import Body
from .protocol import Handler, Product

__all__ = ["Funding", "FundingParameters"]

_PURPOSE = "funding"


class FundingParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every `interval_ns` of the epoch; `rate_ppb` of the notional where no rate was set from outside."""

    interval_ns: int = 8 * 3600 * 10**9
    rate_ppb: int = 100_000

    def __post_init__(self) -> None:
        """Refuse an interval that never comes."""
        if self.interval_ns <= 0:
            message = "interval_ns must be positive"
            raise ValueError(message)


class Funding(Handler):
    """payment per lot = value of a lot at the mark x rate, in nanoatoms, exact; booked as cumulative funding.

    An inverse lot is not rounded to atoms before; its payment is rounded to a nanoatom, toward zero.
    """

    name: ClassVar[str] = "funding"
    policy: ClassVar[str] = "interval"
    subscribes: ClassVar[tuple[type[Body], ...]] = (InstrumentListed, RunForked, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = FundingParameters

    def __init__(self, parameters: FundingParameters) -> None:
        self.interval_ns = parameters.interval_ns
        self.rate_ppb = parameters.rate_ppb

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first timer when an instrument is listed; at each timer the accrual and the next timer.

        In a fork that begins to charge funding, the first timers are set there.
        """
        body = event.body
        if type(body) is TimerFired:
            if body.purpose != _PURPOSE or body.instrument is None:
                return ()
            return (*self._accrue(body.instrument, ledger, event.at_ns), self._next(body.instrument, now_ns))
        if isinstance(body, RunForked):
            pending = {p.timer.instrument for p in ledger.timers.values() if p.timer.purpose == _PURPOSE}
            missing = (number for number in range(len(ledger.markets)) if number not in pending)
            here = (number for number in missing if self.venue in ("", ledger.venue_of_instrument(number)))
            here = (number for number in here if ledger.markets[number].listing.kind != "spot")
            return [self._next(number, now_ns) for number in here]
        assert isinstance(body, InstrumentListed)
        return (self._next(body.instrument, now_ns),) if body.kind != "spot" else ()

    def _next(self, instrument: int, now_ns: int) -> Product:
        return TimerSet(_PURPOSE, (now_ns // self.interval_ns + 1) * self.interval_ns, None, instrument)

    def _accrue(self, instrument: int, ledger: LedgerState, due_ns: int) -> Iterable[Product]:
        """What the interval that ends at `due_ns` costs."""
        market = ledger.markets[instrument]
        return self._accrued(
            instrument, market, self.rate_ppb if market.funding_rate_ppb is None else market.funding_rate_ppb
        )

    def _accrued(self, instrument: int, market: Market, rate_ppb: int) -> tuple[FundingAccrued, ...]:
        if not market.mark_ticks or not rate_ppb:
            return ()
        payment = market.payoff.funding_nanoatoms(market.mark_ticks, rate_ppb)
        return (FundingAccrued(instrument, rate_ppb, market.mark_ticks, payment),)
