"""Lending protocols against their own tests and documents; each figure has its source beside it.

Aave: aave-dao/aave-v3-origin@fd1fbd9, tests/protocol/pool/Pool.Liquidations.t.sol and the files beside it; where a test
holds no literal, its figure follows from its inputs by the formulas of the sources, in whole numbers.
Compound: compound-finance/comet@d5a30b0, test/*.ts. Maker: makerdao/dss@fa4f663, src/test/{clip,abaci}.t.sol.
A case's id is a letter and a number, counted through the cases of a protocol.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from deleverage.events.bodies.chain import BadDebtRealised, CollateralSeized
from deleverage.events.bodies.lots import (
    AuctionClosed,
    CollateralAbsorbed,
    CollateralAuctioned,
    KeeperRewarded,
    LotSold,
    ReserveSold,
)
from deleverage.handlers.onchain.aave import CloseFactor, Seizure, close_factor, factor_wad, leaves_dust, seizure
from deleverage.handlers.onchain.borrowers import health
from deleverage.handlers.onchain.compound import absorbed, is_for_sale, liquidity, quoted
from deleverage.handlers.onchain.lending import Backstop
from deleverage.handlers.onchain.maker import (
    RAD,
    RAY,
    Bark,
    Limits,
    Take,
    barked,
    exponential,
    is_unsafe,
    linear,
    needs_redo,
    power,
    stairstep,
    take,
)
from deleverage.handlers.onchain.protocols.aave_v3 import AaveCollateral, AaveParameters, AaveV3
from deleverage.handlers.onchain.protocols.compound_v3 import CompoundCollateral, CompoundParameters, CompoundV3
from deleverage.handlers.onchain.protocols.maker import DutchCollateral, DutchParameters, Maker
from deleverage.handlers.onchain.rates import ONE, RateCurve, supply_rate, utilisation
from deleverage.handlers.onchain.worth import WAD, AssetQuote, Health, health_of

from .support.chain import LendingBook
from .support.venue import bodies

USDX, WBTC, WETH = AssetQuote(10**8, 10**6), AssetQuote(27_000 * 10**8, 10**8), AssetQuote(1_800 * 10**8, 10**18)
UNITS = {"WBTC": 10**8, "WETH": 10**18}
RULES = CloseFactor()


def aave(fee_bps: int = 1_000, threshold_bps: int = 8_600) -> AaveParameters:
    """The listing of the protocol's tests: thresholds of 86%, a bonus of 5%."""
    one = AaveCollateral(threshold_bps, 500, fee_bps)
    return AaveParameters(
        collateral={"WBTC": one, "WETH": one}, least_value_atoms=2_000 * 10**6, least_left_atoms=1_000 * 10**6
    )


class AaveCase(NamedTuple):
    """Collateral, what is owed of both assets, the price, what the keeper offers (None: enough), what comes of it."""

    coin: str
    held: int
    owed: tuple[int, int]
    price: int
    offered: int | None
    fee_bps: int
    health_wad: int
    seized: Seizure


AAVE = {
    "aave-A1": AaveCase(
        "WBTC", 10**8, (20_500 * 10**6, 0), 2_268_000_000_000, None, 0, 951_453_658_536_585_365,
        Seizure(10_250_000_000, 47_453_703, 0),
    ),
    "aave-A2": AaveCase(
        "WBTC", 10**8, (20_500 * 10**6, 0), 2_025_000_000_000, 106 * 10**6, 1_000, 849_512_195_121_951_219,
        Seizure(106_000_000, 547_010, 2_618),
    ),
    "aave-A3": AaveCase(
        "WBTC", 10**8, (199_999_999, 10**19), 1_890_000_000_000, None, 1_000, 893_076_923_125_993_237,
        Seizure(199_999_999, 1_105_819, 5_292),
    ),
    "aave-A6": AaveCase(
        "WBTC", 5 * 10**7, (11_000 * 10**6, 0), 2_160_000_000_000, None, 1_000, 844_363_636_363_636_363,
        Seizure(10_285_714_286, 49_761_904, 238_096),
    ),
    "aave-A18": AaveCase(
        "WETH", 10**19, (20_000 * 10**6, 0), 2_400 * 10**8, None, 1_000, 996_000_000_000_000_000,
        Seizure(10**10, 4_354_166_666_666_666_665, 20_833_333_333_333_334),
    ),
}  # fmt: skip
"""test_liquidate_variable_borrow_no_fee, test_partial_liquidate_variable_borrow,
test_full_liquidate_multiple_variable_borrows, test_deficit_increased_after_liquidate_bad_debt without its thirty days;
the last one is the market of Ethereum's ether, 31 October 2023, and no test of the protocol's."""


