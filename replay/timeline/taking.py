"""Takes the events of a run in their order and draws them together as they pass: one pass, one ledger.

Levels, by instrument: `mark`, `index`, `forced` (what of the mark forced orders had moved it by), `bids` and `asks`
(the depth within 1% of the centre, in units), `long` and `short` (what traders hold). By fund: `cash` and `capacity`
(cash and inventory at the mark, less the floor), each taken when all marks of a delivery are in place.

Totals of the run: `calls`, `liquidations`, `bankruptcies`, `rounds`, `reductions`, each an event. By instrument, as
values in its asset: `liquidated` (forced fills of traders), `taken over`, `inventory sold` (by the fund),
`deleveraged`, `own orders`. By asset: `socialised`.

Spans: `halt` of an instrument, and the kind of each fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from ...events.bodies.faults import FaultEnded, FaultStarted
from ...events.bodies.inputs import DepthQuoted
from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationStarted,
    PositionTakenOver,
)
from ...events.bodies.margin import MarginCalled, MarkPriced, PositionReduced
from ...events.bodies.trading import BookPriced, DepthFormed, OrderFilled
from ...events.bodies.venue import TradingHalted, TradingResumed
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
)
from ...events.envelope import Event
from ...events.ledger import Ledger
from ...events.ledger.postings import POSTINGS, Trade
from ...events.vocabulary import Body
from ...handlers.inventory import Inventory
from ...sim.living.liquidity import near_lots
from ...sim.quantities import Scale, amount_scale, price_scale, size_scale
from ..state.queues import TRADERS
from .series import Level, Levels, SummedSeries, SummedStep, Timeline, TimelineSpan

__all__ = ["TimelineTaker"]

_EVENTS = Scale(Decimal(1), "events", "events")
_COUNTED: Mapping[type[Body], str] = {
    MarginCalled: "calls",
    LiquidationStarted: "liquidations",
    BankruptcyDeclared: "bankruptcies",
    DeleveragingStarted: "rounds",
    PositionDeleveraged: "reductions",
}
_VALUED: Mapping[type[Body], str] = {
    LiquidationFilled: "liquidated",
    PositionTakenOver: "taken over",
    PositionDeleveraged: "deleveraged",
    OrderFilled: "own orders",
}
_PRICES, _SIDES, _FUND = ("mark", "index", "forced"), ("bids", "asks"), ("cash", "capacity")
_NAMES = (
    *(*_PRICES, *_SIDES, "long", "short", *_FUND),
    *(*_COUNTED.values(), *_VALUED.values(), "inventory sold", "socialised"),
)
"""In the order in which they are told."""
_RUN = -1
_SPANNING = (TradingHalted, TradingResumed, FaultStarted, FaultEnded)
_DEPTH = (BookPriced, DepthFormed, DepthQuoted, LiquidationFilled, PositionReduced, OrderFilled, MarkPriced)
_Key = tuple[str, int]
"""What is told, and of which instrument, fund or asset; `_RUN` for the whole run."""

_MOVES_FUND = (
    InsuranceFundCredited,
    InsuranceFundDebited,
    LiquidationFilled,
    PositionTakenOver,
    PositionDeleveraged,
    FundDeficitDeclared,
    BalanceWrittenOff,
)
_HEARD = frozenset((MarkPriced, LossSocialized, *_SPANNING, *_DEPTH, *_MOVES_FUND))
_TRADES: Mapping[type[Body], tuple[str, ...]] = {
    kind: tuple(name for name in (row.taker, row.giver) if name in kind.__struct_fields__)
    for kind, row in POSTINGS.items()
    if isinstance(row, Trade)
}
"""The fields with the accounts that an event trades between; the venue's own, which no field names, are left out."""


