"""The liquidation price: the first mark at which the rule bites, against a walk over the ticks, in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.ledger import Account, Ledger
from deleverage.handlers.liquidation_price import LiquidationPrices, liquidation_prices
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.valuation import margin_of

from .support.oracles import equity, requirement, requirement_of, worth
from .support.venue import Book, bodies, listed, tiers_of
from .support.worlds import tiers

MARK = 40
FARTHEST = 4 * MARK
TIERS = tiers(floor_atoms_most=9_000, rate_ppm_most=900_000)
"""Floors lie among the notionals that occur at this mark."""


def prices_of(account: Account, ledger: Ledger) -> dict[int, LiquidationPrices]:
    """What is under test, at the marks as they are."""
    return liquidation_prices(account, ledger.markets, margin_of(account, ledger))


def is_under(account: Account, ledger: Ledger, instrument: int, mark_ticks: int) -> bool:
    """Whether the account would be below its requirement if this one mark were another, in fractions."""
    was, ledger.markets[instrument].mark_ticks = ledger.markets[instrument].mark_ticks, mark_ticks
    has, needs = equity(account, ledger), requirement_of(account, ledger)
    ledger.markets[instrument].mark_ticks = was
    return has < needs


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Book, Account]:
    """A trader with positions on up to two instruments and three legs each, funding, near the edge or far."""
    count = draw(st.integers(1, 2))
    book = Book(*(listed(i, tiers=draw(TIERS), multiplier_atoms=draw(st.integers(1, 3))) for i in range(count)))
    book.mark(*[MARK] * count)
    rates = st.integers(-(10**10), 10**10)
    for i in range(count):
        book.put(FundingAccrued(i, 1, MARK, draw(rates)))
    account = book.account(book.user())
    keys = st.sampled_from([(i, leg) for i in range(count) for leg in range(3)])
    for i, leg in draw(st.lists(keys, min_size=1, max_size=4, unique=True)):
        book.hold(account.account, i, draw(st.integers(-60, 60).filter(bool)), draw(st.integers(20, 60)), leg)
    for i in range(count):
        book.put(FundingAccrued(i, 1, MARK, draw(rates)))
    needs = margin_of(account, book.ledger)
    spare = draw(st.one_of(st.integers(-2, 3), st.integers(0, 4_000)))
    account.balance_atoms += needs.requirement_atoms - needs.equity_atoms + spare
    return book, account


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_it_is_the_first_tick_at_which_the_rule_bites(world: tuple[Book, Account]) -> None:
    """Walking from the mark tick by tick, down to one tick and up to four times the mark, finds the same prices."""
    book, account = world
    found = prices_of(account, book.ledger)
    assert set(found) == {instrument for instrument, _ in account.positions}
    for instrument, (below, above) in found.items():
        under = [is_under(account, book.ledger, instrument, ticks) for ticks in range(FARTHEST + 1)]
        assert below == next((ticks for ticks in range(MARK, 0, -1) if under[ticks]), None)
        walked = next((ticks for ticks in range(MARK, FARTHEST + 1) if under[ticks]), None)
        assert above == walked or (walked is None and above is not None and above > FARTHEST)
        if above is not None and above > MARK:
            assert is_under(account, book.ledger, instrument, above)
            assert not is_under(account, book.ledger, instrument, above - 1)


@given(st.integers(-500, 500).filter(bool), st.integers(1, 500_000), st.integers(1_000, 900_000))
def test_one_tier_follows_the_textbook_formula(lots: int, balance: int, rate_ppm: int) -> None:
    """Price = (entry value - balance) / (size x (1 - rate)), short: (entry value + balance) / (size x (1 + rate))."""
    book = Book(listed(tiers=tiers_of((0, rate_ppm))))
    book.mark(1000)
    account = book.account(book.user(balance, (0, lots, 1000)))
    assume(not is_under(account, book.ledger, 0, 1000))
    rate = Fraction(rate_ppm, 10**6)
    edge = Fraction(lots * 1000 - balance) / (lots - abs(lots) * rate)
    below, above = prices_of(account, book.ledger)[0]
    if lots > 0:
        last = -(-edge.numerator // edge.denominator) - 1  # the greatest whole price under the edge
        assert (below, above) == (last if last > 0 else None, None)
    else:
        assert (below, above) == (None, edge.numerator // edge.denominator + 1)


@given(st.integers(-60, 60).filter(bool), TIERS, st.integers(1, 3), st.integers(-2, 4_000), st.integers(20, 60))
def test_of_one_inverse_position_it_is_the_first_tick_too(
    lots: int, levels: tuple[Tier, ...], multiplier: int, spare: int, entry: int
) -> None:
    """Rounded values and all: at the price the rule bites, at no tick between it and the mark it does."""
    book = Book(listed(tiers=levels, kind="inverse", multiplier_atoms=multiplier * MARK**2))
    book.mark(MARK)
    account = book.account(book.user(0, (0, lots, entry)))
    needs = margin_of(account, book.ledger)
    account.balance_atoms += needs.requirement_atoms - needs.equity_atoms + spare
    below, above = prices_of(account, book.ledger)[0]
    under = [False, *(is_under(account, book.ledger, 0, ticks) for ticks in range(1, FARTHEST + 1))]
    assert below == next((ticks for ticks in range(MARK, 0, -1) if under[ticks]), None)
    walked = next((ticks for ticks in range(MARK, FARTHEST + 1) if under[ticks]), None)
    assert above == walked or (walked is None and above is not None and above > FARTHEST)
    if above is not None and above > MARK:
        assert is_under(account, book.ledger, 0, above)
        assert not is_under(account, book.ledger, 0, above - 1)


def is_under_unrounded(account: Account, ledger: Ledger, ticks: int) -> bool:
    """Whether it would be, on an inverse instrument whose values are whole at the mark, were they not rounded."""
    (market,), has, sides = ledger.markets, Fraction(equity(account, ledger)), {True: Fraction(0), False: Fraction(0)}
    for held in account.positions.values():
        coins = Fraction(abs(held.size_lots) * market.listing.multiplier_atoms, ticks)
        has += worth(market.listing, -held.size_lots, MARK) + (-coins if held.size_lots > 0 else coins)
        sides[held.size_lots > 0] += coins
    return has < sum(requirement(market.listing.tiers, coins) for coins in sides.values())  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-60, 60).filter(bool), min_size=2, max_size=3),
    TIERS,
    st.integers(1, 90),
    st.integers(0, 900),
)
def test_of_an_inverse_hedge_it_is_that_of_unrounded_values(
    legs: list[int], levels: tuple[Tier, ...], multiplier: int, spare: int
) -> None:
    """Several legs of one inverse instrument: the first tick at which the rule bites, but for the atoms of rounding."""
    book = Book(listed(tiers=levels, kind="inverse", multiplier_atoms=multiplier * MARK))
    book.mark(MARK)
    account = book.account(book.user())
    for leg, lots in enumerate(legs):
        book.hold(account.account, 0, lots, MARK, leg)
    needs = margin_of(account, book.ledger)
    account.balance_atoms += needs.requirement_atoms - needs.equity_atoms + spare
    below, above = prices_of(account, book.ledger)[0]
    under = [False, *(is_under_unrounded(account, book.ledger, ticks) for ticks in range(1, FARTHEST + 1))]
    assert below == next((ticks for ticks in range(MARK, 0, -1) if under[ticks]), None)
    walked = next((ticks for ticks in range(MARK, FARTHEST + 1) if under[ticks]), None)
    assert above == walked or (walked is None and above is not None and above > FARTHEST)


def test_by_hand() -> None:
    """Long 100 from 1000 with 60,000 at 5%: at 422 equity is 2,200 of 2,110 needed, at 421 2,100 of 2,105."""
    book = Book(listed(tiers=tiers_of((0, 50_000))))
    book.mark(1000)
    account = book.account(book.user(60_000, (0, 100, 1000)))
    assert prices_of(account, book.ledger) == {0: LiquidationPrices(421, None)}


def test_a_hedge_may_be_cornered_on_both_sides() -> None:
    """Long 100 and short 80 from 100, at 5%, over 9,000 at 40%: each tick brings 20 and needs 9, later 44, then 72."""
    book = Book(listed(tiers=tiers_of((0, 50_000), (9_000, 400_000))))
    book.mark(100)
    account = book.account(book.user(2_000))
    book.hold(account.account, 0, 100, 100, leg=1)
    book.hold(account.account, 0, -80, 100, leg=2)
    # At 121 equity is 2,420 of 1,690 + 722, at 122 it is 2,440 of 1,730 + 754; falling, 20 a tick always cover 9.
    assert prices_of(account, book.ledger)[0] == LiquidationPrices(None, 122)
    account.balance_atoms -= 700
    # At 102 equity is 1,340 of 930 + 408, at 103 it is 1,360 of 970 + 412; at 64 it is 580 of 576, at 63 560 of 567.
    assert prices_of(account, book.ledger)[0] == LiquidationPrices(63, 103)


def test_no_mark_liquidates_who_owes_nothing() -> None:
    """A long that is paid for in full has no price, nor has an account without positions an instrument."""
    book = Book(listed())
    book.mark(100)
    paid, flat = book.account(book.user(1_000, (0, 10, 100))), book.account(book.user(1_000))
    assert prices_of(paid, book.ledger) == {0: LiquidationPrices(None, None)}
    assert prices_of(paid, book.ledger)[0].nearest_ticks(100) is None
    assert prices_of(flat, book.ledger) == {}


def test_who_is_under_already_is_at_the_price() -> None:
    """Below the requirement the first mark that liquidates is today's."""
    book = Book(listed())
    book.mark(100)
    account = book.account(book.user(99, (0, 10, 100)))
    assert prices_of(account, book.ledger)[0].nearest_ticks(100) == 100
    account.balance_atoms += 1
    assert prices_of(account, book.ledger)[0].nearest_ticks(100) == 99


