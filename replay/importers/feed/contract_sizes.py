"""How much of its coin one contract is, where a venue lists another figure for each coin.

Figures are those that the venue's own list of instruments answered in 2022 and after. Older contracts of the same name
can differ (OKX changed its face values in 2019 to 2021); `--contract` says another size. A coin that is not here is
refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BITMEX_QUANTO", "BITMEX_USDT", "GATE_USDT", "HUOBI_USDT", "OKX_USDT"]


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
