"""Loss socialisation: who pays for what nothing else could cover, how much each, and what is written off."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.liquidation import PositionTakenOver
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    FundDeficitDeclared,
    LossSocialized,
    ShortfallDeclared,
    ShortfallRemained,
)
from deleverage.events.vocabulary import Body
from deleverage.handlers.inventory import capacity_atoms
from deleverage.handlers.loss_socialization import LossSocialization, SocializationParameters
from deleverage.handlers.policies.allocation import in_proportion

from .support.oracles import equity
from .support.venue import FUND, Book, listed


def indebted(loss: int, *winners: tuple[int, int, int], payers_most: int = 100) -> tuple[Book, int, LossSocialization]:
    """A bankrupt account that owes this much, and traders with (balance, lots, entry) marked at 1000."""
    book = Book()
    for balance, lots, entry in winners:
        book.user(balance, (0, lots, entry))
    user = book.user(1)
    book.mark(1000)
    book.put(BalanceStated(user, -loss))
    book.bankrupt(user)
    return book, user, LossSocialization(SocializationParameters(payers_most))


def spread(book: Book, user: int, handler: LossSocialization) -> list[Body]:
    """What comes of a shortfall that only this can cover; it is folded too."""
    event = book.put(ShortfallDeclared(book.account(user).liquidation_id, user, "bankruptcy", 1, 0))
    return [event.body for event in book.take(handler.handle(event, book.ledger, 0))]


def test_winners_pay_in_proportion_to_their_profit() -> None:
    """Profits of 3,000 and 1,000, a loss of 100: 75 and 25; the account owes nothing any more."""
    book, user, handler = indebted(100, (10**4, 10, 700), (10**4, 10, 900))
    assert spread(book, user, handler) == [LossSocialized(1, user, 4, 75), LossSocialized(1, user, 5, 25)]
    assert book.account(user).balance_atoms == 0


def test_who_does_not_pay() -> None:
    """Losers, traders without positions, accounts in liquidation, and profit that a debt has eaten."""
    book, user, handler = indebted(100, (10**4, 10, 1001), (-3_000, 10, 700), (10**4, 10, 900))
    book.user(10**6)
    book.liquidate(book.user(10**4, (0, 10, 500)))
    assert spread(book, user, handler) == [LossSocialized(1, user, 6, 100)]


def test_profit_is_that_of_the_whole_account() -> None:
    """A gain on one position less a loss on another, and no more than the equity."""
    book = Book(listed(0), listed(1))
    both = book.user(10**4, (0, 10, 700), (1, 10, 1200))
    thin = book.user(-2_600, (0, 10, 700))
    book.mark(1000, 1000)
    user = book.user(1)
    book.put(BalanceStated(user, -10_000))
    book.bankrupt(user)
    said = spread(book, user, LossSocialization(SocializationParameters()))
    assert said[:2] == [LossSocialized(1, user, both, 1000), LossSocialized(1, user, thin, 400)]


@pytest.mark.parametrize(
    ("cash", "deficit"), [(0, 300), (120, 180), (300, 0), (500, 0)], ids=["nothing", "a part", "just enough", "more"]
)
def test_what_nobody_can_pay_is_the_fund_s_as_far_as_it_has_money(cash: int, deficit: int) -> None:
    """Two winners can give 1,000 and 200 of 1,500: 300 remain. What the fund has not is declared before it is owed."""
    book, user, handler = indebted(1500, (10**4, 10, 900), (10**4, 2, 900))
    book.put(BalanceStated(FUND, cash))
    declared = [FundDeficitDeclared(1, user, FUND, cash, 0, 0, deficit)] if deficit else []
    assert spread(book, user, handler)[2:] == [*declared, BalanceWrittenOff(1, user, FUND, 300)]
    assert book.account(FUND).balance_atoms == cash - 300
    assert book.account(user).balance_atoms == 0
    assert book.ledger.is_stopped(0) is bool(deficit)


def holding_at_a_loss(book: Book, cash: int, paid: int) -> None:
    """A fund with so much in cash, and a lot that it took over for more than the 1,000 at which it is marked."""
    book.put(BalanceStated(FUND, cash))
    other = book.user(0, (0, 1, paid))
    book.bankrupt(other)
    book.put(PositionTakenOver(2, other, FUND, 0, 0, 1, paid, paid))


def test_money_that_the_inventory_has_lost_pays_nobody() -> None:
    """120 in cash, and lots that stand 100 lower: 20 of the 300 are paid, 280 are declared."""
    book, user, handler = indebted(1500, (10**4, 10, 900), (10**4, 2, 900))
    holding_at_a_loss(book, 120, 1100)
    assert spread(book, user, handler)[-2] == FundDeficitDeclared(1, user, FUND, 120, -100, 0, 280)


def test_only_so_many_pay_while_they_can() -> None:
    """The two largest winners of three, ties by account; the third as soon as those have given all they can."""
    winners = ((10**4, 1, 900), (10**4, 2, 900), (10**4, 1, 900))
    book, user, handler = indebted(30, *winners, payers_most=2)
    assert spread(book, user, handler) == [LossSocialized(1, user, 5, 20), LossSocialized(1, user, 4, 10)]
    book, user, handler = indebted(330, *winners, payers_most=2)
    paid = [LossSocialized(1, user, 5, 200), LossSocialized(1, user, 4, 100), LossSocialized(1, user, 6, 30)]
    assert spread(book, user, handler) == paid


def test_what_the_fund_lacks_is_paid_to_it() -> None:
    """Its lot stands 250 lower than it cost and it has 100 in cash: 150 are shared, and the capacity is nothing."""
    book, _, handler = indebted(1, (10**4, 10, 700), (10**4, 10, 900))
    holding_at_a_loss(book, 100, 1250)
    event = book.put(ShortfallRemained(FUND, "inventory", 150))
    said = [e.body for e in book.take(handler.handle(event, book.ledger, 0))]
    assert said == [LossSocialized(0, FUND, 4, 113), LossSocialized(0, FUND, 5, 37)]
    assert capacity_atoms(book.ledger, FUND) == 0
    assert list(handler.handle(event, book.ledger, 0)) == []


def test_what_nobody_can_pay_to_the_fund_is_a_deficit() -> None:
    """One winner gives its 40 of 150: the venue stops at 110, and no cash has moved."""
    book, _, handler = indebted(1, (10**4, 1, 960))
    holding_at_a_loss(book, 100, 1250)
    event = book.put(ShortfallRemained(FUND, "inventory", 150))
    said = [e.body for e in book.take(handler.handle(event, book.ledger, 0))]
    assert said == [LossSocialized(0, FUND, 4, 40), FundDeficitDeclared(None, FUND, FUND, 100, -250, 0, 110)]
    assert book.ledger.is_stopped(0)


def test_what_a_round_left_goes_to_the_fund_at_the_mark() -> None:
    """The rest of the position costs the fund nothing there and then; the account is left with the loss alone."""
    book = Book()
    user = book.user(0, (0, 10, 1100))
    book.mark(1000)
    book.bankrupt(user)
    handler = LossSocialization(SocializationParameters())
    ended = book.put(DeleveragingEnded(1, "bankruptcy", 1, user, 0, 0, 0, 10))
    (taken,) = book.take(handler.handle(ended, book.ledger, 0))
    assert taken.body == PositionTakenOver(1, user, FUND, 0, 0, 10, 10_000, 1000)
    assert (equity(book.account(FUND), book.ledger), book.account(user).balance_atoms) == (0, -1000)
    said = spread(book, user, handler)
    assert said == [FundDeficitDeclared(1, user, FUND, 0, 0, 0, 1000), BalanceWrittenOff(1, user, FUND, 1000)]


def test_it_waits_until_all_positions_are_gone() -> None:
    """After the first of two rounds there is another to come, and after one that closed everything nothing to take."""
    book = Book(listed(0), listed(1))
    user = book.user(0, (0, 10, 1100), (1, 10, 1100))
    book.mark(1000, 1000)
    book.bankrupt(user)
    handler = LossSocialization(SocializationParameters())
    ended = book.put(DeleveragingEnded(1, "bankruptcy", 1, user, 0, 0, 10, 0))
    assert list(handler.handle(ended, book.ledger, 0)) == []


@pytest.mark.parametrize("balance", [0, 5])
def test_without_a_debt_there_is_nothing_to_share(balance: int) -> None:
    """An account that ends at zero or above ends without anybody's help."""
    book, user, handler = indebted(1, (10**4, 10, 700))
    book.put(BalanceStated(user, balance))
    assert spread(book, user, handler) == []