def aave_book(case: AaveCase) -> tuple[LendingBook, int]:
    """A ledger with the borrower of a case."""
    book = LendingBook(UNITS)
    book.price(WBTC=WBTC.price, WETH=WETH.price)
    book.price(**{case.coin: case.price})
    coins = {case.coin: case.held, **({"WETH": -case.owed[1]} if case.owed[1] else {})}
    return book, book.borrower(-case.owed[0], **coins)


@pytest.mark.decided
@pytest.mark.parametrize("case", list(AAVE.values()), ids=list(AAVE))
def test_aave_offers_what_its_tests_say(case: AaveCase) -> None:
    """The policy reads a borrower off the ledger: health, what may be repaid, what is taken, the protocol's part."""
    book, borrower = aave_book(case)
    rules = aave(case.fee_bps, 8_300 if case.coin == "WETH" else 8_600)
    found = health(book.ledger.accounts[borrower], rules.weights(), book.ledger)
    assert found.is_unsafe
    assert found.factor_ppb == case.health_wad // 10**9
    offer = rules.offers([borrower], book.ledger, "", 0)[0]
    deal = offer.deal(case.offered, 10_000)
    assert deal is not None
    body = bodies(deal.recorded(0, 0))[-1]
    assert isinstance(body, CollateralSeized)
    assert Seizure(body.repaid_atoms, body.amount_atoms - body.fee_atoms, body.fee_atoms) == case.seized


