"""How far forced orders have moved a price, and those of which generation.

1. *Passing*: of what is missing of a side of the depth each trade has its share in lots. Refilling lowers all of it in
   the same measure. The move that goes with it (`handlers/depth.py`) is shared out by these shares.
2. *Lasting*: of what trades moved the centre of the book by for good, each has what it moved it by. What is forgotten
   of that is so in the same measure for all.
3. A trade is *forced* if it fills a liquidation, sells what the fund took over, or answers a margin call. Traders' own
   orders, and so stops, are not.

Figures are in millionths of a tick, negative where the price is lower for it, rounded down.
"""

from __future__ import annotations

from ...events.bodies.trading import BookPriced
from ...events.ledger import Market
from ...handlers.depth import eaten_lots, reach_millibps

__all__ = ["OWN", "Displacement", "place_of"]

_MICRO, _PPB, _BPS = 10**6, 10**9, 10**4
_MILLIBPS = 1000 * _BPS

OWN = 0
"""The place of traders' own orders; forced ones of generation g stand at g + 1."""


def place_of(generation: int) -> int:
    """Where the trades of a generation stand."""
    return generation + 1


class Displacement:
    """Of one instrument. All lists are by place."""

    def __init__(self) -> None:
        self._bids, self._asks, self._lasting_ppb = [0], [0], [0]
        self._all_lasting_ppb = 0

    def trade(self, size_lots: int, eaten: int, place: int) -> None:
        """A trade of so many lots, after which `eaten` of its side are gone; O(generations)."""
        side, lots = self._bids if size_lots < 0 else self._asks, abs(size_lots)
        before, known = max(0, eaten - lots) * _MICRO, sum(side)
        side[:] = [part * before // known if known else 0 for part in side]
        _add(side, place, lots * _MICRO)

    def price(self, book: BookPriced, place: int | None) -> None:
        """The book traded at a price, after a trade of this place if it was one; O(generations)."""
        now_ppb, before_ppb = book.permanent_ppb, self._all_lasting_ppb
        self._all_lasting_ppb = now_ppb
        if place is not None:
            _add(self._lasting_ppb, place, now_ppb - before_ppb)
        elif now_ppb != before_ppb and before_ppb:
            self._lasting_ppb = [part * now_ppb // before_ppb for part in self._lasting_ppb]

    def moved_microticks(self, market: Market, now_ns: int, *, lasting: bool = True) -> list[int]:
        """How far the trades of each place have the price moved, `lasting` or only in passing; O(bands + generations).

        The price is that of the book; without a book it is the index, moved as a mark is that follows it.
        """
        centre, outside = market.centre_ticks, 0 if market.book is None else market.book.outside_ticks
        longest = max(map(len, (self._bids, self._asks, self._lasting_ppb)))
        found = [0] * longest
        for side, sign, selling in ((self._bids, -1, True), (self._asks, 1, False)):
            eaten, whole = eaten_lots(market, selling=selling, now_ns=now_ns), sum(side)
            if not eaten or not whole:
                continue
            reach = reach_millibps(market.bids if selling else market.asks, eaten)
            moved = sign * centre * market.listing.impact_bps * reach * _MICRO // (_BPS * _MILLIBPS)
            for place, part in enumerate(side):
                found[place] += moved * part // whole
        for place, part_ppb in enumerate(self._lasting_ppb if lasting else ()):
            found[place] += outside * part_ppb * _MICRO // _PPB
        return found


def _add(parts: list[int], place: int, more: int) -> None:
    parts.extend([0] * (place + 1 - len(parts)))
    parts[place] += more
