"""What a file of market data can tell: one item is one row, or the rows of one instant that belong together."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

__all__ = ["Forced", "Item", "Marked", "Market", "Place", "Quoted", "Side", "Traded"]

Side = tuple[tuple[int, Decimal], ...]
"""(distance in basis points, units up to there), nearest first."""


class Market(NamedTuple):
    """An instrument as its publisher names it; `exchange` is the publisher's word for the part of a venue."""

    exchange: str
    symbol: str


class Place(NamedTuple):
    """Where and when: the source's number, the line, when it is recorded, when it was received, the venue's own time.

    The last two are None where a file does not tell, and where the venue's time is when it is recorded.
    """

    source: int
    line: int
    at_ns: int
    received_ns: int | None = None
    venue_ns: int | None = None


class Traded(NamedTuple):
    """A price that was traded at."""

    place: Place
    market: Market
    price: Decimal


class Marked(NamedTuple):
    """What the venue says of an instrument; None where it is silent."""

    place: Place
    market: Market
    mark_price: Decimal | None
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    last_price: Decimal | None = None


class Quoted(NamedTuple):
    """Resting depth on both sides."""

    place: Place
    market: Market
    bids: Side
    asks: Side


class Forced(NamedTuple):
    """A forced order of nobody in particular: `filled` of `size` at `price`; `limit` is None where it is not told."""

    place: Place
    market: Market
    buys: bool
    size: Decimal
    limit: Decimal | None
    filled: Decimal
    price: Decimal


Item = Traded | Marked | Quoted | Forced
