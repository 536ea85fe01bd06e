"""A file of market data: what its columns are, and how a row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from ....sim.sources.bands import Band
from ....sim.sources.bars import Bar
from ..faults import Faults
from ..reading import SourceFile
from .items import ForcedOrder, Marked, RowPlace, Traded, VenueMarket
from .table import CsvColumns, Read, read_fields

__all__ = ["SECONDS", "BandRead", "BarRead", "FeedFile", "Parse", "Parsed"]

SECONDS = (10,)
"""The `digits` of a time in seconds, which may have decimals."""


class BarRead(NamedTuple):
    """A bar of a market; `marks` says that its prices are the venue's marks."""

    place: RowPlace
    market: VenueMarket
    bar: Bar
    marks: bool


class BandRead(NamedTuple):
    """A band of a market's depth."""

    place: RowPlace
    market: VenueMarket
    band: Band[Decimal]


Parsed = Traded | Marked | ForcedOrder | BarRead | BandRead
Parse = Callable[[RowPlace, list[str]], Parsed | None]
"""A row to what it tells, None for one that tells nothing. Raises ScenarioError for a row that cannot be right."""


ReadFields = Callable[[SourceFile, CsvColumns, Faults, Callable[[int], None]], Iterator[Read]]
"""How the rows of a file become fields."""


class FeedFile(NamedTuple):
    """A file, what its columns are, and how a row is read.

    `digits` are the counts of digits that a time may have, none where times are text; `each` is the column of an id
    that may come once only; `numbers` those of the first and the last trade's number, of rows whose venue counts them
    (`counts`). `symbol` is the column that says the symbol; `named` what its rows are of where there is none.
    `may_double` says that the publisher is known to write every row of a forced order twice, `by_symbol` that it sorts
    by symbol first.
    """

    source: SourceFile
    columns: CsvColumns
    parse: Parse
    time: str
    received: str | None = None
    digits: tuple[int, ...] = ()
    each: str | None = None
    numbers: tuple[str, str] | None = None
    counts: Callable[[list[str]], bool] = lambda _fields: True
    symbol: str | None = None
    named: str = ""
    may_double: bool = False
    by_symbol: bool = False
    read: ReadFields = read_fields
