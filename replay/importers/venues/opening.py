"""Files of a venue's trades to an importer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from ....events.errors import ScenarioError
from ....sim.reading.rows import first_fields
from ..feed.contracts import Told
from ..feed.files import FeedFile
from ..feed.importer import FeedImporter
from ..feed.symbols import Symbols
from ..feed.table import CsvColumns, header_of, read_fields
from ..reading import LINE_BYTES_MOST, SourceFile, open_sources
from .json_lines import is_json, json_columns, read_json
from .layouts import LAYOUTS, Layout, Venue, parser

__all__ = ["open_venue"]


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
