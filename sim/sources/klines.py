"""Prices from one-minute (or other) bars in the Binance klines layout, packed or not.

One file or several, in order of time.

1. A bar is four ticks, in the order that `bars.py` states.
2. Times are in milliseconds (13 digits, as published until 2024) or microseconds (16 digits, since then); the first
   row tells, and a row of the other unit is refused.
3. The header may be absent (first field a number). Each file is a source of its own; all are anchored at the first
   price.
4. The file drives one instrument, the others move with it (`follow.py`). One that is named after a symbol must be of
   that instrument (`symbols.py`).
5. Tolerances are those of `rows.py`; besides, with `late_rows = "leave_out"`, bars that are out of order (`order.py`)
   or over another. Missing bars are no error: the price stays. A bar whose extremes do not hold its open and close is
   refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ..checks import FEW, require
from ..reading.files import find_data_file
from ..reading.rows import CsvTable, LateRows, expect_header, first_fields, parse_whole
from ..reading.tally import Tally
from ..toml_tree import at_path
from .bars import Bar, apart, read_bar
from .base import InstrumentScale, scale_named
from .follow import Follow, Following, check_follow
from .moments import UNIT_NS_BY_DIGITS
from .symbols import check_symbol, symbol_of_name

__all__ = ["KLINES_COLUMNS", "KlinesSettings", "KlinesSource", "open_klines"]

KLINES_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)

_DIGITS = (13, 16)


class KlinesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="klines"):
    """The file (or files, in order of time) of bars, the instrument they drive (else the first), and from when on.

    `symbol` is what files are named after that are of another symbol than the instrument's.
    """

    file: str | None = None
    files: Annotated[tuple[str, ...], FEW] = ()
    instrument: str | None = None
    late_rows: LateRows = "refuse"
    since: str | None = None
    follow: Follow = "alike"
    betas: dict[str, Decimal] = {}
    symbol: str | None = None

    def __post_init__(self) -> None:
        """Refuse no file, two ways of naming it, and betas without use."""
        require((self.file is None) != (not self.files), "give either file or files")
        check_follow(self.follow, self.betas)


class _BarReader:
    """One file of bars: its table, and rows turned into bars."""

    def __init__(self, path: Path, late_rows: LateRows) -> None:
        self._late_rows = late_rows
        bare = first_fields(path)[0].isdigit()
        self.table = CsvTable(path, KLINES_COLUMNS if bare else None)
        expect_header(self.table, KLINES_COLUMNS)
        row, fields = self.table.first_row()
        self._digits = len(fields[0])
        self.first = self._bar(row, fields) if late_rows == "refuse" else next(self.bars(Tally()))

    def bars(self, tally: Tally) -> Iterator[Bar]:
        """The bars in order, none over another. Raises ScenarioError with file and line."""
        read = (self._bar(row, fields) for row, fields in self.table.rows(tally))
        in_order = self.table.in_order(read, lambda bar: bar.open_ns, tally, self._late_rows)
        return apart(in_order, lambda bar: bar, lambda bar, _: self.table.late(bar.row, tally, self._late_rows))

    def _bar(self, row: int, fields: list[str]) -> Bar:
        """The bar of one row. Raises ScenarioError with file and line."""
        try:
            return read_bar(row, self._time_ns(fields[0]), self._time_ns(fields[6]), fields[1:5])
        except ScenarioError as error:
            raise self.table.error(row, str(error)) from error

    def _time_ns(self, text: str) -> int:
        moment = parse_whole(text, "time")
        if self._digits not in _DIGITS or len(text) != self._digits:
            message = f"time {text} is not in the unit of the file; 13 digits are milliseconds, 16 microseconds"
            raise ScenarioError(message)
        return moment * UNIT_NS_BY_DIGITS[self._digits]


class KlinesSource:
    """The bars of one file as `PriceTicked`, four to a bar."""

    layout = "binance klines"

    def __init__(
        self,
        reader: _BarReader,
        following: Following,
        next_file: _BarReader | None,
    ) -> None:
        """Made by `open_klines`. Bars must be over before the next file's first one opens."""
        self._reader, self._following = reader, following
        self._next_file = next_file
        self._tally = Tally()
        self.name, self.sha256 = reader.table.path.name, reader.table.sha256
        self.start_ns, self.opening = reader.first.open_ns, following.opening

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """Four `PriceTicked` a bar, all with the bar's row."""
        self._tally = tally = Tally()
        for bar in self._bars(tally):
            for at_ns, prices in self._ticks(bar):
                yield at_ns, PriceTicked(prices, Provenance(number, bar.row, at_ns))

    def tally(self, number: int) -> SourceTally:
        """Rows; a bar is never merged."""
        return self._tally.closed(number)

    def _bars(self, tally: Tally) -> Iterator[Bar]:
        for bar in self._reader.bars(tally):
            if self._next_file is not None and bar.close_ns >= self._next_file.first.open_ns:
                what = (
                    f"the bar reaches into {self._next_file.table.path}; give files in order of time, without overlap"
                )
                raise self._reader.table.error(bar.row, what)
            yield bar

    def _ticks(self, bar: Bar) -> list[tuple[int, tuple[tuple[int, int], ...]]]:
        try:
            return [(at_ns, self._following.prices(price)) for at_ns, price in bar.path()]
        except ScenarioError as error:
            raise self._reader.table.error(bar.row, str(error)) from error


def open_klines(
    settings: KlinesSettings,
    scales: Sequence[InstrumentScale],
    *,
    folder: Path | None = None,
    where: str = "$.prices",
) -> tuple[KlinesSource, ...]:
    """One source per file, in order of time, all anchored at the first open of the first file."""
    driven = scale_named(scales, settings.instrument, f"{where}.instrument")
    paths = _paths(settings, where, folder)
    for path in paths:
        at_path(str(path), check_symbol, symbol_of_name(path.name), settings.symbol, driven.name)
    readers = [_BarReader(path, settings.late_rows) for path in paths]
    for earlier, later in pairwise(readers):
        if later.first.open_ns <= earlier.first.open_ns:
            what = f"begins no later than {earlier.table.path}; give the files in order of time"
            raise later.table.error(later.first.row, what)
    first = readers[0]
    try:
        following = Following(scales, driven, first.first.open, settings.betas)
    except ScenarioError as error:
        raise first.table.error(first.first.row, str(error)) from error
    return tuple(
        KlinesSource(reader, following, next_file)
        for reader, next_file in zip(readers, [*readers[1:], None], strict=True)
    )


def _paths(settings: KlinesSettings, where: str, folder: Path | None) -> list[Path]:
    if settings.file is not None:
        return [find_data_file(settings.file, f"{where}.file", folder)]
    return [find_data_file(name, f"{where}.files[{place}]", folder) for place, name in enumerate(settings.files)]
