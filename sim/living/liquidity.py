"""Who was there to trade with: the depth that is left near the price, minute by minute, and how long makers were away.

1. The *depth* of a side is what stands within `NEAR_BPS` of the centre of the book less what is eaten of it, in lots.
   It is taken at the end of each instant in which quotes, trades or the value outside changed it.
2. The depth *at the start* is that at the end of the first instant; that of a minute is the least in it, and where
   nothing changed it that of the minute before.
3. Makers' *time away* is the sum over makers and instruments from `LiquidityWithdrawn` to `LiquidityReturned`, out of
   the time since each began to quote.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...events.bodies.trading import BookPriced, DepthFormed, LiquidityReturned, LiquidityWithdrawn, QuotesPlaced
from ...events.envelope import Event
from ...events.ledger import LedgerState, Market
from ...handlers.depth import eaten_lots

__all__ = ["MINUTE_NS", "NEAR_BPS", "DepthPath", "Liquidity", "near_lots"]

NEAR_BPS = 100
MINUTE_NS = 60 * 10**9

_Side = tuple[int, int]
"""Lots to sell to (bids), and to buy from (asks)."""


class DepthPath(msgspec.Struct):
    """The depth of one instrument, (bids, asks) in lots: at the start, now, the least of each, the least a minute."""

    start: _Side
    now: _Side
    least: _Side
    minutes: list[_Side]

    def reach(self, minute: int) -> None:
        """Go on to a minute as it stands."""
        self.minutes.extend([self.now] * (minute + 1 - len(self.minutes)))

    def take(self, minute: int, side: _Side) -> None:
        """The depth is another one."""
        self.reach(minute)
        self.now = side
        self.least, self.minutes[minute] = _lesser(self.least, side), _lesser(self.minutes[minute], side)


class Liquidity:
    """Takes the events of a run in their order, each after it was folded."""

    KINDS = (BookPriced, DepthFormed, QuotesPlaced, LiquidityWithdrawn, LiquidityReturned)

    def __init__(self) -> None:
        self.paths: dict[int, DepthPath] = {}
        self._changed: dict[int, _Side] = {}
        self._start_ns = self._now_ns = 0
        self._quoting_since_ns: dict[tuple[int, int], int] = {}
        self._away_since_ns: dict[tuple[int, int], int] = {}
        self._away_ns = 0

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(bands)."""
        body: Any = event.body
        if event.at_ns > self._now_ns:
            self._end_instant()
            self._start_ns, self._now_ns = self._start_ns or event.at_ns, event.at_ns
        if isinstance(body, BookPriced | DepthFormed):
            self._changed[body.instrument] = near_lots(ledger.markets[body.instrument], event.at_ns)
            return
        key = (body.account, body.instrument)
        if isinstance(body, QuotesPlaced):
            self._quoting_since_ns.setdefault(key, event.at_ns)
        elif isinstance(body, LiquidityWithdrawn):
            self._away_since_ns.setdefault(key, event.at_ns)
        else:
            self._away_ns += event.at_ns - self._away_since_ns.pop(key, event.at_ns)

    def end(self, end_ns: int) -> None:
        """The run ends: what the last instant came to counts, and the minutes go on to there."""
        self._end_instant()
        for path in self.paths.values():
            path.reach((end_ns - self._start_ns) // MINUTE_NS)

    def away(self, end_ns: int) -> tuple[int, int]:
        """(nanoseconds that makers were away, nanoseconds that they could have quoted)."""
        still_ns = sum(end_ns - since_ns for since_ns in self._away_since_ns.values())
        return self._away_ns + still_ns, sum(end_ns - since_ns for since_ns in self._quoting_since_ns.values())

    def _end_instant(self) -> None:
        minute = (self._now_ns - self._start_ns) // MINUTE_NS
        for instrument, side in self._changed.items():
            path = self.paths.setdefault(instrument, DepthPath(side, side, side, [side]))
            path.take(minute, side)
        self._changed.clear()


def near_lots(market: Market, now_ns: int) -> _Side:
    """What of each side is left within reach of the centre; O(bands)."""
    return (
        _near(market.bids, eaten_lots(market, selling=True, now_ns=now_ns)),
        _near(market.asks, eaten_lots(market, selling=False, now_ns=now_ns)),
    )


def _near(bands: tuple[tuple[int, int], ...], eaten: int) -> int:
    up_to_lots = 0
    for distance_bps, lots in bands:
        if distance_bps > NEAR_BPS:
            break
        up_to_lots = lots
    return max(0, up_to_lots - eaten)


def _lesser(one: _Side, other: _Side) -> _Side:
    return min(one[0], other[0]), min(one[1], other[1])
