"""The rows of Tardis' CSV datasets, any exchange.

    trades              exchange,symbol,timestamp,local_timestamp,id,side,price,amount
    liquidations        the same columns
    derivative_ticker   exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,
                        open_interest,last_price,index_price,mark_price

1. The columns tell a ticker. Trades and liquidations are told by the file's name (binance-futures_liquidations_...), or
   by `--kind` where that has neither word.
2. Times are microseconds. Files are sorted by the time of receipt, so the venue's may lag (`feed/placing.py`). A file
   may hold several symbols; each row says its own. Binance and OKX number the trades of a symbol, so gaps show.
3. A liquidation's side is that of the forced order: `sell` closes a long. Its price and amount are those of the fill;
   the order behind it is not told.
4. An empty field says nothing. Open interest, predicted rates and the time of the next funding are left in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from ....events.errors import ScenarioError
from ....sim.reading.rows import first_fields
from ....sim.sources.tardis import TARDIS_COLUMNS
from ..feed.contracts import Told
from ..feed.files import FeedFile, Parse
from ..feed.importer import FeedImporter
from ..feed.items import ForcedOrder, Marked, RowPlace, Traded, VenueMarket
from ..feed.numbers import maybe_positive, maybe_rate, positive
from ..feed.symbols import Symbols
from ..feed.table import CsvColumns, header_of
from ..reading import LINE_BYTES_MOST, SourceFile, open_sources

__all__ = ["Kind", "open_tardis"]

Kind = Literal["trades", "liquidations", "derivative_ticker"]

_FORMAT = "tardis"
_DIGITS = (16,)
_MARKETS_KEPT = 1 << 10
_TICKER_COLUMNS = (
    *TARDIS_COLUMNS[:4],
    "funding_timestamp",
    "funding_rate",
    "predicted_funding_rate",
    "open_interest",
    "last_price",
    "index_price",
    "mark_price",
)
_NUMBERED = ("binance", "okex")
"""How the exchanges are called whose trades are numbered symbol by symbol."""


def open_tardis(
    files: Iterable[str],
    *,
    kind: Kind | None = None,
    contracts: Mapping[str, Told | Decimal] | None = None,
    symbol: str | Iterable[str] = (),
    sort: bool = False,
) -> FeedImporter:
    """Find the files and tell what each is. Raises ScenarioError for one that is not there, or that nothing tells."""
    sources = open_sources(tuple((name, _FORMAT) for name in files), by_name=True)
    opened = [_feed_file(source, kind) for source in sources]
    options = () if kind is None else (("kind", kind),)
    return FeedImporter(_FORMAT, None, opened, contracts=contracts, symbols=Symbols(symbol), sort=sort, options=options)


def _feed_file(source: SourceFile, told: Kind | None) -> FeedFile:
    header = header_of(first_fields(source.path, LINE_BYTES_MOST))
    if header not in (TARDIS_COLUMNS, _TICKER_COLUMNS):
        known = " or ".join(",".join(names) for names in (TARDIS_COLUMNS, _TICKER_COLUMNS))
        message = f"{source.path}:1: these are not the columns of a dataset that is known; expected {known}"
        raise ScenarioError(message)
    kind = "derivative_ticker" if header == _TICKER_COLUMNS else _kind_of(source.path, told)
    parse: dict[Kind, Parse] = {"trades": _trade, "liquidations": _liquidation, "derivative_ticker": _ticker}
    return FeedFile(
        source._replace(layout=f"{_FORMAT} {kind}"),
        CsvColumns(header, in_file=True),
        parse[kind],
        "timestamp",
        "local_timestamp",
        _DIGITS,
        each=None if kind == "derivative_ticker" else "id",
        numbers=("id", "id") if kind == "trades" else None,
        counts=_is_numbered,
        symbol="symbol",
    )


def _is_numbered(fields: list[str]) -> bool:
    return fields[0].startswith(_NUMBERED)


def _kind_of(path: Path, told: Kind | None) -> Kind:
    named = [kind for kind in get_args(Kind) if kind in path.name.lower()]
    if len(named) == 1 and named[0] != "derivative_ticker":
        return named[0]  # type: ignore[no-any-return]
    if told in (None, "derivative_ticker"):
        message = (
            f"{path}: trades and liquidations have the same columns, and its name does not tell; say it with --kind"
        )
        raise ScenarioError(message)
    return told


@lru_cache(_MARKETS_KEPT)
def _market(exchange: str, symbol: str) -> VenueMarket:
    if not (exchange and symbol):
        message = "exchange or symbol is empty"
        raise ScenarioError(message)
    return VenueMarket(exchange, symbol)


def _trade(place: RowPlace, fields: list[str]) -> Traded:
    _side(fields[5])
    positive(fields[7], "amount")
    return Traded(place, _market(fields[0], fields[1]), positive(fields[6], "price"))


def _liquidation(place: RowPlace, fields: list[str]) -> ForcedOrder:
    side = _side(fields[5])
    if side == "unknown":
        message = "a liquidation without a side"
        raise ScenarioError(message)
    amount = positive(fields[7], "amount")
    price = positive(fields[6], "price")
    return ForcedOrder(place, _market(fields[0], fields[1]), side == "buy", amount, None, amount, price)


def _ticker(place: RowPlace, fields: list[str]) -> Marked:
    return Marked(
        place,
        _market(fields[0], fields[1]),
        maybe_positive(fields[10], "mark_price"),
        maybe_positive(fields[9], "index_price"),
        maybe_rate(fields[5]),
        maybe_positive(fields[8], "last_price"),
    )


def _side(text: str) -> str:
    if text not in ("buy", "sell", "unknown"):
        message = f"side {text!r} is none of buy, sell, unknown"
        raise ScenarioError(message)
    return text
