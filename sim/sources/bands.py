"""Bands of resting depth, and when the bands of one instant are a quote.

1. A band says how much rests within a percentage of the price: bids where that is negative, asks where positive. It is
   cumulative: what rests nearer is included.
2. A quote has as many bids as asks, at the same distances, and no fewer bands than the fullest one before it. Half a
   book never passes for a thin one.
3. Depth never falls from one band to the next one out. Of bands that contradict each other those go that are frozen:
   to the last digit the same in three quotes in a row, while others move. Else the fewest go, and of equals those
   further out.
4. Counted, and kept: bands that are frozen and contradict none; and bands whose average price (notional / depth) is on
   the wrong side of the other side's, since no bid rests above an ask: they hold orders that the market has left
   behind. The fewest that explain it count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from ...events.errors import ScenarioError
from ..reading.order import Order
from ..units import CONTEXT, parse_decimal, to_whole

__all__ = ["Band", "Depth", "LeaveOut", "Quote", "Quotes", "parse_distance_bps"]

_BPS_PERCENT = Decimal("0.01")
_BPS_MOST = 9_999
_FROZEN_QUOTES = 3

Depth = TypeVar("Depth", bound=int | Decimal)
LeaveOut = Callable[[str, int, int], None]
"""Told (reason, row, how many rows) of what is left out."""
Side = tuple[tuple[int, Depth], ...]
_Bands = Sequence[tuple[int, "Band[Depth]"]]


class Band(NamedTuple, Generic[Depth]):
    """One row; `distance_bps` is negative for bids. `figures` are units and notional as the file has them."""

    row: int
    at_ns: int
    distance_bps: int
    depth: Depth
    figures: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))

    @property
    def price(self) -> Decimal | None:
        """The average price of what rests there; None where the file does not tell."""
        units, notional = self.figures
        return CONTEXT.divide(notional, units) if units and notional else None


class Quote(NamedTuple, Generic[Depth]):
    """Bids and asks as (distance, depth), nearest first, from these bands, and how many of them rule 4 counts."""

    bands: list[Band[Depth]]
    bids: Side[Depth]
    asks: Side[Depth]
    frozen: int
    elsewhere: int


class _Group(NamedTuple, Generic[Depth]):
    bands: list[Band[Depth]]
    frozen: set[int]
    """Distances of the bands that are frozen."""


def parse_distance_bps(text: str) -> int:
    """A percentage in basis points. Raises ScenarioError for one that is no distance from a price."""
    distance_bps = to_whole(parse_decimal(text), _BPS_PERCENT)
    if not 0 < abs(distance_bps) <= _BPS_MOST:
        message = f"percentage {text} is no distance from the price; it must be between 0.01 and 99.99 either way"
        raise ScenarioError(message)
    return distance_bps


class Quotes(Generic[Depth]):
    """Turns the bands of one instant after the other into quotes; it looks two instants ahead."""

    def __init__(self, leave_out: Callable[[list[Band[Depth]], str, int, int], None]) -> None:
        """`leave_out` is told the bands of the instant as well."""
        self._leave_out = leave_out
        self._fullest = 0

    def of(self, groups: Iterable[list[Band[Depth]]]) -> Iterator[Quote[Depth]]:
        """A quote for each group of bands that is one."""
        waiting: deque[_Group[Depth]] = deque()
        for bands in groups:
            waiting.append(_Group(bands, set()))
            if len(waiting) == _FROZEN_QUOTES:
                _mark_frozen(waiting)
                yield from self._quote(waiting.popleft())
        for group in waiting:
            yield from self._quote(group)

    def _quote(self, group: _Group[Depth]) -> Iterator[Quote[Depth]]:
        bands = group.bands

        def leave_out(reason: str, row: int, rows: int) -> None:
            self._leave_out(bands, reason, row, rows)

        bids = sorted((-band.distance_bps, band) for band in bands if band.distance_bps < 0)
        asks = sorted((band.distance_bps, band) for band in bands if band.distance_bps > 0)
        if len(bands) < self._fullest or [bps for bps, _ in bids] != [bps for bps, _ in asks]:
            leave_out("incomplete group", bands[0].row, len(bands))
            return
        self._fullest = len(bands)
        sides = [_cumulative(side, group.frozen, leave_out) for side in (bids, asks)]
        kept = {*(-bps for bps, _ in sides[0]), *(bps for bps, _ in sides[1])}
        yield Quote(bands, sides[0], sides[1], len(group.frozen & kept), _elsewhere(bids, asks))


def _mark_frozen(groups: Sequence[_Group[Depth]]) -> None:
    """Mark the bands that are the same in each of these groups, if others are not."""
    figures = [{band.distance_bps: (band.depth, band.figures) for band in group.bands} for group in groups]
    same = {bps for bps, told in figures[0].items() if all(other.get(bps) == told for other in figures[1:])}
    if len(same) < len(figures[0]):
        resting = {bps for bps in same if figures[0][bps][0]}
        for group in groups:
            group.frozen.update(resting)


def _elsewhere(bids: _Bands[Depth], asks: _Bands[Depth]) -> int:
    """Without how many bands, at least, no bid would be above an ask."""
    bid_prices = [price for _, band in bids if (price := band.price) is not None]
    ask_prices = [price for _, band in asks if (price := band.price) is not None]
    if not bid_prices or not ask_prices or max(bid_prices) <= min(ask_prices):
        return 0
    return min(
        sum(1 for price in bid_prices if price > between) + sum(1 for price in ask_prices if price < between)
        for between in (*bid_prices, *ask_prices)
    )


def _cumulative(side: _Bands[Depth], frozen: set[int], leave_out: LeaveOut) -> Side[Depth]:
    depths = [(bps, Decimal(band.depth)) for bps, band in side if band.distance_bps not in frozen]
    moving = []
    for bps, band in side:
        if band.distance_bps in frozen and any(
            band.depth > depth if bps < other else band.depth < depth for other, depth in depths
        ):
            leave_out("frozen band", band.row, 1)
        else:
            moving.append((bps, band))

    def blame(found: tuple[int, Band[Depth]], is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
        leave_out("band above a farther one" if is_ahead else "band below a nearer one", found[1].row, 1)

    order = Order[tuple[int, Band[Depth]]](lambda found: found[1].depth, blame)
    return tuple((bps, band.depth) for bps, band in order.of(moving))
