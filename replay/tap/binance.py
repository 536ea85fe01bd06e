"""Binance's futures, USD-M and COIN-M: the market streams aggTrade, markPrice and forceOrder of each symbol.

Shapes as in its developers' pages "Aggregate Trade Streams", "Mark Price Stream", "Liquidation Order Streams" and "Live
Subscribing/Unsubscribing to streams", the entry as in "Important WebSocket Change Notice"; a message may come bare or
as {"stream", "data"}. Letters are the venue's:

    aggTrade         E event, s symbol, a number of the aggregate, p price, q size, f and l first and last trade, T time
    markPriceUpdate  E event, s symbol, p mark, i index, r funding rate
    forceOrder       E event, o order: s symbol, S side, q size, p limit, ap average, z filled, T time

1. A trade's time is T, a mark's E, a forced order's T. Aggregates of a symbol are counted without gaps.
2. A rate is empty where a contract has no funding.
3. The protocol's own pings keep the line.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ...events.errors import QueryError, ScenarioError
from ..importers.binance.names import part_of_symbol
from ..importers.feed.items import ForcedOrder, Marked, Traded, VenueMarket
from ..importers.feed.numbers import amount, maybe_positive, maybe_rate, positive
from .heard import NOWHERE, Heard, Rank, Said, instant_ns

__all__ = ["BinanceStreams"]

_SYMBOL = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)?")
_STREAMS = ("aggTrade", "markPrice@1s", "forceOrder")
_NOUGHT = re.compile(r"0+(?:\.0*)?")


class _AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    E: int
    s: str
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the venue's letter
    T: int

    def heard(self) -> Heard:
        price, size = positive(self.p, "p"), positive(self.q, "q")
        item = Traded(NOWHERE, _market(self.s), price)
        return Heard(instant_ns(self.T), Rank.TRADED, (self.s, self.a), item, self.a, size)


class _Mark(msgspec.Struct, tag_field="e", tag="markPriceUpdate"):
    E: int
    s: str
    p: str
    i: str = ""
    r: str = ""

    def heard(self) -> Heard:
        item = Marked(NOWHERE, _market(self.s), positive(self.p, "p"), maybe_positive(self.i, "i"), maybe_rate(self.r))
        return Heard(instant_ns(self.E), Rank.MARKED, (self.s,), item)


class _OrderSaid(msgspec.Struct):
    s: str
    S: Literal["BUY", "SELL"]
    q: str
    p: str
    ap: str
    z: str
    T: int


class _Forced(msgspec.Struct, tag_field="e", tag="forceOrder"):
    E: int
    o: _OrderSaid

    def heard(self) -> Heard:
        order, market = self.o, _market(self.o.s)
        size, filled = positive(order.q, "q"), amount(order.z, "z")
        if filled > size:
            message = f"{filled} of {size} were filled"
            raise ScenarioError(message)
        limit = maybe_positive(_told(order.p), "p")
        price = maybe_positive(_told(order.ap), "ap") if filled else limit
        if price is None:
            message = "a forced order without a price"
            raise ScenarioError(message)
        key = (order.s, order.S, order.q, order.p, order.ap, order.z)
        item = ForcedOrder(NOWHERE, market, order.S == "BUY", size, limit, filled, price)
        return Heard(instant_ns(order.T), Rank.FORCED, key, item, size=size)


class _Error(msgspec.Struct):
    msg: str
    code: int = 0


class _Wrapped(msgspec.Struct):
    """What else than an event a message can be: the event of a named stream, an answer, a refusal."""

    data: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None
    id: int | str | None = None
    code: int | None = None
    msg: str = ""


_event = msgspec.json.Decoder(_AggTrade | _Mark | _Forced).decode
_wrapped = msgspec.json.Decoder(_Wrapped).decode


class BinanceStreams:
    """`deleverage tap binance`."""

    name = "binance"
    url = "wss://fstream.binance.com/market/ws"
    instruments: tuple[str, ...] = ("BTCUSDT",)
    tells_forced = True
    heartbeat: str | None = None
    unknown: tuple[str, ...] = (
        "Whose a trade or a forced order was: no account, balance, position or leverage is told.",
        "Who was deleveraged, and whether anybody was: neither ADL nor the insurance fund's trades are published here.",
        "All forced orders: of each symbol the venue tells the latest of a second, and only that.",
        "What else is missing where a gap in the count of trades is recorded: forced orders of that time may be.",
    )

    def asks(self, instruments: tuple[str, ...]) -> list[str]:
        """One message that subscribes to everything."""
        for symbol in instruments:
            if _SYMBOL.fullmatch(symbol) is None:
                message = f"--instrument {symbol!r} is no symbol of Binance's futures, such as BTCUSDT"
                raise QueryError(message)
        streams = [f"{symbol.lower()}@{stream}" for symbol in instruments for stream in _STREAMS]
        return [msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": 1}).decode()]

    def hears(self, text: str | bytes) -> list[Said]:
        """As `Venue.hears`."""
        wrapped = _wrapped(text)
        refusal = wrapped.error or (None if wrapped.code is None else _Error(wrapped.msg, wrapped.code))
        if refusal is not None:
            message = f"binance refuses the subscription: {refusal.msg} ({refusal.code}); look at --instrument"
            raise QueryError(message)
        is_bare = not bytes(wrapped.data)
        if is_bare and wrapped.id is not None:
            return []
        return [_event(text if is_bare else wrapped.data).heard()]


def _market(symbol: str) -> VenueMarket:
    return VenueMarket(part_of_symbol(symbol), symbol)


def _told(price: str) -> str:
    """Nothing where the venue writes 0: an order without a limit, or one that filled nothing."""
    return "" if _NOUGHT.fullmatch(price) else price
