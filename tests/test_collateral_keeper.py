"""The keeper of collateral: how much counts, what is sold for a debt and what that costs, and interest."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import isqrt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import CollateralDiscounted, CollateralSold, CollateralTier, InterestCharged
from deleverage.events.bodies.margin import FeeCharged
from deleverage.events.bodies.venue import TimerFired
from deleverage.events.errors import LedgerError
from deleverage.events.ledger.conversion import Conversion, falling_bps
from deleverage.handlers.collateral.rules import CollateralParameters
from deleverage.handlers.collateral.sale import CollateralSale, sold
from deleverage.handlers.valuation import initial_collateral_atoms

from .support.wallet import PERP, Wallet

ALL = ((0, 1_000_000),)
ONE, HALF = Decimal(1), Decimal("0.5")


def two_coins(rules: CollateralParameters, depth_lots: int = 10**9) -> Wallet:
    """ETH at 3,000 and SOL at 200."""
    return Wallet(rules, ("ETH", 6, Decimal(3_000)), ("SOL", 6, Decimal(200)), depth_lots=depth_lots)


RATED = {"ETH": ((0, 900_000),), "SOL": ((0, 800_000),)}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("highest ratio", {"ETH": ONE}),
        ("lowest ratio", {"SOL": Decimal(15)}),
        ("listed", {"ETH": ONE}),
        ("in proportion", {"ETH": HALF, "SOL": Decimal("7.5")}),
    ],
)
def test_the_order_says_what_is_sold(order: str, expected: dict[str, Decimal]) -> None:
    """2 ETH and 30 SOL are worth 6,000 each; 3,000 is owed."""
    wallet = two_coins(msgspec.convert({"ratios_ppm": RATED, "order": order}, CollateralParameters))
    number = wallet.holder(-3_000, {"ETH": 2, "SOL": 30})
    assert wallet.sold() == expected
    assert wallet.account(number).balance_atoms == 0
    wallet.ledger.check()


def test_what_counts_for_nothing_is_sold_in_a_liquidation_only() -> None:
    """For a debt an asset without a ratio is spared; before somebody else pays, it goes."""
    wallet = two_coins(CollateralParameters({"ETH": ALL}))
    number = wallet.holder(-9_000, {"ETH": 1, "SOL": 30})
    assert wallet.sold() == {"ETH": ONE}
    sale = CollateralSale(wallet.account(number), "test", wallet.liquidate(number), 1_000 * 10**6)
    assert {body.asset for body in sold(sale, "listed", wallet.ledger, 0)} == {wallet.coins["SOL"]}


def test_some_of_what_may_be_owed_is_left_owing() -> None:
    """Who may owe 1,000 and owes 1,100 is left with half of the 1,000; who owes 1,000 is let alone."""
    wallet = two_coins(CollateralParameters(RATED, debt_most_atoms=1_000 * 10**6, left_bps=5_000))
    first, other = wallet.holder(-1_000, {"ETH": 1}), wallet.holder(-1_100, {"ETH": 1})
    wallet.repaid()
    assert [wallet.units(wallet.account(one).balance_atoms) for one in (first, other)] == [-1_000, -500]


def test_a_debt_that_a_sale_of_everything_would_leave_is_for_a_liquidation() -> None:
    """Without positions nothing is sold where nothing but a debt would be left; with one it is."""
    wallet = two_coins(CollateralParameters(RATED))
    flat, trading = wallet.holder(-4_000, {"ETH": 1}), wallet.holder(-4_000, {"ETH": 1})
    wallet.hold(trading, PERP, 1, 1)
    said = wallet.repaid()
    assert [body.account for body in said if isinstance(body, CollateralSold)] == [trading]
    assert wallet.account(flat).coins == {wallet.coins["ETH"]: 10**6}
    wallet.ledger.check()


AMOUNTS = st.integers(0, 40)


@settings(max_examples=60)
@given(
    coins=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS),
    prices=st.tuples(*[st.integers(1, 5_000)] * 3),
    haircuts=st.tuples(*[st.integers(0, 400_000)] * 3),
    owed=st.integers(1, 100_000),
    order=st.sampled_from(["highest ratio", "lowest ratio", "listed", "in proportion"]),
    fee_bps=st.integers(0, 300),
    depth_lots=st.sampled_from([3, 10**9]),
)
def test_a_conversion_leaves_what_was_owed_after_its_haircut(
    coins: tuple[int, int, int],
    prices: tuple[int, int, int],
    haircuts: tuple[int, int, int],
    owed: int,
    order: str,
    fee_bps: int,
    depth_lots: int,
) -> None:
    """Nothing is oversold; the fee is the haircuts' part and `fee_bps`; in proportion each brings its part of the debt.

    What is brought is exact but for an atom of the coin at each sale.
    """
    names = ("A", "B", "C")
    rules = {
        "ratios_ppm": dict.fromkeys(names, ALL),
        "order": order,
        "fee_bps": fee_bps,
        "conversion_haircuts_ppm": dict(zip(names, haircuts, strict=True)),
    }
    wallet = Wallet(
        msgspec.convert(rules, CollateralParameters),
        *[(name, 3, Decimal(price)) for name, price in zip(names, prices, strict=True)],
        decimals=3,
        depth_lots=depth_lots,
    )
    held = {name: amount for name, amount in zip(names, coins, strict=True) if amount}
    number = wallet.holder(-owed, held)
    if not held:
        return
    said = wallet.repaid()
    wallet.ledger.check()
    sales = [body for body in said if isinstance(body, CollateralSold)]
    fees = sum(body.amount_atoms for body in said if isinstance(body, FeeCharged))
    value = sum(body.value_atoms for body in sales)
    of_haircuts = sum(body.value_atoms * haircuts[body.asset - 1] // 10**6 for body in sales)
    assert fees == of_haircuts + value * fee_bps // 10_000
    assert all(atoms > 0 for atoms in wallet.account(number).coins.values())
    brought, owed_atoms = value - of_haircuts, wallet.atoms(owed)
    most = [price * 1_000_000 // (1_000_000 - haircut) + 2 for price, haircut in zip(prices, haircuts, strict=True)]
    assert brought <= owed_atoms + sum(most)
    worth = sum(amount * price for amount, price in zip(coins, prices, strict=True))
    if sales and depth_lots > 1_000 and all(wallet.account(number).coins.get(wallet.coins[name]) for name in held):
        assert brought >= owed_atoms
        for body in sales if order == "in proportion" else ():
            part = Fraction(owed_atoms * coins[body.asset - 1] * prices[body.asset - 1], worth)
            net = body.value_atoms - body.value_atoms * haircuts[body.asset - 1] // 10**6
            assert part - 1 < net <= part + most[body.asset - 1]


@given(atoms=st.integers(1, 10**15), decimals=st.integers(0, 12), imf_ppm=st.integers(1, 10**6))
def test_the_part_that_counts_falls_with_the_size(atoms: int, decimals: int, imf_ppm: int) -> None:
    """1.1 / (1 + imf x sqrt(units)) to a basis point; never more for more, and never over the tier's own."""
    unit_atoms = 10**decimals
    falling = falling_bps(atoms, unit_atoms, imf_ppm)
    assert falling >= falling_bps(atoms + unit_atoms, unit_atoms, imf_ppm)
    root = Fraction(isqrt(atoms * 10**18 // unit_atoms), 10**9)
    assert abs(falling - Fraction(11_000) / (1 + root * Fraction(imf_ppm, 10**6))) <= 2
    tiers = (CollateralTier(0, 800_000),)
    conversion = Conversion(1, 0, 0, 1, 1, tiers, imf_ppm=imf_ppm, unit_atoms=unit_atoms)
    assert conversion.counted_microatoms(atoms) == atoms * min(800_000, falling * 100)


def test_a_size_needs_a_unit() -> None:
    """What falls with the size in no unit is the record's fault."""
    wallet = two_coins(CollateralParameters(RATED))
    with pytest.raises(LedgerError, match="no size is that of one unit"):
        wallet.put(CollateralDiscounted(1, 1, 10, 0))


def test_another_part_counts_for_initial_margin() -> None:
    """All of an ETH bears positions, half of it an order; where nothing else is stated the same counts for both."""
    wallet = two_coins(CollateralParameters({"ETH": ALL, "SOL": ALL}, {"ETH": ((0, 500_000),)}))
    number = wallet.holder(100, {"ETH": 1, "SOL": 1})
    assert wallet.collateral(number) == 3_300
    assert wallet.units(initial_collateral_atoms(wallet.account(number), wallet.ledger)) == 1_800


def test_interest_is_on_what_is_not_free() -> None:
    """Each interval on the debt over the quota; the timer of the first is set with the first rating."""
    rules = CollateralParameters(RATED, debt_most_atoms=10**12, free_debt_atoms=500 * 10**6, rate_ppb=1_000_000)
    wallet = two_coins(rules)
    free, owing = wallet.holder(-500, {"ETH": 1}), wallet.holder(-700, {"ETH": 1})
    timer = next(iter(wallet.ledger.timers))
    said = wallet.tell(TimerFired(timer, "interest", None, None, None))
    charged = [body for body in said if isinstance(body, InterestCharged)]
    assert [(body.account, body.amount_atoms, body.debt_atoms) for body in charged] == [(owing, 200_000, 200 * 10**6)]
    assert wallet.account(free).balance_atoms == -500 * 10**6


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"ratios_ppm": {"A": ((0, 1_000_001),)}}, r"ratios_ppm\.A\[0\]: 1000001 is a haircut over 1"),
        ({"initial_ratios_ppm": {"A": ((5, 1),)}}, r"initial_ratios_ppm\.A: tiers begin at 0"),
        ({"imf_ppm": {"A": -1}}, r"imf_ppm\.A: -1 would let more count"),
        ({"conversion_haircuts_ppm": {"A": 1_000_000}}, r"conversion_haircuts_ppm\.A: 1000000 would leave nothing"),
        ({"left_bps": 10_001}, "left_bps must lie between 0 and 10000"),
    ],
)
def test_what_is_no_rule_is_refused(stated: dict[str, object], told: str) -> None:
    """By the name of what is wrong, and the asset."""
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert(stated, CollateralParameters)