def test_the_funds_own_shortfall_is_not_shared() -> None:
    """Inventory that could not be closed stays with the fund."""
    book, _, handler = indebted(1, (10**4, 10, 700))
    event = book.put(ShortfallDeclared(None, FUND, "inventory", 1, 0))
    assert list(handler.handle(event, book.ledger, 0)) == []


AMOUNTS = st.integers(1, 10**12)


@given(st.integers(0, 10**13), st.lists(AMOUNTS, max_size=20))
def test_shares_add_up_and_nobody_gives_more_than_he_has(amount: int, capacities: list[int]) -> None:
    """Whole numbers that sum to the amount or to all there is, each within an atom of its proportion."""
    shares = in_proportion(amount, capacities, capacities)
    assert sum(shares) == min(amount, sum(capacities))
    for share, capacity in zip(shares, capacities, strict=True):
        assert 0 <= share <= capacity
        if amount < sum(capacities):
            assert abs(share - Fraction(amount * capacity, sum(capacities))) < 1


@given(st.integers(1, 1000), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_the_largest_remainders_get_the_last_atoms(amount: int, capacities: list[int]) -> None:
    """Whoever gets an atom on top had a remainder no less than whoever does not; ties by place."""
    total = sum(capacities)
    if amount >= total:
        return
    shares = in_proportion(amount, capacities, capacities)
    remainders = [(-(amount * c % total), place) for place, c in enumerate(capacities)]
    lucky = [r for r, s, c in zip(remainders, shares, capacities, strict=True) if s > amount * c // total]
    unlucky = [r for r, s, c in zip(remainders, shares, capacities, strict=True) if s == amount * c // total]
    assert not lucky or not unlucky or max(lucky) < min(unlucky)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 60_000),
    st.lists(
        st.tuples(st.integers(-9_000, 9_000), st.integers(-20, 20).filter(bool), st.integers(700, 1300)), max_size=8
    ),
    st.integers(1, 10),
)
def test_a_loss_is_covered_to_the_atom(loss: int, traders: list[tuple[int, int, int]], payers_most: int) -> None:
    """The account ends at zero, only winners pay, none more than profit or equity, and the books balance."""
    book, user, handler = indebted(loss, *traders, payers_most=payers_most)
    profits = {a.account: equity(a, book.ledger) - a.balance_atoms for a in book.ledger.accounts[4:]}
    has = {a.account: equity(a, book.ledger) for a in book.ledger.accounts[4:]}
    said = spread(book, user, handler)
    paid = {b.account: b.amount_atoms for b in said if isinstance(b, LossSocialized)}
    assert book.account(user).balance_atoms == 0
    able = sorted((min(profits[a], has[a]) for a in profits if a != user and min(profits[a], has[a]) > 0), reverse=True)
    enough = next((n for n in range(len(able)) if sum(able[:n]) >= loss), len(able))
    assert len(paid) <= -(-enough // payers_most) * payers_most
    assert all(0 < atoms <= min(profits[account], has[account]) for account, atoms in paid.items())
    off = sum(b.amount_atoms for b in said if isinstance(b, BalanceWrittenOff))
    assert sum(paid.values()) + off == loss
    assert off == max(0, loss - sum(able))
    assert off == sum(b.deficit_atoms for b in said if isinstance(b, FundDeficitDeclared))


def test_a_last_resort_without_payers_is_refused() -> None:
    """At least one must pay."""
    with pytest.raises(ValueError, match="payers_max must be at least 1"):
        SocializationParameters(0)
