"""Trade arithmetic: what a position is after any trades, against average cost worked out in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import PositionStated, TradeExecuted
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Account, Position
from deleverage.events.ledger.account import funding_of, trade

from .support.made import made
from .support.venue import LIQUIDITY, Book, listed

KEY = (0, 0)
TRADES = st.lists(
    st.tuples(st.integers(-20, 20).filter(bool), st.integers(1, 10**6), st.integers(-(10**12), 10**12)), max_size=25
)


def flat(balance: int = 0) -> Account:
    """An account without positions."""
    return Account(4, "user", "cross", 0, None, None, balance, {})


def bought(*trades: tuple[int, int]) -> Account:
    """An account after these (lots, value) trades."""
    account = flat()
    for lots, value in trades:
        trade(account, KEY, lots, value, 0)
    return account


def test_opening_costs_its_value() -> None:
    """The first trade is the position; nothing is realised."""
    account = bought((5, 500))
    assert account.positions == {KEY: Position(5, 500, 0)}
    assert account.balance_atoms == 0


def test_adding_adds_size_and_cost() -> None:
    """A second purchase at another price leaves the sum of both costs."""
    assert bought((5, 500), (2, 260)).positions == {KEY: Position(7, 760, 0)}


def test_closing_a_part_realises_its_share() -> None:
    """Of 7 lots that cost 760, 3 sold for 390 realise 390 less a share of 325 (325.7 rounded down)."""
    account = bought((7, 760), (-3, -390))
    assert account.positions == {KEY: Position(4, 435, 0)}
    assert account.balance_atoms == 65


def test_closing_all_leaves_no_position() -> None:
    """What is left after the last lot is the balance, and the profit is all of it."""
    account = bought((-4, -400), (4, 360))
    assert account.positions == {}
    assert account.balance_atoms == 40


def test_turning_round_closes_first_and_opens_the_rest() -> None:
    """Selling 7 for 910 with 5 held at 500: 5 leave for 650, and 2 are short for 260."""
    account = bought((5, 500), (-7, -910))
    assert account.positions == {KEY: Position(-2, -260, 0)}
    assert account.balance_atoms == 150


def test_turning_round_rounds_the_closing_value_down() -> None:
    """If a value does not divide, the closing part of -1000 over 3 of 7 lots is -429, the opening has the rest."""
    account = bought((3, 300), (-7, -1000))
    assert account.positions == {KEY: Position(-4, -571, 0)}
    assert account.balance_atoms == 129


def test_legs_are_apart() -> None:
    """A long and a short leg of one instrument do not net."""
    account = bought((5, 500))
    trade(account, (0, 2), -5, -510, 0)
    assert account.positions == {KEY: Position(5, 500, 0), (0, 2): Position(-5, -510, 0)}


@given(TRADES)
def test_nothing_is_lost_whatever_the_trades(trades: list[tuple[int, int, int]]) -> None:
    """Balance less cost is minus what all trades were worth, to the atom: so equity at any mark is exact."""
    account, size, paid = flat(), 0, 0
    for lots, price, _ in trades:
        trade(account, KEY, lots, lots * price, 0)
        size, paid = size + lots, paid + lots * price
        held = account.positions.get(KEY, Position(0, 0, 0))
        assert held.size_lots == size
        assert account.balance_atoms - held.cost_atoms == -paid
        assert (KEY in account.positions) == bool(size)


@given(TRADES)
def test_realised_profit_is_that_of_the_average_cost(trades: list[tuple[int, int, int]]) -> None:
    """Each closing realises value less average cost, to within the atom per closing that rounding moves to the rest."""
    account = flat()
    size, cost, realised, closings = 0, Fraction(0), Fraction(0), 0
    for lots, price, _ in trades:
        trade(account, KEY, lots, lots * price, 0)
        closing = 0 if size * lots >= 0 else (1 if lots > 0 else -1) * min(abs(lots), abs(size))
        if closing:
            realised += -closing * price + cost * closing / size
            cost += cost * closing / size
            closings += 1
        cost += (lots - closing) * price
        size += lots
        assert abs(account.balance_atoms - realised) <= closings
        if not size:
            cost, realised, closings = Fraction(0), Fraction(account.balance_atoms), 0


@given(TRADES)
def test_funding_is_settled_to_the_atom(trades: list[tuple[int, int, int]]) -> None:
    """Balance and what is left to settle hold all funding of all trades, each at the cumulative funding of its time."""
    account, size, paid, settled = flat(), 0, 0, 0
    for lots, price, cumulative in trades:
        funding = funding_of(lots, cumulative)
        trade(account, KEY, lots, lots * price, funding)
        size, paid, settled = size + lots, paid + lots * price, settled + funding
        held = account.positions.get(KEY, Position(0, 0, 0))
        assert account.balance_atoms - held.cost_atoms + held.funding_atoms == settled - paid


@given(st.lists(st.tuples(st.sampled_from([(4, 5), (5, 4), (4, 1), (1, 5)]), st.integers(-9, 9), st.integers(1, 99))))
def test_a_trade_in_the_ledger_has_two_sides(trades: list[tuple[tuple[int, int], int, int]]) -> None:
    """Taker and giver hold opposite sizes, and the laws of the ledger hold after every trade."""
    book = Book(listed(multiplier_atoms=3))
    book.user(10**9), book.user(10**9)
    sizes = dict.fromkeys(range(6), 0)
    for number, ((taker, giver), lots, price) in enumerate(trades):
        if not lots:
            continue
        book.put(
            made(
                TradeExecuted,
                account=taker,
                counterparty=giver,
                size_lots=lots,
                price_ticks=price,
                value_atoms=3 * lots * price,
                trade_id=number,
            )
        )
        sizes[taker], sizes[giver] = sizes[taker] + lots, sizes[giver] - lots
        held = {a.account: p.size_lots for a in book.ledger.accounts for p in a.positions.values()}
        assert held == {account: size for account, size in sizes.items() if size}
        book.ledger.check()


def test_an_account_cannot_trade_with_itself() -> None:
    """It would move nothing, and whoever says so is mistaken."""
    book = Book()
    user = book.user(100)
    with pytest.raises(LedgerError, match="TradeExecuted: account 4 cannot trade with itself"):
        book.put(
            made(
                TradeExecuted, account=user, counterparty=user, size_lots=1, price_ticks=10, value_atoms=10, trade_id=1
            )
        )


@pytest.mark.parametrize("held", [0, 3, -3])
def test_a_trade_of_nothing_is_refused(held: int) -> None:
    """Value without lots would be booked on one side only, so no lots are no trade."""
    book = Book()
    user = book.user(100)
    if held:
        book.hold(user, 0, held, 10)
    with pytest.raises(LedgerError, match="TradeExecuted of no lots"):
        book.put(made(TradeExecuted, account=user, counterparty=LIQUIDITY, price_ticks=10, value_atoms=7, trade_id=1))
    with pytest.raises(LedgerError, match="PositionStated of no lots"):
        book.put(PositionStated(user, 0, 0, 0, 7))


def test_a_trade_across_assets_is_refused() -> None:
    """An instrument trades between accounts of the asset it settles in, whichever of the two is of another."""
    book = Book(listed())
    book.put(AssetListed(1, "BTC", 8))
    ours, theirs = book.user(100), len(book.ledger.accounts)
    book.put(AccountOpened(theirs, "theirs", "test", "user", "cross", 1))
    before = book.ledger.digest()
    for taker, giver in ((ours, theirs), (theirs, ours), (theirs, LIQUIDITY)):
        with pytest.raises(
            LedgerError, match=r"I0 settles in asset 0, which accounts . and . of assets . and . cannot trade"
        ):
            book.put(
                made(
                    TradeExecuted,
                    account=taker,
                    counterparty=giver,
                    size_lots=5,
                    price_ticks=100,
                    value_atoms=500,
                    trade_id=1,
                )
            )
    with pytest.raises(LedgerError, match="I0 settles in asset 0"):
        book.put(PositionStated(theirs, 0, 0, 5, 500))
    assert book.ledger.digest() == before
