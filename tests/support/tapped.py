"""Messages of the venues as their pages document them, and a tap of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deleverage.replay.tap.binance import BinanceStreams
from deleverage.replay.tap.heard import Said, Venue
from deleverage.replay.tap.line import Line, LinePace, Stop
from deleverage.replay.tap.tapping import TapResult, TapWanted, run_tap

from .replayed import Script, replayed

__all__ = [
    "END",
    "PACE",
    "START_MS",
    "agg_trade",
    "best",
    "context",
    "force_order",
    "listened",
    "mark_price",
    "tap",
    "trades",
]

START_MS = 1_760_130_960_000
"""2025-10-10T21:16:00Z."""

PACE = LinePace(poll_s=0.02, open_s=2, heartbeat_s=0.02, silence_s=5, backoff_s=(0.0,))

REQUESTS = {"binance": 1, "hyperliquid": 7}


def agg_trade(number: int, at_ms: int, price: str = "113000.10", symbol: str = "BTCUSDT", size: str = "0.020") -> Any:
    """An aggregate of trades; one trade each, numbered alike."""
    moment = START_MS + at_ms
    return {
        "e": "aggTrade",
        "E": moment + 3,
        "s": symbol,
        "a": number,
        "p": price,
        "q": size,
        "f": number,
        "l": number,
        "T": moment,
        "m": True,
    }


def mark_price(at_ms: int, price: str, index: str = "113001.00000000", symbol: str = "BTCUSDT") -> Any:
    """A mark with its index and rate."""
    moment = START_MS + at_ms
    return {
        "e": "markPriceUpdate",
        "E": moment,
        "s": symbol,
        "p": price,
        "i": index,
        "P": price,
        "r": "0.00010000",
        "T": moment + 3_600_000,
    }


def force_order(
    at_ms: int, size: str = "1.500", filled: str = "1.500", side: str = "SELL", price: str = "112000.00"
) -> Any:
    """A forced order of BTCUSDT."""
    moment = START_MS + at_ms
    order = {
        "s": "BTCUSDT",
        "S": side,
        "o": "LIMIT",
        "f": "IOC",
        "q": size,
        "p": "111000.00",
        "ap": price,
        "X": "FILLED",
        "l": filled,
        "z": filled,
        "T": moment,
    }
    return {"e": "forceOrder", "E": moment + 100, "o": order}


def trades(*found: tuple[int, int, str], coin: str = "BTC") -> Any:
    """Trades of a coin as (tid, time, price), in one message."""
    data = [
        {
            "coin": coin,
            "side": "A",
            "px": price,
            "sz": "0.01",
            "hash": "0x0",
            "time": START_MS + at_ms,
            "tid": tid,
            "users": ["0x1", "0x2"],
        }
        for tid, at_ms, price in found
    ]
    return {"channel": "trades", "data": data}


def context(mark: str, oracle: str = "113005.0", funding: str = "0.0000125", coin: str = "BTC") -> Any:
    """The context of a coin."""
    ctx = {"funding": funding, "openInterest": "1.0", "markPx": mark, "oraclePx": oracle, "midPx": mark}
    return {"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": ctx}}


def best(at_ms: int, coin: str = "BTC") -> Any:
    """The best bid and ask of a coin."""
    level = {"px": "113000.0", "sz": "0.1", "n": 1}
    return {"channel": "bbo", "data": {"coin": coin, "time": START_MS + at_ms, "bbo": [level, None]}}


END = [mark_price(16_000, "1.00000000"), mark_price(17_000, "1.00000000")]
"""What says that ten seconds are over, and the hold behind them."""


def tap(
    script: Script,
    output: Path,
    venue: Callable[[], Venue] = BinanceStreams,
    told: list[str] | None = None,
    **wanted: Any,
) -> TapResult:
    """Tap a script for ten seconds of the venue's time, or as it is `wanted`."""
    with replayed(script, REQUESTS[venue().name]) as url:
        return listened(url, output, venue, PACE, told, **wanted)


def listened(
    url: str,
    output: Path,
    venue: Callable[[], Venue],
    pace: LinePace,
    told: list[str] | None = None,
    stop_after: int | None = None,
    **wanted: Any,
) -> TapResult:
    """Tap a server; behind so many messages (`stop_after`) it is asked to stop."""
    tapped, stop = venue(), Stop()
    instruments = ("BTC", "AVAX") if tapped.name == "hyperliquid" else ("BTCUSDT",)
    asked = TapWanted(tapped, instruments, output, **({"for_ns": 10 * 10**9} | wanted))
    line = Line(url, tapped, instruments, stop, ([] if told is None else told).append, pace)
    if stop_after is not None:
        heard, count = tapped.hears, itertools.count(1)

        def hears(text: str | bytes) -> list[Said]:
            if next(count) >= stop_after:
                stop()
            return heard(text)

        tapped.hears = hears  # type: ignore[method-assign]
    return run_tap(asked, line)
