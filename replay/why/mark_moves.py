"""What moved a mark that a book makes: each step from the mark before, in parts that sum to it, and whose they are.

1. A mark follows from a price of the venue's own book, or from an index of several prices. A step from one mark to the
   next has the moves of the book between the two prices that they follow from (`sim/living/price_moves.py`).
2. An index is worked out again after one constituent at a time: the value outside and the constituents elsewhere, then
   the own book move by move. What is left came by which constituents count, and how much.
3. What lies between the mark and what it follows from (an average, a median) is the part of the mark's own rule.
4. A trade's part is that of the order that it filled. Quotes become one depth at a time, so makers who quoted together
   have one part together; it is put down to withdrawal, and to those who left, where any of them left.
5. A step is known where the prices of both its marks were walked through; of any other nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from ...events.bodies.liquidation import LiquidationFilled, LiquidationOrdered
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.bodies.options import HedgeOrdered
from ...events.bodies.trading import BookPriced, DepthFormed, OrderFilled, OrderPlaced, QuotesPlaced
from ...events.bodies.venues import IndexPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.venue_names import venue_of
from ...handlers.living.index import OUTSIDE_VALUE, OWN_BOOK, index_of
from ...sim.living.price_moves import PriceMove, PriceMoves
from ...sim.quantities import Quantity
from ..run import Run
from .names import RunNames

__all__ = [
    "MarkMoves",
    "MarkStep",
    "MovePart",
    "MoveSource",
    "MoveSum",
    "MovedMark",
    "PartKind",
    "StepFound",
    "mark_step",
    "moved_mark",
]

PartKind = Literal[
    "outside", "elsewhere", "index", "forced", "inventory", "own", "withdrawal", "quotes", "time", "law", "rule"
]
"""Where a part of a move comes from, in the order in which parts are told.

The value outside; a constituent elsewhere; which constituents the index counts; forced orders of traders; the fund's
sales of what it took over; traders' own orders, by purpose; quotes with a maker who left among them; other quotes;
time, in which depth comes back; a law of impact that is not known here; the rule by which the mark is made of prices.
"""

_ORDER: tuple[PartKind, ...] = PartKind.__args__  # type: ignore[attr-defined]
_ANSWER = "margin call"
"""The purpose of a trade by which a trader answers a margin call without an order."""


class MoveSource(msgspec.Struct, frozen=True):
    """What moved it and by how much: event `seq` (an order, a depth that was quoted, a price) and whose it is."""

    seq: int
    accounts: tuple[int, ...]
    names: tuple[str, ...]
    moved: Quantity


class MovePart(msgspec.Struct, frozen=True):
    """A part of a move; `name` is the purpose of own orders, the constituent elsewhere, or what the index counts.

    The `sources` sum to it, those that moved it most first. What comes with time or by a rule has none.
    """

    kind: PartKind
    name: str | None
    moved: Quantity
    sources: tuple[MoveSource, ...]


class MarkStep(msgspec.Struct, frozen=True):
    """How far a mark moved from the one before it, event `since_seq`; the parts sum to that."""

    since_seq: int
    moved: Quantity
    parts: tuple[MovePart, ...]


class MoveSum(msgspec.Struct, frozen=True):
    """A part of a move over many marks, from so many sources of so many accounts."""

    kind: PartKind
    name: str | None
    moved: Quantity
    sources: int
    accounts: int


class MovedMark(msgspec.Struct, frozen=True):
    """How far the mark of an instrument moved from one event to another over many marks, in parts that sum to it."""

    instrument: int
    name: str
    from_seq: int
    to_seq: int
    begun: Quantity
    ended: Quantity
    moved: Quantity
    parts: tuple[MoveSum, ...]


class _Piece(NamedTuple):
    """So many ticks that an event moved a mark by; no event for what comes with time or by a rule."""

    kind: PartKind
    ticks: int
    name: str | None = None
    seq: int | None = None
    accounts: tuple[int, ...] = ()


class _Priced(NamedTuple):
    """What a mark follows from: a price, how many moves of the own book had come by then, and of an index the body."""

    seq: int
    ticks: int
    moves: int
    body: IndexPriced | None = None


class _MarkPoint(NamedTuple):
    """A mark and what it follows from."""

    event: Event
    ticks: int
    priced: _Priced


class StepFound(NamedTuple):
    """Two marks of an instrument, one after the other; what lies between them is worked out when it is asked for."""

    known: MarkMoves
    instrument: int
    before: _MarkPoint
    after: _MarkPoint

    @property
    def ticks(self) -> int:
        """How far it moved."""
        return self.after.ticks - self.before.ticks

    def pieces(self) -> Iterator[_Piece]:
        """What moved it, one after the other."""
        return self.known.pieces(self)


class _Sources:
    """Who is behind the moves of books."""

    KINDS = frozenset(
        (LiquidationFilled, PositionReduced, OrderFilled, LiquidationOrdered, HedgeOrdered, OrderPlaced, QuotesPlaced)
    )

    def __init__(self, run: Run, first_seq: int) -> None:
        self._run, self._first_seq = run, first_seq
        self._trades: dict[int, tuple[Event, bool]] = {}
        self._orders: dict[int, tuple[int, str]] = {}
        self._quoting = defaultdict[int, dict[int, bool]](dict)
        self._quoted: dict[int, dict[int, bool]] = {}
        self._looked_back = False

    def take(self, event: Event, ledger: LedgerState) -> None:
        """Who traded, what orders are for, and whose quotes a depth was made of since the one before."""
        body: Any = event.body
        kind = type(body)
        if kind is QuotesPlaced:
            self._quoting[body.instrument][body.account] = body.account in ledger.markets[body.instrument].withdrawn
        elif kind is DepthFormed:
            self._quoted[event.seq] = self._quoting.pop(body.instrument, {})
        elif kind in (LiquidationOrdered, HedgeOrdered, OrderPlaced):
            self._order(event)
        elif kind in (LiquidationFilled, PositionReduced, OrderFilled):
            self._trades[event.seq] = event, ledger.accounts[body.account].kind == "insurance"

    def _order(self, event: Event) -> None:
        body: Any = event.body
        self._orders[body.order_id] = event.seq, getattr(body, "purpose", "")

    def piece(self, move: PriceMove, cause: int | None) -> _Piece:
        """A move of a book as a piece of a mark's move, of the same size. `cause` is of the price that it came with."""
        if move.by == "trade":
            return self._trade(move)
        if move.by == "quotes":
            makers = self._quoted.get(move.seq, {})
            left = tuple(maker for maker, is_away in makers.items() if is_away)
            return _Piece("withdrawal" if left else "quotes", move.ticks, None, move.seq, left or tuple(makers))
        return _Piece(move.by, move.ticks, None, cause if move.by == "outside" else None)

    def _trade(self, move: PriceMove) -> _Piece:
        event, by_fund = self._trades.get(move.seq) or (self._run.event(move.seq), False)
        body: Any = event.body
        if isinstance(body, PositionReduced):
            return _Piece("own", move.ticks, _ANSWER, move.seq, (body.account,))
        if body.order_id not in self._orders:
            self._look_back()
        seq, purpose = self._orders.get(body.order_id, (move.seq, ""))
        if isinstance(body, OrderFilled):
            return _Piece("own", move.ticks, purpose, seq, (body.account,))
        return _Piece("inventory" if by_fund else "forced", move.ticks, None, seq, (body.account,))

    def _look_back(self) -> None:
        """Read the orders from before the walk, once: a stop may have rested since the start."""
        if not self._looked_back:
            self._looked_back = True
            for event in self._run.events(0, self._first_seq):
                if isinstance(event.body, OrderPlaced | LiquidationOrdered):
                    self._order(event)


