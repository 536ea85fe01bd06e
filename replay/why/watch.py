"""An account, or a lot of a fund's, watched while events are folded up to a decision. One pass serves any number.

1. Noted are the marks of what is held, with the equity at each (of a lot its profit) and whose forced orders traded
   since the mark before; where it stood after each event about it; how much of a forced order the depth could fill
   when it was sent; and when trading in what is held was halted and resumed.
2. At most the last `WALKED_MOST` events before the end are walked through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, PositionTakenOver
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.bodies.venue import TradingHalted, TradingResumed
from ...events.envelope import Event
from ...events.ledger import Ledger, LedgerState, PositionKey
from ...events.vocabulary import accounts_named
from ...handlers.depth import walk as walk_depth
from ...handlers.valuation import BPS, MICRO, margin_of, profit_atoms
from ..run import Run
from ..state.queues import is_marked
from .closed import mark_before

__all__ = ["WALKED_MOST", "Marked", "Standing", "Watch", "watched"]

WALKED_MOST = 20_000
"""So many events before the decision are walked through at most: some 0.2 s."""

_OF_A_MARKET = (MarkPriced, LiquidationFilled, PositionReduced, PositionTakenOver, TradingHalted, TradingResumed)


class Marked(NamedTuple):
    """A mark, the equity at it, and how often whose forced orders traded since the mark before."""

    event: Event
    equity_atoms: int
    movers: Counter[int]


class Standing(NamedTuple):
    """The equity after an event; of a forced order also what the depth had within its limit, in lots, 0 in a halt."""

    equity_atoms: int
    depth_lots: int | None = None


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
        self.marks: list[Marked] = []
        self.standings: dict[int, Standing] = {}
        self.halts: list[Event] = []
        self.last_solvent: int | None = None
        self._level_bps = level_bps
        self._solvent_before_seq = stop_seq if solvent_before_seq is None else solvent_before_seq
        self._movers: Counter[int] = Counter()

    def note(self, run: Run, event: Event, ledger: LedgerState) -> None:
        """Take an event of a market, which was folded into `ledger`."""
        body = event.body
        if isinstance(body, MarkPriced):
            self._mark(event, body.instrument, ledger)
        elif isinstance(body, PositionTakenOver):
            if (body.instrument, body.liquidation_id) == self.key:
                at = mark_before(run, body.instrument, event.seq)
                if at is not None:
                    self._mark(at, body.instrument, ledger)
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
        equity_atoms = self._equity_atoms(ledger)
        if equity_atoms is None:
            return
        depth_lots = None
        if isinstance(body, LiquidationOrdered):
            market = ledger.markets[body.instrument]
            most = (1 << 62) if body.size_lots > 0 else -(1 << 62)
            fills = (
                () if market.halted_until_ns is not None else walk_depth(market, most, body.limit_ticks, event.at_ns)
            )
            depth_lots = sum(fill.lots for fill in fills)
        self.standings[event.seq] = Standing(equity_atoms, depth_lots)

    def _mark(self, mark: Event, instrument: int, ledger: LedgerState) -> None:
        equity_atoms = self._equity_atoms(ledger) if self._holds(instrument, ledger) else None
        if equity_atoms is None:
            return
        if mark.seq < self._solvent_before_seq and self._is_solvent(ledger, equity_atoms):
            self.last_solvent = len(self.marks)
        self.marks.append(Marked(mark, equity_atoms, self._movers))
        self._movers = Counter()

    def _holds(self, instrument: int, ledger: LedgerState) -> bool:
        if self.key is not None:
            return instrument == self.key[0]
        return self.account < len(ledger.accounts) and any(
            held == instrument for held, _ in ledger.accounts[self.account].positions
        )

    def _equity_atoms(self, ledger: LedgerState) -> int | None:
        """The account's equity, the lot's profit; None while there is neither."""
        if self.account >= len(ledger.accounts):
            return None
        account = ledger.accounts[self.account]
        if self.key is None:
            return margin_of(account, ledger.markets).equity_atoms if is_marked(ledger, account) else None
        held = account.positions.get(self.key)
        return None if held is None else profit_atoms(ledger.markets[self.key[0]], held)

    def _is_solvent(self, ledger: LedgerState, equity_atoms: int) -> bool:
        """Whether it stands as it did before the loss."""
        if self.key is not None:
            return equity_atoms >= 0
        margin = margin_of(ledger.accounts[self.account], ledger.markets)
        return margin.equity_atoms * BPS * MICRO >= margin.requirement_microatoms * self._level_bps


def watched(run: Run, watches: Sequence[Watch], points: Iterable[int] = ()) -> Iterator[Ledger]:
    """Fold what any of these watches spans, once, and on the way give the state before each of `points`, in order.

    The ledger moves on, so it is to be read and let go. A watch is whole where the pass is past its end.
    """
    waiting = sorted(watches, key=lambda one: -one.begin_seq)
    stops, active = sorted(points, reverse=True), list[Watch]()
    ledger = Ledger()
    while waiting or active or stops:
        if not active:
            next_seq = min([*(one.begin_seq for one in waiting[-1:]), *stops[-1:]])
            ledger = next(run.states([next_seq], ledger))
        while stops and stops[-1] == ledger.seq:
            stops.pop()
            yield ledger
        while waiting and waiting[-1].begin_seq <= ledger.seq:
            active.append(waiting.pop())
        ends = [*(one.begin_seq for one in waiting[-1:]), *stops[-1:], *(one.stop_seq for one in active)]
        if active:
            _fold(run, ledger, active, min(ends))
            active = [one for one in active if one.stop_seq > ledger.seq]


def _fold(run: Run, ledger: Ledger, active: Sequence[Watch], stop_seq: int) -> None:
    """Fold up to an event, each watch noting what it is there for."""
    own: dict[int, list[Watch]] = {}
    for watch in active:
        own.setdefault(watch.account, []).append(watch)
    for event in run.events(ledger.seq, stop_seq):
        ledger.fold(event)
        if isinstance(event.body, _OF_A_MARKET):
            for watch in active:
                watch.note(run, event, ledger)
        for account in accounts_named(event.body):
            for watch in own.get(account, ()):
                watch.note_own(event, ledger)
