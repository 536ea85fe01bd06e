"""The laws of the ledger: they hold through anything that can be booked, and each of them can fail."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited, TradeExecuted, Transferred, Withdrawn
from deleverage.events.bodies.liquidation import LiquidationEnded, PositionTakenOver
from deleverage.events.bodies.margin import CollateralAdded, FeeCharged, FundingAccrued
from deleverage.events.bodies.run import Producer, RunForked
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
)
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Position
from deleverage.events.ledger.laws import LAWS
from deleverage.events.vocabulary import Body

from .support.made import made
from .support.venue import FUND, LIQUIDITY, Book, listed

USERS = st.integers(4, 7)
MONEY = st.integers(1, 10**9)
LOTS = st.integers(-50, 50).filter(bool)
PRICES = st.integers(1, 10**5)

TRADES = st.builds(
    lambda taker, giver, instrument, legs, lots, price: TradeExecuted(
        taker, giver, instrument, *legs, lots, price, (3 + instrument) * lots * price, 1
    ),
    USERS,
    st.sampled_from([LIQUIDITY, 4, 5, 6, 7]),
    st.integers(0, 1),
    st.sampled_from([(0, 0), (1, 0), (2, 1)]),
    LOTS,
    PRICES,
).filter(lambda trade: trade.account != trade.counterparty)
PAYMENTS: st.SearchStrategy[Body] = st.one_of(
    st.builds(Deposited, USERS, MONEY),
    st.builds(Withdrawn, USERS, MONEY),
    st.builds(CollateralAdded, USERS, MONEY),
    st.builds(Transferred, USERS, USERS, MONEY),
    st.builds(FeeCharged, USERS, MONEY, st.just("trade")),
    st.builds(InsuranceFundCredited, st.just(1), USERS, st.just(FUND), MONEY),
    st.builds(InsuranceFundDebited, st.just(1), USERS, st.just(FUND), MONEY),
    st.builds(LossSocialized, st.just(1), USERS, USERS, MONEY),
    st.builds(BalanceWrittenOff, st.just(1), USERS, st.just(FUND), MONEY),
)
FUNDING = st.builds(FundingAccrued, st.integers(0, 1), st.just(1), PRICES, st.integers(-(10**14), 10**14))


FLOORED = Producer("insurance_fund", "floor", "2", {"floor_atoms": 50})


def rich_book() -> Book:
    """Four traders, too rich for any sequence here to leave one of them negative, and two instruments."""
    book = Book(listed(0, multiplier_atoms=3), listed(1, multiplier_atoms=4), fund_atoms=10**12)
    for _ in range(4):
        book.user(10**18)
    return book


@settings(max_examples=60)
@given(st.lists(st.one_of(TRADES, PAYMENTS, FUNDING), max_size=40))
def test_money_and_sizes_are_conserved_at_every_event(happened: list[Body]) -> None:
    """Deposits, payments of every kind, trades on any legs and funding, in any order: every law holds after each."""
    book = rich_book()
    for body in happened:
        book.put(body)
        book.ledger.check()


def in_liquidation() -> tuple[Book, int]:
    """A book with a trader whose position the fund has taken over, and the liquidation's id."""
    book = Book(fund_atoms=10_000, producers=(FLOORED,))
    book.mark(100)
    user = book.user(5, (0, 10, 100))
    liquidation_id = book.bankrupt(user).body.liquidation_id  # type: ignore[union-attr]
    book.put(PositionTakenOver(liquidation_id, user, FUND, 0, 0, 10, 995, 99))
    book.put(LiquidationEnded(liquidation_id, user, "bankrupt", 0))
    book.ledger.check()
    return book, liquidation_id


def _counterfeit(book: Book) -> None:
    book.account(4).balance_atoms += 1


def _cheapen(book: Book) -> None:
    book.account(FUND).positions[0, 1].cost_atoms -= 1


def _grow(book: Book) -> None:
    book.account(LIQUIDITY).positions[0, 0].size_lots += 2


