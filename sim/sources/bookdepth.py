"""Resting depth from a file in the Binance bookDepth layout, packed or not.

1. The columns are timestamp, percentage, depth, notional and, in newer files, weighted_avg_price; times are UTC. A
   row says how much rests within that percentage of the price, in units: bids where it is negative, asks where
   positive.
2. Consecutive rows of one timestamp are one `DepthQuoted`: nearest first, cumulative, percentages as basis points,
   depth (of an inverse instrument: notional) x `scale` in lots, rounded down. Its provenance is the group's first
   row; the others are counted as merged.
3. Left out and counted besides what `rows.py` leaves out: what is no quote, and bands that contradict the others of
   their quote (`bands.py`): half a book, and depth that falls from one band to the next one out.
4. Quotes from before the run's start: the last one is given at the start, with its own time in the provenance, the
   others are left out and counted (`before the start`).
5. With `late_rows = "leave_out"` also rows that are out of order (`order.py`). Anything else stops the reading with
   file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import DepthQuoted
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ..checks import check_range, require
from ..reading.files import find_data_file
from ..reading.rows import CsvTable, LateRows, expect_header, parse_amount
from ..reading.tally import Tally
from ..toml_tree import at_path
from ..units import CONTEXT, format_time_ns, parse_time_ns, to_whole_down
from .bands import Band, Quotes, parse_distance_bps
from .base import InstrumentScale, scale_named
from .symbols import check_symbol, symbol_of_name

__all__ = ["BOOKDEPTH_COLUMNS", "BookDepthSettings", "BookDepthSource"]

BOOKDEPTH_COLUMNS = ("timestamp", "percentage", "depth", "notional")

_SCALE_MOST = 10**9


class BookDepthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="bookdepth"):
    """The file, the instrument it is for (the first where none is named), and what share of the depth there is.

    `symbol` is what the file is named after, where that is not the instrument's own.
    """

    file: str
    instrument: str | None = None
    scale: Decimal = Decimal(1)
    late_rows: LateRows = "refuse"
    symbol: str | None = None

    def __post_init__(self) -> None:
        """Refuse a scale that leaves nothing."""
        check_range("scale", self.scale, 0, _SCALE_MOST)
        require(self.scale > 0, "scale must be above 0")


class _Quote(NamedTuple):
    row: int
    at_ns: int
    body: DepthQuoted


class BookDepthSource:
    """Groups of bands as `DepthQuoted`, one per timestamp."""

    layout = "binance bookDepth"

    def __init__(
        self,
        settings: BookDepthSettings,
        scales: Sequence[InstrumentScale],
        *,
        start_ns: int = 0,
        folder: Path | None = None,
        where: str = "$.depth",
    ) -> None:
        """Find and hash the file and read its header and first row. `start_ns` is when the run begins."""
        self._start_ns = start_ns
        self._scale = scale_named(scales, settings.instrument, f"{where}.instrument")
        path = find_data_file(settings.file, f"{where}.file", folder)
        at_path(str(path), check_symbol, symbol_of_name(path.name), settings.symbol, self._scale.name)
        self._table = CsvTable(path)
        expect_header(self._table, BOOKDEPTH_COLUMNS, (*BOOKDEPTH_COLUMNS, "weighted_avg_price"))
        self.name, self.sha256 = path.name, self._table.sha256
        self._settings, self._tally = settings, Tally()
        self._band(*self._table.first_row())

    def inputs(self, number: int) -> Iterator[tuple[int, DepthQuoted]]:
        """One `DepthQuoted` per complete group, from the start on."""
        self._tally = tally = Tally()
        early: _Quote | None = None
        for quote in self._quotes(number, tally):
            if quote.at_ns <= self._start_ns:
                if early is not None:
                    tally.leave_out("before the start", early.row)
                early = quote
                continue
            if early is not None:
                yield self._start_ns, early.body
                early = None
            yield quote.at_ns, quote.body
        if early is not None:
            yield self._start_ns, early.body

    def tally(self, number: int) -> SourceTally:
        """Rows, those merged into a quote, and those left out."""
        return self._tally.closed(number)

    def _quotes(self, number: int, tally: Tally) -> Iterator[_Quote]:
        quotes = Quotes[int](lambda _bands, reason, row, rows: tally.leave_out(reason, row, rows))
        groups = (list(group) for _, group in groupby(self._bands(tally), key=lambda band: band.at_ns))
        for bands, bids, asks, *_ in quotes.of(groups):
            first = bands[0]
            provenance = Provenance(number, first.row, first.at_ns)
            tally.merged += len(bids) + len(asks) - 1
            yield _Quote(first.row, first.at_ns, DepthQuoted(self._scale.instrument, bids, asks, provenance))

    def _bands(self, tally: Tally) -> Iterator[Band[int]]:
        read = (self._band(row, fields) for row, fields in self._table.rows(tally))
        last_ns, seen = 0, set[int]()
        for band in self._table.in_order(read, lambda band: band.at_ns, tally, self._settings.late_rows):
            if band.at_ns > last_ns:
                last_ns = band.at_ns
                seen.clear()
            if band.distance_bps in seen:
                percent = f"{Decimal(band.distance_bps).scaleb(-2).normalize():f}"
                what = f"percentage {percent} comes twice at {format_time_ns(band.at_ns)}; remove one of the lines"
                raise self._table.error(band.row, what)
            seen.add(band.distance_bps)
            yield band

    def _band(self, row: int, fields: list[str]) -> Band[int]:
        try:
            at_ns = parse_time_ns(fields[0])
            distance_bps = parse_distance_bps(fields[1])
            depth = parse_amount(fields[2], "depth")
            notional = parse_amount(fields[3], "notional")
            resting = notional if self._scale.kind == "inverse" else depth
            lots = to_whole_down(CONTEXT.multiply(resting, self._settings.scale), self._scale.lot_size)
        except ScenarioError as error:
            raise self._table.error(row, str(error)) from error
        figures = (depth, notional) if self._scale.kind == "linear" else (resting, Decimal(0))
        return Band(row, at_ns, distance_bps, lots, figures)
