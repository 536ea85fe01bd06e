"""The rows of a file with their times, in order, and what is wrong with those that are not.

1. A file is sorted by the venue's time, or by that of receipt where it has one. Rows that are out of order are left out
   as `sim/reading/order.py` says: as few as possible, so that one row with a time of next month is to blame and not
   all those behind it. With `sort` each file is sorted first (`sorting.py`), and what had to move is noted.
2. A row of another day than its file is wrong (`days.py`).
3. Nothing is received before it happened: such a row is wrong. Up to `SKEW_NS_MOST` is what two clocks differ by, and
   noted.
4. The venue's time may lag behind in a file that is sorted by the time of receipt; such a row is recorded at that of
   the row above, and noted; not by more than `LAG_NS_MOST`.
5. Times are whole numbers in a unit that the layout states (where it allows two, the first row tells), seconds with
   decimals, or text in UTC (with a T, a D or a blank between day and hour).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ....events.errors import ScenarioError
from ....sim.reading.order import Order
from ....sim.sources.moments import moment_ns
from ....sim.sources.tardis import SKEW_NS_MOST
from ....sim.units import parse_time_ns
from ..faults import Faults
from .files import SECONDS, FeedFile
from .items import RowPlace
from .numbering import Numbering
from .sorting import Timed, in_time
from .symbols import Symbols
from .table import Read
from .window import of_their_day

__all__ = ["LAG_NS_MOST", "Placed", "Placing"]

LAG_NS_MOST = 60 * 10**9
"""How far the venue's time may lag behind in a file that is sorted by the time of receipt."""

_ADVICE = "sort the file by time, or say --sort"


class Placed(NamedTuple):
    """A row at its place in time; `at_ns` never falls from one to the next."""

    place: RowPlace
    fields: list[str]


class Placing:
    """One reading of a file; `sort` sorts it first."""

    def __init__(
        self,
        file: FeedFile,
        faults: Faults,
        refuse: Callable[[str, int, str], object],
        numbering: Numbering,
        symbols: Symbols,
        *,
        sort: bool,
    ) -> None:
        """Read from the start; `refuse` is told reason, line and message of what is left out."""
        self._file, self._faults, self._refuse, self._numbering = file, faults, refuse, numbering
        self._sort = sort or file.by_symbol
        self._time = file.columns.at(file.time)
        self._received = None if file.received is None else file.columns.at(file.received)
        self._symbol = None if file.symbol is None else file.columns.at(file.symbol)
        self._is_taken = symbols.takes
        self._digits: int | None = None
        self._at_ns = 0
        self._moment = lru_cache(64)(self._moment_ns)

    def rows(self, watch: Callable[[int], None]) -> Iterator[Placed]:
        """All rows that have a place. Raises ScenarioError for a fault that stops."""
        timed: Iterable[Timed] = self._timed(watch)
        if self._sort:
            timed = in_time(timed, lambda displaced: self._faults.note("rows sorted by time", displaced))
        numbered = self._numbering.watched(self._file, timed)
        of_day = of_their_day(numbered, self._file.source.path.name, self._blame_for_its_day)
        for row in Order[Timed](lambda row: row.key_ns, self._blame).of(of_day):
            place = self._placed(row)
            if place is not None:
                yield Placed(place, row.fields)

    def _timed(self, watch: Callable[[int], None]) -> Iterator[Timed]:
        for read in self._file.read(self._file.source, self._file.columns, self._faults, watch):
            if read.broken is not None:
                self._refuse("broken row" if read.fields else "file cut off", read.line, read.broken)
            elif self._symbol is not None and not self._is_taken(read.fields[self._symbol]):
                self._faults.note("rows of other symbols")
            else:
                timed = self._when(read)
                if timed is not None:
                    yield timed

    def _when(self, read: Read) -> Timed | None:
        """A row with its times; None for one whose times are wrong."""
        received = self._received
        try:
            at_ns = self._moment(read.fields[self._time], self._file.time)
            received_ns = None if received is None else self._moment_ns(read.fields[received], "the time of receipt")
        except ScenarioError as error:
            self._numbering.excuse(self._file, read.fields)
            self._refuse("time in the wrong unit", read.line, str(error))
            return None
        if received_ns is not None and at_ns > received_ns:
            if at_ns - received_ns > SKEW_NS_MOST:
                told = f"its time, {read.fields[self._time]}, is after it was received, {read.fields[received or 0]}"
                self._numbering.excuse(self._file, read.fields)
                self._refuse("received before its time", read.line, told)
                return None
            self._faults.note("rows received up to 0.1 s before their time")
        return Timed(at_ns if received_ns is None else received_ns, read.line, at_ns, received_ns, read.fields)

    def _placed(self, row: Timed) -> RowPlace | None:
        """Where a row that is in order stands; None for one whose time lags too far."""
        number, lag_ns = self._file.source.number, self._at_ns - row.at_ns
        if lag_ns <= 0:
            self._at_ns = row.at_ns
            return RowPlace(number, row.line, row.at_ns, row.received_ns)
        if lag_ns > LAG_NS_MOST:
            self._blame(row, is_ahead=False)
            return None
        self._faults.note("rows whose time lags")
        return RowPlace(number, row.line, self._at_ns, row.received_ns, row.at_ns)

    def _blame(self, row: Timed, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
        told = "is after that of the rows below" if is_ahead else "is before that of a row above"
        self._refuse("row out of order", row.line, f"its time, {row.fields[self._time]}, {told}; {_ADVICE}")

    def _blame_for_its_day(self, row: Timed) -> None:
        told = (
            f"its time, {row.fields[self._time]}, is of another day than the file is named after, and most of its rows"
        )
        self._refuse("row of another day", row.line, told)

    def _moment_ns(self, text: str, name: str) -> int:
        if not self._file.digits:
            return parse_time_ns(text.replace("D", "T", 1))
        if self._file.digits == SECONDS:
            return _seconds_ns(text, name)
        digits = self._digits or (len(text) if len(text) in self._file.digits else self._file.digits[0])
        at_ns = moment_ns(text, name, digits)
        self._digits = digits
        return at_ns


def _seconds_ns(text: str, name: str) -> int:
    """1735689600.0974, seconds since 1970 with up to nine decimals, exactly."""
    whole, _, fraction = text.partition(".")
    if fraction and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= len("nanosecon")):
        message = f"{name} {text!r} is no time; seconds since 1970 with up to nine decimals are expected here"
        raise ScenarioError(message)
    return moment_ns(whole, name, len("1735689600")) + int((fraction or "0").ljust(9, "0"))
