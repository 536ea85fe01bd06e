"""The rows of Binance's public data files, with and without a header.

    trades                id,price,qty,quote_qty,time,is_buyer_maker
                          (cm: base_qty; spot: with is_best_match)
    aggTrades             agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker
                          (spot: with is_best_match)
    klines                open_time,open,high,low,close,volume,close_time and five more; markPriceKlines likewise
    bookDepth             timestamp,percentage,depth,notional and, in newer files, weighted_avg_price
    liquidationSnapshot   time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,
                          last_fill_quantity,accumulated_fill_quantity; some with a symbol first or second

1. A file without a header is told by its number of fields. With a header the order of the columns is free.
2. Times are milliseconds (13 digits) or, in spot files since 2025, microseconds (16). bookDepth has text in UTC.
3. Depth counts units (cm: contracts, whose notional tells no price). Numbers of trades rise by one. A forced order's
   price is its limit, its average price what it was filled at.
"""

from __future__ import annotations

from decimal import Decimal

from ....events.errors import ScenarioError
from ....sim.reading.rows import first_fields
from ....sim.sources.bands import Band, parse_distance_bps
from ....sim.sources.bars import read_bar
from ....sim.sources.klines import KLINES_COLUMNS
from ....sim.sources.moments import moment_ns
from ..feed.files import BandRead, BarRead, FeedFile, Parse
from ..feed.items import ForcedOrder, RowPlace, Traded, VenueMarket
from ..feed.numbers import amount, maybe_positive, positive
from ..feed.table import CsvColumns, header_of
from ..reading import LINE_BYTES_MOST, SourceFile
from .names import Kind

__all__ = ["columns_of", "feed_file"]

_DIGITS = (13, 16)
_TRADES = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker")
_AGGREGATED = (
    "agg_trade_id",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "transact_time",
    "is_buyer_maker",
)
_FORCED = (
    "time",
    "side",
    "order_type",
    "time_in_force",
    "original_quantity",
    "price",
    "average_price",
    "order_status",
    "last_fill_quantity",
    "accumulated_fill_quantity",
)
_DEPTH = ("timestamp", "percentage", "depth", "notional")
_BEST = "is_best_match"
_BARE: dict[int, tuple[tuple[str, ...], ...]] = {
    4: (_DEPTH,),
    5: ((*_DEPTH, "weighted_avg_price"),),
    6: (_TRADES,),
    7: ((*_TRADES, _BEST), _AGGREGATED),
    8: ((*_AGGREGATED, _BEST),),
    10: (_FORCED,),
    11: (("time", "symbol", *_FORCED[1:]), ("symbol", *_FORCED)),
    12: (KLINES_COLUMNS,),
}
_TIME: dict[Kind, str] = {
    "trades": "time",
    "aggTrades": "transact_time",
    "klines": "open_time",
    "markPriceKlines": "open_time",
    "bookDepth": "timestamp",
    "liquidationSnapshot": "time",
}
_TRADE_ID: dict[Kind, str] = {"trades": "id", "aggTrades": "agg_trade_id"}
_NUMBERS: dict[Kind, tuple[str, str]] = {"trades": ("id", "id"), "aggTrades": ("first_trade_id", "last_trade_id")}
_TRUTHS = frozenset({"true", "false"})


def columns_of(source: SourceFile) -> CsvColumns:
    """The columns of a file. Raises ScenarioError for an empty file, and for one without a header of no known width."""
    fields = first_fields(source.path, LINE_BYTES_MOST)
    header = header_of(fields)
    if header is not None:
        return CsvColumns(header, in_file=True)
    known = _BARE.get(len(fields), ())
    for names in known:
        if _fits(names, fields):
            return CsvColumns(names, in_file=False)
    expected = " or ".join(",".join(names) for layouts in _BARE.values() for names in layouts)
    message = f"{source.path}:1: no header, and {len(fields)} fields are no known layout; expected {expected}"
    raise ScenarioError(message)


def _fits(names: tuple[str, ...], fields: list[str]) -> bool:
    """Whether a first row can be of these columns, by what is a number, a word or a truth in it."""
    for name, field in zip(names, fields, strict=True):
        is_truth = field.lower() in _TRUTHS
        if name.startswith("is_") != is_truth or (name in ("time", "open_time") and not field.isdigit()):
            return False
    return True


