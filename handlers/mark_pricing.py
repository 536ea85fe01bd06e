"""Mark pricing: from index prices (and what forced orders did to them) to the marks that margin is tested against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from ..events.bodies.collateral import CollateralSold
from ..events.bodies.inputs import PriceTicked
from ..events.bodies.liquidation import LiquidationFilled
from ..events.bodies.loans import BorrowerSold
from ..events.bodies.lots import CoinsSold
from ..events.bodies.margin import MarkPriced, PositionReduced
from ..events.bodies.trading import BookPriced
from ..events.bodies.venues import IndexPriced
from ..events.envelope import Event
from ..events.ledger import LedgerState, Market
from ..events.vocabulary import Body
from .depth import impact_ticks
from .faults import heard, index_ticks, reported_ticks
from .protocol import Handler, Linked, Product
from .quiet import NEVER, QuietSpan

__all__ = [
    "BookMarkPricing",
    "ConstituentMarkPricing",
    "IndexMarkPricing",
    "MedianMarkPricing",
    "SmoothedMarkPricing",
    "averaged_microticks",
]

_MICRO = 10**6


class IndexMarkPricing(Handler):
    """The mark is the index: the recorded path is held, forced orders move nothing."""

    name: ClassVar[str] = "mark"
    policy: ClassVar[str] = "index"
    subscribes: ClassVar[tuple[type[Body], ...]] = (PriceTicked,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A mark for each price of the instant, all at once, so that margin is tested with all of them in place."""
        assert isinstance(event.body, PriceTicked)
        prices = heard(ledger, event.body.prices)
        reported = ((number, reported_ticks(ledger, number, ticks, now_ns)) for number, ticks in prices)
        return [MarkPriced(instrument, ticks, 0, ticks) for instrument, ticks in reported]

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """The mark is the price, but for what a fault makes of it."""
        return None if ledger.faults else QuietSpan(marks=True)


class SmoothedParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`smoothing_ns` is the time constant of the index's moving average; 0 takes the index as it is."""

    smoothing_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse an average over what is still to come."""
        if self.smoothing_ns < 0:
            message = "smoothing_ns must not be negative"
            raise ValueError(message)


class SmoothedMarkPricing(Handler):
    """mark = smoothed index + impact of forced orders, at least one tick.

    smoothed += (index - smoothed) x dt / (dt + smoothing), dt since the last mark: an exponential average to first
    order, kept in millionths of a tick in the event itself, rounded down. The impact is `depth.impact_ticks` of the
    index as it is, at every new index and after every fill.
    """

    name: ClassVar[str] = "mark"
    policy: ClassVar[str] = "smoothed"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        PriceTicked,
        LiquidationFilled,
        PositionReduced,
        CollateralSold,
        CoinsSold,
        BorrowerSold,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = SmoothedParameters

    def __init__(self, parameters: SmoothedParameters) -> None:
        self.smoothing_ns = parameters.smoothing_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A mark for each price of the instant, or one for the instrument that a forced order moved."""
        body: Any = event.body
        if type(body) is PriceTicked:
            marks: list[Product] = []
            markets, smoothing_ns = ledger.markets, self.smoothing_ns
            for instrument, outside_ticks in heard(ledger, body.prices):
                ticks = reported_ticks(ledger, instrument, outside_ticks, now_ns)
                if smoothing_ns or markets[instrument].impact_seq is not None:
                    marks.append(self._on_index(markets[instrument], instrument, ticks, now_ns))
                else:
                    marks.append(MarkPriced(instrument, ticks, 0, ticks))
            return marks
        return self._on_fill(ledger, body.instrument, now_ns)

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """The mark is the price where nothing is smoothed, no fault is on and no forced order has ever traded."""
        moved = (number for number, market in enumerate(ledger.markets) if market.impact_seq is not None)
        return None if ledger.faults or self.smoothing_ns else QuietSpan(dict.fromkeys(moved, NEVER), marks=True)

    def _on_index(self, market: Market, instrument: int, ticks: int, now_ns: int) -> Product:
        body = self._mark(market, instrument, ticks, now_ns)
        return Linked(body, (market.impact_seq,)) if body.impact_ticks and market.impact_seq is not None else body

    def _mark(self, market: Market, instrument: int, index_ticks: int, now_ns: int) -> MarkPriced:
        smoothed = _smoothed(market, index_ticks, now_ns, self.smoothing_ns) if self.smoothing_ns else 0
        base_ticks = smoothed // _MICRO if self.smoothing_ns else index_ticks
        impact = impact_ticks(market, index_ticks, now_ns)
        return MarkPriced(instrument, index_ticks, impact, max(1, base_ticks + impact), smoothed)

    def _on_fill(self, ledger: LedgerState, instrument: int, now_ns: int) -> Iterable[Product]:
        market = ledger.markets[instrument]
        if market.marked is None:
            return ()
        body = self._mark(market, instrument, index_ticks(ledger, instrument, now_ns), now_ns)
        return () if body.mark_ticks == market.mark_ticks else (body,)


