"""Files of Binance's public data to an importer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ....sim.toml_tree import at_path
from ..feed.importer import FeedImporter
from ..feed.items import Market
from ..feed.stream import FeedFile
from ..reading import Source, open_sources
from .layouts import columns_of, feed_file
from .names import Part, kind_of, part_of, symbol_of

__all__ = ["open_binance"]

_FORMAT = "binance"


def open_binance(
    files: Iterable[str],
    *,
    symbol: str | None = None,
    marks: bool = False,
    part: Part | None = None,
    contracts: Mapping[str, Decimal] | None = None,
) -> FeedImporter:
    """Find the files and tell what each is. Raises ScenarioError for one that is not there, or that nothing tells."""
    opened = [
        _feed_file(source, symbol, part, marks=marks)
        for source in open_sources(tuple((name, _FORMAT) for name in files))
    ]
    told = (("symbol", symbol), ("market", part), ("marks", "yes" if marks else None))
    options = [(name, value) for name, value in told if value is not None]
    spot = frozenset({"spot"})
    return FeedImporter(_FORMAT, _FORMAT, opened, contracts=contracts or {}, spot=spot, options=options)


def _feed_file(source: Source, symbol: str | None, part: Part | None, *, marks: bool) -> FeedFile:
    columns = columns_of(source)
    names = frozenset(columns.names)
    found = kind_of(source.path, names, marks=marks)
    named = "" if "symbol" in names else symbol_of(source.path, symbol)
    market = Market(part_of(source.path, named, names, part), named)
    return at_path(f"{source.path}:1", feed_file, source._replace(layout=f"{_FORMAT} {found}"), columns, found, market)
