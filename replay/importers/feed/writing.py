"""Items into the record.

1. A price that was traded at is a `PriceTicked` from outside; sizes and sides of trades that nobody is named in move
   nothing and stay in the file, where the provenance finds them. A ticker's last price is one only where no trades or
   bars of its market are given.
2. A mark that the venue published is an imported `MarkPriced` with its index (the mark itself if none is told) and no
   impact of forced orders; it is recorded when either changes. A market whose files tell no mark is marked at its
   prices, which is inferred.
3. A funding rate is an imported `FundingRateSet` when it changes, in parts per billion, rounded half to even.
4. Depth is a `DepthQuoted` from outside, in lots rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import DepthQuoted, FundingRateSet, PriceTicked
from ....events.bodies.margin import MarkPriced
from ....events.errors import ScenarioError
from ....sim.units import divide_half_even, ratio
from ..reading import SourceFile
from ..session import Session
from .forced import ForcedOrders
from .items import ForcedOrder, Item, Marked, Quoted, RowPlace, Side, Traded, VenueMarket
from .scales import ListedMarket

__all__ = ["Writer"]

_PPB = Decimal(10) ** -9


class Writer:
    """Writes items of markets that are declared."""

    def __init__(
        self, session: Session, markets: Mapping[VenueMarket, ListedMarket], sources: tuple[SourceFile, ...]
    ) -> None:
        """Opens an account for the forced orders of each market that has any."""
        self._session, self._markets, self._sources = session, markets, sources
        self._forced = ForcedOrders(session, markets)
        self._index_ticks: dict[int, int] = {}

    def open(self, listed: ListedMarket) -> None:
        """Open the account for the forced orders of a market that was declared later."""
        self._forced.open(listed)

    def take(self, item: Item) -> None:
        """Write an item down at its time. Raises ScenarioError where a fault stops the import."""
        self._session.move_to(item.place.at_ns)
        try:
            self._write(item, self._markets[item.market])
        except ScenarioError as error:
            source = self._sources[item.place.source]
            self._session.faults.report("not a value", source, item.place.line, str(error))

    def _write(self, item: Traded | Marked | Quoted | ForcedOrder, listed: ListedMarket) -> None:
        if isinstance(item, Traded):
            self._ticked(item.place, listed, listed.price_ticks(item.price))
        elif isinstance(item, Marked):
            self._marked(item, listed)
        elif isinstance(item, Quoted):
            sides = self._lots(listed, item.bids), self._lots(listed, item.asks)
            self._session.input(DepthQuoted(listed.instrument, *sides, _provenance(item.place)))
        else:
            self._forced.take(item, listed, _provenance(item.place))

    def _ticked(self, place: RowPlace, listed: ListedMarket, ticks: int) -> None:
        seq = self._session.input(PriceTicked(((listed.instrument, ticks),), _provenance(place)))
        if not listed.uses.is_marked and self._session.ledger.markets[listed.instrument].mark_ticks != ticks:
            self._session.inferred(MarkPriced(listed.instrument, ticks, 0, ticks), seq)

    def _marked(self, item: Marked, listed: ListedMarket) -> None:
        market = self._session.ledger.markets[listed.instrument]
        mark_ticks = market.mark_ticks if item.mark_price is None else listed.price_ticks(item.mark_price)
        if item.index_price is not None:
            self._index_ticks[listed.instrument] = listed.price_ticks(item.index_price)
        index_ticks = self._index_ticks.get(listed.instrument, mark_ticks)
        last_ticks = None if item.last_price is None or listed.uses.is_traded else listed.price_ticks(item.last_price)
        rate_ppb = None if item.funding_rate is None else divide_half_even(*ratio(item.funding_rate, _PPB))
        if item.last_price is not None and last_ticks is None:
            self._session.faults.note("last prices of a ticker beside the trades")
        if last_ticks is not None:
            self._ticked(item.place, listed, last_ticks)
        if mark_ticks and (mark_ticks, index_ticks) != (market.mark_ticks, market.index_ticks):
            self._session.imported(MarkPriced(listed.instrument, index_ticks, 0, mark_ticks))
        if rate_ppb is not None and rate_ppb != market.funding_rate_ppb:
            self._session.imported(FundingRateSet(listed.instrument, rate_ppb, _provenance(item.place)))

    def _lots(self, listed: ListedMarket, side: Side) -> tuple[tuple[int, int], ...]:
        return tuple((distance_bps, listed.depth_lots(units)) for distance_bps, units in side)


def _provenance(place: RowPlace) -> Provenance:
    venue_ns = place.at_ns if place.venue_ns is None else place.venue_ns
    return Provenance(place.source, place.line, venue_ns, place.received_ns)
