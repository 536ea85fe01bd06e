"""One file as items, oldest first, with everything that can be wrong with a row.

1. Rows come in order of time, each at its place (`placing.py`).
2. A market whose contract is not known is a fault (`contracts.py`).
3. An id (of a trade; of a bar its time) that comes twice is a fault; it is sought in a bounded window, over all files
   of the import. Of forced orders without an id equal ones are as many orders, but where a file doubles them
   (`twins.py`).
4. Trades of one instant and market are one price, the last in file order; the others are counted as merged, and noted,
   so that the summary says what became of them. A bar is four prices (`sim/sources/bars.py`); one that is missing is
   noted. Bands of one instant are one quote (`sim/sources/bands.py`); bands that are frozen, or at another price than
   the other side, are noted.
5. A bad row is reported with its line and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import groupby

from ....events.errors import ScenarioError
from ....sim.sources.bands import Band, Quotes
from ....sim.sources.bars import apart
from ..faults import Ahead, Faults
from .contracts import Contracts
from .files import BandRead, BarRead, FeedFile, Parsed
from .items import ForcedOrder, Item, Marked, Quoted, Traded, VenueMarket
from .numbering import Numbering
from .placing import Placed, Placing
from .sorting import Twins
from .symbols import Symbols
from .window import Window

__all__ = ["Stream", "StreamNotes"]

_MEND = "; mend or remove the line"
"""What a scenario's source advises; a report has advice of its own."""


class StreamNotes:
    """What the streams of one pass share: the user's options, and what was met so far."""

    def __init__(self, faults: Faults, contracts: Contracts, symbols: Symbols, twins: Twins, *, sort: bool) -> None:
        self.faults, self.contracts, self.symbols, self.twins, self.sort = faults, contracts, symbols, twins, sort
        self.window, self.numbering = Window(), Numbering(faults)


