"""What a tap writes down, from the first fact that goes out.

1. A record begins with the first fact. Its sources are one, without a hash: nobody has the stream any more. A row is a
   fact's place in the order of the record.
2. A market is declared when its first fact goes out. Its scales are those that the venue says; else they are as fine as
   the texts of its trades and forced orders in the next `HOLD_NS` / 2, noughts at the end included, and a tick goes
   along with its marks as in `importers/feed/scales.py`. Where asset and lot leave a tick less, prices are rounded.
3. Where the venue counts a market's trades and a number is not there, the gap is recorded before the trade behind it.
4. Of the wall clock there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...events.errors import ScenarioError
from ...events.record import RecordWriter
from ...sim.sealing import keep_states
from ..importers.faults import Faults
from ..importers.feed.contracts import Contracts
from ..importers.feed.items import ForcedOrder, Item, Marked, RowPlace, Traded, VenueMarket
from ..importers.feed.scales import ATOM_DECIMALS, ListedMarket, Uses, declared, written_decimals
from ..importers.feed.writing import Writer
from ..importers.reading import SourceFile
from ..importers.session import Session
from .backlog import HOLD_NS, Backlog, HeldFact
from .heard import Broken, Heard, MarketScale, Missed, TimeTold, Venue

__all__ = ["TapRecord"]

_GAPS = "gaps in trade ids"
_TRADES = "trades"


class TapRecord:
    """The record of a tap, into a sink that is open."""

    def __init__(self, sink: RecordWriter, faults: Faults, venue: Venue, made_from: object, at_ns: int) -> None:
        """Begin at an instant; `made_from` says what the record follows from beside what was heard."""
        self.session = Session(sink, faults, venue.name)
        self.source = SourceFile(0, Path(venue.name), f"{venue.name} streams", b"", 0)
        self._tells_forced = venue.tells_forced
        self._faults, self._contracts = faults, Contracts()
        self._markets: dict[VenueMarket, ListedMarket] = {}
        self._numbers: dict[VenueMarket, int] = {}
        keep_states(sink, self.session.ledger)
        self.session.move_to(at_ns)
        self.session.begin(f"tap of {venue.name}", made_from, (self.source,))
        faults.heard = self.session.missing
        self._writer = Writer(self.session, self._markets, (self.source,))

    def take(self, held: HeldFact, backlog: Backlog, scales: dict[VenueMarket, MarketScale]) -> None:
        """Write a fact down. Raises ScenarioError where a fault stops the tap."""
        heard, item = held.heard, held.heard.item
        tally = self._faults.of(self.source)
        tally.rows += 1
        self.session.move_to(held.at_ns)
        if isinstance(item, Broken):
            self._faults.report(item.reason, self.source, tally.rows, item.told)
        elif isinstance(item, Missed):
            self._miss(f"{item.market.symbol}: {item.told}")
        elif not isinstance(item, TimeTold) and self._is_listed(held, item, backlog, scales):
            self._count(item.market, heard)
            venue_ns = None if heard.at_ns == held.at_ns else heard.at_ns
            self._writer.take(item._replace(place=RowPlace(0, tally.rows, held.at_ns, None, venue_ns)))

    def _miss(self, told: str) -> None:
        self.session.missing(_TRADES, told)
        self._faults.note(_GAPS)

    def _count(self, market: VenueMarket, heard: Heard) -> None:
        if heard.number is None:
            return
        last = self._numbers.get(market)
        self._numbers[market] = max(heard.number, last or 0)
        if last is not None and heard.number > last + 1:
            self._miss(f"{market.symbol}: {_missing(last + 1, heard.number - 1)} not heard")

    def _is_listed(self, held: HeldFact, item: Item, backlog: Backlog, scales: dict[VenueMarket, MarketScale]) -> bool:
        market = item.market
        if market in self._markets:
            return True
        try:
            uses = Uses(self._contracts.of(market))
            uses.is_traded = uses.is_marked = True
            uses.is_forced = self._tells_forced
            told = scales.get(market)
            soon = [held.heard, *backlog.soon(market, held.at_ns + HOLD_NS // 2)]
            _scaled(uses, soon) if told is None else _told(uses, told)
            self._markets[market] = self._listed(market, uses)
        except ScenarioError as error:
            self._faults.report("no contract specification", self.source, self._faults.of(self.source).rows, str(error))
            return False
        return True

    def _listed(self, market: VenueMarket, uses: Uses) -> ListedMarket:
        asset = self.session.asset(uses.contract.asset, max(ATOM_DECIMALS, uses.asset_decimals))
        if uses.contract.kind != "inverse":
            most = self.session.ledger.assets[asset].decimals - uses.lot_decimals
            uses.price_decimals = min(uses.price_decimals, most)
        listed = declared(self.session, market.symbol, asset, uses)
        self._writer.open(listed)
        return listed


def _missing(first: int, last: int) -> str:
    return f"{first} of the venue's count was" if first == last else f"{first} to {last} of the venue's count were"


def _told(uses: Uses, scale: MarketScale) -> None:
    uses.price_decimals, uses.size_decimals = scale.tick_decimals, scale.lot_decimals


def _scaled(uses: Uses, heard: Iterable[Heard]) -> None:
    """Rule 2: the decimals that are written."""
    for one in heard:
        if isinstance(one.item, Marked):
            uses.feed(one.item)
        elif isinstance(one.item, Traded | ForcedOrder):
            uses.price_decimals = max(uses.price_decimals, written_decimals(one.item.price))
        if one.size is not None and uses.contract.in_parts:
            uses.size_decimals = max(uses.size_decimals, written_decimals(one.size))
