"""Conformance: the venues' worked figures of collateral, given by the keeper and the ledger, by the rulebook of each.

Binance: FAQ c983a9268cfa4e70a4916c276bb3b7bc (equity in multi-assets mode), page multi-asset-info (conversion, ratios),
FAQ f80415bea8124f6494566f23c0bf9c38 (threshold), developers.binance.com Multi-Assets-Mode-Asset-Index (sample
responses; the venue holds more decimals than it prints, so its rates are compared to 2e-8). OKX: copies of worked
examples on discount rates, quotas and the order of a conversion. Bybit: help pages Borrowing-repayment and
Assets-Collateral-Value-Ratio-List-UTA (the totals are worked out here from its table). Drift: drift-labs/protocol-v2
at 0ae3e3b1, tests of programs/drift/src/math/margin.rs.

A case is named in a test's id, as `collateral binance: haircut of BNB`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from deleverage.events.bodies.collateral import CoinDeposited, CollateralSold, InterestCharged
from deleverage.events.bodies.inputs import Withdrawn
from deleverage.events.bodies.margin import FeeCharged
from deleverage.events.bodies.venue import TimerFired
from deleverage.handlers.collateral.rules import CollateralParameters
from deleverage.handlers.registry import producer_of
from deleverage.handlers.valuation import initial_collateral_atoms
from deleverage.sim.amounts import amounts_of
from deleverage.sim.rulebooks import rulebook, slot_table

from .support.wallet import Wallet

LAST_DIGIT = Decimal("2e-8")
ONE = Decimal(1)


def rules_of(venue: str, own: Mapping[str, Any] = {}, decimals: int = 6) -> CollateralParameters:
    """A venue's rules of collateral, with what an example states of its own."""
    table = slot_table(rulebook(venue)["collateral"], own)
    producer = producer_of("collateral", table, "$.collateral", amounts=amounts_of("USD", decimals))
    assert producer is not None
    return msgspec.convert(producer.parameters, CollateralParameters)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("venue", "own", "coin", "amount", "price", "counted"),
    [
        pytest.param(venue, own, coin, amount, price, counted, id=f"collateral {venue}: {what}")
        for venue, what, own, coin, amount, price, counted in (
            ("binance", "haircut of BNB", {}, "BNB", "1000", "1", "950"),
            ("binance", "haircut of ADA", {}, "ADA", "1000", "1", "900"),
            ("binance", "haircut of FDUSD", {}, "FDUSD", "1000", "1", "989"),
            ("binance", "bid of ADA at 1.92957370", {}, "ADA", "1", "1.92957370", "1.73661633"),
            ("binance", "bid of ADA at 0.27462452", {}, "ADA", "1", "0.27462452", "0.24716207"),
            ("binance", "bid of USDT", {}, "USDT", "1", "0.99987691", "0.99977692"),
            ("okx", "11 million USDT", {}, "USDT", "11000000", "1", "10825000"),
            ("okx", "ZRX counts for nothing", {"ratios_ppm": {"ZRX": [[0, 0]]}}, "ZRX", "1000", "1", "0"),
            ("bybit", "25 BTC", {}, "BTC", "25", "1", "23.8"),
            ("bybit", "60 BTC", {}, "BTC", "60", "1", "44.8"),
        )
    ],
)
def test_so_much_counts(venue: str, own: dict[str, Any], coin: str, amount: str, price: str, counted: str) -> None:
    """What is in an account beside nothing else."""
    wallet = Wallet(rules_of(venue, own), (coin, 8, Decimal(price)), decimals=8)
    number = wallet.holder(0, {coin: amount})
    assert abs(wallet.collateral(number) - Decimal(counted)) <= LAST_DIGIT


