"""The rows of trades as each venue publishes them; any further column is left in the file.

    bybit     timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional
              spot: id,timestamp,price,volume,side
    okx       instrument_name,trade_id,side,price,size,created_time
              trade_id,side,size,price,created_time (older files, names followed by a slash and the Chinese word)
    bitmex    timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,trdType
    deribit   trade_id,timestamp,price,amount,direction,instrument_name; CSV, or as the API answers (JSON)
    gate      timestamp,dealid,price,size without a header; sizes of sales are negative
              spot: timestamp,dealid,price,amount,side without a header

1. Columns are found by their names. A file without a header has those that its venue's layout states.
2. Times: bybit and gate have seconds with decimals (bybit spot milliseconds), okx and deribit milliseconds, bitmex text
   in UTC with a D or a T between day and hour.
3. A row says its symbol (bybit, okx, bitmex, deribit), or its file does: BTCUSDT_2025-05-19, BTC-USDT-SWAP-trades-...,
   BTC_USDT-202510.
4. BitMEX sorts its files by symbol, so they are sorted by time first. Its indices (.BXBT) and what is no regular trade
   (trdType) are no trades; they are counted.
5. OKX and Deribit number the trades of an instrument one by one, so gaps show.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ....events.errors import ScenarioError
from ..feed.files import SECONDS, Parse
from ..feed.items import RowPlace, Traded, VenueMarket
from ..feed.numbers import amount, positive
from ..feed.table import CsvColumns, header_of

__all__ = ["LAYOUTS", "Layout", "Venue", "parser"]

Venue = Literal["bybit", "okx", "bitmex", "deribit", "gate"]


class Layout(NamedTuple):
    """One layout of trades: which columns say what. `named` finds the symbol in a file's name."""

    exchange: str
    text: str
    """All columns, as the venue spells them."""
    time: str
    digits: tuple[int, ...]
    size: str
    price: str = "price"
    side: str | None = "side"
    each: str | None = None
    number: str | None = None
    symbol: str | None = None
    named: re.Pattern[str] | None = None
    has_header: bool = True
    by_symbol: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, as they are named here."""
        return header_of(self.text.split(",")) or ()

    @property
    def needed(self) -> set[str]:
        """The columns that a file must have; all of a layout that could not be told from others by less."""
        if not self.has_header:
            return set(self.columns)
        return {name for name in (self.time, self.price, self.size, self.side, self.symbol) if name is not None}


_MILLISECONDS = (13,)
_EXECUTED = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
_OKX = "trade_id,side,size,price,created_time"

_BYBIT = Layout("bybit", _EXECUTED, "timestamp", SECONDS, "size", each="trd_match_id", symbol="symbol")
_BYBIT_SPOT = Layout(
    "bybit-spot",
    "id,timestamp,price,volume,side",
    "timestamp",
    _MILLISECONDS,
    "volume",
    number="id",
    named=re.compile(r"(?P<symbol>[A-Za-z0-9]+)[-_]\d{4}-\d\d"),
)
_OKX_NAMED = Layout(
    "okx",
    f"instrument_name,{_OKX}",
    "created_time",
    _MILLISECONDS,
    "size",
    each="trade_id",
    number="trade_id",
    symbol="instrument_name",
)
_OKX_OLDER = _OKX_NAMED._replace(
    text=_OKX, symbol=None, named=re.compile(r"(?P<symbol>[A-Za-z0-9-]+?)-(?:agg)?trades-", re.IGNORECASE)
)
_BITMEX = _BYBIT._replace(exchange="bitmex", text=f"{_EXECUTED},trdType", digits=(), by_symbol=True)
_DERIBIT = Layout(
    "deribit",
    "trade_seq,trade_id,timestamp,price,amount,direction,instrument_name",
    "timestamp",
    _MILLISECONDS,
    "amount",
    side="direction",
    each="trade_id",
    number="trade_seq",
    symbol="instrument_name",
)
_GATE = Layout(
    "gate",
    "timestamp,dealid,price,size",
    "timestamp",
    SECONDS,
    "size",
    side=None,
    each="dealid",
    named=re.compile(r"(?P<symbol>[A-Za-z0-9_]+)-\d{6}"),
    has_header=False,
)
_GATE_SPOT = _GATE._replace(exchange="gate-io", text="timestamp,dealid,price,amount,side", size="amount", side="side")

LAYOUTS: dict[Venue, tuple[Layout, ...]] = {
    "bybit": (_BYBIT, _BYBIT_SPOT),
    "okx": (_OKX_NAMED, _OKX_OLDER),
    "bitmex": (_BITMEX,),
    "deribit": (_DERIBIT,),
    "gate": (_GATE, _GATE_SPOT),
}
"""The layouts of each venue, in the order in which they are tried."""

_SIDES = frozenset({"buy", "sell", "1", "2"})
_REGULAR = frozenset({"", "Regular"})


def parser(layout: Layout, columns: CsvColumns, symbol: str) -> Parse:
    """How a row is read; `symbol` is the file's where rows do not say theirs."""
    return _Trades(layout, columns, symbol)


class _Trades:
    def __init__(self, layout: Layout, columns: CsvColumns, symbol: str) -> None:
        self._exchange, self._market = layout.exchange, VenueMarket(layout.exchange, symbol)
        self._price, self._size = columns.at(layout.price), columns.at(layout.size)
        self._side = None if layout.side is None else columns.at(layout.side)
        self._symbol = None if layout.symbol is None else columns.at(layout.symbol)
        self._type = columns.find("trd_type")

    def __call__(self, place: RowPlace, fields: list[str]) -> Traded | None:
        market = self._market
        if self._symbol is not None and fields[self._symbol] != market.symbol:
            market = self._market = VenueMarket(self._exchange, fields[self._symbol])
        if market.symbol.startswith(".") or (self._type is not None and fields[self._type] not in _REGULAR):
            return None
        if not market.symbol:
            message = "the symbol is empty"
            raise ScenarioError(message)
        if self._side is None:
            amount(fields[self._size].removeprefix("-"), "size")
        elif fields[self._side].lower() not in _SIDES:
            message = f"side {fields[self._side]!r} is neither buy nor sell"
            raise ScenarioError(message)
        else:
            positive(fields[self._size], "size")
        return Traded(place, market, positive(fields[self._price], "price"))