@pytest.mark.parametrize("case", list(AAVE.values()), ids=list(AAVE))
def test_aave_s_health_factor_is_its_own_to_the_last_digit(case: AaveCase) -> None:
    """In dollars with eight decimals, as the protocol counts."""
    quote = AssetQuote(case.price, UNITS[case.coin])
    debt = case.owed[0] * 100 + case.owed[1] * WETH.price // WETH.unit
    weight = 8_300 if case.coin == "WETH" else 8_600
    assert factor_wad(health_of([(case.held * quote.price // quote.unit, weight)], debt, 10_000)) == case.health_wad


@pytest.mark.decided
@pytest.mark.parametrize("deficit", [pytest.param(714_285_714, id="aave-A6")])
def test_what_is_owed_without_collateral_is_a_deficit(deficit: int) -> None:
    """test_deficit_increased_after_liquidate_bad_debt: all that is left of the debt is bad at once."""
    book, borrower = aave_book(AAVE["aave-A6"])
    keeper = book.borrower(10**11)
    pool = book.borrower(10**12, "pool-1")
    rules = aave()
    deal = rules.offers([borrower], book.ledger, "", 0)[0].deal(None, 10_000)
    assert deal is not None
    event = [book.put(body) for body in bodies(deal.recorded(keeper, 0))][-1]
    said = bodies(AaveV3(rules).handle(event, book.ledger, 0))
    assert said[0] == BadDebtRealised(borrower, 0, deficit)
    before = book.ledger.accounts[pool].balance_atoms
    for body in said:
        book.put(body)
    assert book.ledger.accounts[borrower].balance_atoms == 0
    assert before - book.ledger.accounts[pool].balance_atoms == deficit
    book.ledger.check()


@pytest.mark.decided
@pytest.mark.parametrize("expected", [pytest.param(967_500_000_000_000_000, id="aave-A19")])
def test_aave_liquidates_strictly_under_one(expected: int) -> None:
    """The grace period tests' state before; and a health factor of exactly 1 is safe."""
    book, rules = LendingBook(UNITS), aave()
    book.price(WBTC=2_025_000_000_000)
    borrower = book.borrower(-22_500 * 10**6, WBTC=125_000_000)
    found = health(book.ledger.accounts[borrower], rules.weights(), book.ledger)
    assert (found.is_unsafe, found.factor_ppb) == (True, expected // 10**9)
    safe = book.borrower(-17_415 * 10**6, WBTC=10**8)
    assert not health(book.ledger.accounts[safe], rules.weights(), book.ledger).is_unsafe
    assert health(book.ledger.accounts[safe], rules.weights(), book.ledger).factor_ppb == 10**9


def at(price: int, quote: AssetQuote) -> AssetQuote:
    """The same asset at another price."""
    return quote._replace(price=price)


@pytest.mark.parametrize(
    ("repay", "balance", "debt", "collateral", "bonus_bps", "fee_bps", "expected"),
    [
        pytest.param(
            199_999_999, 10**16, USDX, WETH, 10_500, 1_000,
            Seizure(17_142_858, 9_952_380_952_380_952, 47_619_047_619_048),
            id="aave-A4",
        ),
        pytest.param(
            6 * 10**18, 10**8, WETH, at(21_600 * 10**8, WBTC), 10_100, 1_000, Seizure(6 * 10**18, 50_450_000, 50_000),
            id="aave-A5",
        ),
        pytest.param(3, 4, AssetQuote(1, 1), AssetQuote(1, 1), 10_500, 10_000, Seizure(3, 2, 1), id="aave-A7"),
        pytest.param(9, 10, AssetQuote(1, 1), AssetQuote(1, 1), 10_500, 1_000, Seizure(9, 8, 1), id="aave-A8"),
        pytest.param(
            900 * 10**6, 525_000_000_000_000_003, USDX, WETH, 10_500, 1_000,
            Seizure(900 * 10**6, 522_500_000_000_000_000, 2_500_000_000_000_000), id="aave-A9",
        ),
    ],
)  # fmt: skip
def test_aave_s_amounts(
    repay: int,
    balance: int,
    debt: AssetQuote,
    collateral: AssetQuote,
    bonus_bps: int,
    fee_bps: int,
    expected: Seizure,
) -> None:
    """Collateral that is short, correlated assets, amounts of single units, and dust."""
    assert seizure(repay, balance, debt, collateral, bonus_bps, fee_bps) == expected


@pytest.mark.parametrize(
    ("factor_bps", "collateral", "debt", "share"),
    [
        pytest.param(9_400, 180_000, 150_000, 10_000, id="aave-A10 low health"),
        pytest.param(9_700, 900, 800, 10_000, id="aave-A10 small"),
        pytest.param(9_700, 180_000, 150_000, 5_000, id="aave-A10 large"),
        pytest.param(9_700, 1_999, 2_500, 10_000, id="aave-A10 small collateral"),
        pytest.param(9_500, 180_000, 150_000, 10_000, id="aave-A10 at the threshold"),
        pytest.param(9_600, 1_200, 900, 10_000, id="aave-A12"),
    ],
)
def test_aave_s_close_factor(factor_bps: int, collateral: int, debt: int, share: int) -> None:
    """Pool.Liquidations.CloseFactor.t.sol, its boundaries; docs/3.3, 2.2: half of all, or the whole."""
    found = Health(factor_bps * debt * 10**8, debt * 10**8, 10_000)
    most, share_bps = close_factor(RULES, found, debt * 10**6, collateral * 10**8, USDX)
    assert (share_bps, most) == (share, debt * 10**6 * share // 10_000)


def test_case_aave_a11_half_of_all_may_be_one_debt() -> None:
    """docs/3.3, 2.1: of three debts of 3,000 each one may be repaid whole, as 4,500 of 9,000 may be."""
    most, _ = close_factor(RULES, Health(9_700 * 9_000 * 10**8, 9_000 * 10**8, 10_000), 3_000 * 10**6, 9 * 10**11, USDX)
    assert most == 3_000 * 10**6
    assert leaves_dust(RULES, 999 * 10**6, 10**8, USDX, WBTC)
    assert not leaves_dust(RULES, 0, 1, USDX, WBTC)


@pytest.mark.parametrize(
    ("debt", "liquidity_left", "deficit", "borrow", "supply"),
    [
        pytest.param(8 * 10**17, 2 * 10**17, 0, 5 * 10**25, 36 * 10**24, id="aave-A14"),
        pytest.param(10**18, 0, 0, 65 * 10**25, 585 * 10**24, id="aave-A15"),
        pytest.param(8 * 10**17, 2 * 10**17, 6 * 10**17, 5 * 10**25, 225 * 10**23, id="aave-A16"),
        pytest.param(8 * 10**19, 992 * 10**19, 0, 104 * 10**23, 7_488 * 10**19, id="aave-A17"),
    ],
)
def test_aave_s_rates(debt: int, liquidity_left: int, deficit: int, borrow: int, supply: int) -> None:
    """RateStrategy.calculateRates.t.sol: a kink at 80%, 1% and 4% up to it, 60% above; a tenth is the protocol's."""
    rate = RateCurve(100, 8_000, 400, 6_000).borrow_rate(utilisation(debt, liquidity_left))
    assert (rate, supply_rate(rate, debt, liquidity_left, 1_000, deficit)) == (borrow, supply)


COMP, USDC = AssetQuote(200 * 10**8, 10**18), AssetQuote(10**8, 10**6)


@pytest.mark.parametrize(
    ("paid", "price", "factor_ppm", "store_front_ppm", "expected"),
    [
        pytest.param(200 * 10**6, 200, 600_000, 500_000, 1_250_000_000_000_000_000, id="compound-C1"),
        pytest.param(200 * 10**6, 200, 600_000, 0, 10**18, id="compound-C2"),
        pytest.param(810 * 10**6, 9, 800_000, 500_000, 10**20, id="compound-C3"),
        pytest.param(10**15, 200, 750_000, 800_000, 6_250_000_000_000 * 10**18 // 10**6, id="compound-C4"),
    ],
)
def test_compound_s_quotes(paid: int, price: int, factor_ppm: int, store_front_ppm: int, expected: int) -> None:
    """quote-collateral-test.ts: the store front takes a part of the liquidation factor's discount off."""
    quote = AssetQuote(price * 10**8, 10**18)
    assert quoted(paid, USDC, quote, factor_ppm * 10**12, store_front_ppm * 10**12) == expected


@pytest.mark.decided
@pytest.mark.parametrize(
    ("reserves", "target", "after"),
    [
        pytest.param(0, 100 * 10**6, 50 * 10**6, id="compound-C5"),
        pytest.param(-100 * 10**6, 0, -50 * 10**6, id="compound-C6"),
    ],
)
def test_compound_s_reserves_are_sold_below_their_target(reserves: int, target: int, after: int) -> None:
    """buy-collateral-test.ts: COMP at 1, 50 USDC buy 55.55 at a discount of 10%; also of reserves below zero."""
    book = LendingBook({"COMP": 10**18})
    book.price(COMP=10**8)
    reserve, keeper = book.borrower(reserves, "reserve-1", COMP=10**20), book.borrower(50 * 10**6)
    rules = CompoundParameters(collateral={"COMP": CompoundCollateral(900_000, 800_000)}, target_reserves_atoms=target)
    offer = next(one for one in rules.offers([], book.ledger, "", 0) if one.about[0] == "reserves")
    deal = offer.deal(50 * 10**6, 10_000)
    assert deal is not None
    body = bodies(deal.recorded(keeper, 0))[-1]
    assert isinstance(body, ReserveSold)
    assert (body.repaid_atoms, body.amount_atoms, body.discount_bps) == (50 * 10**6, 55_555_555_555_555_555_555, 1_000)
    book.put(body)
    assert book.ledger.accounts[reserve].balance_atoms == after


@pytest.mark.decided
@pytest.mark.parametrize(
    ("reserves", "target", "sold"),
    [pytest.param(100 * 10**6, 0, False, id="compound-C7"), pytest.param(-1, 0, True, id="compound-C7 negative")],
)
def test_compound_sells_nothing_at_its_target(reserves: int, target: int, sold: bool) -> None:
    """buy-collateral-test.ts: NotForSale."""
    assert is_for_sale(reserves, target) is sold
    book = LendingBook({"COMP": 10**18})
    book.price(COMP=10**8)
    book.borrower(reserves, "reserve-1", COMP=10**20)
    rules = CompoundParameters(collateral={"COMP": CompoundCollateral(900_000)}, target_reserves_atoms=target)
    assert bool(rules.offers([], book.ledger, "", 0)) is sold


@pytest.mark.decided
@pytest.mark.parametrize(
    ("amount", "price", "factor_ppm", "unsafe"),
    [
        pytest.param(100_000, 10**8, 10**6, False, id="compound-C8 equal"),
        pytest.param(95_000, 10**8, 10**6, True, id="compound-C8 short"),
        pytest.param(100_000, 10**8, 800_000, True, id="compound-C8 factor"),
        pytest.param(100_000, 10**8 // 2, 10**6, True, id="compound-C8 price"),
    ],
)
def test_compound_liquidates_strictly_below_zero(amount: int, price: int, factor_ppm: int, unsafe: bool) -> None:
    """is-liquidatable-test.ts: a debt of 100,000 USDC against COMP."""
    held = [(amount * 10**18, AssetQuote(price, 10**18), factor_ppm * 10**12)]
    assert (liquidity(held, 100_000 * 10**6, USDC) < 0) is unsafe
    book = LendingBook({"COMP": 10**18})
    book.price(COMP=price)
    borrower = book.ledger.accounts[book.borrower(-100_000 * 10**6, COMP=amount * 10**18)]
    rules = CompoundParameters(collateral={"COMP": CompoundCollateral(factor_ppm)})
    assert health(borrower, rules.weights(), book.ledger).is_unsafe is unsafe


@pytest.mark.parametrize(
    ("balance", "credit", "after", "paid"),
    [
        pytest.param(-100, 0, 0, 100, id="compound-C9"),
        pytest.param(-700, 0, 0, 700, id="compound-C10"),
        pytest.param(1 - 44_175_000_000, 44_175_000_000, 1, 44_175_000_000, id="compound-C12 formula"),
    ],
)
def test_compound_pays_what_an_absorbed_account_owes(balance: int, credit: int, after: int, paid: int) -> None:
    """absorb-test.ts: without collateral, of one account and of two; with more than enough."""
    assert absorbed(balance, credit) == (after, paid)


@pytest.mark.decided
@pytest.mark.parametrize("surplus", [pytest.param(1, id="compound-C12")])
def test_compound_leaves_the_surplus_to_who_was_absorbed(surplus: int) -> None:
    """absorb-test.ts, "more than enough collateral": COMP, WETH and WBTC of 44,175 USD, a debt of a unit less."""
    book = LendingBook({"COMP": 10**18, "WETH": 10**18, "WBTC": 10**8})
    book.price(COMP=175 * 10**8, WETH=3_000 * 10**8, WBTC=41_000 * 10**8)
    borrower = book.borrower(1 - 44_175_000_000, COMP=10**18, WETH=10**18, WBTC=10**8)
    reserve, keeper = book.borrower(44_174_999_999, "reserve-1"), book.borrower(10**12)
    one = CompoundCollateral(666_666, 1_000_000)
    rules = CompoundParameters(
        collateral={"COMP": one, "WETH": one, "WBTC": one}, target_reserves_atoms=10**12, store_front_ppm=10**6
    )
    assert health(book.ledger.accounts[borrower], rules.weights(), book.ledger).is_unsafe
    deal = rules.offers([borrower], book.ledger, "", 0)[0].deal(None, 10_000)
    assert deal is not None
    events = [book.put(body) for body in bodies(deal.recorded(keeper, 0)) if isinstance(body, CollateralAbsorbed)]
    for body in bodies(CompoundV3(rules).handle(events[0], book.ledger, 0)):
        book.put(body)
    assert book.ledger.accounts[borrower].balance_atoms == surplus
    assert book.ledger.accounts[reserve].balance_atoms == -1
    assert not book.ledger.accounts[borrower].coins
    book.ledger.check()


@pytest.mark.parametrize(
    ("used_ppm", "borrow_ppm", "supply_ppm"),
    [
        pytest.param(100_000, 15_000, 4_000, id="compound-C13"),
        pytest.param(900_000, 80_000, 72_000, id="compound-C14"),
    ],
)
def test_compound_s_rates(used_ppm: int, borrow_ppm: int, supply_ppm: int) -> None:
    """interest-rate-test.ts: curves of their own for who borrows and who supplies, with slopes per unit of use."""
    used = used_ppm * (ONE // 10**6)
    borrow, supply = RateCurve(100, 8_000, 400, 600), RateCurve(0, 8_000, 320, 800)
    found = [curve.borrow_rate(used) // (ONE // 10**6) for curve in (borrow, supply)]
    assert found == [borrow_ppm, supply_ppm]


GOLD = 10**18
TAB, LOT = 110 * RAD, 40 * GOLD
CHOST = 22 * RAD
CUT = stairstep(99 * RAY // 100, 1)
AFTER_69 = 2_499185149495996261933827815
"""The price that begins at 5, after so many seconds."""


@pytest.mark.parametrize(
    ("wanted", "price", "expected"),
    [
        pytest.param(25 * GOLD, 5 * RAY, Take(110 * RAD, 22 * GOLD, 0, 18 * GOLD), id="maker-M2"),
        pytest.param(22 * GOLD, 5 * RAY, Take(110 * RAD, 22 * GOLD, 0, 18 * GOLD), id="maker-M3"),
        pytest.param(11 * GOLD, 5 * RAY, Take(55 * RAD, 11 * GOLD, 55 * RAD, 29 * GOLD), id="maker-M4"),
        pytest.param(
            40 * GOLD, AFTER_69, Take(LOT * AFTER_69, LOT, TAB - LOT * AFTER_69, 0),
            id="maker-M5",
        ),
        pytest.param(18 * GOLD, 5 * RAY, Take(88 * RAD, 176 * GOLD // 10, CHOST, 224 * GOLD // 10), id="maker-M6"),
    ],
)  # fmt: skip
def test_maker_s_takes(wanted: int, price: int, expected: Take) -> None:
    """clip.t.sol, test_take_*: over, at and under what is to be raised, the whole lot, and what nobody may leave."""
    assert CUT(5 * RAY, 69) == AFTER_69
    assert take(TAB, LOT, wanted, price, CHOST) == expected


def test_case_maker_m8_nothing_but_the_whole_is_left_to_take() -> None:
    """test_take_bid_fails_no_partial_allowed: of what is left, worth chost, nothing smaller may be taken."""
    first = take(TAB, LOT, 17_600_000_000_000_000_000, 5 * RAY, CHOST)
    assert first == Take(88 * RAD, 17_600_000_000_000_000_000, CHOST, 22_400_000_000_000_000_000)
    assert take(first.tab, first.lot, GOLD, 5 * RAY, CHOST) is None
    assert take(first.tab, first.lot, first.tab // (5 * RAY), 5 * RAY, CHOST) is not None


@pytest.mark.parametrize("price", [pytest.param(3_698501866941402113650075460, id="maker-M9")])
def test_maker_s_price_after_half_a_minute(price: int) -> None:
    """test_take_multiple_bids_different_prices: ten at the first price, the rest thirty seconds later."""
    assert CUT(5 * RAY, 30) == price
    second = take(60 * RAD, 30 * GOLD, 30 * GOLD, price, CHOST)
    assert second is not None
    assert (second.bought, second.lot) == (16_222_784_835_206_525_232, 13_777_215_164_793_474_768)


@pytest.mark.parametrize("price", [pytest.param(2_735783211953807380973706855, id="maker-M7")])
def test_maker_sells_a_lot_wholly_after_a_minute(price: int) -> None:
    """test_take_bid_avoids_recalculate_due_no_more_lot: the lot is gone, a little is not raised."""
    assert CUT(5 * RAY, 60) == price
    assert take(TAB, LOT, LOT, price, CHOST) == Take(LOT * price, LOT, TAB - LOT * price, 0)


INK, ART = 40 * GOLD, 100 * GOLD


@pytest.mark.parametrize(
    ("hole", "chop_bps", "rate_bps", "dust", "expected"),
    [
        pytest.param(
            75 * RAD, 11_000, 10_000, 20 * RAD,
            Bark(
                68_181_818_181_818_181_818, 27_272_727_272_727_272_727, 68_181_818_181_818_181_818 * RAY,
                74_999_999_999_999_999_999_800_000_000 * 10**18,
            ),
            id="maker-M10",
        ),
        pytest.param(
            80 * RAD, 10_000, 10_000, 20 * RAD, Bark(80 * GOLD, 32 * GOLD, 80 * RAD, 80 * RAD), id="maker-M11"
        ),
        pytest.param(80 * RAD + RAY, 10_000, 10_000, 20 * RAD, Bark(ART, INK, 100 * RAD, 100 * RAD), id="maker-M12"),
        pytest.param(
            81_600 * RAD // 1_000, 10_000, 10_200, 20_400 * RAD // 1_000,
            Bark(80 * GOLD, 32 * GOLD, 81_600 * RAD // 1_000, 81_600 * RAD // 1_000), id="maker-M13",
        ),
        pytest.param(100 * RAD, 10_000, 10_200, 20 * RAD, Bark(ART, INK, 102 * RAD, 102 * RAD), id="maker-M14"),
    ],
)  # fmt: skip
def test_maker_s_limits(hole: int, chop_bps: int, rate_bps: int, dust: int, expected: Bark) -> None:
    """test_partial_liquidation_*, test_bark_*_leaving_dust_*: what there is room for, unless dust would stay behind."""
    limits = Limits(hole, 0, hole, 0, dust)
    assert barked(INK, ART, limits, chop_bps * WAD // 10_000, rate_bps * RAY // 10_000) == expected
    assert barked(INK, ART, limits._replace(dirt=hole), WAD) is None


@pytest.mark.parametrize(
    ("tau", "age", "tail", "stale"),
    [
        pytest.param(36_000, 3_600, 3_600, False, id="maker-M15 at the tail"),
        pytest.param(36_000, 3_601, 3_600, True, id="maker-M15"),
        pytest.param(3_600, 1_800, 3_600, False, id="maker-M16 at the cusp"),
        pytest.param(3_600, 1_801, 3_600, True, id="maker-M16"),
    ],
)
def test_maker_begins_an_auction_anew(tau: int, age: int, tail: int, stale: bool) -> None:
    """test_auction_reset_tail and _cusp: strictly older than the tail, or strictly below half of the first price."""
    top = 5 * RAY
    assert needs_redo(linear(tau)(top, age), top, age, tail, RAY // 2) is stale


@pytest.mark.parametrize("step", [pytest.param(1, id="maker-M18")])
def test_maker_s_straight_line(step: int) -> None:
    """abaci.t.sol, test_linear_decrease: a tenth less every six minutes, nothing after the hour."""
    prices = [linear(3_600)(1_000 * RAY, 360 * n) // RAY for n in range(0, 12, step)]
    assert prices == [1_000 - 100 * n for n in range(11)] + [0]


@pytest.mark.parametrize("half_ns", [pytest.param(900, id="maker-M19")])
def test_maker_s_exponential(half_ns: int) -> None:
    """abaci.t.sol, test_continuous_exp_decrease: half of it every fifteen minutes, within a thousandth."""
    falling = exponential(999_230_132_966 * 10**15)
    for n in range(5):
        assert abs(falling(4_000 * RAY, n * half_ns) - 4_000 * RAY // 2**n) < RAY // 1_000


def test_a_power_is_rounded_as_it_is_made() -> None:
    """By squaring, each product to the nearest: not what one rounding at the end would give."""
    assert power(99 * RAY // 100, 0) == RAY
    assert power(99 * RAY // 100, 2) == 98_01 * RAY // 10_000
    assert CUT(5 * RAY, 100) == 1_830161706366147524653080130


def dutch(**fields: int) -> DutchParameters:
    """The collateral of the protocol's tests: 200%, a penalty of 10%, dust 20; amounts in 10^-18 as in the ledger."""
    usual = {"dust_atoms": 20 * GOLD, "buf_bps": 12_500, "cut_ppb": 990_000_000, "step_ns": 10**9, "cusp_bps": 3_000}
    return DutchParameters(
        collateral={"gold": DutchCollateral(20_000, 1_000)},
        tail_ns=3_600 * 10**9,
        backstops=(Backstop("module", "module"),),
        **{**usual, **fields},  # type: ignore[arg-type]
    )


def vault_book() -> tuple[LendingBook, int, int, int]:
    """A vault of 40 gold that owes 100, gold at 4; the reserve and a keeper."""
    book = LendingBook({"gold": 1}, decimals=8)
    book.price(gold=4)
    vault = book.borrower(-ART, gold=INK)
    return book, vault, book.borrower(1_000 * GOLD, "reserve-1"), book.borrower(1_000 * GOLD)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("buf_bps", "chip_bps", "top", "reward"),
    [
        pytest.param(10_000, 0, 4, 100 * GOLD, id="maker-M1"),
        pytest.param(12_500, 200, 5, 102_200_000_000_000_000_000, id="maker-M1 with a share"),
    ],
)
def test_maker_kicks_an_auction_off(buf_bps: int, chip_bps: int, top: int, reward: int) -> None:
    """test_kick: what is to be raised, the lot, the first price, and what the keeper is paid for it."""
    book, vault, reserve, keeper = vault_book()
    rules = dutch(buf_bps=buf_bps, chip_bps=chip_bps, tip_atoms=100 * GOLD)
    assert health(book.ledger.accounts[vault], rules.weights(), book.ledger).is_unsafe
    deal = rules.offers([vault], book.ledger, "", 0)[0].deal(None, 10_000)
    assert deal is not None
    begun, paid = bodies(deal.recorded(keeper, 0))
    assert isinstance(begun, CollateralAuctioned)
    assert (begun.owed_atoms, begun.amount_atoms, begun.top_ticks) == (110 * GOLD, INK, top)
    assert paid == KeeperRewarded(keeper, reserve, 0, reward, 1)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("part_bps", "paid", "bought", "owed", "back"),
    [
        pytest.param(6_250, 110, 220, 0, 180, id="maker-M2"),
        pytest.param(5_500, 110, 220, 0, 180, id="maker-M3"),
        pytest.param(2_750, 55, 110, 55, None, id="maker-M4"),
        pytest.param(4_500, 88, 176, 22, None, id="maker-M6"),
    ],
)
def test_maker_sells_of_an_auction(part_bps: int, paid: int, bought: int, owed: int, back: int | None) -> None:
    """test_take_*, from the ledger: a keeper asks for 25, 22, 11 and 18 of 40 at 5; amounts in tenths of gold."""
    book, vault, _, keeper = vault_book()
    rules = dutch()
    deal = rules.offers([vault], book.ledger, "", 0)[0].deal(None, 10_000)
    assert deal is not None
    for body in bodies(deal.recorded(keeper, 0)):
        book.put(body)
    taken = rules.offers([], book.ledger, "", 0)[0].deal(None, part_bps)
    assert taken is not None
    said = [book.put(body).body for body in bodies(taken.recorded(keeper, 0))]
    sale, end = said[0], said[1] if len(said) > 1 else None
    assert isinstance(sale, LotSold)
    assert (sale.repaid_atoms, sale.amount_atoms, sale.owed_atoms) == (paid * GOLD, bought * GOLD // 10, owed * GOLD)
    assert (end.amount_atoms if isinstance(end, AuctionClosed) else None) == (
        None if back is None else back * GOLD // 10
    )
    assert end is None or not bodies(Maker(rules).handle(book.events[-1], book.ledger, 0))
    book.ledger.check()


@pytest.mark.parametrize("price", [pytest.param(1_000, id="maker-M20")])
def test_maker_s_documents(price: int) -> None:
    """mcd-docs, the dog and the clipper: the first price, when an auction is stale, and the penalty of 13%."""
    rules = dutch(buf_bps=12_000, cusp_bps=6_000)
    assert price * rules.buf_bps // 10_000 == 1_200
    assert [needs_redo(p, 1_200, 0, 1, 6 * RAY // 10) for p in (720, 719)] == [False, True]
    found = barked(10**6, 1_000, Limits(10**9, 0, 10**9, 0, 0), 113 * WAD // 100, 1)
    assert found is not None
    assert found.tab == 1_130


def test_a_vault_is_unsafe_strictly_below_its_ratio() -> None:
    """clip.t.sol's vault: 40 gold at 5 stand for 100 at a ratio of 200%, at 4 no more."""
    assert not is_unsafe(INK, 5 * RAY, 2 * RAY, ART)
    assert is_unsafe(INK, 4 * RAY, 2 * RAY, ART)
