"""Several legs of one instrument: those of one side are one position to the tiers, so that splitting evades nothing."""

from __future__ import annotations

from hypothesis import given, settings

from deleverage.handlers.margin_monitor import everyone_under
from deleverage.handlers.policies.liquidation.step import Situation
from deleverage.handlers.policies.liquidation.tier_step_down import lots_above_lower_tier
from deleverage.handlers.valuation import (
    BPS,
    MICRO,
    bankruptcy_values,
    largest_position,
    margin_of,
    requirements,
    side_notional_atoms,
)

from .support.oracles import equity, requirement_of
from .support.venue import Book, listed, tiers_of
from .support.worlds import books

TWO_TIERS = tiers_of((0, 4_000), (1_000_000, 10_000))
"""0.4%, and 1% over a million."""


def in_legs(*legs_lots: int, balance: int = 10**6) -> tuple[Book, int]:
    """An account that holds so many lots on each leg, bought at 1,000 and marked there."""
    book = Book(listed(tiers=TWO_TIERS))
    book.mark(1000)
    user = book.user(balance)
    for leg, lots in enumerate(legs_lots):
        book.hold(user, 0, lots, 1000, leg)
    return book, user


def test_ten_legs_need_what_one_position_needs() -> None:
    """3,000,000 in ten legs: 4,000 for the first million and 20,000 for the other two, as in one."""
    for legs in ((300,) * 10, (3_000,), (1, 2_999)):
        book, user = in_legs(*legs)
        assert margin_of(book.account(user), book.ledger).requirement_atoms == 24_000


def test_the_sides_of_a_hedge_are_apart() -> None:
    """2,000,000 long in two legs and 600,000 short in two: 4,000 + 10,000 and 2,400."""
    book, user = in_legs(1_000, 1_000, -300, -300)
    account, markets = book.account(user), book.ledger.markets
    assert margin_of(account, book.ledger).requirement_atoms == 16_400
    assert [side_notional_atoms(account, markets, (0, leg)) for leg in range(4)] == [2_000_000] * 2 + [600_000] * 2


def test_a_split_account_is_liquidated_where_the_whole_one_is() -> None:
    """With 23,999 of equity for 3,000,000 both are under the requirement, with 24,000 neither is."""
    for balance, under in ((23_999, True), (24_000, False)):
        for legs in ((300,) * 10, (3_000,)):
            book, user = in_legs(*legs, balance=balance)
            assert (user in list(everyone_under(book.ledger, BPS))) == under


@settings(max_examples=150, deadline=None)
@given(books())
def test_the_requirement_is_that_of_the_sides(book: Book) -> None:
    """It agrees with fractions worked out bracket by bracket, and is shared among the positions without a rest."""
    for account in book.ledger.accounts[4:]:
        margin, needs = margin_of(account, book.ledger), requirements(account, book.ledger)
        assert margin.equity_atoms == equity(account, book.ledger)
        assert margin.requirement_microatoms == requirement_of(account, book.ledger) * MICRO
        assert sum(needs.values()) == margin.requirement_microatoms
        assert list(needs) == list(account.positions)
        assert all(need >= 0 for need in needs.values())
        largest = largest_position(account, book.ledger)
        assert largest is None or needs[largest] == max(needs.values())


@settings(max_examples=100, deadline=None)
@given(books())
def test_bankruptcy_values_leave_nothing(book: Book) -> None:
    """Every position at its bankruptcy value takes an account to zero, on however many legs it stands."""
    for account in book.ledger.accounts[4:]:
        if account.positions:
            marked = margin_of(account, book.ledger)
            closed = sum(bankruptcy_values(account, book.ledger).values())
            assert sum(marked.values_atoms) - closed == marked.equity_atoms


def test_a_step_down_counts_the_whole_side() -> None:
    """Of 1,200,000 on two legs 201 lots of the larger must go, or all of one that is smaller than that."""
    for legs, key, lots in (((500, 700), (0, 1), 201), ((1_100, 100), (0, 1), 100), ((400, 400), (0, 0), 0)):
        book, user = in_legs(*legs)
        account = book.account(user)
        book.liquidate(user)
        liquidation = book.ledger.liquidations[1]
        situation = Situation(book.ledger, liquidation, account, margin_of(account, book.ledger), key, 0)
        assert lots_above_lower_tier(situation) == lots
