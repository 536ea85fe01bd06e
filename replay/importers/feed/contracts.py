"""What an instrument settles in and what its sizes count, from its name.

1. A symbol such as BTCUSD_PERP or BTCUSD_260327 is an inverse contract that settles in its coin. Sizes count contracts,
   of 100 dollars each where the coin is BTC and of 10 for any other (Binance's rule); `--contract SYMBOL=DOLLARS` makes
   any symbol inverse and says another size.
2. Any other settles in the quote asset that its name ends in, once `-PERP`, `-SWAP` or `_PERP` is taken off. Where it
   ends in none that is known the asset is called after the symbol: `quote of SYMBOL`.
3. Sizes of what is not inverse count units.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from ....events.bodies.listing import InstrumentKind
from .items import Market

__all__ = ["Contract", "contract_of"]

_COIN_MARGINED = re.compile(r"([A-Z0-9]+)USD_(?:PERP|[0-9]{6})")
_SUFFIX = re.compile(r"[-_](?:PERP|PERPETUAL|SWAP|[0-9]{6})$")
_QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "USDP",
    "USDE",
    "USD1",
    "DAI",
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "TRY",
    "BRL",
)
_COINS = ("BTC", "ETH", "BNB", "SOL")
_OF_BTC, _OF_OTHERS = Decimal(100), Decimal(10)


class Contract(NamedTuple):
    """The kind, the asset it settles in, and for an inverse contract the quote that one is over."""

    kind: InstrumentKind
    asset: str
    quote_size: Decimal | None = None


def contract_of(market: Market, told: Mapping[str, Decimal], *, spot: bool = False) -> Contract:
    """The contract behind a market; `told` is what was said of it, by symbol."""
    symbol = market.symbol.upper()
    match = _COIN_MARGINED.fullmatch(symbol)
    size = told.get(market.symbol)
    if match is not None:
        coin = match[1]
        return Contract("inverse", coin, size or (_OF_BTC if coin == "BTC" else _OF_OTHERS))
    pair = _SUFFIX.sub("", symbol)
    quote = next((one for one in (*_QUOTES, *_COINS) if pair.endswith(one) and pair != one), None)
    if size is not None:
        coin = pair.removesuffix(quote or "").rstrip("-_/") or market.symbol
        return Contract("inverse", coin, size)
    return Contract("spot" if spot else "linear", quote or f"quote of {market.symbol}")
