"""Conformance: the venues' worked examples of liquidation and bankruptcy prices, figures and sources as published.

Cases are named as in the vector files: `venues-35` is id 35 of venues.json, `dydx: ...` a case of dydx.json by its
name. A result is compared to the digits that its source prints; dYdX is exact.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest

from .support.formulas import binance, bybit, dydx
from .support.formulas.bankruptcy import floored_bankruptcy_price
from .support.formulas.binance import Wallet
from .support.formulas.dydx import Holding, Perpetual
from .support.formulas.numbers import rounded

# dydxprotocol/v4-chain@84d4664 protocol/x/clob/keeper/liquidations_test.go: BTC at 50,000 and ETH at 3,000 USD with a
# maintenance fraction of 0.1; atomic resolutions -8, -9 and, of the quote, -6.
PERPETUALS = {
    "BTC-USD": Perpetual(Fraction(50_000 * 10**6, 10**8), 100_000),
    "ETH-USD": Perpetual(Fraction(3_000 * 10**6, 10**9), 100_000),
}
ONE_BTC, ONE_ETH, ONE_USD = 10**8, 10**9, 10**6


class Closing(NamedTuple):
    """A subaccount and what is closed of it: quote balance, positions, perpetual, base quantums."""

    quote_quantums: int
    positions: dict[str, int]
    perpetual: str
    delta: int

    def price(self) -> int:
        """What is under test."""
        holding = Holding(self.quote_quantums, self.positions)
        return dydx.bankruptcy_price_quote_quantums(holding, PERPETUALS, self.perpetual, self.delta)


def btc(quote_quantums: int, base_quantums: int, delta: int) -> Closing:
    """A subaccount with one BTC position."""
    return Closing(quote_quantums, {"BTC-USD": base_quantums}, "BTC-USD", delta)


def both(quote_quantums: int, eth_quantums: int) -> Closing:
    """A subaccount long 0.004 BTC that closes its whole ETH position."""
    positions = {"BTC-USD": 400_000, "ETH-USD": eth_quantums}
    return Closing(quote_quantums, positions, "ETH-USD", -eth_quantums)


FULLY = "Can calculate bankruptcy price in quote quantums for a subaccount that is fully closing one"
PARTLY = "Can calculate bankruptcy price in quote quantums for a subaccount that is partially closing one"
ROUNDS = "Rounds up bankruptcy price in quote quantums for a subaccount that is partially closing one"


@pytest.mark.parametrize(
    ("closing", "price"),
    [
        pytest.param(btc(-4501 * ONE_USD, 10_000_000, -10_000_000), 4501 * ONE_USD, id="venues-1"),
        pytest.param(both(-490 * ONE_USD, 100_000_000), 294 * ONE_USD, id="venues-3"),
        # Printed unrounded as 2775.11.
        pytest.param(btc(-13 * ONE_USD, ONE_BTC, -21_347), 2_776, id="venues-5"),
        pytest.param(
            btc(-4_501_000_000, 10_000_000, -10_000_000),
            4_501_000_000,
            id=f"dydx: {FULLY} long position that is slightly below maintenance margin requirements",
        ),
        pytest.param(
            btc(-5_000_000_000, 10_000_000, -10_000_000),
            5_000_000_000,
            id=f"dydx: {FULLY} long position that is at the bankruptcy price",
        ),
        pytest.param(
            btc(5_000_000_000, -10_000_000, 5_000_000),
            -2_500_000_000,
            id=f"dydx: {PARTLY} short position that is at the bankruptcy price",
        ),
        pytest.param(
            btc(-5_100_000_000, 10_000_000, -10_000_000),
            5_100_000_000,
            id=f"dydx: {FULLY} long position that is below the bankruptcy price",
        ),
        pytest.param(
            both(-490_000_000, 100_000_000),
            294_000_000,
            id=f"dydx: {FULLY} long position and has multiple long positions",
        ),
        pytest.param(
            both(110_000_000, -100_000_000),
            -306_000_000,
            id=f"dydx: {FULLY} short position and has a long and short position",
        ),
        pytest.param(
            btc(13_000_000, -ONE_BTC, 21_347),
            -2_775,
            id=f"dydx: {ROUNDS} short position that is below the bankruptcy price",
        ),
    ],
)
def test_dydx_bankruptcy_price(closing: Closing, price: int) -> None:
    """TestGetBankruptcyPriceInQuoteQuantums: exact whole quantums, rounded up."""
    assert closing.price() == price


@pytest.mark.parametrize(
    "delta",
    [
        pytest.param(0, id="dydx: Returns error when deltaQuantums is zero"),
        pytest.param(
            10_000_000, id="dydx: Returns error when delta quantums and perpetual position have the same sign"
        ),
        pytest.param(-ONE_BTC - 1, id="larger than the position"),
    ],
)
def test_dydx_bankruptcy_price_of_no_reduction(delta: int) -> None:
    """ErrInvalidPerpetualPositionSizeDelta: 1 BTC long, balance -4,501."""
    with pytest.raises(ValueError, match="does not reduce 100000000 of BTC-USD"):
        btc(-4_501_000_000, ONE_BTC, delta).price()


@pytest.mark.parametrize("usdc", [pytest.param(((-4000, False), (-4500, False), (-4501, True)), id="venues-12")])
def test_dydx_is_liquidatable(usdc: tuple[tuple[int, bool], ...]) -> None:
    """TestIsLiquidatable, its three boundary rows: 0.1 BTC long, strictly below 500 of maintenance margin."""
    for balance, expected in usdc:
        risk = dydx.risk_of(Holding(balance * ONE_USD, {"BTC-USD": ONE_BTC // 10}), PERPETUALS)
        assert dydx.is_liquidatable(risk) is expected


# Binance FAQ b3c689c1f50a44cabb3a84e663b81d93, worked example (figures as carried in freqtrade's
# tests/exchange/test_binance.py): LP = (WB - TMM1 + UPNL1 + cum - side*Q*EP) / (Q*MMR - side*Q).
BALANCE = Decimal("1535443.01")


@pytest.mark.parametrize(
    ("wallet", "size", "entry", "rate", "amount", "printed"),
    [
        pytest.param(
            Wallet(BALANCE, Decimal("71200.81144"), Decimal("-56354.57")),
            "3683.979",
            "1456.84",
            "0.1",
            135_365,
            "1153.26",
            id="venues-35",
        ),
        pytest.param(Wallet(BALANCE), "109.488", "32481.98", "0.025", 16_300, "18778.73", id="venues-38"),
    ],
)
def test_binance_liquidation_price(wallet: Wallet, size: str, entry: str, rate: str, amount: int, printed: str) -> None:
    """ETHUSDT in a cross wallet with another position, BTCUSDT alone; to the cent, as printed."""
    price = binance.liquidation_price(wallet, Decimal(size), Decimal(entry), Decimal(rate), amount)
    assert rounded(price, 2) == Decimal(printed)


@pytest.mark.parametrize("printed", [pytest.param("1.81", id="venues-39")])
def test_binance_maintenance_amount(printed: str) -> None:
    """FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46, COIN-M level 5: from 50 BTC on 5%, after 2.5% with 0.56 BTC."""
    amount = binance.maintenance_amount(50, Decimal("0.05"), Decimal("0.025"), Decimal("0.56"))
    assert rounded(amount, 2) == Decimal(printed)


@pytest.mark.parametrize(("printed", "rounded_to"), [pytest.param("7735.372549", "7735.5", id="venues-41")])
def test_bybit_inverse_bankruptcy_price(printed: str, rounded_to: str) -> None:
    """Help article 900000031623: a long from 7,890.08 at a leverage of 50, and what the page rounds that to."""
    entry = Decimal("7890.08")
    price = bybit.inverse_bankruptcy_price(1, entry, 50)
    assert price is not None
    assert rounded(price, 6) == Decimal(printed)
    assert bybit.inverse_bankruptcy_price_in_ticks(1, entry, 50, Decimal("0.5")) == Decimal(rounded_to)


@pytest.mark.parametrize(
    "printed", [pytest.param(("0", "0.3333333333333333", "1.6666666666666667", "0.8947", "1.101"), id="venues-46")]
)
def test_paper_bankruptcy_prices(printed: tuple[str, ...]) -> None:
    """P5 is max(p0 - c/(b q), 0), with p0 = 1.

    Source: arXiv 2512.01112, pluriholonomic/autodeleveraging-analysis@aae0be8 paper/main_corrected.tex. The cash of
    B to E is given here in fractions: 2/3, 8/3, 2/19 and 10/99.
    """
    sizes = (1, 1, -4, 1, -1)
    cash = (2, Fraction(2, 3), Fraction(8, 3), Fraction(2, 19), Fraction(10, 99))
    for size, money, text in zip(sizes, cash, printed, strict=True):
        digits = -Decimal(text).as_tuple().exponent  # type: ignore[operator]
        assert rounded(floored_bankruptcy_price(size, 1, money), digits) == Decimal(text)
