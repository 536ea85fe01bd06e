"""Outside liquidity: what a forced order gets from the depth, and how far that moves the price.

1. Depth is quoted per side as lots up to a distance from the index, cumulative, nearest first. Where the venue's own
   book makes the price, it stands around the book's centre, moved by what is eaten of the *other* side: who has sold
   the price down meets asks that have come down with it. A trade there also pays for what it moves the centre by.
2. What forced orders have eaten is missing from the near end and refills with a half-life: halved for every whole
   half-life, linearly in between, rounded down.
3. A band trades at its distance from the index, rounded against the order to a tick.
4. The mark is moved by a share (`impact_bps`) of the distance that the eaten lots reach into the depth, asks less bids,
   linear within a band, rounded toward zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..events.bodies.trading import BookPriced
from ..events.ledger import Market

__all__ = ["DepthFill", "eaten_lots", "impact_ticks", "reach_millibps", "walk"]

_BPS, _PPB = 10**4, 10**9


class DepthFill(msgspec.Struct, frozen=True, gc=False):
    """What one band gave: lots (unsigned), the price, how much of the side is gone afterwards, and whose the band is.

    `maker` is None for a band of outside liquidity.
    """

    lots: int
    price_ticks: int
    eaten_lots: int
    maker: int | None = None


def eaten_lots(market: Market, *, selling: bool, now_ns: int) -> int:
    """How many lots of the side that such an order takes from are still missing; O(1)."""
    lots, at_ns = market.eaten_ask_lots, market.eaten_ask_at_ns
    if selling:
        lots, at_ns = market.eaten_bid_lots, market.eaten_bid_at_ns
    half_life_ns = market.half_life_ns
    if not lots or not half_life_ns:
        return 0 if not half_life_ns and now_ns > at_ns else lots
    halvings, rest_ns = divmod(now_ns - at_ns, half_life_ns)
    return (lots * (2 * half_life_ns - rest_ns) // (2 * half_life_ns)) >> min(halvings, 64)


def walk(
    market: Market, size_lots: int, limit_ticks: int | None, now_ns: int, own: int | None = None
) -> Iterator[DepthFill]:
    """Trade `size_lots` (negative sells) against the depth, best band first, no worse than `limit_ticks`.

    Nobody trades with itself: bands of the maker `own` that are in the way count as eaten, and give nothing.
    """
    selling = size_lots < 0
    eaten, left = eaten_lots(market, selling=selling, now_ns=now_ns), abs(size_lots)
    makers = market.bid_makers if selling else market.ask_makers
    centre_ticks, taken = _centre_ticks(market, selling=selling, now_ns=now_ns), 0
    for place, (distance_bps, up_to_lots) in enumerate(market.bids if selling else market.asks):
        if not left:
            return
        if up_to_lots <= eaten:
            continue
        maker = makers[place] if makers else None
        if maker is not None and maker == own:
            eaten = up_to_lots
            continue
        lots = min(left, up_to_lots - eaten)
        price_ticks = _price(centre_ticks, distance_bps, selling=selling)
        if market.book is not None:
            price_ticks = _paying(market.book, price_ticks, taken + lots, selling=selling)
        if price_ticks < 1 or _worse(price_ticks, limit_ticks, selling=selling):
            return
        eaten, left, taken = eaten + lots, left - lots, taken + lots
        yield DepthFill(lots, price_ticks, eaten, maker)


def _centre_ticks(market: Market, *, selling: bool, now_ns: int) -> int:
    """What a side of the depth stands around."""
    if market.book is None:
        return market.index_ticks
    centre_ticks, other = market.book.centre_ticks, eaten_lots(market, selling=not selling, now_ns=now_ns)
    if not other:
        return centre_ticks
    reach = reach_millibps(market.asks if selling else market.bids, other)
    moved_ticks = centre_ticks * market.listing.impact_bps * reach // (_BPS * _BPS * 1000)
    return centre_ticks + moved_ticks if selling else centre_ticks - moved_ticks


def _paying(book: BookPriced, price_ticks: int, lots: int, *, selling: bool) -> int:
    """A price with what so many lots move the centre of the book for good, rounded against the order."""
    scale = _PPB * book.law_lots
    moved = book.outside_ticks * lots * book.lasting_ppb
    return price_ticks - -(-moved // scale) if selling else price_ticks - -moved // scale


def impact_ticks(market: Market, index_ticks: int, now_ns: int) -> int:
    """How far forced orders have the mark moved from this index, signed; O(bands)."""
    share_bps = market.listing.impact_bps
    if not share_bps or not (market.eaten_bid_lots or market.eaten_ask_lots):
        return 0
    up = reach_millibps(market.asks, eaten_lots(market, selling=False, now_ns=now_ns))
    down = reach_millibps(market.bids, eaten_lots(market, selling=True, now_ns=now_ns))
    moved = index_ticks * share_bps * (up - down)
    scale = _BPS * _BPS * 1000
    return moved // scale if moved >= 0 else -(-moved // scale)


def _price(index_ticks: int, distance_bps: int, *, selling: bool) -> int:
    if selling:
        return index_ticks * (_BPS - distance_bps) // _BPS
    return -(-index_ticks * (_BPS + distance_bps) // _BPS)


def _worse(price_ticks: int, limit_ticks: int | None, *, selling: bool) -> bool:
    if limit_ticks is None:
        return False
    return price_ticks < limit_ticks if selling else price_ticks > limit_ticks


def reach_millibps(bands: tuple[tuple[int, int], ...], eaten: int) -> int:
    """How far the eaten lots reach into the side, in thousandths of a basis point."""
    near_bps, near_lots = 0, 0
    for distance_bps, up_to_lots in bands:
        if eaten < up_to_lots:
            part = 1000 * (distance_bps - near_bps) * (eaten - near_lots) // (up_to_lots - near_lots)
            return 1000 * near_bps + part
        near_bps, near_lots = distance_bps, up_to_lots
    return 1000 * near_bps
