"""Files of Binance's public data to an importer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ....sim.sources.symbols import symbol_of_name
from ....sim.toml_tree import at_path
from ..feed.contracts import Told
from ..feed.files import FeedFile
from ..feed.importer import FeedImporter
from ..feed.items import VenueMarket
from ..feed.symbols import Symbols
from ..reading import SourceFile, open_sources
from .layouts import columns_of, feed_file
from .names import NAME_FORM, Part, kind_of, part_of

__all__ = ["open_binance"]

_FORMAT = "binance"


def open_binance(
    files: Iterable[str],
    *,
    symbol: str | Iterable[str] = (),
    marks: bool = False,
    part: Part | None = None,
    contracts: Mapping[str, Told | Decimal] | None = None,
    sort: bool = False,
) -> FeedImporter:
    """Find the files and tell what each is. Raises ScenarioError for one that is not there, or that nothing tells."""
    told = Symbols(symbol)
    sources = open_sources(tuple((name, _FORMAT) for name in files), by_name=True)
    opened = [_feed_file(source, told, part, marks=marks) for source in sources]
    said = (("market", part), ("marks", "yes" if marks else None))
    options = [(name, value) for name, value in said if value is not None]
    return FeedImporter(_FORMAT, _FORMAT, opened, contracts=contracts, symbols=told, sort=sort, options=options)


def _feed_file(source: SourceFile, told: Symbols, part: Part | None, *, marks: bool) -> FeedFile:
    columns = columns_of(source)
    names = frozenset(columns.names)
    found = kind_of(source.path, names, marks=marks)
    named = "" if "symbol" in names else told.of_file(source.path, symbol_of_name(source.path.name), NAME_FORM)
    market = VenueMarket(part_of(source.path, named, names, part), named)
    return at_path(f"{source.path}:1", feed_file, source._replace(layout=f"{_FORMAT} {found}"), columns, found, market)
