"""One file as items, oldest first, with everything that can be wrong with a row.

1. A file is sorted by the venue's time; a row that is earlier than the one before it is a fault. A file with times of
   receipt is sorted by these, and a row whose own time lags is recorded at that of the row above, and noted. Times are
   whole numbers in a unit that the layout states (where it allows two, the first row tells), or text in UTC.
2. An id (of a trade; of a bar its time) that comes twice is a fault; it is sought in a bounded window, over all files
   of the import. Binance's own snapshots of forced orders hold rows twice: of rows that are the same throughout one is
   taken, and that is noted.
3. Trades of one instant and market are one price, the last in file order; the others are counted as merged, and noted,
   so that the summary says what became of them. A bar is four prices (`sim/sources/bars.py`); one that is missing is
   noted. Bands of one instant are one quote (`sim/sources/bands.py`).
4. A bad row is reported with its line and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache, partial
from itertools import groupby
from typing import NamedTuple

from ....events.errors import ScenarioError
from ....sim.sources.bands import Band, both_sides
from ....sim.sources.bars import Bar
from ....sim.sources.moments import moment_ns
from ....sim.units import parse_time_ns
from ..faults import Faults
from ..reading import Source
from .items import Forced, Item, Marked, Market, Place, Quoted, Traded
from .table import Columns, Read, read_fields
from .window import Window

__all__ = ["LAG_NS_MOST", "BandRead", "BarRead", "FeedFile", "Parse", "Stream"]

_MEND = "; mend or remove the line"
"""What a scenario's source advises; a report has advice of its own."""
LAG_NS_MOST = 60 * 10**9
"""How far the venue's time may lag behind in a file that is sorted by the time of receipt."""


class BarRead(NamedTuple):
    """A bar of a market; `marks` says that its prices are the venue's marks."""

    place: Place
    market: Market
    bar: Bar
    marks: bool


class BandRead(NamedTuple):
    """A band of a market's depth."""

    place: Place
    market: Market
    band: Band[Decimal]


Parsed = Traded | Marked | Forced | BarRead | BandRead
Parse = Callable[[Place, list[str]], Parsed]
"""A row to what it tells. Raises ScenarioError without a place for a row that cannot be right."""


class FeedFile(NamedTuple):
    """A file, what its columns are, and how a row is read.

    `digits` are the counts of digits that a time may have, none where times are text; `each` is the column of an id
    that may come once only.
    """

    source: Source
    columns: Columns
    parse: Parse
    time: str
    received: str | None = None
    digits: tuple[int, ...] = ()
    each: str | None = None


