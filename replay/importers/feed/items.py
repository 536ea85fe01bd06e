"""What a file of market data can tell: one item is one row, or the rows of one instant that belong together."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

__all__ = ["ForcedOrder", "Item", "Marked", "Quoted", "RowPlace", "Side", "Traded", "VenueMarket"]

Side = tuple[tuple[int, Decimal], ...]
"""(distance in basis points, units up to there), nearest first."""


class VenueMarket(NamedTuple):
    """An instrument as its publisher names it; `exchange` is the publisher's word for the part of a venue."""

    exchange: str
    symbol: str


class RowPlace(NamedTuple):
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

    place: RowPlace
    market: VenueMarket
    price: Decimal


class Marked(NamedTuple):
    """What the venue says of an instrument; None where it is silent."""

    place: RowPlace
    market: VenueMarket
    mark_price: Decimal | None
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    last_price: Decimal | None = None


class Quoted(NamedTuple):
    """Resting depth on both sides."""

    place: RowPlace
    market: VenueMarket
    bids: Side
    asks: Side


class ForcedOrder(NamedTuple):
    """A forced order of nobody in particular: `filled` of `size` at `price`; `limit` is None where it is not told."""

    place: RowPlace
    market: VenueMarket
    buys: bool
    size: Decimal
    limit: Decimal | None
    filled: Decimal
    price: Decimal


Item = Traded | Marked | Quoted | ForcedOrder