def _owe(book: Book) -> None:
    book.account(4).balance_atoms -= 7
    book.account(0).balance_atoms += 7


def _sleep(book: Book) -> None:
    book.put(TimerSet("nap", 5))
    book.ledger.at_ns = 6


def _hide(book: Book) -> None:
    book.account(FUND).positions[0, 9] = book.account(FUND).positions.pop((0, 1))


def _forget(book: Book) -> None:
    book.ledger.liquidations.clear()


def _strand(book: Book) -> None:
    book.account(4).status = "bankrupt"


def _linger(book: Book) -> None:
    book.account(4).liquidation_id = 1


def _overdraw(book: Book) -> None:
    book.put(InsuranceFundDebited(1, 4, FUND, 9_951))
    book.put(FundDeficitDeclared(1, 4, FUND, 49, 0, 50, 6))
    book.put(InsuranceFundDebited(1, 4, FUND, 6))


BROKEN = {
    "money of asset 'USDT' sums to 1 atoms, not to zero": _counterfeit,
    "money of asset 'USDT' sums to 1 atoms, not to zero ": _cheapen,
    "sizes of instrument 'I0' sum to 2 lots, not to zero": _grow,
    "account 'user4' is left with -7 atoms after its liquidation": _owe,
    "timer 16 (nap) was due at 5 and is still pending at 6": _sleep,
    "inventory of liquidation 1 in instrument 0 is 0 lots, but 10 were taken over and not sold": _hide,
    "the fund holds instrument 0 of liquidation 1, which is forgotten": _forget,
    "account 4 has status 'bankrupt' and liquidation None": _strand,
    "account 4 has status 'healthy' and liquidation 1": _linger,
    "fund 'insurance' has 43 atoms in cash, below its floor of 50, and declared a deficit of 6": _overdraw,
}


@pytest.mark.parametrize(("said", "break_it"), BROKEN.items(), ids=lambda v: getattr(v, "__name__", ""))
def test_each_law_can_fail(said: str, break_it: Callable[[Book], None]) -> None:
    """A ledger doctored so that one law is broken is refused, with the position and that law."""
    book, _ = in_liquidation()
    break_it(book)
    with pytest.raises(LedgerError, match=re.escape(f"after event {book.ledger.seq - 1}: {said.strip()}")):
        book.ledger.check()


def test_every_law_is_broken_by_something_above() -> None:
    """No law stands there untested."""
    seen = set()
    for break_it in BROKEN.values():
        book, _ = in_liquidation()
        break_it(book)
        seen |= {law for law in LAWS if list(law(book.ledger))}
    assert seen == set(LAWS)


def test_a_trader_in_liquidation_may_be_negative_for_a_while() -> None:
    """Protection asks only once the liquidation has ended."""
    book = Book(fund_atoms=100)
    user = book.user(5)
    book.liquidate(user)
    book.account(user).balance_atoms, book.account(0).balance_atoms = -7, -93
    book.ledger.check()


def test_a_timer_that_is_due_now_is_not_overdue() -> None:
    """It fires within its instant, and is pending until then."""
    book = Book()
    timer = book.put(TimerSet("nap", 5))
    book.now_ns = 5
    book.user(1)
    book.ledger.check()
    book.put(TimerFired(timer.seq, "nap"))
    assert book.ledger.timers == {}


def test_inventory_is_counted_through_sales_and_reductions() -> None:
    """Lots that leave the fund by a reduction are gone from the liquidation, which is forgotten at the last."""
    book, liquidation_id = in_liquidation()
    winner = book.user(1000, (0, -10, 150))
    for lots, left in ((4, 6), (6, None)):
        book.put(
            made(
                PositionDeleveraged,
                round=1,
                liquidation_id=liquidation_id,
                against=FUND,
                against_leg=1,
                account=winner,
                size_lots=lots,
                price_ticks=99,
                value_atoms=lots * 99,
                rank=1,
                score=1,
            )
        )
        book.ledger.check()
        held = book.ledger.inventory(FUND).get((0, liquidation_id))
        assert (None if held is None else held.size_lots) == left
    assert book.ledger.liquidations == {}