class BookMarkPricing(Handler):
    """mark = what the venue's own book trades at, or its moving average: trades of all make it, not an index alone.

    The average is that of `SmoothedMarkPricing`. `index_ticks` is the price as it is, `impact_ticks` 0.
    """

    name: ClassVar[str] = "mark"
    policy: ClassVar[str] = "book"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    Parameters: ClassVar[type[msgspec.Struct]] = SmoothedParameters

    def __init__(self, parameters: SmoothedParameters) -> None:
        self.smoothing_ns = parameters.smoothing_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The mark for a price of the book; none where it stays as it is within an instant."""
        assert isinstance(event.body, BookPriced)
        return self._marked(event.body.instrument, event.body.price_ticks, ledger, now_ns)

    def _marked(self, instrument: int, ticks: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        market = ledger.markets[instrument]
        smoothed = _smoothed(market, ticks, now_ns, self.smoothing_ns) if self.smoothing_ns else 0
        mark_ticks = max(1, smoothed // _MICRO) if self.smoothing_ns else ticks
        return _if_new(MarkPriced(instrument, ticks, 0, mark_ticks, smoothed), market, now_ns)


class ConstituentMarkPricing(BookMarkPricing):
    """mark = the index of several constituents (`living/index.py`), or its moving average."""

    policy: ClassVar[str] = "constituents"
    subscribes: ClassVar[tuple[type[Body], ...]] = (IndexPriced,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The mark for an index; none where it stays as it is within an instant."""
        assert isinstance(event.body, IndexPriced)
        return self._marked(event.body.instrument, event.body.index_ticks, ledger, now_ns)


class MedianParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`smoothing_ns` is the time constant of the book's moving average."""

    smoothing_ns: int = 150_000_000_000

    def __post_init__(self) -> None:
        """Refuse an average over nothing: the median of a price, itself and the index is always the price."""
        if self.smoothing_ns <= 0:
            message = "smoothing_ns must be above 0, as the median needs an average of the book's price"
            raise ValueError(message)


class MedianMarkPricing(Handler):
    """mark = median of what the book trades at, its moving average, and the index that the oracle reports.

    So one of the three alone moves nobody's margin: neither a burst of forced orders, nor an oracle that is wrong. The
    average is that of `SmoothedMarkPricing`, of the book's price; `index_ticks` is the oracle's. Source: the mark price
    of Bybit and Binance futures, medians of the last price and two averages of the index.
    """

    name: ClassVar[str] = "mark"
    policy: ClassVar[str] = "median"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    Parameters: ClassVar[type[msgspec.Struct]] = MedianParameters

    def __init__(self, parameters: MedianParameters) -> None:
        self.smoothing_ns = parameters.smoothing_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The mark for a price of the book; none where it stays as it is within an instant."""
        body = event.body
        assert isinstance(body, BookPriced)
        market = ledger.markets[body.instrument]
        smoothed = _smoothed(market, body.price_ticks, now_ns, self.smoothing_ns)
        index_ticks = reported_ticks(ledger, body.instrument, body.outside_ticks, now_ns)
        mark_ticks = sorted((body.price_ticks, max(1, smoothed // _MICRO), index_ticks))[1]
        return _if_new(MarkPriced(body.instrument, index_ticks, 0, mark_ticks, smoothed), market, now_ns)


def _if_new(body: MarkPriced, market: Market, now_ns: int) -> Iterable[Product]:
    """A mark, unless this instant has the same one already."""
    return () if market.marked_at_ns == now_ns and market.mark_ticks == body.mark_ticks else (body,)


def _smoothed(market: Market, ticks: int, now_ns: int, smoothing_ns: int) -> int:
    """The moving average after a price, in millionths of a tick."""
    if market.marked is None:
        return ticks * _MICRO
    before = market.marked.smoothed_microticks
    return averaged_microticks(before, ticks * _MICRO, now_ns - market.marked_at_ns, smoothing_ns)


def averaged_microticks(before: int, now: int, elapsed_ns: int, smoothing_ns: int) -> int:
    """An exponential average to first order after so much time at a new value, rounded down."""
    return before + (now - before) * elapsed_ns // (elapsed_ns + smoothing_ns)