@pytest.mark.decided
@pytest.mark.parametrize("equity", [pytest.param("416.02", id="collateral binance: equity of USDT and USDC")])
def test_the_equity_of_two_stablecoins(equity: str) -> None:
    """200 USDT at an index of 0.99 with a bid buffer of 1%, and 220 USDC at 1 with none."""
    own = {"ratios_ppm": {"USDT": [[0, 990_000]], "USDC": [[0, 1_000_000]]}}
    wallet = Wallet(rules_of("binance", own), ("USDT", 6, Decimal("0.99")), ("USDC", 6, ONE))
    assert wallet.collateral(wallet.holder(0, {"USDT": 200, "USDC": 220})) == Decimal(equity)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("owed", "worth"),
    [
        pytest.param(5_000, "5128.20", id="collateral binance: deficit of 5,000"),
        pytest.param(10_000, "10256.41", id="collateral binance: deficit of 10,000"),
        pytest.param(20_000, "20512.82", id="collateral binance: deficit of 20,000"),
    ],
)
def test_a_deficit_takes_so_much_btc(owed: int, worth: str) -> None:
    """With its haircut of 2.5%; the page prints 5,128.20, 10,256 and 20,513. Afterwards nothing is owed."""
    wallet = Wallet(rules_of("binance", {"debt_most": 0}), ("BTC", 8, Decimal(20_000)))
    number = wallet.holder(-owed, {"BTC": 3})
    sales = [body for body in wallet.repaid() if isinstance(body, CollateralSold)]
    brought = wallet.units(sum(body.value_atoms for body in sales))
    assert abs(brought - Decimal(worth)) < Decimal("0.01")
    assert 0 <= wallet.units(wallet.account(number).balance_atoms) < Decimal("0.001")


@pytest.mark.decided
@pytest.mark.parametrize("price", [pytest.param("1.92957370", id="collateral binance: auto-exchange bid of ADA")])
def test_a_conversion_is_at_the_auto_exchange_bid(price: str) -> None:
    """One ADA, index 1.92957370, buffer 0.05: it leaves 1.83309501."""
    wallet = Wallet(rules_of("binance", {"debt_most": 0}), ("ADA", 8, Decimal(price)), decimals=8)
    number = wallet.holder("-1.83309501", {"ADA": 2})
    assert abs(wallet.sold()["ADA"] - ONE) <= LAST_DIGIT
    assert abs(wallet.units(wallet.account(number).balance_atoms)) <= LAST_DIGIT


@pytest.mark.decided
@pytest.mark.parametrize("owed", [pytest.param(((9_000, False), (10_001, True)), id="collateral binance: threshold")])
def test_under_the_threshold_nothing_is_exchanged(owed: tuple[tuple[int, bool], ...]) -> None:
    """-9,000 USDT stay as they are, whatever else is owed in another asset: the threshold is one of each asset."""
    for debt, expected in owed:
        wallet = Wallet(rules_of("binance"), ("BTC", 8, Decimal(20_000)))
        wallet.holder(-debt, {"BTC": 2})
        assert bool(wallet.sold()) == expected


QUOTA = {"debt_most": 1, "free_debt": 1, "ratios_ppm": {"ETH": [[0, 1_000_000]]}}


@pytest.mark.decided
@pytest.mark.parametrize(
    ("owed", "bought"),
    [
        pytest.param("1", None, id="collateral okx: a debt within the quota"),
        pytest.param("1.01", "0.51", id="collateral okx: a debt over the quota"),
    ],
)
def test_a_debt_in_btc_against_a_quota_of_one(owed: str, bought: str | None) -> None:
    """10,000 ETH, at a price that is set here: no interest and no conversion up to the quota, then about half of it."""
    wallet = Wallet(rules_of("okx", QUOTA, 8), ("ETH", 6, Decimal("0.05")), decimals=8)
    number = wallet.holder(-Decimal(owed), {"ETH": 10_000})
    assert not charged(wallet, number) if bought is None else charged(wallet, number)
    before = wallet.account(number).balance_atoms
    wallet.repaid()
    got = wallet.units(wallet.account(number).balance_atoms - before)
    assert abs(got - Decimal(bought or 0)) <= Decimal("0.00001")


COINS = (("ETH", 6, Decimal(10)), ("DOT", 6, Decimal(10)), ("BSV", 6, Decimal(10)), ("CVC", 6, Decimal(10)))
RATES = {"ETH": [[0, 1_000_000]], "DOT": [[0, 900_000]], "BSV": [[0, 900_000]], "CVC": [[0, 0]]}


@pytest.mark.decided
@pytest.mark.parametrize(
    ("order", "owed", "sold"),
    [
        pytest.param("highest ratio", 15, ("ETH", "DOT"), id="collateral okx: the later order"),
        pytest.param("lowest ratio", 10, ("DOT",), id="collateral okx: the earlier order"),
        pytest.param("highest ratio", 29, ("ETH", "DOT", "BSV"), id="collateral okx: CVC never"),
    ],
)
def test_the_order_of_a_conversion(order: str, owed: int, sold: tuple[str, ...]) -> None:
    """One of each, worth 10; the order in which a scenario lists them stands for how liquid they are."""
    rules = rules_of("okx", {"order": order, "debt_most": 0, "ratios_ppm": RATES})
    wallet = Wallet(rules, *COINS)
    wallet.holder(-owed, dict.fromkeys(("ETH", "DOT", "BSV", "CVC"), 1))
    assert tuple(wallet.sold()) == sold


