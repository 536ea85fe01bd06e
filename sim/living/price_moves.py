"""What moved the price of a book: each change of it in the order of the record, as the event left it, in whole ticks.

1. The price is worked out anew after every event that enters it: a value outside, a trade, a depth that quotes made.
   What it changes by is that event's part. So the parts between two prices sum to what lies between them, exactly.
2. What changes with time alone is told apart: depth that came back since it was taken, and what is forgotten of the
   moves that trades left behind for good.
3. A trade has what it took of the depth, which moves the price at once, and what it moved the centre of the book by,
   which `BookPriced` states afterwards. A thinner depth makes a trade move more, and that is the trade's.
4. What a law of impact that is not known here does beyond that is the trade's after a trade, and else the law's own.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Literal, NamedTuple

from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.margin import PositionReduced
from ...events.bodies.trading import BookPriced, DepthFormed, OrderFilled
from ...events.envelope import Event
from ...events.ledger import Market
from ...handlers.depth import impact_ticks

__all__ = ["MovedBy", "PriceMove", "PriceMoves"]

_PPB = 10**9

MovedBy = Literal["outside", "trade", "quotes", "time", "law"]
"""The value outside, a trade, quotes that made another depth, time that passed, or a law that is not known here."""


class PriceMove(NamedTuple):
    """So many ticks that an event moved the price by, or that time did up to it."""

    by: MovedBy
    seq: int
    ticks: int


class PriceMoves:
    """Of one instrument's book: takes the events of `KINDS`, each after it was folded.

    `moves` are all of them so far, without those of nothing.
    """

    KINDS = frozenset((BookPriced, DepthFormed, LiquidationFilled, PositionReduced, OrderFilled))

    def __init__(self) -> None:
        self.moves: list[PriceMove] = []
        self._before: Market | None = None
        self._sizes_lots: dict[int, int] = {}
        self._at_ns = self._ticks = 0

    def take(self, event: Event, market: Market) -> None:
        """The next event; O(bands). What happened before the first price is no move."""
        body: Any = event.body
        if market.book is None:
            return
        before, self._before = self._before, copy(market)
        if before is None:
            self._ticks = market.book.price_ticks if type(body) is BookPriced else _book_ticks(market, event.at_ns)
        else:
            if event.at_ns != self._at_ns:
                self._move("time", event.seq, _book_ticks(before, event.at_ns))
            if type(body) is BookPriced:
                self._priced(event, body, before)
            else:
                by: MovedBy = "quotes" if type(body) is DepthFormed else "trade"
                self._move(by, event.seq, _book_ticks(market, event.at_ns))
        if type(body) not in (BookPriced, DepthFormed):
            self._sizes_lots[event.seq] = body.size_lots
        self._at_ns = event.at_ns

    def _priced(self, event: Event, body: BookPriced, before: Market) -> None:
        """A price after a trade, or one after the value outside: what that did to the centre, and what time did."""
        book = before.book
        assert book is not None
        trade = event.links[0] if event.links else None
        left_ppb = body.permanent_ppb
        if trade is not None:
            size_lots = self._sizes_lots.pop(trade, None)
            left_ppb = book.permanent_ppb  # within an instant nothing of it is forgotten
            if size_lots is not None and event.at_ns != before.booked_at_ns:
                left_ppb = body.permanent_ppb - size_lots * body.lasting_ppb // body.law_lots
        elif body.outside_ticks != book.outside_ticks:
            self._move("outside", event.seq, _ticks(before, body.outside_ticks, book.permanent_ppb, event.at_ns))
        if left_ppb != book.permanent_ppb:
            self._move("time", event.seq, _ticks(before, body.outside_ticks, left_ppb, event.at_ns))
        if trade is None:
            self._move("law", event.seq, body.price_ticks)
        else:
            self._move("trade", trade, body.price_ticks)

    def _move(self, by: MovedBy, seq: int, ticks: int) -> None:
        if ticks != self._ticks:
            self.moves.append(PriceMove(by, seq, ticks - self._ticks))
            self._ticks = ticks


def _book_ticks(market: Market, now_ns: int) -> int:
    """What a book trades at as its market stands, as the law of impact prices it."""
    assert market.book is not None
    return _ticks(market, market.book.outside_ticks, market.book.permanent_ppb, now_ns)


def _ticks(market: Market, outside_ticks: int, permanent_ppb: int, now_ns: int) -> int:
    """The same with another value outside, or with something else left behind of trades."""
    centre_ticks = max(1, outside_ticks * (_PPB + permanent_ppb) // _PPB)
    return max(1, centre_ticks + impact_ticks(market, centre_ticks, now_ns))
