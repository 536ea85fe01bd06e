"""Liquidation, fund and loss sharing against the venues' own worked examples; each figure has its source beside it.

dYdX: dydxprotocol/v4-chain@84d4664, x/clob/keeper/liquidations_test.go and deleveraging_test.go, whole quantums, exact.
Drift: drift-labs/protocol-v2@0ae3e3b, math/liquidation/tests.rs and controller/liquidation/tests.rs. The numbers in the
tests' names are those of the cases.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, LiquidationOrdered
from deleverage.events.bodies.waterfall import (
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    ShortfallDeclared,
)
from deleverage.events.vocabulary import Body
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import Liquidators
from deleverage.handlers.policies.fund.fee_capped import FeeCapped, FeeCappedParameters, fund_delta
from deleverage.handlers.policies.liquidation.fillable_price import (
    FillableParameters,
    FillablePrice,
    fillable_price,
    fillable_value,
)
from deleverage.handlers.policies.liquidation.liquidator_fee import (
    LiquidatorFee,
    LiquidatorFeeParameters,
    base_to_cover,
    transfer_price,
)
from deleverage.handlers.policies.liquidation.step import Situation
from deleverage.handlers.policies.socialization.open_interest import OpenInterest, loss_per_unit
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.valuation import largest_position, margin_of

from .support.formulas.dydx import (
    Holding,
    Perpetual,
    bankruptcy_price_quote_quantums,
    risk_of,
)
from .support.made import made
from .support.stage import Stage, ticks
from .support.venue import FUND, Book, bodies, filled, listed

BTC, ETH = Perpetual(Fraction(500), 100_000), Perpetual(Fraction(3), 100_000)
"""BTC at 50,000 with 10^-8 and ETH at 3,000 with 10^-9 to a base quantum, a quote quantum being 10^-6; MMF 0.1."""
PERPETUALS = {"BTC": BTC, "ETH": ETH}


def fillable(holding: Holding, perpetual: str, delta: int, adjustment_ppm: int, spread_ppm: int) -> Fraction:
    """The fillable price of a subaccount's position, in quote quantums per base quantum."""
    total, size = risk_of(holding, PERPETUALS), holding.positions.get(perpetual, 0)
    one = risk_of(Holding(0, {perpetual: size}), PERPETUALS)
    requirement = Fraction(one.requirement)
    value = fillable_value(
        one.collateral, requirement, total.collateral, Fraction(total.requirement), adjustment_ppm, spread_ppm
    )
    return fillable_price(size, delta, value)


FILLABLE = {
    "venues-6 and dydx one long slightly below": (-4_501_000_000, 10**7, 10**6, 10**5, Fraction(49_999, 100)),
    "dydx spread 200000": (-4_501_000_000, 10**7, 10**6, 2 * 10**5, Fraction(49_998, 100)),
    "dydx one short, adjustment 2000000": (5_499_000_000, -(10**7), 2 * 10**6, 10**5, Fraction(50_002, 100)),
    "dydx one long at bankruptcy": (-5_000_000_000, 10**7, 10**6, 10**5, Fraction(495)),
    "dydx one short at bankruptcy": (5_000_000_000, -(10**7), 10**6, 10**5, Fraction(505)),
    "dydx one short below bankruptcy": (4_500_000_000, -(10**7), 10**6, 10**5, Fraction(505)),
    "dydx adjustment max uint32": (-4_501_000_000, 10**7, 2**32 - 1, 10**5, Fraction(495)),
    "dydx spread one million": (-4_501_000_000, 10**7, 10**6, 10**6, Fraction(49_990, 100)),
}
"""USDC quantums, BTC base quantums, BA and SMMR in ppm, subticks as a ratio (TestGetFillablePrice)."""


@pytest.mark.parametrize(("usdc", "size", "adjustment", "spread", "expected"), FILLABLE.values(), ids=FILLABLE)
def test_fillable_price(usdc: int, size: int, adjustment: int, spread: int, expected: Fraction) -> None:
    """(PNNV - clamp(BA x (1 - TNC/TMMR), 0, 1) x SMMR x PMMR) / PS, exact."""
    assert fillable(Holding(usdc, {"BTC": size}), "BTC", -size, adjustment, spread) == expected


def test_fillable_price_venues_8_of_one_of_two_longs() -> None:
    """Long 0.004 BTC and 0.1 ETH with -490 USDC: ETH may be sold at 2,976."""
    holding = Holding(-490_000_000, {"BTC": 400_000, "ETH": 100_000_000})
    assert fillable(holding, "ETH", -100_000_000, 10**6, 10**5) == Fraction(2_976, 1000)


