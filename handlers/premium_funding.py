"""Funding that answers to the premium of the book over the outside value, and to how crowded a side is.

For a period, such as eight hours:

    rate = w P + clamp(I - w P, -c, +c) + offset + k (long - short) / (long + short)

P is the premium, (mark - outside value) / outside value, averaged over the interval by time; I the interest, c the
damper within which I is charged instead of the premium; long and short are the lots that traders hold, and k what a
wholly one-sided market pays. An interval is charged its share of the period, and no more than the cap, either way.

Venues are special cases: Binance, Bybit, OKX, BitMEX and Hyperliquid have a damper of 0.05% and interest of 0.01%;
Deribit has one of 0.025% and none; dYdX neither; Drift an offset; GMX pays for imbalance alone (w and I are 0). The
figures and sources are in `venues/*.toml`, under `alternatives.funding.premium`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..events.bodies.inputs import PriceTicked
from ..events.bodies.margin import MarkPriced
from ..events.bodies.trading import FundingRated
from ..events.envelope import Event
from ..events.ledger import LedgerState, Market
from ..events.vocabulary import Body
from .funding import Funding, FundingParameters
from .protocol import Product
from .valuation import BPS

__all__ = ["PremiumFunding", "PremiumParameters"]

_PPB = 10**9
_PPB_A_PPM = 1_000
_PERIOD_MOST_NS = 366 * 86_400 * 10**9


class PremiumParameters(FundingParameters, frozen=True, forbid_unknown_fields=True):
    """How the rate of a period is made, and what of it is charged every `interval_ns`.

    `premium_bps` is the weight of the premium, `interest_ppb` the interest of a period, `damper_ppb` the damper,
    `offset_ppb` what is added always, `crowding_ppb` what a wholly one-sided market pays. The cap of an interval is
    `cap_ppb`, or `cap_margin_bps` of the lowest tier's maintenance rate; the lower of those that are not 0. `rate_ppb`
    has no part in it: a rate that was set from outside is charged as it is.
    """

    period_ns: int = 8 * 3600 * 10**9
    premium_bps: int = BPS
    interest_ppb: int = 100_000
    damper_ppb: int = 500_000
    offset_ppb: int = 0
    crowding_ppb: int = 0
    cap_ppb: int = 0
    cap_margin_bps: int = 0

    def __post_init__(self) -> None:
        """Refuse periods that never come, and bounds that are none."""
        if not 0 < self.interval_ns <= _PERIOD_MOST_NS or not 0 < self.period_ns <= _PERIOD_MOST_NS:
            message = "interval_ns and period_ns must be above 0 and at most 366 days"
            raise ValueError(message)
        if min(self.premium_bps, self.damper_ppb, self.crowding_ppb, self.cap_ppb, self.cap_margin_bps) < 0:
            message = "premium_bps, damper_ppb, crowding_ppb, cap_ppb and cap_margin_bps must not be negative"
            raise ValueError(message)
        if max(abs(self.interest_ppb), abs(self.offset_ppb)) > _PPB:
            message = "interest_ppb and offset_ppb must lie between -1000000000 and 1000000000"
            raise ValueError(message)


class _Premiums:
    """The premium of an instrument over the interval that runs, and over the one before.

    An interval's average begins with its first mark after a price from outside, so that it follows from what happened
    within the interval alone.
    """

    __slots__ = ("_at_ns", "_before", "_interval_ns", "_number", "_oracle_ticks", "_premium_ppb", "_since_ns", "_sum")

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._number, self._oracle_ticks, self._since_ns = -1, 0, -1
        self._at_ns = self._premium_ppb = self._sum = 0
        self._before: tuple[int, int] | None = None

    def tick(self, ticks: int, at_ns: int) -> None:
        """A price from outside, which the next mark is held against."""
        self._roll(at_ns)
        self._oracle_ticks = ticks

    def mark(self, ticks: int, at_ns: int) -> None:
        """A mark: the premium from here on."""
        self._roll(at_ns)
        if not self._oracle_ticks:
            return
        if self._since_ns < 0:
            self._since_ns = at_ns
        else:
            self._sum += self._premium_ppb * (at_ns - self._at_ns)
        self._at_ns, self._premium_ppb = at_ns, _premium_ppb(ticks, self._oracle_ticks)

    def average_ppb(self, number: int) -> int | None:
        """The average over an interval by its number, rounded down; None where it had no mark, or is forgotten."""
        if self._number == number:
            return self._average_ppb()
        return self._before[1] if self._before is not None and self._before[0] == number else None

    def _average_ppb(self) -> int | None:
        end_ns = (self._number + 1) * self._interval_ns
        if self._since_ns < 0:
            return None
        return (self._sum + self._premium_ppb * (end_ns - self._at_ns)) // (end_ns - self._since_ns)

    def _roll(self, at_ns: int) -> None:
        number = at_ns // self._interval_ns
        if number != self._number:
            average_ppb = self._average_ppb()
            if average_ppb is not None:
                self._before = self._number, average_ppb
            self._number, self._oracle_ticks, self._since_ns, self._sum = number, 0, -1, 0


class PremiumFunding(Funding):
    """rate = w P + clamp(I - w P) + offset + k x crowding, its share of the period charged, capped."""

    policy: ClassVar[str] = "premium"
    formula: ClassVar[str] = "w P + clamp(I - w P, -c, c) + offset + k (long - short) / (long + short)"
    source: ClassVar[str] = "each venue's own, see alternatives.funding.premium of its rulebook"
    observes: ClassVar[tuple[type[Body], ...]] = (PriceTicked, MarkPriced)
    Parameters: ClassVar[type[msgspec.Struct]] = PremiumParameters

    def __init__(self, parameters: PremiumParameters) -> None:
        super().__init__(parameters)
        self.rule = parameters
        self._premiums: dict[int, _Premiums] = {}

    @property
    def look_back_ns(self) -> int:
        """The interval that runs and the one before, which may still be charged."""
        return 2 * self.interval_ns

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """The averages anew from the marks and prices of the past."""
        self._premiums = {}
        for event in past:
            self.observe(event, ledger)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the averages."""
        body = event.body
        if isinstance(body, PriceTicked):
            for instrument, ticks in body.prices:
                self._of(instrument).tick(ticks, event.at_ns)
        elif isinstance(body, MarkPriced):
            self._of(body.instrument).mark(body.mark_ticks, event.at_ns)

    def _of(self, instrument: int) -> _Premiums:
        found = self._premiums.get(instrument)
        if found is None:
            found = self._premiums[instrument] = _Premiums(self.interval_ns)
        return found

    def _accrue(self, instrument: int, ledger: LedgerState, due_ns: int) -> Iterable[Product]:
        """The rate as it is decided, and its accrual."""
        market = ledger.markets[instrument]
        if market.funding_rate_ppb is not None or not market.mark_ticks:
            return super()._accrue(instrument, ledger, due_ns)
        average_ppb = self._of(instrument).average_ppb(due_ns // self.interval_ns - 1)
        if average_ppb is None:
            average_ppb = _premium_ppb(market.mark_ticks, market.oracle_ticks or market.mark_ticks)
        rated = self.rated(market, average_ppb, *_held_lots(instrument, ledger))
        return (rated, *self._accrued(instrument, market, rated.rate_ppb))

    def rated(self, market: Market, premium_ppb: int, long_lots: int, short_lots: int) -> FundingRated:
        """The rate of an interval from its premium and what traders hold."""
        rule, both_lots = self.rule, long_lots + short_lots
        crowding_ppb = _PPB * (long_lots - short_lots) // both_lots if both_lots else 0
        weighted_ppb = premium_ppb * rule.premium_bps // BPS
        period_ppb = weighted_ppb + _clamped(rule.interest_ppb - weighted_ppb, rule.damper_ppb)
        period_ppb += rule.offset_ppb + rule.crowding_ppb * crowding_ppb // _PPB
        uncapped_ppb = period_ppb * rule.interval_ns // rule.period_ns
        cap_ppb = self._cap_ppb(market)
        return FundingRated(
            instrument=market.listing.instrument,
            premium_ppb=premium_ppb,
            crowding_ppb=crowding_ppb,
            uncapped_ppb=uncapped_ppb,
            rate_ppb=uncapped_ppb if cap_ppb is None else _clamped(uncapped_ppb, cap_ppb),
            long_lots=long_lots,
            short_lots=short_lots,
        )

    def _cap_ppb(self, market: Market) -> int | None:
        """The lower of the caps that there are."""
        of_margin_ppb = market.tiers[0].rate_ppm * _PPB_A_PPM * self.rule.cap_margin_bps // BPS
        return min((cap for cap in (self.rule.cap_ppb, of_margin_ppb) if cap), default=None)


def _premium_ppb(mark_ticks: int, oracle_ticks: int) -> int:
    return (mark_ticks - oracle_ticks) * _PPB // oracle_ticks


def _clamped(value: int, most: int) -> int:
    return max(-most, min(most, value))


def _held_lots(instrument: int, ledger: LedgerState) -> tuple[int, int]:
    """What traders are long and short of an instrument, on whatever leg; O(accounts), once an interval."""
    long_lots = short_lots = 0
    for account in ledger.accounts:
        if account.kind == "user":
            for (held, _), position in account.positions.items():
                if held == instrument and position.size_lots > 0:
                    long_lots += position.size_lots
                elif held == instrument:
                    short_lots -= position.size_lots
    return long_lots, short_lots