def test_a_hedged_account_leaves_nothing_to_wait_for() -> None:
    """Both legs taken over cancel out in the fund: the liquidation holds no inventory and is forgotten at its end."""
    book = Book(fund_atoms=10_000)
    book.mark(100)
    user = book.user(5)
    book.hold(user, 0, 10, 100, leg=1)
    book.hold(user, 0, -10, 100, leg=2)
    liquidation_id = book.bankrupt(user).body.liquidation_id  # type: ignore[union-attr]
    book.put(PositionTakenOver(liquidation_id, user, FUND, 0, 1, 10, 1000, 100))
    book.put(PositionTakenOver(liquidation_id, user, FUND, 0, 2, -10, -995, 99))
    book.put(LiquidationEnded(liquidation_id, user, "bankrupt", 0))
    assert book.ledger.inventory(FUND) == {}
    assert book.ledger.liquidations == {}
    book.ledger.check()


def test_an_inventory_position_is_a_lot_of_its_liquidation() -> None:
    """Two liquidations of the same instrument stay apart in the fund."""
    book, first = in_liquidation()
    user = book.user(5, (0, 3, 100))
    second = book.bankrupt(user).body.liquidation_id  # type: ignore[union-attr]
    book.put(PositionTakenOver(second, user, FUND, 0, 0, 3, 298, 99))
    assert book.ledger.inventory(FUND) == {(0, first): Position(10, 995, 0), (0, second): Position(3, 298, 0)}


def test_a_declared_deficit_is_paid_out_and_no_more() -> None:
    """At its floor of 50 a fund pays the 7 that were declared; an atom more breaks the law."""
    book = Book(fund_atoms=50, producers=(FLOORED,))
    user = book.user(-8)
    book.liquidate(user)
    book.put(FundDeficitDeclared(1, user, FUND, 50, 0, 50, 7))
    book.put(BalanceWrittenOff(1, user, FUND, 7))
    book.ledger.check()
    book.put(BalanceWrittenOff(1, user, FUND, 1))
    with pytest.raises(LedgerError, match="has 42 atoms in cash, below its floor of 50"):
        book.ledger.check()


def test_a_fund_that_begins_below_its_floor_has_spent_nothing() -> None:
    """Given 30 where the rule keeps 50, taken down to 20 from outside, ruled anew by a fork: no further may it fall."""
    book = Book(fund_atoms=30, producers=(FLOORED,))
    book.ledger.check()
    book.put(Withdrawn(FUND, 10))
    book.ledger.check()
    book.put(RunForked(b"", 0, (), (Producer("insurance_fund", "floor", "2", {"floor_atoms": 10_000}),)))
    book.ledger.check()
    assert book.ledger.funds[FUND].floor_atoms == 20
    book.put(InsuranceFundDebited(1, book.user(), FUND, 1))
    with pytest.raises(LedgerError, match="has 19 atoms in cash, below its floor of 20"):
        book.ledger.check()


@pytest.mark.parametrize("rules", [(Producer("insurance_fund", "floor", "1", {"floor_atoms": 50}),), ()])
def test_records_from_before_deficits_are_not_asked(rules: tuple[Producer, ...]) -> None:
    """An older version of the fund knew no deficit, and an import has no rule; their books are read as ever."""
    book = Book(producers=rules)
    book.put(InsuranceFundDebited(1, book.user(), FUND, 8))
    book.ledger.check()


def test_a_deficit_halts_all_that_the_fund_stands_behind() -> None:
    """Both instruments, without an end."""
    book = Book(listed(0), listed(1))
    book.put(FundDeficitDeclared(None, FUND, FUND, 0, 0, 0, 7))
    assert (book.ledger.is_stopped(0), book.ledger.is_stopped(1)) == (True, True)
