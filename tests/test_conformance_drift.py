"""Drift's worked examples of what is liquidated and who is paid, each decided by the product from a ledger's state.

Source: drift-labs/protocol-v2@0ae3e3b, math/liquidation/tests.rs and controller/liquidation/tests.rs. The numbers in
the tests' names are those of the cases. An atom is 10^-9 of a dollar; a lot is 10^-9 of a unit unless a test says so.
"""

from __future__ import annotations

import pytest

from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered
from deleverage.events.bodies.waterfall import InsuranceFundCredited
from deleverage.events.vocabulary import Body
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import Liquidators
from deleverage.handlers.policies.fund.insurance_fee import InsuranceFee, InsuranceFeeParameters
from deleverage.handlers.policies.liquidation.liquidator_fee import LiquidatorFee, LiquidatorFeeParameters
from deleverage.handlers.protocol import NoParameters

from .support.stage import Stage, ticks
from .support.venue import Book, listed, tiers_of

UNIT = DOLLAR = 10**9
PRICE = 100


def liquidated(
    ratio_ppm: int, equity_atoms: int, units: int, fees_ppm: tuple[int, int], restored_bps: int, unit_lots: int = UNIT
) -> list[Body]:
    """What comes of an account with so much equity and a long position at 100, until it is restored."""
    book = Book(listed(tiers=tiers_of((0, ratio_ppm)), multiplier_atoms=UNIT // unit_lots), fund_atoms=0)
    book.depth(((1, 100 * UNIT),), ((1, 100 * UNIT),))
    book.user(equity_atoms, (0, units * unit_lots, PRICE))
    handlers = (
        IndexMarkPricing(NoParameters()),
        MarginMonitor(MarginParameters(10_000, 10_000)),
        InsuranceFee(InsuranceFeeParameters(fee_ppm_max=fees_ppm[1], restored_bps=restored_bps)),
        LiquidationEngine(LiquidatorFee(LiquidatorFeeParameters(*fees_ppm, restored_bps=restored_bps))),
        Liquidators(NoParameters()),
    )
    return [event.body for event in Stage(book, *handlers).run(*ticks((0, PRICE)))]


@pytest.mark.decided
@pytest.mark.parametrize(
    ("fees_ppm", "expected"),
    [((0, 0), UNIT), ((10_000, 0), 1_111_111_112), ((10_000, 10_000), 1_250_000_000)],
    ids=["venues-21", "venues-22", "with a fee of the fund"],
)
def test_what_covers_a_shortage_is_ordered(fees_ppm: tuple[int, int], expected: int) -> None:
    """10 units at 100 with a margin of 10% lack 10: 1 unit; 1.1111111111111112 with a fee, rounded up to a lot.

    The third is one_percent_liquidation_fee_and_one_percent_if_fee of the same file.
    """
    ordered = [
        one for one in liquidated(100_000, 90 * DOLLAR, 10, fees_ppm, 10_000) if isinstance(one, LiquidationOrdered)
    ]
    assert ordered[0].size_lots == -expected


@pytest.mark.decided
@pytest.mark.parametrize(
    ("equity", "fee_ppm"), [(30, 19_000), (-950, 0), (49, 37_050)], ids=["venues-26", "venues-28", "a shortage of 1"]
)
def test_the_fund_is_paid_what_room_the_margin_leaves(equity: int, fee_ppm: int) -> None:
    """10 units at 100 with a margin of 5% lack 20, 1,000 and 1: of what is transferred so much is the fund's."""
    events = liquidated(50_000, equity * DOLLAR, 10, (10_000, 50_000), 10_000)
    transferred = sum(-one.size_lots * PRICE for one in events if isinstance(one, LiquidationFilled))
    credited = [one.amount_atoms for one in events if isinstance(one, InsuranceFundCredited)]
    assert transferred > 0
    assert credited == ([transferred * fee_ppm // 10**6] if fee_ppm else [])


@pytest.mark.decided
def test_a_part_covers_the_shortage_and_pays_the_fund() -> None:
    """2 units, 5 of collateral, margin 5% and a buffer of 2%: 1.8 go at 99, and the fund gets 1.8.

    successful_liquidation_to_cover_margin_shortage: the fee is that of the whole position, whatever is transferred.
    """
    events = liquidated(50_000, 5 * DOLLAR, 2, (10_000, 10_000), 14_000)
    fills = [one for one in events if isinstance(one, LiquidationFilled)]
    assert [(one.size_lots, one.value_atoms) for one in fills] == [(-1_800_000_000, -178_200_000_000)]
    assert [one.amount_atoms for one in events if isinstance(one, InsuranceFundCredited)] == [1_800_000_000]


@pytest.mark.decided
def test_half_of_the_fee_where_the_room_is_small() -> None:
    """1 unit in lots of 0.01, 1.5 of equity, margin 5%: all of it goes, and the fund gets 0.475.

    successful_liquidation_half_of_if_fee, of a short there.
    """
    events = liquidated(50_000, 3 * DOLLAR // 2, 1, (10_000, 10_000), 10_000, unit_lots=100)
    assert [one.size_lots for one in events if isinstance(one, LiquidationFilled)] == [-100]
    assert [one.amount_atoms for one in events if isinstance(one, InsuranceFundCredited)] == [475_000_000]
