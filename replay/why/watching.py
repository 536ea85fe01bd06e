"""Watching an account, or a lot, mark by mark up to a decision, while the record is folded once for any number of them.

1. A `Watch` gathers the rows while events are folded up to the decision, and one pass serves any number of them. It
   walks through at most the last `WALKED_MOST` events; where the loss goes back further, the first row is the mark
   that held where the walk begins.
2. A watch also notes, for the story, where the account stood after each event about it, how much of a forced order the
   depth could fill when it was sent and when its turn came, and when trading in what it holds was halted and resumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...events.bodies.collateral import CollateralSold, ConversionPriced
from ...events.bodies.liquidation import (
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ...events.bodies.margin import MarginCalled, MarkPriced, PositionReduced
from ...events.bodies.trading import BookPriced
from ...events.bodies.venue import TradingHalted, TradingResumed
from ...events.bodies.venues import IndexPriced
from ...events.envelope import Event
from ...events.ledger import Ledger, LedgerState, PositionKey
from ...events.vocabulary import PUBLIC_TYPES, accounts_named
from ...handlers.depth import walk as walk_depth
from ...handlers.valuation import BPS, Margin, is_marked, margin_of, profit_atoms, slack
from ..run import Run
from .coins import CoinSale, PriceChange
from .grounds.lookback import last_setting
from .mark_moves import MarkMoves, StepFound

__all__ = [
    "WALKED_MOST",
    "Watch",
    "WatchedEquity",
    "WatchedMark",
    "mark_before",
    "watch_since",
    "watched",
    "watches_behind",
]

_OF_A_MARKET = frozenset(
    (
        MarkPriced,
        ConversionPriced,
        LiquidationFilled,
        PositionReduced,
        PositionTakenOver,
        TradingHalted,
        TradingResumed,
    )
)

WALKED_MOST = 20_000
"""So many events before the decision are walked through at most: some 0.2 s."""


def watches_behind(
    run: Run, called: Event | None, started: Event, stop_seq: int, key: PositionKey, taken: Event | None
) -> tuple[Watch, ...]:
    """What is to be watched for the loss behind a round: first what it closed, then what that came from.

    `called` and `started` began the liquidation, `taken` is where the fund took over what the round closed of it.
    """
    first = called or started
    if taken is None:
        return (watch_since(run, first, stop_seq, (key[0],)),)
    assert isinstance(taken.body, PositionTakenOver)
    of_lot = Watch(taken.body.fund, taken.seq, stop_seq, key=key)
    return of_lot, watch_since(run, first, taken.seq + 1, (key[0],))


def watch_since(run: Run, first: Event, stop_seq: int, instruments: Iterable[int]) -> Watch:
    """The account that was called, or whose liquidation began, at `first`: from its last solvent moment on.

    `instruments` are those whose marks are looked back at, one of which it holds at least.
    """
    body = first.body
    assert isinstance(body, MarginCalled | LiquidationStarted)
    level_bps = body.warning_bps if isinstance(body, MarginCalled) else BPS
    begin_seq = min(_mark_behind(run, instrument, first.seq) for instrument in instruments)
    return Watch(body.account, begin_seq, stop_seq, level_bps=level_bps, solvent_before_seq=first.seq)


def _mark_behind(run: Run, instrument: int, seq: int) -> int:
    """The mark before the one that held at an event, at which what then happened had not happened yet.

    Of one that follows from prices of books, the first of these.
    """
    at = mark_before(run, instrument, seq)
    before = None if at is None else mark_before(run, instrument, at.seq)
    if before is None:
        return seq
    first = before
    while first.cause is not None:
        priced = run.event(first.cause)
        if not isinstance(priced.body, BookPriced | IndexPriced):
            break
        first = priced
    return first.seq


class WatchedMark(NamedTuple):
    """A mark, the equity at it, how often whose forced orders traded since the mark before, and what moved it."""

    event: Event
    equity_atoms: int
    movers: Counter[int]
    step: StepFound | None


class WatchedEquity(NamedTuple):
    """The equity after an event, and what of it counts; of a forced order what the depth had, in lots, 0 in a halt.

    `turn_lots` is what the depth had when the turn of the order came, where that left a part of it unfilled.
    """

    equity_atoms: int
    counted_atoms: int
    depth_lots: int | None = None
    turn_lots: int | None = None


class Watch:
    """What is watched, from one event up to another, and what was noted."""

    def __init__(
        self,
        account: int,
        first_seq: int,
        stop_seq: int,
        *,
        key: PositionKey | None = None,
        level_bps: int = BPS,
        solvent_before_seq: int | None = None,
    ) -> None:
        """The whole account, or with a `key` that lot of it.

        Solvent it can have been last before `solvent_before_seq`, where its call or its liquidation began; if that is
        not said, up to the end.
        """
        self.account, self.key, self.stop_seq = account, key, stop_seq
        self.begin_seq = max(first_seq, stop_seq - WALKED_MOST, 0)
        self.marks: list[WatchedMark] = []
        self.standings: dict[int, WatchedEquity] = {}
        self.halts: list[Event] = []
        self.changes: list[PriceChange] = []
        self.sales: list[CoinSale] = []
        self.last_solvent: int | None = None
        self._level_bps = level_bps
        self._solvent_before_seq = stop_seq if solvent_before_seq is None else solvent_before_seq
        self._movers: Counter[int] = Counter()
        self._ordered: tuple[int, LiquidationOrdered] | None = None
        self._priced: dict[int, tuple[int | None, int]] = {}

    def note(self, run: Run, event: Event, ledger: LedgerState, moves: MarkMoves) -> None:
        """Take an event of a market, which was folded into `ledger` and taken by `moves`."""
        body = event.body
        if type(body) is MarkPriced:  # most of them are
            self._mark(event, body.instrument, ledger, moves)
        elif type(body) is ConversionPriced:
            self._convert(event, body, ledger)
        elif isinstance(body, PositionTakenOver):
            if (body.instrument, body.liquidation_id) == self.key:
                at = mark_before(run, body.instrument, event.seq)
                if at is not None:
                    self._mark(at, body.instrument, ledger, moves)
        elif isinstance(body, LiquidationFilled | PositionReduced):
            if self._holds(body.instrument, ledger):
                self._movers[body.account] += 1
        elif isinstance(body, TradingHalted | TradingResumed) and self._holds(body.instrument, ledger):
            self.halts.append(event)

    def note_own(self, event: Event, ledger: LedgerState) -> None:
        """Take an event that names the account."""
        body = event.body
        if self.key is not None and getattr(body, "liquidation_id", None) != self.key[1]:
            return
        margin = self._margin(ledger)
        if isinstance(body, OrdersCancelled):
            self._cut_short(body, event.at_ns, ledger)
        elif isinstance(body, CollateralSold):
            self._sell(event, body, ledger)
        if margin is None:
            return
        depth_lots = None
        if isinstance(body, LiquidationOrdered):
            depth_lots = _depth_lots(body, event.at_ns, ledger)
            self._ordered = event.seq, body
        self.standings[event.seq] = WatchedEquity(margin.equity_atoms, margin.collateral_atoms, depth_lots)

    def _cut_short(self, body: OrdersCancelled, at_ns: int, ledger: LedgerState) -> None:
        """Note what the depth had at the turn of an order whose rest is cancelled: its fills, and what is there now."""
        if self._ordered is None or self._ordered[1].order_id != body.order_id:
            return
        seq, order = self._ordered
        left_lots = _depth_lots(order, at_ns, ledger)
        turn_lots = abs(order.size_lots) - body.left_lots + left_lots
        self.standings[seq] = self.standings[seq]._replace(turn_lots=turn_lots)

    def _mark(self, mark: Event, instrument: int, ledger: LedgerState, moves: MarkMoves) -> None:
        margin = self._margin(ledger) if self._holds(instrument, ledger) else None
        if margin is None:
            return
        if mark.seq < self._solvent_before_seq and slack(margin, self._level_bps) >= 0:
            self.last_solvent = len(self.marks)
        self.marks.append(WatchedMark(mark, margin.equity_atoms, self._movers, moves.step(mark.seq)))
        self._movers = Counter()
        self._note_prices(ledger)

    def _note_prices(self, ledger: LedgerState) -> None:
        """At which prices what the account has as collateral is converted here, and who set them."""
        for asset in ledger.accounts[self.account].coins if self.key is None else ():
            conversion = ledger.conversions[asset]
            self._priced[asset] = conversion.priced_seq, conversion.price_ticks

    def _convert(self, event: Event, body: ConversionPriced, ledger: LedgerState) -> None:
        """A new price, where the account has something of the asset and the price before is known."""
        before = self._priced.get(body.asset)
        held = ledger.accounts[self.account].coins if self.account < len(ledger.accounts) else {}
        held_atoms = held.get(body.asset, 0)
        if before is None or not held_atoms:
            return
        conversion = ledger.conversions[body.asset]
        now_atoms = conversion.worth_atoms(held_atoms)
        was_atoms = conversion.at(before[1]).worth_atoms(held_atoms)
        gained_atoms = now_atoms - was_atoms
        one = PriceChange(event, body.asset, body.instrument, *before, body.price_ticks, held_atoms, gained_atoms)
        self.changes.append(one)
        self._priced[body.asset] = event.seq, body.price_ticks

    def _sell(self, event: Event, body: CollateralSold, ledger: LedgerState) -> None:
        """A sale of what the account has of an asset: what its worth fell by."""
        conversion, left_atoms = ledger.conversions[body.asset], ledger.accounts[self.account].coins.get(body.asset, 0)
        worth_atoms = conversion.worth_atoms(left_atoms + body.amount_atoms) - conversion.worth_atoms(left_atoms)
        self.sales.append(CoinSale(event, body.asset, body.amount_atoms, body.value_atoms, worth_atoms))

    def _holds(self, instrument: int, ledger: LedgerState) -> bool:
        if self.key is not None:
            return instrument == self.key[0]
        if self.account >= len(ledger.accounts):
            return False
        return instrument in [held for held, _ in ledger.accounts[self.account].positions]

    def _margin(self, ledger: LedgerState) -> Margin | None:
        """The account's margin; of a lot its profit, of which nothing is required. None while there is neither."""
        if self.account >= len(ledger.accounts):
            return None
        account = ledger.accounts[self.account]
        if self.key is None:
            return margin_of(account, ledger) if is_marked(account, ledger) else None
        held = account.positions.get(self.key)
        return None if held is None else Margin(profit_atoms(ledger.markets[self.key[0]], held), 0, [])