@pytest.mark.parametrize(
    ("positions", "delta"),
    [({}, -(10**7)), ({"BTC": 10**8}, -(10**8) - 1)],
    ids=["dydx no position", "dydx delta greater than position"],
)
def test_fillable_price_of_nothing_is_an_error(positions: dict[str, int], delta: int) -> None:
    """ErrInvalidPerpetualPositionSizeDelta."""
    with pytest.raises(ValueError, match="does not reduce a position"):
        fillable(Holding(-4_501_000_000, positions), "BTC", delta, 10**6, 10**5)


DELTAS = {
    "venues-9 long above, max fee 5000": (-5_100_000_000, 10**7, 56_100_000_000, 5_000, 28_050_000),
    "dydx long above, max fee 25000": (-5_100_000_000, 10**7, 56_100_000_000, 25_000, 140_250_000),
    "venues-10 long 0.1 percent above": (-5_100_000_000, 10**7, 51_051_000_000, 5_000, 5_100_000),
    "dydx short above, max fee": (4_900_000_000, -(10**7), 44_100_000_000, 5_000, 22_050_000),
    "dydx short above, max fee one million": (4_900_000_000, -(10**7), 44_100_000_000, 10**6, 490_000_000),
    "dydx short above, less than max fee": (4_900_000_000, -(10**7), 48_951_000_000, 5_000, 4_900_000),
    "dydx short at bankruptcy": (4_900_000_000, -(10**7), 49_000_000_000, 5_000, 0),
    "dydx short below, the fund pays": (4_900_000_000, -(10**7), 49_490_000_000, 5_000, -49_000_000),
    "dydx quote quantums are zero": (4_900_000_000, -(10**7), 1, 5_000, 0),
}
"""USDC quantums, BTC base quantums, subticks (x 10^-8 = quote quantums per base quantum), max fee in ppm, delta."""


@pytest.mark.parametrize(("usdc", "size", "subticks", "fee_ppm", "expected"), DELTAS.values(), ids=DELTAS)
def test_insurance_fund_delta(usdc: int, size: int, subticks: int, fee_ppm: int, expected: int) -> None:
    """Fill less bankruptcy quote, a gain capped at max fee x |fill| (TestGetLiquidationInsuranceFundDelta)."""
    quote = abs(size) * subticks // 10**8
    bankruptcy = bankruptcy_price_quote_quantums(Holding(usdc, {"BTC": size}), PERPETUALS, "BTC", -size)
    assert fund_delta(quote if size > 0 else -quote, bankruptcy, fee_ppm) == expected


def subaccount(usdc: int, btc: int, eth: int = 0, fund_atoms: int = 10**12) -> Book:
    """The same accounts in a ledger: thousandths of a BTC and ETH in dollar ticks, micro-dollars, marked as above."""
    book = Book(listed(0, multiplier_atoms=1000), listed(1, multiplier_atoms=1000), fund_atoms=fund_atoms)
    book.mark(50_000, 3_000)
    positions = [(i, lots, price) for i, lots, price in ((0, btc, 50_000), (1, eth, 3_000)) if lots]
    book.user(usdc + sum(lots * price * 1000 for _, lots, price in positions), *positions)
    return book


def situation_of(book: Book, account: int, key: tuple[int, int] | None = None) -> Situation:
    """What a step policy is asked about."""
    liquidation = book.ledger.liquidations[book.liquidate(account)]
    held = book.account(account)
    key = key or largest_position(held, book.ledger)
    assert key is not None
    return Situation(book.ledger, liquidation, held, margin_of(held, book.ledger), key, 0)


