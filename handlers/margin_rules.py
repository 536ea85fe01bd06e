"""Maintenance margin that follows the market: a model asks for a rate, and these rules say what becomes of it.

1. *When*: every `interval_ns` of the epoch, for each instrument. The model sees the marks of the last `window_ns`, one
   every `sample_ns`, and if it wants what traders hold (`MarketMeasured`).
2. *What*: the model asks for the rate of the first tier; every tier of the listing is raised in proportion, and so is
   the initial margin, where there is any, up to all of the notional. Nothing goes under the listing, and no tier of
   the maintenance margin reaches 100%.
3. *Against procyclicality*: the three tools of Regulation (EU) No 153/2013, Article 28(1), each off unless stated.
   (a) A buffer: `buffer_bps` over what the model asks, 2500 for the 25% of that article; in stress it may be used up,
   so that the rate need not rise before the model asks more than is in force. Stress is when the model asks more than
   over the long lookback (without one: more than the listing). (b) `stressed_bps` of the weight, 2500 there, is given
   to the rate of a stressed period, `stressed_ppm`. (c) A floor: `lookback_ppm`, what the model would ask with a
   lookback of ten years. A run is too short to have one, so it is stated.
4. *How fast*: a change moves the rate in force by at most `step_bps` of it (0: no limit), and one of less than
   `least_bps` of it is left out. With `notice_ns` it is announced first (`RulesAnnounced`), and in force then
   (`RulesChanged`); meanwhile nothing else is announced.

Sources: Commission Delegated Regulation (EU) No 153/2013, Article 28; CPMI-IOSCO, Principles for financial market
infrastructures (2012), Principle 6, paragraph 3.6.10, on limiting procyclicality.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from ..events.bodies.listing import InstrumentListed, Tier
from ..events.bodies.margin import MarkPriced, RuleBound, RulesAnnounced, RulesChanged
from ..events.bodies.run import RunForked
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.ledger import LedgerState, Market
from ..events.vocabulary import Body
from .protocol import Handler, Product
from .valuation import BPS

__all__ = ["MarginModel", "MarginRules", "MarketMeasured", "RuleSettings"]

_RATES, _EFFECT = "margin rules", "margin rules take effect"
_PPB, _MILLION = 10**9, 10**6
_SAMPLES_MOST = 100_000
_AMOUNT_MOST = 2**63 - 1
_ASKED_MOST_PPM = 10**12
"""What a model asks is recorded up to here; no rate is near it."""


class MarketMeasured(NamedTuple):
    """What a model may know of an instrument, in whole numbers.

    `listed_ppm` and `rate_ppm` are the first tier's rate as it is listed and in force. `returns_ppb` are the returns of
    the mark over the window, one every `sample_ns`, oldest first. `longs_lots` and `shorts_lots` are what each trader
    holds of a side, the largest first, both without sign, and `open_interest_atoms` is what the greater side is worth
    at the mark; empty and 0 unless the model says `sees_holdings`. `bid_lots` and `ask_lots` are the resting depth as
    it was quoted.
    """

    listed_ppm: int
    rate_ppm: int
    returns_ppb: tuple[int, ...]
    sample_ns: int
    longs_lots: tuple[int, ...]
    shorts_lots: tuple[int, ...]
    bid_lots: int
    ask_lots: int
    open_interest_atoms: int


class MarginModel(Protocol):
    """What a policy of this slot has; `formula` and `source` say its rule in a line each, for listings."""

    policy: ClassVar[str]
    version: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    sees_holdings: ClassVar[bool]
    Parameters: ClassVar[type[msgspec.Struct]]

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """The maintenance rate of the first tier that it asks for, in millionths of the notional."""
        ...


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for every model; the points above say what each is for. Rates are millionths, weights basis points."""

    interval_ns: int = 60_000_000_000
    window_ns: int = 600_000_000_000
    sample_ns: int = 1_000_000_000
    notice_ns: int = 0
    step_bps: int = 0
    least_bps: int = 500
    buffer_bps: int = 0
    stressed_bps: int = 0
    stressed_ppm: int = 0
    lookback_ppm: int = 0

    def __post_init__(self) -> None:
        """Refuse times that never come, and rates and weights that are none."""
        if min(self.interval_ns, self.sample_ns) <= 0 or self.notice_ns < 0:
            message = "interval_ns and sample_ns must be above 0, and notice_ns not negative"
            raise ValueError(message)
        if not self.sample_ns <= self.window_ns <= _SAMPLES_MOST * self.sample_ns:
            message = f"window_ns must hold at least one sample_ns and at most {_SAMPLES_MOST}"
            raise ValueError(message)
        if min(self.step_bps, self.least_bps, self.buffer_bps) < 0 or not 0 <= self.stressed_bps <= BPS:
            message = (
                "step_bps, least_bps and buffer_bps must not be negative, and stressed_bps lie between 0 and 10000"
            )
            raise ValueError(message)
        if not 0 <= self.lookback_ppm < _MILLION or not 0 <= self.stressed_ppm < _MILLION:
            message = "lookback_ppm and stressed_ppm must lie between 0 and 999999"
            raise ValueError(message)
        if bool(self.stressed_bps) != bool(self.stressed_ppm):
            message = "stressed_bps is the weight of stressed_ppm; both must be stated, or neither"
            raise ValueError(message)


