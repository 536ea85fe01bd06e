"""What a file of Binance's public data is about, told by its name and its columns.

1. Files are named after their symbols (`sim/sources/symbols.py`). Rows do not say one, except in some files of forced
   orders.
2. The kind is told by the columns. Bars of marks have the columns of bars of trades: the folder says so
   (`markPriceKlines`), or the file's name, or `--marks`. Bars of an index or of a premium are no prices of an
   instrument and are refused.
3. The market (spot, um, cm) follows from the symbol where it is coin-margined, else from the folders that the files are
   published in or a column that only spot files have; else it is um. `--market` says it for all files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from ....events.errors import ScenarioError

__all__ = ["NAME_FORM", "Kind", "Part", "kind_of", "part_of", "part_of_symbol"]

NAME_FORM = "SYMBOL-trades-, SYMBOL-1m- or the like"

Kind = Literal["trades", "aggTrades", "klines", "markPriceKlines", "bookDepth", "liquidationSnapshot"]
Part = Literal["spot", "um", "cm"]

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
        expected = "; ".join(f"{known}: {','.join(sorted(needed))}" for known, needed in _COLUMNS)
        message = f"{path}:1: these columns are of no known kind of file; expected at least those of {expected}"
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
    by_symbol = part_of_symbol(symbol)
    if by_symbol == "um" and ("spot" in path.parts or "is_best_match" in columns):
        return "spot"
    return by_symbol


def part_of_symbol(symbol: str) -> Part:
    """The part of the venue's futures that a symbol is of."""
    return "cm" if _COIN_MARGINED.fullmatch(symbol) else "um"
