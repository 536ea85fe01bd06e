"""Prices of any instruments, each its own, from a file of ticks, packed or not.

1. The columns are at_ns, instrument, price; times in nanoseconds since 1970. Rows of one time are one instant.
2. The first instant must have a price of every instrument of the scenario; whoever has no row later keeps its price.
3. A price is a whole number of the instrument's ticks. Tolerances are those of `rows.py`; anything else that does not
   fit stops the reading with file and line: an unknown instrument, one twice in an instant, a time that runs backwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ..reading.files import find_data_file
from ..reading.rows import CsvTable, expect_header, parse_positive, parse_whole
from ..reading.tally import Tally
from ..units import INT64_MAX, to_whole
from .base import InstrumentScale

__all__ = ["TICKS_COLUMNS", "TicksSettings", "TicksSource"]

TICKS_COLUMNS = ("at_ns", "instrument", "price")


class TicksSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="ticks"):
    """The file, and from when on."""

    file: str
    since: str | None = None


class _Tick(NamedTuple):
    row: int
    at_ns: int
    instrument: int
    price_ticks: int


class TicksSource:
    """Ticks as `PriceTicked`, one per instant, each with the instant's first row."""

    layout = "ticks"

    def __init__(
        self,
        settings: TicksSettings,
        scales: Sequence[InstrumentScale],
        *,
        folder: Path | None = None,
        where: str = "$.prices",
    ) -> None:
        """Find and hash the file, and read its first instant, which prices every instrument."""
        path = find_data_file(settings.file, f"{where}.file", folder)
        self._table = CsvTable(path)
        expect_header(self._table, TICKS_COLUMNS)
        self.name, self.sha256 = path.name, self._table.sha256
        self._scales, self._tally = {scale.name: scale for scale in scales}, Tally()
        self._table.first_row()
        self.start_ns, row, self.opening = next(self._instants(Tally()))
        priced = {instrument for instrument, _ in self.opening}
        missing = [scale.name for scale in scales if scale.instrument not in priced]
        if missing:
            what = f"the first instant has no price of {', '.join(missing)}; give one of every instrument"
            raise self._table.error(row, what)

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """One `PriceTicked` per instant."""
        self._tally = Tally()
        for at_ns, row, prices in self._instants(self._tally):
            yield at_ns, PriceTicked(prices, Provenance(number, row, at_ns))

    def tally(self, number: int) -> SourceTally:
        """Rows; none is merged."""
        return self._tally.closed(number)

    def _instants(self, tally: Tally) -> Iterator[tuple[int, int, tuple[tuple[int, int], ...]]]:
        """(time, first row, prices by instrument) of each instant."""
        ticks = self._table.in_order(self._read(tally), lambda tick: tick.at_ns, tally, "refuse")
        prices = dict[int, int]()
        for at_ns, together in groupby(ticks, lambda tick: tick.at_ns):
            rows = dict[int, int]()
            for tick in together:
                if tick.instrument in rows:
                    raise self._table.error(tick.row, "the instrument has a price of this time already; keep one")
                rows[tick.instrument], prices[tick.instrument] = tick.row, tick.price_ticks
            yield at_ns, min(rows.values()), tuple(sorted(prices.items()))

    def _read(self, tally: Tally) -> Iterator[_Tick]:
        for row, fields in self._table.rows(tally):
            try:
                yield self._tick(row, *fields)
            except ScenarioError as error:
                raise self._table.error(row, str(error)) from error

    def _tick(self, row: int, time: str, name: str, price: str) -> _Tick:
        scale, at_ns = self._scales.get(name), parse_whole(time, "at_ns")
        if scale is None:
            message = f"unknown instrument {name!r}; the scenario lists {', '.join(self._scales)}"
            raise ScenarioError(message)
        if at_ns > INT64_MAX:
            message = f"at_ns {time} is after the year 2262; times are in nanoseconds"
            raise ScenarioError(message)
        return _Tick(row, at_ns, scale.instrument, to_whole(parse_positive(price, "price"), Decimal(scale.tick_size)))