def _depth_lots(order: LiquidationOrdered, at_ns: int, ledger: LedgerState) -> int:
    """What the depth has within the limit of an order, in lots; nothing in a halt."""
    market, most = ledger.markets[order.instrument], (1 << 62) if order.size_lots > 0 else -(1 << 62)
    if market.halted_until_ns is not None:
        return 0
    return sum(fill.lots for fill in walk_depth(market, most, order.limit_ticks, at_ns, order.account))


def watched(run: Run, watches: Sequence[Watch], points: Iterable[int] = ()) -> Iterator[Ledger]:
    """Fold what any of these watches spans, once, and on the way give the state before each of `points`, in order.

    The ledger moves on, so it is to be read and let go. A watch is whole where the pass is past its end.
    """
    waiting = sorted(watches, key=lambda one: -one.begin_seq)
    stops, active = sorted(points, reverse=True), list[Watch]()
    ledger, moves = Ledger(), MarkMoves(run, 0)
    while waiting or active or stops:
        if not active:
            next_seq = min([*(one.begin_seq for one in waiting[-1:]), *stops[-1:]])
            ledger, moves = next(run.states([next_seq], ledger)), MarkMoves(run, next_seq)
        while stops and stops[-1] == ledger.seq:
            stops.pop()
            yield ledger
        while waiting and waiting[-1].begin_seq <= ledger.seq:
            active.append(waiting.pop())
        ends = [*(one.begin_seq for one in waiting[-1:]), *stops[-1:], *(one.stop_seq for one in active)]
        if active:
            _fold(run, ledger, active, moves, min(ends))
            active = [one for one in active if one.stop_seq > ledger.seq]


def _fold(run: Run, ledger: Ledger, active: Sequence[Watch], moves: MarkMoves, stop_seq: int) -> None:
    """Fold up to an event, each watch noting what it is there for."""
    own: dict[int, list[Watch]] = {}
    for watch in active:
        own.setdefault(watch.account, []).append(watch)
    for event in run.events(ledger.seq, stop_seq):
        ledger.fold(event)
        kind = type(event.body)
        if kind in MarkMoves.KINDS:
            moves.take(event, ledger)
        if kind in _OF_A_MARKET:
            for watch in active:
                watch.note(run, event, ledger, moves)
        if kind in PUBLIC_TYPES:
            continue
        for account in accounts_named(event.body):
            for watch in own.get(account, ()):
                watch.note_own(event, ledger)


def mark_before(run: Run, instrument: int, seq: int) -> Event | None:
    """The event that made the mark which held before event `seq`; None where there was none."""
    return last_setting(run, MarkPriced, instrument, seq)
