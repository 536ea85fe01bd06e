"""Conformance: prices of the venues' worked examples, given by handlers and policies of the product from a ledger.

The same figures as in tests/test_conformance_prices.py, where a formula is held against them; sources are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from deleverage.events.bodies.inputs import PositionStated
from deleverage.events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.waterfall import InsuranceFundCredited, InsuranceFundDebited
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.policies.fund.fee_capped import FeeCapped, FeeCappedParameters
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.valuation import bankruptcy_price
from deleverage.sim.listings import list_assets, list_instruments, scales_of
from deleverage.sim.scenario import Scenario

from .support.made import made
from .support.stage import Stage, ticks
from .support.venue import Book, bodies, filled, listed

USD = 10**6
TENTH = (Tier(0, 100_000, 0),)


def dydx_book(usdc: int, btc: int, eth: int = 0) -> tuple[Book, int]:
    """BTC at 500 and ETH at 3 quote quantums a base quantum, as at 50,000 and 3,000 USD; a tenth of maintenance."""
    book = Book(listed(0, tiers=TENTH), listed(1, tiers=TENTH), fund_atoms=10**15)
    book.mark(500, 3)
    positions = [(i, lots, price) for i, lots, price in ((0, btc, 500), (1, eth, 3)) if lots]
    return book, book.user(usdc + sum(lots * price for _, lots, price in positions), *positions)


def bankruptcy_quote(book: Book, account: int, instrument: int, delta: int) -> int:
    """What closing so much must bring: `fee-capped` settles a fill at the mark against that."""
    price = book.ledger.markets[instrument].mark_ticks
    book.liquidate(account)
    book.put(
        made(
            LiquidationOrdered,
            liquidation_id=1,
            order_id=1,
            account=account,
            instrument=instrument,
            size_lots=delta,
            step=1,
            whole=True,
        )
    )
    fill = filled(account, delta, price, instrument=instrument, eaten_lots=abs(delta))
    event = book.put(fill)
    fund = FeeCapped(FeeCappedParameters(fee_ppm_max=10**9))
    paid = 0
    for body in bodies(fund.handle(event, book.ledger, 0)):
        assert isinstance(body, InsuranceFundCredited | InsuranceFundDebited)
        paid += body.amount_atoms if isinstance(body, InsuranceFundCredited) else -body.amount_atoms
    return -fill.value_atoms - paid


FULLY = "Can calculate bankruptcy price in quote quantums for a subaccount that is fully closing one"
PARTLY = "Can calculate bankruptcy price in quote quantums for a subaccount that is partially closing one"
ROUNDS = "Rounds up bankruptcy price in quote quantums for a subaccount that is partially closing one"
TENTH_BTC, BOTH = 10**7, 400_000
CLOSINGS = {
    "venues-1": (-4_501 * USD, TENTH_BTC, 0, 0, -TENTH_BTC, 4_501 * USD),
    "venues-3": (-490 * USD, BOTH, 10**8, 1, -(10**8), 294 * USD),
    "venues-5": (-13 * USD, 10**8, 0, 0, -21_347, 2_776),
    f"dydx: {FULLY} long position that is slightly below maintenance margin requirements": (
        -4_501 * USD, TENTH_BTC, 0, 0, -TENTH_BTC, 4_501 * USD
    ),
    f"dydx: {FULLY} long position that is at the bankruptcy price": (
        -5_000 * USD, TENTH_BTC, 0, 0, -TENTH_BTC, 5_000 * USD
    ),
    f"dydx: {PARTLY} short position that is at the bankruptcy price": (
        5_000 * USD, -TENTH_BTC, 0, 0, TENTH_BTC // 2, -2_500 * USD
    ),
    f"dydx: {FULLY} long position that is below the bankruptcy price": (
        -5_100 * USD, TENTH_BTC, 0, 0, -TENTH_BTC, 5_100 * USD
    ),
    f"dydx: {FULLY} long position and has multiple long positions": (
        -490 * USD, BOTH, 10**8, 1, -(10**8), 294 * USD
    ),
    f"dydx: {FULLY} short position and has a long and short position": (
        110 * USD, BOTH, -(10**8), 1, 10**8, -306 * USD
    ),
    f"dydx: {ROUNDS} short position that is below the bankruptcy price": (13 * USD, -(10**8), 0, 0, 21_347, -2_775),
}  # fmt: skip
"""USDC quantums, BTC and ETH base quantums, what is closed, of which, and what that must bring."""


@pytest.mark.decided
@pytest.mark.parametrize(
    ("usdc", "btc", "eth", "instrument", "delta", "quote"), list(CLOSINGS.values()), ids=list(CLOSINGS)
)
def test_the_fund_settles_at_dydx_s_bankruptcy_price(
    usdc: int, btc: int, eth: int, instrument: int, delta: int, quote: int
) -> None:
    """TestGetBankruptcyPriceInQuoteQuantums: whole quantums, exact."""
    book, account = dydx_book(usdc, btc, eth)
    assert bankruptcy_quote(book, account, instrument, delta) == quote


@pytest.mark.decided
@pytest.mark.parametrize("usdc", [pytest.param(((-4000, False), (-4500, False), (-4501, True)), id="venues-12")])
def test_the_monitor_liquidates_strictly_below_the_requirement(usdc: Sequence[tuple[int, bool]]) -> None:
    """TestIsLiquidatable: 0.1 BTC long; the margin monitor begins a liquidation below 500, not at it."""
    for balance, expected in usdc:
        book, account = dydx_book(balance * USD, TENTH_BTC)
        monitor = MarginMonitor(MarginParameters(10_000, 10_000))
        monitor.prime(book.ledger, ())
        mark = next(event for event in book.events if type(event.body).__name__ == "MarkPriced")
        said = bodies(list(monitor.handle(mark, book.ledger, 0)))
        assert [b.account for b in said if isinstance(b, LiquidationStarted)] == [account] * expected


CENT_LOT = 10
"""Micro-dollars of a thousandth of a coin at a price of a cent."""


def liquidated_at(*positions: tuple[str, str, str, int, int]) -> int | None:
    """In a run, the first mark of the last position, in cents, at which the account is liquidated, falling by cents.

    A position is quantity, entry, mark, maintenance rate in ppm and amount; the wallet has 1,535,443.01.
    """
    tiers = [(Tier(0, rate, amount * USD * 10**6),) for *_, rate, amount in positions]
    book = Book(*(listed(i, tiers=t, multiplier_atoms=CENT_LOT) for i, t in enumerate(tiers)))
    lots = [int(Fraction(quantity) * 1000) for quantity, *_ in positions]
    entries = [int(Fraction(entry) * 100) for _, entry, *_ in positions]
    book.user(int(Fraction("1535443.01") * USD), *zip(range(len(lots)), lots, entries, strict=True))
    last, mark = len(positions) - 1, int(Fraction(positions[-1][2]) * 100)
    stage = Stage(book, IndexMarkPricing(NoParameters()), MarginMonitor(MarginParameters(10_000, 10_000)))
    path = [tick for n, one in enumerate(positions) for tick in ticks((n, int(Fraction(one[2]) * 100)), instrument=n)]
    path += ticks(*((10 + step, mark + 100 - step) for step in range(200)), instrument=last)
    events = stage.run(*path)
    started = next((event for event in events if isinstance(event.body, LiquidationStarted)), None)
    return None if started is None else mark + 100 - (started.at_ns - 10)


@pytest.mark.decided
@pytest.mark.parametrize(
    ("positions", "price"),
    [
        pytest.param([("109.488", "32481.98", "18778.73", 25_000, 16_300)], 18_778_73, id="venues-38"),
        pytest.param(
            [("109.488", "32481.98", "31967.27", 25_000, 16_300), ("3683.979", "1456.84", "1153.26", 100_000, 135_365)],
            1_153_26,
            id="venues-35",
        ),
    ],
)
def test_the_monitor_liquidates_at_binance_s_price(positions: list[tuple[str, str, str, int, int]], price: int) -> None:
    """Within a cent of the printed price: not a cent above it, and a cent below it at the latest."""
    found = liquidated_at(*positions)
    assert found is not None
    assert price - 1 <= found <= price


@pytest.mark.decided
@pytest.mark.parametrize("printed", [pytest.param("1.81", id="venues-39")])
def test_a_listing_has_binance_s_maintenance_amount(printed: str) -> None:
    """From 50 BTC on 5%, after 2.5% with 0.56 BTC: the tiers of a scenario are listed with an amount of 1.81."""
    tiers = "[{ floor = 0, rate = 0.011 }, { floor = 40, rate = 0.025 }, { floor = 50, rate = 0.05 }]"
    settings = Scenario.load("flash-crash", [f"instruments[0].tiers={tiers}", "population.accounts=1"]).settings
    listing = list_instruments(settings, list_assets(settings), scales_of(settings))[0]
    amounts = [Fraction(tier.amount_microatoms, 10**12) for tier in listing.tiers]
    assert amounts == [0, Fraction("0.56"), Fraction(printed)]


@pytest.mark.decided
@pytest.mark.parametrize("rounded_to", [pytest.param("7735.5", id="venues-41")])
def test_an_inverse_long_is_bankrupt_at_bybit_s_price(rounded_to: str) -> None:
    """5,000 USD from 7,890.08 at a leverage of 50, in ticks of 0.5: the worst price that leaves nothing owed."""
    coins = 5_000 * 10**8 / Fraction("7890.08")
    book = Book(listed(0, kind="inverse", multiplier_atoms=2 * 10**8))
    account = book.user(int(coins / 50))
    book.put(PositionStated(account, 0, 0, 5_000, -int(coins)))
    book.mark(15_600)
    ticks_found = bankruptcy_price(book.account(account), book.ledger, (0, 0))
    assert Fraction(ticks_found, 2) == Fraction(rounded_to)
