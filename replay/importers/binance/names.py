"""What a file of Binance's public data is about, told by its name and its columns.

1. Names are SYMBOL-KIND-DATE or SYMBOL-INTERVAL-DATE, such as BTCUSDT-trades-2025-10-10.csv, in either case;
   `btcusd-perp-1m-...` is BTCUSD_PERP. Rows do not say a symbol, except in some files of forced orders.
2. The kind is told by the columns. Bars of marks have the columns of bars of trades: the folder says so
   (`markPriceKlines`), or the file's name, or `--marks`. Bars of an index or of a premium are no prices of an
   instrument and are refused.
3. The market (spot, um, cm) follows from the symbol where it is coin-margined, else from the folders that the files are
   published in or a column that only spot files have; else it is um. `--market` says it for all files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from ....events.errors import ScenarioError

__all__ = ["Kind", "Part", "kind_of", "part_of", "symbol_of"]

Kind = Literal["trades", "aggTrades", "klines", "markPriceKlines", "bookDepth", "liquidationSnapshot"]
Part = Literal["spot", "um", "cm"]

_NAME = re.compile(
    r"(?P<symbol>[A-Za-z0-9]+(?:[_-](?:perp|[0-9]{6}))?)"
    r"-(?:trades|aggTrades|bookDepth|liquidationSnapshot|forceOrders?|liquidations?|markPriceKlines|klines"
    r"|[0-9]+(?:s|m|h|d|w|mo))(?:[-_.]|$)",
    re.IGNORECASE,
)
_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(?:PERP|[0-9]{6})")
_NO_PRICES = ("indexPriceKlines", "premiumIndexKlines")
_MARKS: Kind = "markPriceKlines"
_COLUMNS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("klines", frozenset({"open_time", "open", "high", "low", "close", "close_time"})),
    ("bookDepth", frozenset({"timestamp", "percentage", "depth", "notional"})),
    ("liquidationSnapshot", frozenset({"time", "side", "original_quantity", "average_price"})),
    ("aggTrades", frozenset({"agg_trade_id", "price", "quantity", "transact_time"})),
    ("trades", frozenset({"id", "price", "qty", "time", "is_buyer_maker"})),
)


def symbol_of(path: Path, told: str | None) -> str:
    """The symbol of a file. Raises ScenarioError where its name does not tell it and nobody else did."""
    if told is not None:
        return told
    match = _NAME.match(path.name)
    if match is None:
        message = f"{path}: its name does not begin SYMBOL-trades-, SYMBOL-1m- or the like; say it with --symbol"
        raise ScenarioError(message)
    return match["symbol"].upper().replace("-", "_")


def kind_of(path: Path, columns: frozenset[str], *, marks: bool) -> Kind:
    """The kind of a file with these columns; `marks` says that bars are of marks.

    Raises ScenarioError for a file that is of no kind that can be taken in.
    """
    for refused in _NO_PRICES:
        if _says(path, refused):
            message = f"{path}: {refused} are no prices of an instrument; leave the file out"
            raise ScenarioError(message)
    kind = next((kind for kind, needed in _COLUMNS if needed <= columns), None)
    if kind is None:
        message = f"{path}:1: these columns are of no known kind of file; known are {', '.join(get_args(Kind))}"
        raise ScenarioError(message)
    if kind == "klines" and (marks or _says(path, _MARKS)):
        return _MARKS
    return kind


def _says(path: Path, kind: str) -> bool:
    return kind in path.parts or kind.lower() in path.name.lower()


def part_of(path: Path, symbol: str, columns: frozenset[str], told: Part | None) -> Part:
    """The part of the venue that a file is of."""
    if told is not None:
        return told
    if _COIN_MARGINED.fullmatch(symbol):
        return "cm"
    if "spot" in path.parts or "is_best_match" in columns:
        return "spot"
    return "um"
