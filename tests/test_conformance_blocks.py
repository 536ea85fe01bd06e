"""What a block of dYdX allows, and at which spread: figures worked out by hand from the mainnet's genesis.

dydxopsdao/networks, dydx-mainnet-1/genesis.json, clob.liquidations_config: spread_to_maintenance_margin_ratio_ppm
1500000, max_position_portion_liquidated_ppm 100000, min_position_notional_liquidated 1000000000 (1,000 USDC),
max_notional_liquidated 100000000000 (100,000 USDC), max_quantums_insurance_lost 1000000000000 (1,000,000 USDC). Rules:
dydxprotocol/v4-chain@84d4664, x/clob/keeper/liquidations.go: GetLiquidatablePositionSizeDelta.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationOrdered,
    LiquidationStarted,
)
from deleverage.events.vocabulary import Body
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import DepthMarket
from deleverage.handlers.policies.liquidation.fillable_price import (
    FillableParameters,
    FillablePrice,
    block_lots,
    fillable_value,
)
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.scenario import Scenario

from .support.stage import Stage, ticks
from .support.venue import Book, listed

USD = 10**6
MAINNET = FillableParameters(
    portion_min_atoms=1_000 * USD,
    block_notional_max_atoms=100_000 * USD,
    block_fund_loss_max_atoms=1_000_000 * USD,
)


def test_the_rulebook_has_the_figures_of_the_genesis() -> None:
    """Every figure of liquidations_config, as a run under the rulebook records it."""
    scenario = Scenario.load("calm", ["venue=dydx"])
    recorded = {producer.handler: producer.parameters for producer in scenario.producers}
    assert recorded["liquidation"] == {
        "bankruptcy_adjustment_ppm": 1_000_000,
        "spread_to_maintenance_ppm": 1_500_000,
        "portion_ppm_max": 100_000,
        "portion_min_atoms": 1_000_000_000,
        "block_notional_max_atoms": 100_000_000_000,
        "block_fund_loss_max_atoms": 1_000_000_000_000,
        "pause_ns": 1_000_000_000,
        "restored_bps": 10_000,
        "order": "lowest-margin-ratio",
    }
    assert recorded["insurance_fund"]["fee_ppm_max"] == 15_000


def test_a_scenario_that_states_no_amount_gets_those_of_the_genesis() -> None:
    """With 6 decimals and with 8 they are the same money."""
    for decimals in (6, 8):
        scenario = Scenario.load("calm", ["liquidation.policy=fillable-price", f"assets[0].decimals={decimals}"])
        (one,) = [producer for producer in scenario.producers if producer.handler == "liquidation"]
        assert one.parameters["portion_min_atoms"] == 1_000 * 10**decimals
        assert one.parameters["block_notional_max_atoms"] == 100_000 * 10**decimals
        assert one.parameters["block_fund_loss_max_atoms"] == 1_000_000 * 10**decimals


@pytest.mark.parametrize(
    ("lots", "allowed"),
    [(100_000, 2_000), (20_000, 2_000), (19_999, 1_999), (8_000, 800), (100, 20), (21, 20), (20, 20), (18, 18), (1, 1)],
    ids=[
        "5,000,000 USD: 100,000",
        "1,000,000 USD: 100,000",
        "999,950 USD: 99,995, which is 1,999.9 lots",
        "400,000 USD: a tenth",
        "5,000 USD: 1,000, not the 500 of a tenth",
        "1,050 USD: 1,000",
        "1,000 USD: the whole",
        "900 USD: the whole",
        "one lot",
    ],
)
def test_how_much_of_a_position_a_block_allows(lots: int, allowed: int) -> None:
    """In lots of 50 USD: a tenth, at least 1,000 USD and at most 100,000 USD, rounded down to a lot."""
    assert block_lots(lots, lots * 50 * USD, MAINNET) == allowed


def test_a_lot_over_the_bound_is_one_lot() -> None:
    """The least that can be ordered is a lot, however much it is worth: one of 250,000 USD of two."""
    assert block_lots(2, 500_000 * USD, MAINNET) == 1


@pytest.mark.parametrize(
    ("equity", "price"), [(499, "49985"), (500, "50000"), (250, "46250"), (0, "42500"), (-100, "42500")]
)
def test_the_spread_of_the_genesis(equity: int, price: str) -> None:
    """0.1 BTC at 50,000 USD requires 500: a dollar short of it is 1/500 x 1.5 x 500 = 1.50 off 5,000, all of it 750."""
    value = fillable_value(5_000 * USD, Fraction(500 * USD), equity * USD, Fraction(500 * USD), 10**6, 1_500_000)
    assert value / (USD // 10) == Fraction(price)


def opened(balance: int = 1100, bids: tuple[int, int] = (10, 10_000), fund_atoms: int = 10**6) -> Book:
    """Trader 4 holds 10 lots bought at 1000 at 10% maintenance."""
    book = Book(listed(), fund_atoms=fund_atoms)
    book.depth((bids,), ((10, 10_000),))
    book.user(balance, (0, 10, 1000))
    return book


def run(book: Book, rules: FillableParameters, *path: tuple[int, int], until_ns: int = 60) -> list[tuple[int, Body]]:
    """What happened, and when."""
    monitor = MarginMonitor(MarginParameters(10_000, 10_000))
    engine = LiquidationEngine(FillablePrice(rules))
    stage = Stage(book, IndexMarkPricing(NoParameters()), monitor, engine, DepthMarket(NoParameters()))
    events = stage.run(*ticks((0, 1000), *path), until_ns=until_ns)
    stage.ledger.check()
    return [(event.at_ns, event.body) for event in events]


def orders(told: list[tuple[int, Body]]) -> list[tuple[int, int, int | None]]:
    """When, how many lots and at which limit was ordered."""
    return [(at_ns, b.size_lots, b.limit_ticks) for at_ns, b in told if isinstance(b, LiquidationOrdered)]


def test_what_is_left_goes_on_in_the_next_block() -> None:
    """A tenth of 10 lots a block until 697 of equity meet 672; 700 of 960 allows 960 - 1.5 x (960 - 700) / 10 = 921."""
    told = run(opened(), FillableParameters(pause_ns=4), (5, 960))
    assert orders(told) == [(5, -1, 921), (9, -1, 933), (13, -1, 947)]
    assert [(at_ns, b.outcome, b.equity_atoms) for at_ns, b in told if isinstance(b, LiquidationEnded)] == [
        (13, "restored", 697)
    ]


def test_an_account_has_one_order_a_block_also_when_it_was_restored_in_between() -> None:
    """Three lots restore it at 5; under the requirement again at 6, it is liquidated when the block is over, at 9."""
    told = run(opened(), FillableParameters(portion_ppm_max=300_000, pause_ns=4), (5, 960), (6, 950), until_ns=12)
    assert [at_ns for at_ns, body in told if isinstance(body, LiquidationStarted)] == [5, 6]
    assert [(at_ns, lots) for at_ns, lots, _ in orders(told)] == [(5, -3), (9, -2)]


def test_a_later_liquidation_begins_at_once() -> None:
    """When the block of the last order is over there is nothing to wait for."""
    told = run(opened(), FillableParameters(portion_ppm_max=300_000, pause_ns=4), (5, 960), (9, 950), until_ns=12)
    assert [(at_ns, lots) for at_ns, lots, _ in orders(told)] == [(5, -3), (9, -2)]


@pytest.mark.parametrize(
    ("fund", "block", "limit"),
    [(10**6, 0, 748), (30, 0, 860), (30, 12, 878), (10**6, 12, 878), (0, 0, 890)],
    ids=["as far as the spread goes", "the fund has 30", "a block may cost 12 of 30", "a block may cost 12", "nothing"],
)
def test_a_part_is_offered_down_to_what_the_fund_can_pay_for(fund: int, block: int, limit: int) -> None:
    """At 880 equity is -100 and a lot should bring 880 + 10; without a bound 880 - 1.5 x 88 = 748 would do."""
    rules = FillableParameters(block_fund_loss_max_atoms=block)
    assert orders(run(opened(bids=(3000, 100), fund_atoms=fund), rules, (5, 880)))[0] == (5, -1, limit)


def test_a_short_is_bought_back_by_the_same_rule() -> None:
    """At 1120 a short of 10 from 1000 with 1,100 is at -100: a lot may cost 1110 and the 30 of the fund."""
    book = Book(listed(), fund_atoms=30)
    book.depth(((10, 100),), ((3000, 100),))
    book.user(1100, (0, -10, 1000))
    assert orders(run(book, FillableParameters(), (5, 1120)))[0] == (5, 1, 1140)


def test_only_an_order_of_which_nothing_was_filled_leads_to_deleveraging() -> None:
    """Negative, one lot of five found a buyer: tried again in the next block. With none it is handed over at once."""
    rules = FillableParameters(portion_ppm_max=500_000, pause_ns=4)
    some = run(opened(bids=(10, 1)), rules, (5, 880), until_ns=12)
    assert [(at_ns, lots) for at_ns, lots, _ in orders(some)] == [(5, -5), (9, -4)]
    assert not [body for _, body in some if isinstance(body, BankruptcyDeclared)]
    none = run(opened(bids=(3000, 100)), rules, (5, 880), until_ns=12)
    assert [(at_ns, b.reason) for at_ns, b in none if isinstance(b, BankruptcyDeclared)] == [
        (5, "negative, and no fill at the fillable price")
    ]