@pytest.mark.parametrize(
    ("prices", "nearest"),
    [((90, 111), 90), ((89, 110), 110), ((90, 110), 90), ((None, 500), 500), ((3, None), 3), ((None, None), None)],
)
def test_the_nearer_side_is_the_price(prices: tuple[int | None, int | None], nearest: int | None) -> None:
    """Of both sides the nearer counts, of two equally far the lower."""
    assert LiquidationPrices(*prices).nearest_ticks(100) == nearest


@pytest.mark.parametrize("lots", [70, -70])
def test_the_monitor_liquidates_there_and_not_a_tick_before(lots: int) -> None:
    """At the price the margin monitor starts a liquidation, one tick nearer it only calls."""
    book = Book(listed(tiers=tiers_of((0, 50_000), (60_000, 100_000))))
    book.mark(1000)
    account = book.account(book.user(9_000, (0, lots, 1000)))
    price = prices_of(account, book.ledger)[0].nearest_ticks(1000)
    assert price is not None
    for mark, said in ((price + (1 if lots > 0 else -1), "MarginCalled"), (price, "LiquidationStarted")):
        (event,) = book.mark(mark)
        monitor = MarginMonitor(MarginParameters())
        monitor.prime(book.ledger, ())
        assert [type(body).__name__ for body in bodies(monitor.handle(event, book.ledger, 0))] == [said]
