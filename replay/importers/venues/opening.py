"""Files of a venue's trades to an importer.

Trades as an API answers them: JSON, a trade a line, or a list or a whole answer of trades a line.

What a line tells is brought into columns, so that all else is as for CSV. Of several trades of one line those that come
first in time come first, as answers are often the newest first. Numbers keep their text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ....events.errors import ScenarioError
from ....sim.reading.json_lines import json_decoder
from ....sim.reading.rows import first_fields
from ..faults import Faults
from ..feed.contracts import Told
from ..feed.files import FeedFile
from ..feed.importer import FeedImporter
from ..feed.symbols import Symbols
from ..feed.table import CsvColumns, Read, header_of, read_fields
from ..reading import LINE_BYTES_MOST, SourceFile, open_sources, read_each, read_rows
from .layouts import LAYOUTS, Layout, Venue, parser

__all__ = ["is_json", "json_columns", "open_venue", "read_json"]

_decode = json_decoder(Any, float_hook=str)


def open_venue(
    venue: Venue,
    files: Iterable[str],
    *,
    contracts: Mapping[str, Told | Decimal] | None = None,
    symbol: str | Iterable[str] = (),
    sort: bool = False,
) -> FeedImporter:
    """Find the files and tell what each is. Raises ScenarioError for one that is not there, or of no known layout."""
    symbols = Symbols(symbol)
    sources = open_sources(tuple((name, venue) for name in files), by_name=True)
    opened = [_feed_file(venue, source, symbols) for source in sources]
    return FeedImporter(venue, venue, opened, contracts=contracts, symbols=symbols, sort=sort)


def _feed_file(venue: Venue, source: SourceFile, symbols: Symbols) -> FeedFile:
    fields = first_fields(source.path, LINE_BYTES_MOST)
    first = ",".join(fields)
    columns = json_columns(first) if is_json(first) else _columns(venue, fields)
    layout = next((one for one in LAYOUTS[venue] if columns and one.needed <= set(columns.names)), None)
    if layout is None or columns is None:
        expected = " or ".join(one.text for one in LAYOUTS[venue])
        message = f"{source.path}:1: these are not the columns of {venue}'s trades; expected {expected}"
        raise ScenarioError(message)
    named = "" if layout.symbol else symbols.of_file(source.path, _named(layout, source.path), "SYMBOL and a date")
    is_aggregated = "aggtrades" in source.path.name.lower()
    number = None if is_aggregated or layout.number not in columns.names else layout.number
    return FeedFile(
        source._replace(layout=f"{venue} trades"),
        columns,
        parser(layout, columns, named),
        layout.time,
        digits=layout.digits,
        each=layout.each if layout.each in columns.names else None,
        numbers=None if number is None else (number, number),
        symbol=layout.symbol,
        named=named,
        by_symbol=layout.by_symbol,
        read=read_json if is_json(first) else read_fields,
    )


def _columns(venue: Venue, fields: list[str]) -> CsvColumns | None:
    """The columns of a first line: its own names, or those of the layout of that width; None where there are none."""
    names = header_of([field.partition("/")[0] for field in fields])
    if names is not None:
        return CsvColumns(names, in_file=True)
    bare = next((one for one in LAYOUTS[venue] if not one.has_header and len(one.columns) == len(fields)), None)
    return None if bare is None else CsvColumns(bare.columns, in_file=False)


def _named(layout: Layout, path: Path) -> str | None:
    match = None if layout.named is None else layout.named.match(path.name)
    return None if match is None else match["symbol"].upper()


def is_json(text: str) -> bool:
    """Whether a first line is JSON and not CSV."""
    return text.lstrip()[:1] in ("{", "[")


def json_columns(text: str) -> CsvColumns:
    """The columns of the trades of a first line; none where it tells of none."""
    try:
        trades = _trades(_decode(text.encode()))
    except (msgspec.DecodeError, ValueError):
        trades = []
    return CsvColumns(tuple(dict.fromkeys(name for trade in trades for name in trade)), in_file=False)


def read_json(source: SourceFile, columns: CsvColumns, faults: Faults, watch: Callable[[int], None]) -> Iterator[Read]:
    """Every trade as fields in the order of the columns, and where the file breaks off if it does."""
    cut, broken, tally = list[Read](), list[Read](), faults.of(source)

    def blame(_reason: str, _source: SourceFile, line: int, told: str) -> None:
        broken.append(Read(line, [""], told))

    rows = read_rows(source, watch, lambda row, told: cut.append(Read(row, [], told)))
    for line, trades in read_each(source, tally, rows, lambda _line, text: _trades(_decode(text)), blame, ""):
        yield from broken
        broken.clear()
        for trade in sorted(trades, key=lambda trade: (_whole(trade.get("timestamp")), _whole(trade.get("trade_seq")))):
            yield Read(line, [_text(trade.get(name)) for name in columns.names])
    yield from broken + cut


def _trades(told: Any) -> list[dict[str, Any]]:
    """The trades of a line. Raises ValueError for anything else."""
    if isinstance(told, dict) and "result" in told:
        told = told["result"]
    if isinstance(told, dict) and "trades" in told:
        told = told["trades"]
    trades = told if isinstance(told, list) else [told]
    if not all(isinstance(trade, dict) for trade in trades):
        message = "it holds no trades"
        raise ValueError(message)
    return trades


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
