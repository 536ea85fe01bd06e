"""Prices from a file of trades in the Tardis layout, packed or not.

1. The columns are exchange, symbol, timestamp, local_timestamp, id, side, price, amount; times in microseconds.
2. Trades of one timestamp are one instant: the last in file order gives the price, the others are counted as merged.
3. The file drives one instrument, the others move with it (`follow.py`). It must be of that instrument (`symbols.py`).
4. Tolerances are those of `rows.py`; besides, with `late_rows = "leave_out"`, rows that are out of order (`order.py`),
   and those that were received before their time, by more than `SKEW_NS_MOST`, which is what two clocks differ by. A
   second symbol, a side that is none, a price or amount that is not a positive number stop the reading with file and
   line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ..reading.files import find_data_file
from ..reading.rows import CsvTable, LateRows, expect_header, parse_positive, parse_whole
from ..reading.tally import Tally
from .base import InstrumentScale, scale_named
from .follow import Follow, Following, check_follow
from .symbols import check_symbol

__all__ = ["SKEW_NS_MOST", "TARDIS_COLUMNS", "TardisSettings", "TardisSource"]

TARDIS_COLUMNS = ("exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount")

SKEW_NS_MOST = 10**8
"""How far two clocks may differ: the venue's, and that of whoever received a row."""

_SIDES = frozenset({"buy", "sell", "unknown"})
_US_LEAST, _US_MOST = 10**15, (2**63 - 1) // 1000
# Trades repeat their prices: a day of a crash has 2,000 among 138,000. The bound keeps memory flat.
_TEXTS_KEPT = 1 << 14


class TardisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="tardis"):
    """The file of trades, the instrument that it drives (the first where none is named), and from when on.

    `symbol` is what the file is of, where it is not the instrument's own.
    """

    file: str
    instrument: str | None = None
    late_rows: LateRows = "refuse"
    since: str | None = None
    follow: Follow = "alike"
    betas: dict[str, Decimal] = {}
    symbol: str | None = None

    def __post_init__(self) -> None:
        """Refuse betas without use."""
        check_follow(self.follow, self.betas)


class _Trade(NamedTuple):
    row: int
    at_ns: int
    received_ns: int
    price: str


class TardisSource:
    """Trades as `PriceTicked`, one per instant, each with the row that gave its price."""

    layout = "tardis trades"

    def __init__(
        self,
        settings: TardisSettings,
        scales: Sequence[InstrumentScale],
        *,
        folder: Path | None = None,
        where: str = "$.prices",
    ) -> None:
        """Find and hash the file, and read its first instant, at which all instruments are anchored."""
        driven = scale_named(scales, settings.instrument, f"{where}.instrument")
        path = find_data_file(settings.file, f"{where}.file", folder)
        self._table = CsvTable(path)
        expect_header(self._table, TARDIS_COLUMNS)
        self.name, self.sha256 = path.name, self._table.sha256
        self._late_rows, self._tally = settings.late_rows, Tally()
        first_row, fields = self._table.first_row()
        self._market = fields[:2]
        try:
            check_symbol(self._market[1], settings.symbol, driven.name)
        except ScenarioError as error:
            raise self._table.error(first_row, str(error)) from error
        first = next(self._instants(Tally()))
        try:
            following = Following(scales, driven, parse_positive(first.price, "price"), settings.betas)
        except ScenarioError as error:
            raise self._table.error(first.row, str(error)) from error
        self.start_ns, self.opening = first.at_ns, following.opening
        self._prices = lru_cache(_TEXTS_KEPT)(lambda text: following.prices(parse_positive(text, "price")))

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """One `PriceTicked` per instant; about 2 us a row."""
        self._tally = Tally()
        for trade in self._instants(self._tally):
            try:
                prices = self._prices(trade.price)
            except ScenarioError as error:
                raise self._table.error(trade.row, str(error)) from error
            provenance = Provenance(number, trade.row, trade.at_ns, trade.received_ns)
            yield trade.at_ns, PriceTicked(prices, provenance)

    def tally(self, number: int) -> SourceTally:
        """Rows, and those merged into another of the same instant."""
        return self._tally.closed(number)

    def _instants(self, tally: Tally) -> Iterator[_Trade]:
        """The last trade of each instant; it is known when the next instant begins."""
        held: _Trade | None = None
        for trade in self._trades(tally):
            if held is not None and held.at_ns == trade.at_ns:
                tally.merged += 1
            elif held is not None:
                yield held
            held = trade
        if held is not None:
            yield held

    def _trades(self, tally: Tally) -> Iterator[_Trade]:
        return self._table.in_order(self._read(tally), lambda trade: trade.at_ns, tally, self._late_rows)

    def _read(self, tally: Tally) -> Iterator[_Trade]:
        for row, fields in self._table.rows(tally):
            try:
                trade = self._trade(row, fields)
            except ScenarioError as error:
                raise self._table.error(row, str(error)) from error
            if trade.at_ns - trade.received_ns <= SKEW_NS_MOST:
                yield trade
            elif self._late_rows == "refuse":
                what = 'it was received before its time; mend the line, or set late_rows = "leave_out"'
                raise self._table.error(row, what)
            else:
                tally.leave_out("received before its time", row)

    def _trade(self, row: int, fields: list[str]) -> _Trade:
        exchange, symbol, timestamp, local_timestamp, _id, side, price, amount = fields
        if [exchange, symbol] != self._market:
            message = f"{symbol!r} of {exchange!r} after {self._market[1]!r}; give a file of one symbol"
            raise ScenarioError(message)
        if side not in _SIDES:
            message = f"side {side!r} is none of buy, sell, unknown; mend or remove the line"
            raise ScenarioError(message)
        parse_positive(price, "price")
        parse_positive(amount, "amount")
        return _Trade(row, _time_ns(timestamp, "timestamp"), _time_ns(local_timestamp, "local_timestamp"), price)


def _time_ns(text: str, name: str) -> int:
    microseconds = parse_whole(text, name)
    if not _US_LEAST <= microseconds <= _US_MOST:
        message = f"{name} {text} is not in microseconds since 1970; this layout has sixteen digits"
        raise ScenarioError(message)
    return microseconds * 1000