@pytest.mark.decided
@pytest.mark.parametrize(
    ("balance", "loss", "borrowed"),
    [
        pytest.param("50", "100", "50", id="collateral bybit: a loss beyond the USDT"),
        pytest.param("0", "1.5", "1.5", id="collateral bybit: a fee without USDT"),
    ],
)
def test_so_much_is_borrowed(balance: str, loss: str, borrowed: str) -> None:
    """Beside 100 USDC; interest is on what is borrowed."""
    wallet = Wallet(rules_of("bybit"), ("USDC", 6, ONE))
    number = wallet.holder(balance, {"USDC": 100})
    wallet.tell(FeeCharged(number, wallet.atoms(loss), "test"))
    assert charged(wallet, number) == Decimal(borrowed)


@pytest.mark.decided
@pytest.mark.parametrize("borrowed", [pytest.param("200", id="collateral bybit: a purchase on margin")])
def test_a_purchase_is_borrowed_for(borrowed: str) -> None:
    """Who has 100 USDC buys 300 USDC of BTC."""
    wallet = Wallet(rules_of("bybit"), ("BTC", 8, Decimal(60_000)))
    number = wallet.holder(100, {})
    wallet.tell(CoinDeposited(number, wallet.coins["BTC"], wallet.coin_atoms("BTC", "0.005")))
    wallet.tell(Withdrawn(number, wallet.atoms(300)))
    assert charged(wallet, number) == Decimal(borrowed)


def charged(wallet: Wallet, number: int) -> Decimal | None:
    """The debt that interest is charged on at the next full hour, if any."""
    timer = next(iter(wallet.ledger.timers))
    said = wallet.tell(TimerFired(timer, "interest", None, None, None))
    debts = [body.debt_atoms for body in said if isinstance(body, InterestCharged) and body.account == number]
    return wallet.units(debts[0]) if debts else None


@pytest.mark.decided
@pytest.mark.parametrize(
    ("imf", "tokens", "weight_bps"),
    [
        pytest.param(0, 1_000, 9_000, id="collateral drift: no factor"),
        pytest.param(10, 1_000, 9_000, id="collateral drift: factor 10"),
        pytest.param(10, 10**9, 8_357, id="collateral drift: factor 10 and a billion tokens"),
        pytest.param(10_000, 1_000, 8_357, id="collateral drift: factor 10,000"),
        pytest.param(100_000, 1_000, 2_642, id="collateral drift: factor 100,000"),
    ],
)
def test_the_weight_of_an_asset(imf: int, tokens: int, weight_bps: int) -> None:
    """Initial weight 9,000, six decimals, price 1."""
    assert weights(imf, tokens, "1", 900_000, 900_000) == (weight_bps, weight_bps)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("imf", "initial_bps", "maintenance_bps"),
    [
        pytest.param(0, 1_500, 7_500, id="collateral drift: initial and maintenance weights"),
        pytest.param(100_000, 337, 337, id="collateral drift: both weights of a large amount"),
    ],
)
def test_the_weights_of_an_asset(imf: int, initial_bps: int, maintenance_bps: int) -> None:
    """100,000 tokens at 0.5."""
    assert weights(imf, 100_000, "0.5", 150_000, 750_000) == (initial_bps, maintenance_bps)


def weights(imf: int, tokens: int, price: str, initial_ppm: int, maintenance_ppm: int) -> tuple[Decimal, Decimal]:
    """What counts of an asset for an order and for maintenance, in basis points of its worth."""
    own = {
        "ratios_ppm": {"TOKEN": [[0, maintenance_ppm]]},
        "initial_ratios_ppm": {"TOKEN": [[0, initial_ppm]]},
        "imf_ppm": {"TOKEN": imf},
    }
    wallet = Wallet(rules_of("drift", own), ("TOKEN", 6, Decimal(price)))
    number = wallet.holder(0, {"TOKEN": tokens})
    worth = tokens * Decimal(price) / 10_000
    initial = wallet.units(initial_collateral_atoms(wallet.account(number), wallet.ledger))
    return initial / worth, wallet.collateral(number) / worth