class MarginRules(Handler):
    """Asks a model at every interval, and announces or makes the change that comes of it."""

    name: ClassVar[str] = "margin_rules"
    subscribes: ClassVar[tuple[type[Body], ...]] = (InstrumentListed, RunForked, TimerFired)
    observes: ClassVar[tuple[type[Body], ...]] = (MarkPriced,)

    def __init__(self, model: MarginModel, settings: RuleSettings) -> None:
        self.model, self.rule = model, settings
        self._samples: dict[int, deque[tuple[int, int]]] = {}

    @property
    def look_back_ns(self) -> int:
        """The window, and the sample in which it begins."""
        return self.rule.window_ns + 2 * self.rule.sample_ns

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """The samples of the window."""
        self._samples = {}
        for event in past:
            if isinstance(event.body, MarkPriced):
                self.observe(event, ledger)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the last mark of each sample."""
        body, number = event.body, event.at_ns // self.rule.sample_ns
        assert isinstance(body, MarkPriced)
        samples = self._samples.get(body.instrument)
        if samples is None:
            samples = self._samples[body.instrument] = deque()
        if samples and samples[-1][0] == number:
            samples[-1] = number, body.mark_ticks
            return
        samples.append((number, body.mark_ticks))
        while samples[0][0] < self._first(event.at_ns):
            samples.popleft()

    def _first(self, now_ns: int) -> int:
        """The number of the sample with which the window begins."""
        return now_ns // self.rule.sample_ns - self.rule.window_ns // self.rule.sample_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first timer when an instrument is listed; at each a change, if one is due, and the next timer.

        In a fork that begins to follow the market, the first timers are set there.
        """
        body = event.body
        if isinstance(body, RunForked):
            pending = {p.timer.instrument for p in ledger.timers.values() if p.timer.purpose == _RATES}
            ruled = (number for number, market in enumerate(ledger.markets) if market.tiers)
            missing = (number for number in ruled if number not in pending)
            here = (number for number in missing if self.venue in ("", ledger.venue_of_instrument(number)))
            return [self._next(number, now_ns) for number in here]
        if isinstance(body, InstrumentListed):
            return (self._next(body.instrument, now_ns),) if body.tiers else ()  # a spot market requires nothing
        if not isinstance(body, TimerFired) or body.instrument is None:
            return ()
        market = ledger.markets[body.instrument]
        if body.purpose == _EFFECT:
            return self._in_force(market)
        if body.purpose != _RATES:
            return ()
        return [*self._rated(market, ledger, now_ns), self._next(body.instrument, now_ns)]

    def _next(self, instrument: int, now_ns: int) -> Product:
        return TimerSet(_RATES, (now_ns // self.rule.interval_ns + 1) * self.rule.interval_ns, None, instrument)

    def _rated(self, market: Market, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """What the model asks now, as far as it is another rate than the one in force."""
        if not market.mark_ticks or market.announced is not None:
            return
        model_ppm = min(_ASKED_MOST_PPM, self.model.rate_ppm(self._measured(market, ledger, now_ns)))
        before_ppm = market.tiers[0].rate_ppm
        rate_ppm, bound = self.bounded(market, model_ppm)
        if rate_ppm == before_ppm or abs(rate_ppm - before_ppm) * BPS < self.rule.least_bps * before_ppm:
            return
        instrument = market.listing.instrument
        if self.rule.notice_ns:
            effective_ns = now_ns + self.rule.notice_ns
            yield RulesAnnounced(instrument, rate_ppm, before_ppm, model_ppm, bound, effective_ns)
            yield TimerSet(_EFFECT, effective_ns, None, instrument)
        else:
            yield _changed(market, rate_ppm, model_ppm, bound)

    def _in_force(self, market: Market) -> Iterable[Product]:
        """What was announced is in force from here on."""
        announced = market.announced
        if announced is None:
            return ()
        return (_changed(market, announced.rate_ppm, announced.model_ppm, announced.bound, market.announced_seq),)

    def bounded(self, market: Market, model_ppm: int) -> tuple[int, RuleBound]:
        """The rate that comes of what the model asks, and what made it another one."""
        rule, now_ppm, listed = self.rule, market.tiers[0].rate_ppm, market.listing.tiers
        rate_ppm, bound = self._buffered(market, model_ppm)
        if rate_ppm < rule.lookback_ppm:
            rate_ppm, bound = rule.lookback_ppm, "floor"
        if rate_ppm < listed[0].rate_ppm:
            rate_ppm, bound = listed[0].rate_ppm, "listing"
        most_ppm = _most_ppm(market)
        if rate_ppm > most_ppm:
            rate_ppm, bound = most_ppm, "most"
        step_ppm = -(-now_ppm * rule.step_bps // BPS)
        if step_ppm and abs(rate_ppm - now_ppm) > step_ppm:
            rate_ppm, bound = now_ppm + (step_ppm if rate_ppm > now_ppm else -step_ppm), "step"
        return rate_ppm, bound

    def _buffered(self, market: Market, model_ppm: int) -> tuple[int, RuleBound]:
        """With the stressed period's weight and the buffer, of which in stress as much is used as is needed."""
        rule, now_ppm = self.rule, market.tiers[0].rate_ppm
        asked_ppm = (model_ppm * (BPS - rule.stressed_bps) + rule.stressed_ppm * rule.stressed_bps) // BPS
        bound: RuleBound = "stressed period" if rule.stressed_bps else "model"
        if not rule.buffer_bps:
            return asked_ppm, bound
        buffered_ppm = -(-asked_ppm * (BPS + rule.buffer_bps) // BPS)
        if asked_ppm <= (rule.lookback_ppm or market.listing.tiers[0].rate_ppm):
            return buffered_ppm, "buffer"
        return max(asked_ppm, min(buffered_ppm, now_ppm)), "used buffer"

    def _measured(self, market: Market, ledger: LedgerState, now_ns: int) -> MarketMeasured:
        instrument, sees = market.listing.instrument, getattr(self.model, "sees_holdings", False)
        holds = _holdings(instrument, ledger) if sees else ([], [])
        return MarketMeasured(
            listed_ppm=market.listing.tiers[0].rate_ppm,
            rate_ppm=market.tiers[0].rate_ppm,
            returns_ppb=tuple(self._returns(instrument, now_ns)),
            sample_ns=self.rule.sample_ns,
            longs_lots=tuple(sorted(holds[0], reverse=True)),
            shorts_lots=tuple(sorted(holds[1], reverse=True)),
            bid_lots=market.bids[-1][1] if market.bids else 0,
            ask_lots=market.asks[-1][1] if market.asks else 0,
            open_interest_atoms=abs(market.payoff.value_atoms(max(map(sum, holds)), market.mark_ticks)),
        )

    def _returns(self, instrument: int, now_ns: int) -> Iterator[int]:
        """From sample to sample, in parts per billion rounded down; a sample without a mark has that before it."""
        first, last = self._first(now_ns), now_ns // self.rule.sample_ns
        samples = [(number, ticks) for number, ticks in self._samples.get(instrument, ()) if number >= first]
        for (before, before_ticks), (number, ticks) in pairwise(samples):
            yield from [0] * (number - before - 1)
            yield (ticks - before_ticks) * _PPB // before_ticks
        if samples:
            yield from [0] * (last - samples[-1][0])


def _most_ppm(market: Market) -> int:
    """How high the first tier can be raised: no tier reaches 100%, and an event has room for every amount."""
    listed, stated = market.listing.tiers, () if market.limits is None else market.limits.initial
    most_ppm = (_MILLION - 1) * listed[0].rate_ppm // listed[-1].rate_ppm
    for tiers in filter(None, (listed, stated)):
        if tiers[-1].amount_microatoms:
            room = _AMOUNT_MOST - len(tiers) * tiers[-1].floor_atoms  # each rate is rounded up by less than a millionth
            most_ppm = min(most_ppm, room * listed[0].rate_ppm // tiers[-1].amount_microatoms)
    return max(most_ppm, listed[0].rate_ppm)


def _holdings(instrument: int, ledger: LedgerState) -> tuple[list[int], list[int]]:
    """What each trader is long, and short, of an instrument on all its legs; O(accounts), once an interval."""
    longs, shorts = list[int](), list[int]()
    for account in ledger.accounts:
        if account.kind == "user" and account.positions:
            lots = [held.size_lots for (number, _), held in account.positions.items() if number == instrument]
            long_lots = sum(size for size in lots if size > 0)
            short_lots = long_lots - sum(lots)
            longs += [long_lots] if long_lots else []
            shorts += [short_lots] if short_lots else []
    return longs, shorts


def _changed(
    market: Market, rate_ppm: int, model_ppm: int, bound: RuleBound, announced: int | None = None
) -> RulesChanged:
    """All tiers of the listing in the proportion of the first, and those of the initial margin likewise."""
    listed_ppm = market.listing.tiers[0].rate_ppm
    stated = () if market.limits is None else market.limits.initial
    return RulesChanged(
        instrument=market.listing.instrument,
        tiers=_in_proportion(market.listing.tiers, rate_ppm, listed_ppm),
        initial=_in_proportion(stated, rate_ppm, listed_ppm),
        before_ppm=market.tiers[0].rate_ppm,
        model_ppm=model_ppm,
        bound=bound,
        announced=announced,
    )


def _in_proportion(tiers: Iterable[Tier], rate_ppm: int, listed_ppm: int) -> tuple[Tier, ...]:
    """Rates rounded up to a millionth, the whole notional at most; amounts as `Tier` says."""
    found: list[Tier] = []
    for tier in tiers:
        raised_ppm = min(_MILLION, -(-tier.rate_ppm * rate_ppm // listed_ppm))
        before = found[-1] if found else Tier(0, raised_ppm, 0)
        amount = tier.floor_atoms * (raised_ppm - before.rate_ppm) + before.amount_microatoms
        found.append(Tier(tier.floor_atoms, raised_ppm, amount))
    return tuple(found)