class TimelineTaker:
    """Takes every event; `timeline` gives what it came to so far, and may be asked again later."""

    def __init__(self, first_ns: int, step_ns: int, ledger: Ledger | None = None) -> None:
        """`ledger` is the state as the window begins, which moves on with the events; a new one at the start of a run.

        Costs O(positions) for one that is given.
        """
        self.ledger = Ledger() if ledger is None else ledger
        self.first_ns, self.step_ns = first_ns - first_ns % step_ns, step_ns
        self._inventory = Inventory()
        self._now, self._before = dict[_Key, int](), dict[_Key, int]()
        self._levels, self._totals = dict[_Key, dict[int, Level]](), dict[_Key, dict[int, SummedStep]]()
        self._spans, self._open = list[TimelineSpan](), dict[tuple[str, int], TimelineSpan]()
        self._unsettled = dict[int, Event]()
        self._last_ns = first_ns
        if self.ledger.seq:
            self._begin()

    def take(self, event: Event) -> None:
        """The next event; some 5 us. Raises LedgerError where it does not follow."""
        body: Any = event.body
        kind, ledger = type(body), self.ledger
        if self._unsettled and kind is not MarkPriced:
            self._settle()
        fields = _TRADES.get(kind)
        held = None if fields is None else self._held(body, fields)
        valued = self._valued(body, kind)
        ledger.fold(event)
        self._last_ns = event.at_ns
        if fields is not None and held is not None:
            self._holdings(event, held, self._held(body, fields))
        if valued is not None:
            self._add(valued, event, abs(body.value_atoms))
        if kind in _COUNTED:
            self._add((_COUNTED[kind], _RUN), event, 1)
        if kind in Inventory.KINDS:
            self._inventory.observe(event, ledger)
        if kind in _HEARD:
            self._hear(event, body, kind)

    def timeline(self, stop_ns: int | None = None) -> Timeline:
        """What it came to up to the last event, or up to a time after it that the window ends at."""
        self._settle()
        last_ns = self._last_ns if stop_ns is None else max(self._last_ns, stop_ns)
        return Timeline(
            first_ns=self.first_ns,
            stop_ns=last_ns,
            step_ns=self.step_ns,
            steps=(last_ns - self.first_ns) // self.step_ns + 1,
            instruments=tuple(market.listing.name for market in self.ledger.markets),
            levels=tuple(self._level(key) for key in self._order(self._now)),
            totals=tuple(self._total(key) for key in self._order(self._totals)),
            spans=(*self._spans, *self._open.values()),
        )

    def _begin(self) -> None:
        """What stands as the window begins."""
        ledger = self.ledger
        self._inventory.rebuild(ledger)
        for number, market in enumerate(ledger.markets):
            if market.marked is not None:
                marked = (market.mark_ticks, market.index_ticks, market.marked.impact_ticks)
                self._now |= {(name, number): ticks for name, ticks in zip(_PRICES, marked, strict=True)}
            if market.bids or market.asks:
                depth = near_lots(market, self.first_ns)
                self._now |= {(name, number): lots for name, lots in zip(_SIDES, depth, strict=True)}
        for account in ledger.accounts:
            if account.kind in TRADERS:
                for (number, _), held in account.positions.items():
                    key = ("long" if held.size_lots > 0 else "short", number)
                    self._now[key] = self._now.get(key, 0) + abs(held.size_lots)
        for fund in ledger.funds:
            self._now |= {(name, fund): atoms for name, atoms in self._standing(fund)}
        self._before = dict(self._now)

    def _hear(self, event: Event, body: Any, kind: type[Body]) -> None:
        """Prices, depth, funds, losses and halts."""
        if kind is MarkPriced:
            self._mark(event, body)
        elif kind is LossSocialized:
            self._add(("socialised", self.ledger.accounts[body.account].asset), event, body.amount_atoms)
        elif kind in _SPANNING:
            self._span(event, body)
        if kind in _DEPTH:
            self._depth(event, body.instrument)
        if kind in _MOVES_FUND:
            self._move_fund(event, body)

    def _mark(self, event: Event, body: MarkPriced) -> None:
        number = body.instrument
        for name, ticks in zip(_PRICES, (body.mark_ticks, body.index_ticks, body.impact_ticks), strict=True):
            self._set((name, number), event, ticks)
        if self.ledger.funds:
            self._unsettled[self.ledger.fund_of(number)] = event

    def _depth(self, event: Event, number: int) -> None:
        market = self.ledger.markets[number]
        if market.bids or market.asks or ("bids", number) in self._now:
            for name, lots in zip(_SIDES, near_lots(market, event.at_ns), strict=True):
                self._set((name, number), event, lots)

    def _move_fund(self, event: Event, body: Any) -> None:
        fund, number = getattr(body, "fund", None), getattr(body, "instrument", None)
        if fund is None and number is not None and self.ledger.funds:
            fund = self.ledger.fund_of(number)
        if fund in self.ledger.funds:
            self._unsettled[fund] = event

    def _settle(self) -> None:
        """What funds came to by the last marks of a delivery, or by the payment or trade before."""
        for fund, event in self._unsettled.items():
            for name, atoms in self._standing(fund):
                self._set((name, fund), event, atoms)
        self._unsettled.clear()

    def _standing(self, fund: int) -> Iterator[tuple[str, int]]:
        ledger = self.ledger
        cash_atoms = ledger.accounts[fund].balance_atoms
        yield "cash", cash_atoms
        profit_atoms = self._inventory.profit_atoms(ledger, fund)
        yield "capacity", cash_atoms + profit_atoms - ledger.least_cash_atoms(fund)

    def _valued(self, body: Any, kind: type[Body]) -> _Key | None:
        """Under which total the value of a trade goes; None for what is no such trade."""
        name = _VALUED.get(kind)
        if kind is LiquidationFilled and self.ledger.accounts[body.account].kind not in TRADERS:
            name = "inventory sold"
        return None if name is None else (name, body.instrument)

    def _held(self, body: Any, fields: tuple[str, ...]) -> tuple[int, int]:
        """What the traders among the parties are long and short of an instrument."""
        long_lots = short_lots = 0
        for number in {getattr(body, field) for field in fields}:
            account = self.ledger.accounts[number]
            if account.kind in TRADERS:
                for (instrument, _), held in account.positions.items():
                    if instrument == body.instrument:
                        long_lots += max(held.size_lots, 0)
                        short_lots -= min(held.size_lots, 0)
        return long_lots, short_lots

    def _holdings(self, event: Event, before: tuple[int, int], after: tuple[int, int]) -> None:
        body: Any = event.body
        for name, old_lots, new_lots in zip(("long", "short"), before, after, strict=True):
            if old_lots != new_lots:
                key = (name, body.instrument)
                self._set(key, event, self._now.get(key, 0) + new_lots - old_lots)

    def _span(self, event: Event, body: Any) -> None:
        """A halt or a fault begins or ends."""
        began = isinstance(body, TradingHalted | FaultStarted)
        fault = isinstance(body, FaultStarted | FaultEnded)
        key = (body.kind, body.fault) if fault else ("halt", body.instrument)
        if not began:
            open_span = self._open.pop(key, TimelineSpan(key[0], self._name_of(body.instrument), self.first_ns, None))
            self._spans.append(replace(open_span, until_ns=event.at_ns, until_seq=event.seq))
        elif key not in self._open:
            self._open[key] = TimelineSpan(key[0], self._name_of(body.instrument), event.at_ns, event.seq)

    def _name_of(self, instrument: int | None) -> str:
        return "" if instrument is None else self.ledger.markets[instrument].listing.name

    def _set(self, key: _Key, event: Event, value: int) -> None:
        place, seq = (event.at_ns - self.first_ns) // self.step_ns, event.seq
        points = self._levels.setdefault(key, {})
        known, self._now[key] = points.get(place), value
        if known is None:
            points[place] = Level(place, value, value, value, seq, seq, seq)
            return
        low = (known.low, known.low_seq) if known.low <= value else (value, seq)
        high = (known.high, known.high_seq) if known.high >= value else (value, seq)
        points[place] = Level(place, low[0], high[0], value, low[1], high[1], seq)

    def _add(self, key: _Key, event: Event, value: int) -> None:
        place = (event.at_ns - self.first_ns) // self.step_ns
        points = self._totals.setdefault(key, {})
        known = points.get(place) or SummedStep(place, 0, 0, -1, event.seq)
        most = (known.most, known.most_seq) if known.most >= value else (value, event.seq)
        points[place] = SummedStep(place, known.sum + value, known.events + 1, *most)

    def _order(self, keys: Iterable[_Key]) -> list[_Key]:
        return sorted(keys, key=lambda key: (_NAMES.index(key[0]), key[1]))

    def _level(self, key: _Key) -> Levels:
        name, number = key
        points = tuple(self._levels.get(key, {}).values())
        of, scale = self._of(name, number)
        return Levels(name=name, of=of, scale=scale, before=self._before.get(key), points=points)

    def _total(self, key: _Key) -> SummedSeries:
        name, number = key
        of, scale = self._of(name, number)
        return SummedSeries(name=name, of=of, scale=scale, points=tuple(self._totals[key].values()))

    def _of(self, name: str, number: int) -> tuple[str, Scale]:
        """What a series is called by, and its scale."""
        ledger = self.ledger
        if number == _RUN:
            return "", _EVENTS
        if name in _FUND:
            return ledger.account_names[number], amount_scale(ledger.assets[ledger.accounts[number].asset])
        if name == "socialised":
            return ledger.assets[number].name, amount_scale(ledger.assets[number])
        listing = ledger.markets[number].listing
        if name in _PRICES:
            return listing.name, price_scale(listing)
        in_lots = name in (*_SIDES, "long", "short")
        return listing.name, size_scale(listing) if in_lots else amount_scale(ledger.assets[listing.asset])