class Stream:
    """One reading of a file; in the first (`is_survey`) rows are counted that the second may find doubled."""

    def __init__(self, file: FeedFile, told: StreamNotes, *, is_survey: bool) -> None:
        self._file, self._told, self._faults, self._is_survey = file, told, told.faults, is_survey
        self._each = None if file.each is None else file.columns.find(file.each)
        self._ahead = Ahead(told.faults)
        self._known: dict[VenueMarket, VenueMarket] = {}

    def items(self, watch: Callable[[int], None]) -> Iterator[Item]:
        """All that the file tells, times never running backwards. Raises ScenarioError for a fault that stops."""
        number = self._file.source.number
        for item in self._items(watch):
            self._ahead.release(number, item.place.line)
            yield item
        self._ahead.release()

    def _items(self, watch: Callable[[int], None]) -> Iterator[Item]:
        for kind, rows in groupby(self._parsed(watch), key=type):
            if kind is Traded:
                yield from self._instants(row for row in rows if isinstance(row, Traded))
            elif kind is BarRead:
                yield from self._bars(row for row in rows if isinstance(row, BarRead))
            elif kind is BandRead:
                yield from self._quotes(row for row in rows if isinstance(row, BandRead))
            else:
                yield from (row for row in rows if isinstance(row, Marked | ForcedOrder))

    def _parsed(self, watch: Callable[[int], None]) -> Iterator[Parsed]:
        told = self._told
        placing = Placing(self._file, self._faults, self._refuse, told.numbering, told.symbols, sort=told.sort)
        for row in placing.rows(watch):
            try:
                parsed = self._file.parse(row.place, row.fields)
            except ScenarioError as error:
                self._refuse("not a value", row.place.line, str(error).removesuffix(_MEND))
                continue
            if parsed is None:
                self._faults.note(f"rows that are no {self._file.source.layout.rpartition(' ')[2]}")
                continue
            market = self._market(parsed.market, row)
            if market is not None and not self._came_before(parsed, row):
                yield parsed if market is parsed.market else parsed._replace(market=market)

    def _market(self, market: VenueMarket, row: Placed) -> VenueMarket | None:
        """The market as it is called here; None where its contract is not known."""
        known = self._known.get(market)
        if known is not None:
            return known
        symbol, called = market.symbol, self._told.symbols.called(market.symbol)
        known = market if called == symbol else market._replace(symbol=called)
        try:
            self._told.contracts.of(known, symbol)
        except ScenarioError as error:
            self._refuse("no contract specification", row.place.line, str(error))
            return None
        self._known[market] = known
        return known

    def _came_before(self, parsed: Parsed, row: Placed) -> bool:
        """Whether the row was taken already: by its id if it has one, a forced order of a file that doubles by all."""
        id_told = "" if self._each is None else row.fields[self._each]
        if id_told:
            if self._told.window.knows((self._file.source.layout, parsed.market, id_told)):
                self._refuse("id twice", row.place.line, f"{self._file.each} {id_told} was there before")
                return True
        elif type(parsed) is ForcedOrder and self._file.may_double:
            return self._is_twin(",".join(row.fields))
        return False

    def _is_twin(self, row: str) -> bool:
        number, twins = self._file.source.number, self._told.twins
        if self._is_survey:
            twins.count(number, row)
        elif twins.is_second(number, row):
            self._faults.note("forced orders that stood twice")
            self._faults.of(self._file.source).merged += 1
            return True
        return False

    def _instants(self, trades: Iterable[Traded]) -> Iterator[Item]:
        for _, together in groupby(trades, key=lambda trade: trade.place.at_ns):
            last: dict[VenueMarket, Traded] = {}
            merged = -1
            for trade in together:
                last[trade.market] = trade
                merged += 1
            merged += 1 - len(last)
            if merged:
                self._faults.of(self._file.source).merged += merged
                self._faults.note("trades of an instant whose last is its price", merged)
            yield from last.values()

    def _bars(self, bars: Iterable[BarRead]) -> Iterator[Item]:
        def leave_out(read: BarRead, told: str) -> None:
            self._refuse("row out of order", read.place.line, told)

        closed_ns = -1
        for place, market, bar, marks in apart(bars, lambda read: read.bar, leave_out):
            if closed_ns >= 0 and bar.open_ns - closed_ns > bar.span_ns:
                self._faults.note("gaps between bars")
            closed_ns = bar.close_ns
            for at_ns, price in bar.path():
                where = place._replace(at_ns=at_ns)
                yield Marked(where, market, price) if marks else Traded(where, market, price)

    def _quotes(self, bands: Iterable[BandRead]) -> Iterator[Item]:
        markets: dict[int, BandRead] = {}

        def groups() -> Iterator[list[Band[Decimal]]]:
            for _, together in groupby(bands, key=lambda read: read.place.at_ns):
                rows = list(self._once(together))
                if rows:
                    markets[rows[0].band.row] = rows[0]
                    yield [row.band for row in rows]

        for found in Quotes[Decimal](self._bands_left_out).of(groups()):
            first = markets.pop(found.bands[0].row)
            self._faults.of(self._file.source).merged += len(found.bids) + len(found.asks) - 1
            for reason, times in ((_FROZEN, found.frozen), (_ELSEWHERE, found.elsewhere)):
                if times:
                    self._faults.note(reason, times)
            yield Quoted(first.place, first.market, found.bids, found.asks)

    def _once(self, bands: Iterable[BandRead]) -> Iterator[BandRead]:
        seen = set[int]()
        for read in bands:
            if read.band.distance_bps in seen:
                self._refuse("band twice", read.place.line, "the percentage stands twice at one instant")
            else:
                seen.add(read.band.distance_bps)
                yield read

    def _bands_left_out(self, group: list[Band[Decimal]], reason: str, line: int, rows: int) -> None:
        if rows == len(group):
            for band in group:
                self._refuse(reason, band.row, f"the {rows} bands of this instant are not a whole quote")
        else:
            self._refuse(reason, line, _BANDS[reason])

    def _refuse(self, reason: str, line: int, message: str) -> None:
        self._ahead.report(reason, self._file.source, line, message)


_FROZEN = "frozen bands of depth"
_ELSEWHERE = "bands of depth at another price than the other side"
_BANDS = {
    "band below a nearer one": "less rests here than nearer to the price, and depth is cumulative",
    "band above a farther one": "more rests here than further from the price, and depth is cumulative",
    "frozen band": "the band is frozen while others move, and contradicts them; depth is cumulative",
}
