"""Whether a file is of the instrument that it is to drive.

1. A file's symbol is what its rows say, or what Binance's public files are named after: SYMBOL-KIND-DATE or
   SYMBOL-INTERVAL-DATE, such as BTCUSDT-trades-2025-10-10.csv, in either case; `btcusd-perp-1m-...` is BTCUSD_PERP. A
   file that is named otherwise says none.
2. Symbol and instrument belong together if they are of one coin: what stands before the quote (AVAXUSD_PERP and
   AVAX-PERP are of AVAX). XBT is BTC. 1000PEPE is not PEPE: its price is another.
3. A scenario's `symbol` says which symbol is meant, whatever its coin. A file of another is refused.
"""

from __future__ import annotations

import re

from ...events.errors import ScenarioError

__all__ = ["check_symbol", "coin_of", "symbol_of_name"]

_NAME = re.compile(
    r"(?P<symbol>[^\W_]+(?:[_-](?:perp|[0-9]{6}))?)"
    r"-(?:trades|aggTrades|bookDepth|liquidationSnapshot|forceOrders?|liquidations?|markPriceKlines|klines"
    r"|[0-9]+(?:s|m|h|d|w|mo))(?:[-_.]|$)",
    re.IGNORECASE,
)
_PART_OF_VENUE = re.compile(r"^P[IFV]_")
_SEPARATOR = re.compile(r"[-_/:]")
_QUOTE = re.compile(r"(?<=.)(?:USDT|USDC|FDUSD|BUSD|USD|EUR)$")
_SAME = {"XBT": "BTC"}


def symbol_of_name(name: str) -> str | None:
    """The symbol that a file is named after; None where its name does not tell one."""
    match = _NAME.match(name)
    return None if match is None else match["symbol"].upper().replace("-", "_")


def coin_of(name: str) -> str:
    """The coin of a symbol or of an instrument."""
    pair = _SEPARATOR.split(_PART_OF_VENUE.sub("", name.upper()), maxsplit=1)[0]
    coin = _QUOTE.sub("", pair)
    return _SAME.get(coin, coin)


def check_symbol(symbol: str | None, told: str | None, instrument: str) -> None:
    """Refuse a file of `symbol` for an instrument, unless it is the one that was `told`.

    Raises ScenarioError without a place. A file without a symbol is whatever it is taken for.
    """
    if symbol is None or symbol == told:
        return
    if told is not None:
        message = f"the file is of {symbol}, and symbol says {told}; name another file, or mend symbol"
        raise ScenarioError(message)
    if coin_of(symbol) != coin_of(instrument):
        message = (
            f"the file is of {symbol}, and is to drive {instrument}; name the instrument that it is of, or say "
            f'symbol = "{symbol}" if it is meant'
        )
        raise ScenarioError(message)