def feed_file(source: SourceFile, columns: CsvColumns, kind: Kind, market: VenueMarket) -> FeedFile:
    """How to read a file."""
    parse: Parse
    if kind in _TRADE_ID:
        parse = _BinanceTrades(columns, market)
    elif kind == "bookDepth":
        parse = _Bands(columns, market)
    elif kind == "liquidationSnapshot":
        parse = _ForcedOrders(columns, market)
    else:
        parse = _Bars(columns, market, marks=kind == "markPriceKlines")
    return FeedFile(
        source,
        columns,
        parse,
        _TIME[kind],
        digits=() if kind == "bookDepth" else _DIGITS,
        each=_TRADE_ID.get(kind, "open_time" if isinstance(parse, _Bars) else None),
        numbers=_NUMBERS.get(kind),
        symbol="symbol" if "symbol" in columns.names else None,
        named=market.symbol,
        may_double=kind == "liquidationSnapshot",
    )


class _BinanceTrades:
    def __init__(self, columns: CsvColumns, market: VenueMarket) -> None:
        self._market, self._price = market, columns.at("price")
        size = columns.find("qty")
        self._size = columns.at("quantity") if size is None else size

    def __call__(self, place: RowPlace, fields: list[str]) -> Traded:
        positive(fields[self._size], "quantity")
        return Traded(place, self._market, positive(fields[self._price], "price"))


class _Bars:
    def __init__(self, columns: CsvColumns, market: VenueMarket, *, marks: bool) -> None:
        self._market, self._marks = market, marks
        self._prices = [columns.at(name) for name in ("open", "high", "low", "close")]
        self._open_time, self._close_time = columns.at("open_time"), columns.at("close_time")

    def __call__(self, place: RowPlace, fields: list[str]) -> BarRead:
        prices = [fields[column] for column in self._prices]
        for text in prices:
            positive(text, "price")
        close_ns = moment_ns(fields[self._close_time], "close_time", len(fields[self._open_time]))
        return BarRead(place, self._market, read_bar(place.line, place.at_ns, close_ns, prices), self._marks)


class _Bands:
    def __init__(self, columns: CsvColumns, market: VenueMarket) -> None:
        self._market, self._is_priced = market, market.exchange != "cm"
        self._percentage, self._depth = columns.at("percentage"), columns.at("depth")
        self._notional = columns.at("notional")

    def __call__(self, place: RowPlace, fields: list[str]) -> BandRead:
        distance_bps = parse_distance_bps(fields[self._percentage])
        depth, notional = amount(fields[self._depth], "depth"), amount(fields[self._notional], "notional")
        figures = depth, notional if self._is_priced else Decimal(0)
        return BandRead(place, self._market, Band(place.line, place.at_ns, distance_bps, depth, figures))


class _ForcedOrders:
    def __init__(self, columns: CsvColumns, market: VenueMarket) -> None:
        self._market, self._symbol, self._side = market, columns.find("symbol"), columns.at("side")
        self._size, self._filled = columns.at("original_quantity"), columns.at("accumulated_fill_quantity")
        self._limit, self._price = columns.at("price"), columns.at("average_price")

    def __call__(self, place: RowPlace, fields: list[str]) -> ForcedOrder:
        side = fields[self._side].upper()
        if side not in ("BUY", "SELL"):
            message = f"side {fields[self._side]!r} is neither BUY nor SELL"
            raise ScenarioError(message)
        market = self._market if self._symbol is None else self._market._replace(symbol=fields[self._symbol])
        size = positive(fields[self._size], "original_quantity")
        filled = amount(fields[self._filled], "accumulated_fill_quantity")
        if filled > size:
            message = f"{filled} of {size} were filled"
            raise ScenarioError(message)
        limit = maybe_positive(_nothing_if_zero(fields[self._limit]), "price")
        average = _nothing_if_zero(fields[self._price]) if filled else ""
        price = maybe_positive(average, "average_price") or limit
        if price is None or (filled and not average):
            message = "there is neither an average price nor a limit"
            raise ScenarioError(message)
        return ForcedOrder(place, market, side == "BUY", size, limit, filled, price)


def _nothing_if_zero(text: str) -> str:
    """Orders without a limit, or without a fill, have a price of 0."""
    return "" if text and not Decimal(amount(text, "price")) else text
