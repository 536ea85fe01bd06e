"""The contract specifications that are known: a row for each form of symbol of each exchange, with its source.

1. The first row whose pattern is the whole symbol counts. `size` is what a size of 1 in a file is: units of the coin
   (linear), an amount of the quote (inverse), the settlement asset at a price of 1 (quanto).
2. An exchange is named as the publishers of files do: by Tardis' ids, by the formats of `deleverage import`, and by the
   parts of Binance (um, cm, spot).
3. Dated contracts end at `hour_utc` of the day that the symbol names. A month code means the month's last Friday.

How much of its coin one contract is, where a venue lists another figure for each coin, is in tables of its own. Figures
are those that the venue's own list of instruments answered in 2022 and after. Older contracts of the same name can
differ (OKX changed its face values in 2019 to 2021); `--contract` says another size. A coin that is not listed is
refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = [
    "BITMEX_QUANTO",
    "BITMEX_USDT",
    "GATE_USDT",
    "HUOBI_USDT",
    "OKX_USDT",
    "SPECIFICATIONS",
    "ContractKind",
    "Specification",
]

ContractKind = Literal["linear", "inverse", "quanto", "spot", "option"]


def _sizes(text: str) -> Mapping[str, str]:
    """SIZE: COIN COIN ...; SIZE: ..., as coin to size."""
    parts = (part.partition(":") for part in text.split(";"))
    return {coin: size.strip() for size, _, coins in parts for coin in coins.split()}


OKX_USDT = _sizes(
    """0.0001: YFI; 0.01: BTC ICP MKR XCH; 0.1: AAVE APE AXS BADGER BAL BCH COMP DASH EGLD ENS ETH FIL KSM LPT TRB UMA
    XMR ZEC; 1: 1INCH ALPHA ANT API3 ATOM AVAX BAND BSV CELO CRV DOT DYDX GMT IMX KNC LINK LTC MASK MINA NEO OMG OP PERP
    QTUM SNX SOL SRM SUSHI UNI WAVES XTZ YGG ZEN; 10: ALGO BAT BNT CFX CHZ CRO EOS ETC FLM FTM GALA GRT IOTA LRC
    MANA MATIC NEAR ONT REN RVN SAND SLP STORJ THETA UMEE XEM ZRX; 100: ADA BTM CVC JST PEOPLE RSR SC XLM XRP ZIL;
    1000: DOGE IOST TRX; 1000000: SHIB"""
)
"""OKX API v5, GET /public/instruments, ctVal of linear SWAP and FUTURES."""
GATE_USDT = _sizes(
    """0.0001: BTC YFI; 0.001: BNB ICP MKR XCH YFII; 0.01: AAVE BCH BSV COMP CRU DASH ETH FIL FTT XMR XVS ZEC;
    0.1: ALICE ANT AR AXS BADGER BAKE BAND CAKE CRV DEGO EGLD ETC FLOW KSM LTC MASK MINA MTL OKB PERP SNX SUN ZEN;
    1: 1INCH ALPHA ATOM AVAX BNT C98 COTI DOT EOS KAVA LINK LON LRC LUNA NEAR OGN OMG ONT QTUM RNDR SLP SOL SRM
    STORJ SUSHI SXP THETA TLM UNI WAVES XEM XTZ YGG; 10: ADA ALGO ANKR BAT CFX CHR CVC DOGE GRT HBAR IRIS LINA MATIC RVN
    SKL TFUEL TRU XLM XRP ZIL; 100: BTS CHZ CKB JST ROSE TRX VET; 10000: SHIB"""
)
"""Gate API v4, GET /futures/usdt/contracts, quanto_multiplier."""
HUOBI_USDT = _sizes(
    """0.0001: YFI; 0.001: BTC MKR XCH; 0.01: BCH BSV COMP ETH ICP XMR; 0.1: AAVE AXS BADGER BAL BAND BNB DASH FIL FLOW
    KSM LINK LTC MASK NEO UMA ZEC ZEN; 1: 1INCH ATOM AVAX BNT CRV DOT EOS ETC KAVA KNC LUNA NEAR OGN OMG QTUM RNDR SNX
    SOL SRM STORJ SUSHI SXP UNI WAVES XTZ YGG; 10: ADA ALGO ANKR BAT CHR CHZ COTI CRO CTSI ENJ GRT HBAR IOTA IOTX LINA
    LRC MANA NKN ONT RVN SAND SKL THETA WAXP WOO XEM XLM XRP; 100: BTS CVC DOGE IOST MATIC ONE REEF REN RSR TRX VET ZIL;
    1000: BTT SHIB"""
)
"""Huobi (HTX), GET /linear-swap-api/v1/swap_contract_info, contract_size."""
BITMEX_USDT = _sizes(
    """0.000001: XBT; 0.00001: BCH ETH; 0.0001: AVAX BNB LTC SOL; 0.001: APE DOT EOS GMT LINK LUNA MANA NEAR OP SAND;
    0.01: ADA DOGE FTM MATIC XRP; 0.1: TRX; 1: SHIB"""
)
"""BitMEX API v1, GET /instrument: multiplier, in 10^-6 USDT for each USDT of the price."""
BITMEX_QUANTO = _sizes(
    """0.000001: AXS BCH BNB ETH SOL; 0.000002: LTC; 0.00001: APE AVAX DOT LINK; 0.0001: ADA EOS GMT LUNA NEAR OP;
    0.0002: XRP; 0.001: DOGE TRX"""
)
"""BitMEX API v1, GET /instrument: multiplier, in 10^-8 XBT for each USD of the price."""


class Specification(NamedTuple):
    """One row. `asset` may name a group of the pattern; `in_parts` says that sizes need not be whole contracts."""

    exchanges: tuple[str, ...]
    pattern: re.Pattern[str]
    kind: ContractKind
    size: str | Mapping[str, str]
    asset: str
    source: str
    hour_utc: int = 8
    in_parts: bool = True


def _rows(
    exchanges: str, source: str, *rows: tuple[str, ContractKind, str | Mapping[str, str], str], hour_utc: int = 8
) -> tuple[Specification, ...]:
    """Rows of one exchange and source; contracts that count quote or coins of another are whole, but for OKX."""
    names = tuple(exchanges.split())
    return tuple(
        Specification(
            names,
            re.compile(pattern),
            kind,
            size,
            asset,
            source,
            hour_utc,
            kind not in ("inverse", "quanto") or "okx" in names,
        )
        for pattern, kind, size, asset in rows
    )


_DAY = r"(?P<day>\d{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d\d)"
_DATE = r"(?P<date>\d{6})"
_MONTH = r"(?P<month>[FGHJKMNQUVXZ])(?P<year>\d\d)"
_COIN = r"(?P<coin>[A-Z0-9]+)"
_STABLE = "USDT|FDUSD|USDC|TUSD|BUSD|USDP|USDE|USD1|PAX|DAI|EURI|AEUR|IDRT|BIDR"
_FIAT = "EUR|GBP|TRY|BRL|JPY|AUD|RUB|UAH|NGN|ZAR|PLN|RON|ARS|MXN|CZK|COP"
_BINANCE = (
    *_rows(
        "binance-delivery cm um",
        "Binance COIN-M, GET /dapi/v1/exchangeInfo, contractSize: 100 USD for BTC, 10 USD for any other",
        (rf"(?P<coin>BTC)USD_(?:PERP|{_DATE})", "inverse", "100", "{coin}"),
        (rf"{_COIN}USD_(?:PERP|{_DATE})", "inverse", "10", "{coin}"),
    ),
    *_rows(
        "binance-futures um",
        "Binance USD-M, GET /fapi/v1/exchangeInfo: quantities are units of the base asset",
        (rf"(?P<coin>.+?)(?P<quote>USDT|USDC|BUSD|BTC)(?:_{_DATE})?", "linear", "1", "{quote}"),
    ),
    *_rows(
        "binance-options binance-european-options",
        "Binance options",
        (r".+-\d{6}-.+-[CP]", "option", "1", ""),
    ),
    *_rows(
        "binance spot",
        "Binance spot, GET /api/v3/exchangeInfo",
        (
            rf"(?P<coin>.+?)(?P<quote>{_STABLE}|{_FIAT}|BTC|ETH|BNB|SOL|XRP|TRX|DOGE|DOT)",
            "spot",
            "1",
            "{quote}",
        ),
    ),
)
_BYBIT = _rows(
    "bybit bybit-options",
    "Bybit API v5, GET /v5/market/instruments-info: inverse contracts are 1 USD, linear sizes are units",
    (rf"{_COIN}USD(?:{_MONTH})?", "inverse", "1", "{coin}"),
    (rf"{_COIN}(?P<quote>USDT)(?:-{_DAY})?", "linear", "1", "{quote}"),
    (rf"{_COIN}PERP", "linear", "1", "USDC"),
    (rf"{_COIN}-{_DAY}", "linear", "1", "USDC"),
    (rf"{_COIN}-{_DAY}-.+-[CP](?:-USDT)?", "option", "1", ""),
)
_OKX = _rows(
    "okx okex-swap okex-futures okex-options",
    "OKX API v5, GET /public/instruments, ctVal: coin-margined 100 USD for BTC, 10 USD for any other",
    (rf"(?P<coin>BTC)-USD-(?:SWAP|{_DATE})", "inverse", "100", "{coin}"),
    (rf"{_COIN}-USD-(?:SWAP|{_DATE})", "inverse", "10", "{coin}"),
    (rf"{_COIN}-(?P<quote>USDT)-(?:SWAP|{_DATE})", "linear", OKX_USDT, "{quote}"),
    (rf"{_COIN}-USD[A-Z]?-{_DATE}-.+-[CP]", "option", "1", ""),
)
_BITMEX = _rows(
    "bitmex",
    "BitMEX API v1, GET /instrument, multiplier; inversePerpetualsGuide, inverseFuturesGuide, seriesGuide/ETHUSD",
    (r"XBT(?:USD|EUR)", "inverse", "1", "XBT"),
    (rf"XBT{_MONTH}", "inverse", "1", "XBT"),
    (rf"(?P<coin>ETH)USD(?:{_MONTH})?_ETH", "inverse", "1", "{coin}"),
    (rf"(?P<coin>ETH)USD{_MONTH}", "quanto", BITMEX_QUANTO, "XBT"),
    (rf"{_COIN}USD", "quanto", BITMEX_QUANTO, "XBT"),
    (rf"{_COIN}(?P<quote>USDT)(?:{_MONTH})?", "linear", BITMEX_USDT, "{quote}"),
    hour_utc=12,
)
_DERIBIT = _rows(
    "deribit",
    "Deribit API, public/get_last_trades_by_instrument, amount: of perpetuals and inverse futures in USD, of linear "
    "futures in the base currency",
    (rf"{_COIN}_(?P<quote>USDC|USDT)-(?:PERPETUAL|{_DAY})", "linear", "1", "{quote}"),
    (rf"{_COIN}-(?:PERPETUAL|{_DAY})", "inverse", "1", "{coin}"),
    (rf"{_COIN}(?:_USD[A-Z])?-{_DAY}-.+-[CP]", "option", "1", ""),
    (rf"{_COIN}_(?P<quote>[A-Z]+)", "spot", "1", "{quote}"),
)
_GATE = (
    *_rows(
        "gate gate-io-futures",
        "Gate API v4, GET /futures/{settle}/contracts: inverse contracts are 1 USD, others quanto_multiplier units",
        (r"(?P<coin>BTC)_USD", "inverse", "1", "{coin}"),
        (rf"{_COIN}_(?P<quote>USDT)(?:_(?P<date>\d{{8}}))?", "linear", GATE_USDT, "{quote}"),
    ),
)
_OTHERS = (
    *_rows(
        "huobi-dm-swap huobi-dm",
        "Huobi (HTX), GET /swap-api/v1/swap_contract_info, contract_size: 100 USD for BTC, 10 USD for any other",
        (r"(?P<coin>BTC)-USD", "inverse", "100", "{coin}"),
        (rf"{_COIN}-USD", "inverse", "10", "{coin}"),
        (rf"(?P<coin>BTC){_DATE}", "inverse", "100", "{coin}"),
        (rf"(?P<coin>[A-Z]+){_DATE}", "inverse", "10", "{coin}"),
    ),
    *_rows(
        "huobi-dm-linear-swap",
        "Huobi (HTX), GET /linear-swap-api/v1/swap_contract_info, contract_size",
        (rf"{_COIN}-(?P<quote>USDT)", "linear", HUOBI_USDT, "{quote}"),
    ),
    *_rows(
        "cryptofacilities",
        "Kraken Futures, GET /derivatives/api/v3/instruments: PI contracts are 1 USD, PF sizes are units",
        (rf"PI_{_COIN}USD", "inverse", "1", "{coin}"),
        (rf"PF_{_COIN}USD", "linear", "1", "USD"),
    ),
    *_rows("ftx", "FTX API, GET /futures: sizes are units", (rf"{_COIN}-PERP", "linear", "1", "USD")),
    *_rows("dydx dydx-v4", "dYdX, GET /v3/markets: sizes are units", (rf"{_COIN}-USD", "linear", "1", "USDC")),
    *_rows("hyperliquid", "Hyperliquid, perpetuals: sizes are units", (_COIN, "linear", "1", "USDC")),
)
_SPOT = (
    *_rows(
        "okx okex bitstamp bybit-spot coinbase gate-io gemini huobi kraken kucoin spot",
        "spot markets: base and quote with a separator between them",
        (r"(?P<coin>[A-Z0-9.]+)[-_/](?P<quote>[A-Z0-9]+)", "spot", "1", "{quote}"),
    ),
    *_rows(
        "bybit-spot bitstamp gemini huobi binance-us",
        "spot markets: base and quote in one word",
        (rf"(?P<coin>.+?)(?P<quote>USDT|USDC|USDE|DAI|USD|{_FIAT}|BTC|ETH|BNB)", "spot", "1", "{quote}"),
    ),
)
SPECIFICATIONS = (*_BINANCE, *_BYBIT, *_OKX, *_BITMEX, *_DERIBIT, *_GATE, *_OTHERS, *_SPOT)
"""All rows, in the order in which they are tried."""