class Stream:
    """One reading of a file."""

    def __init__(self, file: FeedFile, faults: Faults, watch: Callable[[int], None], window: Window) -> None:
        """Read from the start; `window` is shared by the files of an import."""
        self._file, self._faults, self._watch, self._window = file, faults, watch, window
        self._time, self._received = file.columns.at(file.time), _place_of(file.columns, file.received)
        self._each = _place_of(file.columns, file.each)
        self._digits: int | None = None
        self._at_ns = self._received_ns = 0
        self._moment = lru_cache(64)(self._moment_ns)

    def items(self) -> Iterator[Item]:
        """All that the file tells, times never running backwards. Raises ScenarioError for a fault that stops."""
        for kind, rows in groupby(self._parsed(), key=type):
            if kind is Traded:
                yield from self._instants(row for row in rows if isinstance(row, Traded))
            elif kind is BarRead:
                yield from self._bars(row for row in rows if isinstance(row, BarRead))
            elif kind is BandRead:
                yield from self._quotes(row for row in rows if isinstance(row, BandRead))
            else:
                yield from (row for row in rows if isinstance(row, Marked | Forced))

    def _parsed(self) -> Iterator[Parsed]:
        for read in read_fields(self._file.source, self._file.columns, self._faults, self._watch):
            if read.broken is not None:
                self._refuse("broken row" if read.fields else "file cut off", read.line, read.broken)
                continue
            place = self._placed(read)
            if place is None:
                continue
            try:
                parsed = self._file.parse(place, read.fields)
            except ScenarioError as error:
                self._refuse("not a value", read.line, str(error).removesuffix(_MEND))
                continue
            if not self._came_before(parsed, read):
                yield parsed

    def _placed(self, read: Read) -> Place | None:
        """When a row is of; None where that is no time, or one that is over."""
        received = self._received
        try:
            at_ns = self._moment(read.fields[self._time], self._file.time)
            received_ns = None if received is None else self._moment_ns(read.fields[received], "the time of receipt")
        except ScenarioError as error:
            self._refuse("time in the wrong unit", read.line, str(error))
            return None
        is_late = received_ns is not None and received_ns < self._received_ns
        lag_ns = self._at_ns - at_ns
        if is_late or lag_ns > (0 if received is None else LAG_NS_MOST):
            told = f"its time, {read.fields[self._time]}, is before that of a row above; sort the file by time"
            self._refuse("row out of order", read.line, told)
            return None
        self._received_ns = received_ns or 0
        number = self._file.source.number
        if lag_ns > 0:
            self._faults.note("rows whose time lags")
            return Place(number, read.line, self._at_ns, received_ns, at_ns)
        self._at_ns = at_ns
        return Place(number, read.line, at_ns, received_ns)

    def _moment_ns(self, text: str, name: str) -> int:
        if not self._file.digits:
            return parse_time_ns(text)
        digits = self._digits or (len(text) if len(text) in self._file.digits else self._file.digits[0])
        at_ns = moment_ns(text, name, digits)
        self._digits = digits
        return at_ns

    def _came_before(self, parsed: Parsed, read: Read) -> bool:
        """Whether the row was taken already: by its id if it has one, a forced order by all that it says."""
        told = "" if self._each is None else read.fields[self._each]
        if told:
            if self._window.knows((self._file.source.layout, parsed.market, told)):
                self._refuse("id twice", read.line, f"{self._file.each} {told} was there before")
                return True
        elif type(parsed) is Forced and self._window.knows((parsed.market, ",".join(read.fields))):
            self._faults.note("forced orders that stood twice")
            self._faults.merged[self._file.source.number] += 1
            return True
        return False

    def _instants(self, trades: Iterable[Traded]) -> Iterator[Item]:
        for _, together in groupby(trades, key=lambda trade: trade.place.at_ns):
            last: dict[Market, Traded] = {}
            merged = -1
            for trade in together:
                last[trade.market] = trade
                merged += 1
            merged += 1 - len(last)
            if merged:
                self._faults.merged[self._file.source.number] += merged
                self._faults.note("trades of an instant whose last is its price", merged)
            yield from last.values()

    def _bars(self, bars: Iterable[BarRead]) -> Iterator[Item]:
        closed_ns = -1
        for place, market, bar, marks in bars:
            if bar.open_ns <= closed_ns:
                self._refuse("row out of order", place.line, "the bar opens before the one above it closes")
                continue
            if closed_ns >= 0 and bar.open_ns - closed_ns > bar.close_ns - bar.open_ns:
                self._faults.note("gaps between bars")
            closed_ns = bar.close_ns
            for at_ns, price in bar.path():
                where = place._replace(at_ns=at_ns)
                yield Marked(where, market, price) if marks else Traded(where, market, price)

    def _quotes(self, bands: Iterable[BandRead]) -> Iterator[Item]:
        fullest = 0
        for _, together in groupby(bands, key=lambda read: read.place.at_ns):
            rows = list(self._once(together))
            if not rows:
                continue
            place, market = rows[0].place, rows[0].market
            sides = both_sides([row.band for row in rows], fullest, partial(self._bands_left_out, rows))
            if sides is not None:
                fullest = len(rows)
                self._faults.merged[self._file.source.number] += len(sides[0]) + len(sides[1]) - 1
                yield Quoted(place, market, *sides)

    def _once(self, bands: Iterable[BandRead]) -> Iterator[BandRead]:
        seen = set[int]()
        for read in bands:
            if read.band.distance_bps in seen:
                self._refuse("band twice", read.place.line, "the percentage stands twice at one instant")
            else:
                seen.add(read.band.distance_bps)
                yield read

    def _bands_left_out(self, group: list[BandRead], reason: str, line: int, rows: int) -> None:
        if rows == len(group):
            for read in group:
                self._refuse(reason, read.place.line, f"the {rows} bands of this instant are not a whole quote")
        else:
            self._refuse(reason, line, "less rests here than nearer to the price, and depth is cumulative")

    def _refuse(self, reason: str, line: int, message: str) -> None:
        self._faults.report(reason, self._file.source, line, message)


def _place_of(columns: Columns, name: str | None) -> int | None:
    return None if name is None else columns.find(name)