class MarkMoves:
    """Takes the events of one walk through a run, each after it was folded; those of markets without a book in vain."""

    KINDS = frozenset((MarkPriced, IndexPriced)) | PriceMoves.KINDS | _Sources.KINDS

    def __init__(self, run: Run, first_seq: int) -> None:
        self._sources = _Sources(run, first_seq)
        self._books = defaultdict[int, PriceMoves](PriceMoves)
        self._booked: dict[int, _Priced] = {}
        self._priced: dict[int, _Priced] = {}
        self._causes: dict[int, int | None] = {}
        self._marked: dict[int, _MarkPoint | None] = {}
        self._steps: dict[int, StepFound] = {}
        self._venues: dict[int, str] = {}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(bands)."""
        body: Any = event.body
        kind, instrument = type(body), body.instrument
        market = ledger.markets[instrument]
        if market.book is None:
            return
        if kind is MarkPriced:
            self._mark(event, body)
            return
        if kind is IndexPriced:
            booked = self._booked.get(instrument)
            if booked is not None:
                self._venues[instrument] = venue_of(market.listing.name)
                self._priced[event.seq] = _Priced(event.seq, body.index_ticks, booked.moves, body)
            return
        self._sources.take(event, ledger)
        if kind in PriceMoves.KINDS:
            book = self._books[instrument]
            book.take(event, market)
            if kind is BookPriced:
                self._causes[event.seq] = event.cause
                priced = _Priced(event.seq, body.price_ticks, len(book.moves))
                self._booked[instrument] = self._priced[event.seq] = priced

    def _mark(self, event: Event, body: MarkPriced) -> None:
        priced = None if event.cause is None else self._priced.get(event.cause)
        marked = None if priced is None else _MarkPoint(event, body.mark_ticks, priced)
        before, self._marked[body.instrument] = self._marked.get(body.instrument), marked
        if before is None or marked is None:
            return
        if (before.priced.body is None) == (marked.priced.body is None):  # else a fork has changed what makes the mark
            self._steps[event.seq] = StepFound(self, body.instrument, before, marked)

    def step(self, seq: int) -> StepFound | None:
        """The step to the mark of an event, where it is known."""
        return self._steps.get(seq)

    def steps(self, first_seq: int, last_seq: int) -> list[StepFound]:
        """The steps from one mark of an instrument to a later one, the last one first, as far back as they are known.

        Those at the beginning of a walk are not, where what they follow from lies before it.
        """
        found = list[StepFound]()
        while last_seq != first_seq and (step := self._steps.get(last_seq)) is not None:
            found.append(step)
            last_seq = step.before.event.seq
        return found

    def pieces(self, step: StepFound) -> Iterator[_Piece]:
        """What moved a mark, one after the other: the pieces sum to the step."""
        before, after = step.before.priced, step.after.priced
        moves = islice(self._books[step.instrument].moves, before.moves, after.moves)
        own = [self._sources.piece(move, self._causes.get(move.seq)) for move in moves]
        if before.body is None or after.body is None:
            yield from own
        else:
            yield from _of_index(before.body, after.body, after.seq, own, self._venues[step.instrument])
        held_ticks = step.ticks - (after.ticks - before.ticks)
        if held_ticks:
            yield _Piece("rule", held_ticks)


def _of_index(before: IndexPriced, after: IndexPriced, seq: int, own: Iterable[_Piece], venue: str) -> Iterator[_Piece]:
    """What moved an index: its constituents one after the other, each at the weight that it had before."""
    weights = {name: weight for name, _, weight in before.constituents}
    prices = {name: ticks for name, ticks, _ in before.constituents}
    now = {name: ticks for name, ticks, *_ in (*after.constituents, *after.left_out)}
    own_names = [name for name in prices if name in (OWN_BOOK, venue)]
    at_ticks = before.index_ticks

    def moved(names: Iterable[str], ticks: int) -> int:
        nonlocal at_ticks
        prices.update(dict.fromkeys(names, ticks))
        by_ticks, at_ticks = -at_ticks, index_of((prices[name], weight) for name, weight in weights.items())
        return by_ticks + at_ticks

    for name in [name for name in prices if name not in own_names and name in now]:
        ticks = moved((name,), now[name])
        if name == OUTSIDE_VALUE:
            yield _Piece("outside", ticks, None, seq)
        else:
            yield _Piece("elsewhere", ticks, name, seq)
    price_ticks = prices[own_names[0]] if own_names else 0
    for piece in own:
        price_ticks += piece.ticks
        yield piece._replace(ticks=moved(own_names, price_ticks))
    if at_ticks != after.index_ticks:
        yield _Piece("index", after.index_ticks - at_ticks, _counted(before, after), seq)


def _counted(before: IndexPriced, after: IndexPriced) -> str:
    """What changed in which constituents an index counts."""
    was, is_now = ({name for name, *_ in one.constituents} for one in (before, after))
    changed = [f"{name} left out" for name in sorted(was - is_now)]
    changed += [f"{name} counts again" for name in sorted(is_now - was)]
    return " and ".join(changed) or "other weights"


_Parts = dict[tuple[PartKind, str | None], dict[tuple[int | None, tuple[int, ...]], int]]
"""Ticks by (kind, name), and of these by (event, accounts)."""


def _gathered(steps: Iterable[StepFound]) -> _Parts:
    """The pieces of steps put together, parts in the order in which they are told."""
    found: _Parts = {}
    for step in steps:
        for piece in step.pieces():
            if piece.ticks:
                sources = found.setdefault((piece.kind, piece.name), {})
                source = piece.seq, piece.accounts
                sources[source] = sources.get(source, 0) + piece.ticks
    return dict(sorted(found.items(), key=lambda one: (_ORDER.index(one[0][0]), one[0][1] or "")))


def mark_step(step: StepFound, names: RunNames) -> MarkStep:
    """A step in parts, each with its sources."""

    def moved(ticks: int) -> Quantity:
        return names.price_of(step.instrument, ticks)

    parts = []
    for (kind, name), sources in _gathered((step,)).items():
        told = sorted((-abs(ticks), seq, accounts) for (seq, accounts), ticks in sources.items() if seq is not None)
        listed = tuple(
            MoveSource(seq, accounts, tuple(map(names.account, accounts)), moved(sources[seq, accounts]))
            for _, seq, accounts in told
        )
        parts.append(MovePart(kind, name, moved(sum(sources.values())), listed))
    return MarkStep(step.before.event.seq, moved(step.ticks), tuple(parts))


def moved_mark(steps: list[StepFound], names: RunNames) -> MovedMark:
    """The sum of steps that follow one another, the last one first."""
    instrument, first, last = steps[0].instrument, steps[-1].before, steps[0].after
    begun, ended, moved = (
        names.price_of(instrument, ticks) for ticks in (first.ticks, last.ticks, last.ticks - first.ticks)
    )
    parts = tuple(
        MoveSum(
            kind,
            name,
            names.price_of(instrument, sum(sources.values())),
            sum(seq is not None for seq, _ in sources),
            len({account for _, accounts in sources for account in accounts}),
        )
        for (kind, name), sources in _gathered(steps).items()
    )
    return MovedMark(
        instrument, names.instrument(instrument), first.event.seq, last.event.seq, begun, ended, moved, parts
    )
