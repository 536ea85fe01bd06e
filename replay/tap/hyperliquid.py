"""Hyperliquid: the subscriptions trades, activeAssetCtx and bbo of each coin, and the info request meta.

Shapes as in its pages "Websocket", "Subscriptions", "Post requests", "Timeouts and heartbeats" and "Tick and lot size":

    trades          data: a list of coin, side, px, sz, time, tid (users, hash)
    activeAssetCtx  data: coin, and ctx with markPx, oraclePx, funding, ...
    bbo             data: coin, time, bbo: the best bid and ask
    post            the answer to meta: universe, a list of name and szDecimals

1. A trade's time is its own. A context says none: it is that of the latest trade or bbo heard so far. Of a bbo nothing
   but its time is taken.
2. Trade ids name a trade and count nothing. After a connection broke, what the venue sends first reaches back a few
   trades: if the last one known is not among them, some may be missing.
3. A size has szDecimals decimals, a price of a perpetual at most 6 less those.
4. The venue closes a line on which it had nothing to say for a minute: a silence is broken with a ping.
"""

from __future__ import annotations

import msgspec

from ...events.errors import QueryError, ScenarioError
from ..importers.feed.items import Marked, Traded, VenueMarket
from ..importers.feed.numbers import maybe_positive, maybe_rate, positive
from .heard import NOWHERE, Heard, MarketScale, Rank, Said, TimeTold, instant_ns

__all__ = ["HyperliquidStreams"]

_PRICE_DECIMALS = 6
_STREAMS = ("trades", "activeAssetCtx", "bbo")


class _CoinTrade(msgspec.Struct):
    coin: str
    px: str
    sz: str
    time: int
    tid: int

    def heard(self) -> Heard:
        price, size = positive(self.px, "px"), positive(self.sz, "sz")
        item = Traded(NOWHERE, _market(self.coin), price)
        return Heard(instant_ns(self.time), Rank.TRADED, (self.coin, self.tid), item, size=size)


_NOTHING = msgspec.Raw()


class _Context(msgspec.Struct):
    markPx: msgspec.Raw  # noqa: N815 - the venue's names
    oraclePx: msgspec.Raw = _NOTHING  # noqa: N815
    funding: msgspec.Raw = _NOTHING


class _CoinContext(msgspec.Struct):
    coin: str
    ctx: _Context

    def heard(self) -> Heard:
        told = self.ctx
        mark, index = positive(_digits(told.markPx), "markPx"), maybe_positive(_digits(told.oraclePx), "oraclePx")
        item = Marked(NOWHERE, _market(self.coin), mark, index, maybe_rate(_digits(told.funding)))
        return Heard(None, Rank.MARKED, (self.coin,), item)


class _Best(msgspec.Struct):
    coin: str
    time: int

    def heard(self) -> Heard:
        return Heard(instant_ns(self.time), Rank.CLOCK, (self.coin,), TimeTold())


class _Listed(msgspec.Struct):
    name: str
    szDecimals: int  # noqa: N815


class _Universe(msgspec.Struct):
    universe: list[_Listed]


class _Payload(msgspec.Struct):
    data: _Universe


class _Response(msgspec.Struct):
    payload: msgspec.Raw
    type: str


class _MetaAnswer(msgspec.Struct):
    response: _Response


class _Message(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_message = msgspec.json.Decoder(_Message).decode
_trades = msgspec.json.Decoder(list[_CoinTrade]).decode
_context = msgspec.json.Decoder(_CoinContext).decode
_best = msgspec.json.Decoder(_Best).decode
_answer = msgspec.json.Decoder(_MetaAnswer).decode
_payload = msgspec.json.Decoder(_Payload).decode


class HyperliquidStreams:
    """`deleverage tap hyperliquid`."""

    name = "hyperliquid"
    url = "wss://api.hyperliquid.xyz/ws"
    instruments: tuple[str, ...] = ("BTC",)
    tells_forced = False
    heartbeat: str | None = '{"method":"ping"}'
    unknown: tuple[str, ...] = (
        "What anybody holds: a trade names two addresses, and neither what they held before it nor their margin.",
        "Who was liquidated or deleveraged: no public stream has it; the node's files do, see `import hyperliquid`.",
        "When a mark changed, to better than the trades and quotes around it: its contexts carry no time.",
        "Whether trades are missing where a break is recorded: trade ids count nothing.",
    )

    def asks(self, instruments: tuple[str, ...]) -> list[str]:
        """A request for the scales, and a message for each stream of each coin."""
        meta = {"method": "post", "id": 1, "request": {"type": "info", "payload": {"type": "meta"}}}
        subscriptions = [
            {"method": "subscribe", "subscription": {"type": stream, "coin": coin}}
            for coin in instruments
            for stream in _STREAMS
        ]
        return [msgspec.json.encode(one).decode() for one in (meta, *subscriptions)]

    def hears(self, text: str | bytes) -> list[Said]:
        """As `Venue.hears`."""
        message = _message(text)
        if message.channel == "trades":
            return [trade.heard() for trade in _trades(message.data)]
        if message.channel == "activeAssetCtx":
            return [_context(message.data).heard()]
        if message.channel == "bbo":
            return [_best(message.data).heard()]
        if message.channel == "post":
            return _scales(message.data)
        if message.channel == "error":
            told = f"hyperliquid refuses the subscription: {msgspec.json.decode(message.data)}; look at --instrument"
            raise QueryError(told)
        if message.channel in ("subscriptionResponse", "pong"):
            return []
        told = f"there is no channel {message.channel!r} here"
        raise ScenarioError(told)


def _scales(data: msgspec.Raw) -> list[Said]:
    """The scales of all coins; nothing where the venue does not answer it."""
    response = _answer(data).response
    if response.type != "info":
        return []
    listed = _payload(response.payload).data.universe
    return [MarketScale(_market(one.name), max(0, _PRICE_DECIMALS - one.szDecimals), one.szDecimals) for one in listed]


def _digits(raw: msgspec.Raw) -> str:
    """A figure as it is written: the venue documents numbers, and sends text."""
    return bytes(raw).decode().strip('"')


def _market(coin: str) -> VenueMarket:
    return VenueMarket("hyperliquid", coin)