@pytest.mark.decided
@pytest.mark.parametrize(("usdc", "size", "adjustment", "spread", "expected"), FILLABLE.values(), ids=FILLABLE)
def test_the_policy_orders_at_the_fillable_price(
    usdc: int, size: int, adjustment: int, spread: int, expected: Fraction
) -> None:
    """`fillable-price` in a ledger comes to the same limit, in dollars of a BTC."""
    book = subaccount(usdc, size // 100_000)
    rules = FillableParameters(bankruptcy_adjustment_ppm=adjustment, spread_to_maintenance_ppm=spread)
    assert FillablePrice(rules).step(situation_of(book, 4, (0, 0))).limit_ticks == expected * 100


@pytest.mark.decided
def test_the_policy_orders_one_of_two_venues_8() -> None:
    """The same of one of two longs: 0.1 ETH at 2,976."""
    situation = situation_of(subaccount(-490_000_000, 4, 100), 4, (1, 0))
    rules = FillableParameters(spread_to_maintenance_ppm=100_000)
    assert FillablePrice(rules).step(situation).limit_ticks == 2_976


@pytest.mark.decided
@pytest.mark.parametrize(
    ("usdc", "size", "subticks", "fee_ppm", "expected"),
    [row for row in DELTAS.values() if row[2] > 1],
    ids=[name for name, row in DELTAS.items() if row[2] > 1],
)
def test_the_fund_settles_a_fill_against_its_bankruptcy_price(
    usdc: int, size: int, subticks: int, fee_ppm: int, expected: int
) -> None:
    """`fee-capped` in a ledger comes to the same delta, from the state after the fill."""
    said = fund_after_fill(subaccount(usdc, size // 100_000), subticks // 10**6, fee_ppm)
    if expected > 0:
        assert said == [InsuranceFundCredited(1, 4, FUND, expected)]
    else:
        assert said == ([InsuranceFundDebited(1, 4, FUND, -expected)] if expected else [])


@pytest.mark.decided
@pytest.mark.parametrize(
    ("fund_atoms", "paid"),
    [(49_000_000, 49_000_000), (48_999_999, 48_999_999), (0, None)],
    ids=["venues-20 all of it", "venues-20 one quantum more", "venues-20 of nothing"],
)
def test_the_fund_pays_for_a_fill_below_bankruptcy(fund_atoms: int, paid: int | None) -> None:
    """A short of dYdX's below its bankruptcy price costs the fund 49 dollars, or what it has: never below zero."""
    said = fund_after_fill(subaccount(4_900_000_000, -100, fund_atoms=fund_atoms), 49_490)
    assert said == ([] if paid is None else [InsuranceFundDebited(1, 4, FUND, paid)])


def fund_after_fill(book: Book, price: int, fee_ppm: int = 5_000) -> list[Body]:
    """What `fee-capped` says of a fill that closes the account's BTC at this price."""
    fund = FeeCapped(FeeCappedParameters(fee_ppm_max=fee_ppm))
    size = -book.account(4).positions[0, 0].size_lots
    book.liquidate(4)
    book.put(made(LiquidationOrdered, liquidation_id=1, order_id=1, account=4, size_lots=size, step=1, whole=True))
    fill = filled(4, size, price, value_atoms=size * price * 1000, eaten_lots=abs(size))
    return bodies(fund.handle(book.put(fill), book.ledger, 0))


def test_base_to_cover_a_shortage_venues_24() -> None:
    """Drift: the quote asset at 0.99, a shortage of 10 at a margin ratio of 0.1, to the digits that its test prints."""
    base = base_to_cover(Fraction(10), Fraction(100), Fraction("0.99"), Fraction("0.1"), Fraction(0), Fraction(0))
    assert base is not None
    assert round(base, 8) == Fraction("1.01010101")


def test_loss_per_unit_venues_29() -> None:
    """Drift: a loss of 100 over 7 long and 4 short is 9.09091 each, rounded up in the sixth place."""
    assert loss_per_unit(100, 7 + 4, 10**6) == 9_090_910


@pytest.mark.decided
def test_loss_over_both_sides_venues_30() -> None:
    """Drift: a loss of 100 over 5 long and 5 short: 10 a unit of cumulative funding, 50 for either user."""
    assert loss_per_unit(100, 10, 1) == 1010 - 1000
    book = Book()
    book.mark(1000)
    bankrupt, long, short = book.user(-100), book.user(10_000, (0, 5, 1000)), book.user(10_000, (0, -5, 1000))
    book.bankrupt(bankrupt)
    event = book.put(ShortfallDeclared(1, bankrupt, "bankruptcy", 100, 0))
    said = book.take(OpenInterest(NoParameters()).handle(event, book.ledger, 0))
    paid = [LossSocialized(1, bankrupt, long, 50), LossSocialized(1, bankrupt, short, 50)]
    assert [e.body for e in said] == paid
    assert book.account(bankrupt).balance_atoms == 0


@pytest.mark.decided
def test_a_liquidator_takes_a_long_venues_32() -> None:
    """Drift: 1 long for -150 at an oracle of 100 goes at 99, which leaves the user -51 and no fee for the fund."""
    assert transfer_price(100, 1, 10_000) == 99
    book = Book(listed(), fund_atoms=0)
    book.depth(((1, 10),), ((1, 10),))
    book.user(0, (0, 1, 150))
    handlers = (
        IndexMarkPricing(NoParameters()),
        MarginMonitor(MarginParameters(10_000, 10_000)),
        LiquidationEngine(LiquidatorFee(LiquidatorFeeParameters())),
        Liquidators(NoParameters()),
    )
    events = [e.body for e in Stage(book, *handlers).run(*ticks((0, 100)))]
    fills = [b for b in events if isinstance(b, LiquidationFilled)]
    assert [(b.size_lots, b.price_ticks, b.value_atoms) for b in fills] == [(-1, 99, -99)]
    assert [b.equity_atoms for b in events if isinstance(b, BankruptcyDeclared)] == [-51]
