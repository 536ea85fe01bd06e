"""The insurance fund: fees in, bankrupt accounts over, inventory out, and when it says that it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.venue import TimerFired, TimerSet, TradingHalted
from deleverage.events.bodies.waterfall import (
    InsuranceFundCredited,
    InsuranceFundDebited,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.handlers.insurance_fund import FundParameters, InsuranceFund, Payment
from deleverage.handlers.inventory import Inventory

from .support.funded import Funded
from .support.made import made
from .support.oracles import equity
from .support.venue import FUND, Book, filled, listed
from .support.worlds import books


def floored(book: Book, **figures: Any) -> Funded:
    """The plain fund with these figures."""
    return Funded(book, InsuranceFund(FundParameters(**figures)))


def with_inventory(*lots: int, fund_atoms: int = 10**6, **figures: int) -> Funded:
    """A fund that took over positions of so many lots at 1000 each, one liquidation each, marked at 1000."""
    book = Book(fund_atoms=fund_atoms)
    book.mark(1000)
    funded = floored(book, **{"capital_bps": 0, "sale_parts": 4, "sale_interval_ns": 10, "retry_ns": 25, **figures})
    for size in lots:
        funded.asked(book.bankrupt(book.user(0, (0, size, 1000))))
        funded.asked(book.events[-1])
    return funded


def fill(account: int, lots: int, price: int, leg: int = 0) -> LiquidationFilled:
    """A fill of a forced order."""
    return filled(account, lots, price, leg=leg, eaten_lots=1)


def test_a_fee_goes_to_the_fund() -> None:
    """Half a percent of what was traded, rounded down."""
    book = Book()
    book.mark(1000)
    user = book.user(500, (0, 10, 1000))
    book.liquidate(user)
    assert floored(book, fee_bps=50).asked(book.put(fill(user, -3, 999))) == [InsuranceFundCredited(1, user, FUND, 14)]


@pytest.mark.parametrize(("balance", "fee"), [(17, 13), (5, 1), (4, None), (3, None)])
def test_a_fee_takes_no_more_than_the_equity(balance: int, fee: int | None) -> None:
    """Four atoms went with the slippage: of what is left the fee is taken, and never more."""
    book = Book()
    book.mark(1000)
    user = book.user(balance, (0, 10, 1000))
    book.liquidate(user)
    said = floored(book, fee_bps=50).asked(book.put(fill(user, -4, 999)))
    assert said == ([] if fee is None else [InsuranceFundCredited(1, user, FUND, fee)])


def test_the_funds_own_sales_cost_no_fee() -> None:
    """It would pay itself."""
    funded = with_inventory(10)
    assert funded.asked(funded.put(fill(FUND, -3, 990, leg=1))) == []


@settings(max_examples=150, deadline=None)
@given(books(traders_most=2), st.lists(st.integers(1, 3000), min_size=3, max_size=3), st.integers(-(10**12), 10**12))
def test_a_takeover_leaves_the_account_at_exactly_zero(book: Book, prices: list[int], funding: int) -> None:
    """Any positions, at any marks, with any funding owed: each goes at its bankruptcy value, nothing is left.

    Of each its value and its funding are rounded, so that the fund gains the equity but for two atoms a position.
    """
    book.put(FundingAccrued(0, 1, 1, funding))
    book.mark(*prices[: len(book.ledger.markets)])
    book.put(BalanceStated(FUND, 10**15))
    account = book.account(4)
    total = equity(account, book.ledger)
    before = equity(book.account(FUND), book.ledger)
    held = {key: position.size_lots for key, position in account.positions.items()}
    if not held:
        return
    said = floored(book, capital_bps=0).asked(book.bankrupt(4))
    taken = {(b.instrument, b.leg): b.size_lots for b in said if isinstance(b, PositionTakenOver)}
    assert list(taken.items()) == list(held.items())
    assert (account.balance_atoms, account.positions) == (0, {})
    assert abs(equity(book.account(FUND), book.ledger) - before - total) <= 2 * len(held)
    assert sum(p.size_lots for p in book.ledger.inventory(FUND).values()) == sum(held.values())


@pytest.mark.parametrize(("atoms", "takes"), [(710, True), (709, False)])
def test_it_takes_over_what_its_capacity_covers(atoms: int, takes: bool) -> None:
    """10 lots at 910 with equity of -200, and 5% of 9,100 to be kept, are 655; with a floor of 55 it takes 710."""
    book = Book(fund_atoms=atoms)
    book.mark(1000)
    user = book.user(700, (0, 10, 1000))
    book.mark(910)
    said = floored(book, capital_bps=500, floor_atoms=55).asked(book.bankrupt(user))
    taken = PositionTakenOver(1, user, FUND, 0, 0, 10, 9300, 930)
    assert said == ([taken] if takes else [ShortfallDeclared(1, user, "bankruptcy", 655, atoms - 55, atoms - 55)])


def test_what_it_holds_counts_against_its_capacity() -> None:
    """Lots that lost take capacity away, and their notional, net of the new ones, asks for capital."""
    funded = with_inventory(10, fund_atoms=2_000, capital_bps=1_000)
    funded.book.mark(900)
    assert funded.fund.capacity_atoms(funded.book.ledger, FUND) == 1_000
    short = funded.book.user(0, (0, -4, 890))
    said = funded.asked(funded.book.bankrupt(short))
    assert said == [PositionTakenOver(2, short, FUND, 0, 0, -4, -3560, 890)]
    long = funded.book.user(0, (0, 5, 900))
    assert funded.asked(funded.book.bankrupt(long)) == [ShortfallDeclared(3, long, "bankruptcy", 990, 960, 2_000)]


@pytest.mark.parametrize(
    ("payment", "atoms", "paid"),
    [
        ("partial", 101, 101),
        ("partial", 40, 40),
        ("partial", 0, 0),
        ("whole", 101, 101),
        ("whole", 100, 0),
        ("none", 101, 0),
    ],
)
def test_a_negative_balance_is_paid_as_the_rule_says(payment: Payment, atoms: int, paid: int) -> None:
    """101 short and nothing held: what the fund has, or all or nothing, or never; for the rest a shortfall."""
    book = Book(fund_atoms=atoms)
    user = book.user(5)
    book.put(BalanceStated(user, -101))
    said = floored(book, payment=payment).asked(book.bankrupt(user))
    debited = [InsuranceFundDebited(1, user, FUND, paid)] if paid else []
    left = atoms - paid
    short = [ShortfallDeclared(1, user, "bankruptcy", 101 - paid, left, left)] if paid < 101 else []
    assert said == [*debited, *short]


@pytest.mark.parametrize(("mark", "paid"), [(1002, 40), (1000, 40), (998, 20), (995, 0)])
def test_what_an_inventory_has_lost_is_not_there_to_pay_with(mark: int, paid: int) -> None:
    """40 in cash and 10 lots taken at 1,000: a gain that is not realised pays nobody, a loss is gone already."""
    funded = with_inventory(10, fund_atoms=40)
    funded.book.mark(mark)
    user = funded.book.user(5)
    funded.book.put(BalanceStated(user, -101))
    said = funded.asked(funded.book.bankrupt(user))
    assert [b.amount_atoms for b in said if isinstance(b, InsuranceFundDebited)] == ([paid] if paid else [])


def test_who_is_left_owing_by_the_waterfall_is_paid_for_once() -> None:
    """Two positions taken over at the mark leave a debt of 100: the fund is asked after the last of them, and once."""
    book = Book(listed(0), listed(1), fund_atoms=40)
    user = book.user(0, (0, 1, 1050), (1, 1, 1050))
    book.mark(1000, 1000)
    funded = floored(book, capital_bps=0)
    assert [type(b).__name__ for b in funded.asked(book.bankrupt(user))] == ["ShortfallDeclared"]
    taken = [funded.put(PositionTakenOver(1, user, FUND, i, 0, 1, 1000, 1000)) for i in (0, 1)]
    said = [body for event in taken for body in funded.asked(event) if not isinstance(body, TimerSet)]
    assert said == [InsuranceFundDebited(1, user, FUND, 40), ShortfallDeclared(1, user, "bankruptcy", 60, 0, 0)]


def test_one_timer_per_instrument_sells_the_inventory() -> None:
    """Two takeovers of an instrument set one timer."""
    funded = with_inventory(8, 4)
    assert [(p.timer.purpose, p.timer.due_ns, p.timer.instrument) for p in funded.book.ledger.timers.values()] == [
        ("inventory sale", 10, 0)
    ]


def test_a_sale_is_one_part_of_all_the_oldest_lots_first() -> None:
    """12 lots in four parts: 3 of the first; then 2 are left of it, and the next takes 1 of the other too."""
    funded = with_inventory(5, 7)
    assert funded.due("inventory sale") == [
        made(LiquidationOrdered, liquidation_id=1, order_id=1, account=FUND, leg=1, size_lots=-3),
        TimerSet("inventory sale", 20, None, 0),
    ]
    funded.put(fill(FUND, -3, 990, leg=1))
    orders = [body for body in funded.due("inventory sale") if isinstance(body, LiquidationOrdered)]
    assert [(b.liquidation_id, b.order_id, b.size_lots, b.whole) for b in orders] == [
        (1, 2, -2, True),
        (2, 3, -1, False),
    ]


def test_a_slow_sale_does_not_set_a_second_timer() -> None:
    """While a delayed sale is on its way, a takeover sets the next timer; the sale then leaves it at that."""
    funded = with_inventory(8)
    seq, pending = next(iter(funded.book.ledger.timers.items()))
    due = pending.timer
    funded.book.now_ns = due.due_ns
    fired = funded.put(TimerFired(seq, due.purpose, None, 0))
    declared = funded.book.bankrupt(funded.book.user(0, (0, 4, 1000)))
    funded.asked(declared)
    assert funded.asked(funded.book.events[-1]) == [TimerSet("inventory sale", 20, None, 0)]
    assert [type(body) for body in funded.asked(fired)] == [LiquidationOrdered]


def test_a_short_lot_is_bought_back() -> None:
    """The order's sign is the other side of the lot."""
    assert with_inventory(-8).due("inventory sale")[0] == made(
        LiquidationOrdered, liquidation_id=1, order_id=1, account=FUND, leg=1, size_lots=2
    )


def test_in_a_halt_it_waits_for_the_next_interval() -> None:
    """No order, and the timer again."""
    funded = with_inventory(8)
    funded.put(TradingHalted(0, 1, 1, 99))
    assert funded.due("inventory sale") == [TimerSet("inventory sale", 20, None, 0)]


def test_when_everything_is_sold_the_timer_stops() -> None:
    """It fires once more, finds nothing, and no other is set."""
    funded = with_inventory(2)
    funded.put(fill(FUND, -2, 990, leg=1))
    assert funded.due("inventory sale") == []
    assert funded.book.ledger.timers == {}


def test_a_fund_without_capacity_asks_for_its_inventory_to_be_closed() -> None:
    """At 800 its lots have lost 2,000 and it had 1,500: a shortfall of 500, no sale, no second one before the retry.

    Nor does it sell while its capacity is gone.
    """
    funded = with_inventory(10, fund_atoms=1_500, retry_ns=12)
    funded.book.mark(800)
    assert funded.due("inventory sale") == [
        ShortfallDeclared(None, FUND, "inventory", 500, -500, 1_500),
        TimerSet("inventory shortfall", 22, FUND),
        TimerSet("inventory sale", 20, None, 0),
    ]
    assert funded.due("inventory sale") == [TimerSet("inventory sale", 30, None, 0)]
    retry = next(seq for seq, t in funded.book.ledger.timers.items() if t.timer.purpose == "inventory shortfall")
    funded.book.now_ns = 22
    assert funded.asked(funded.put(TimerFired(retry, "inventory shortfall", FUND))) == []
    assert isinstance(funded.due("inventory sale")[0], ShortfallDeclared)


@given(
    st.lists(st.tuples(st.integers(-20, 20).filter(bool), st.integers(1, 3)), min_size=1, max_size=6),
    st.integers(1, 2000),
)
def test_the_sums_are_those_of_the_lots(taken: list[tuple[int, int]], price: int) -> None:
    """Through takeovers, sales and reductions the index has what adding up all lots gives."""
    funded = with_inventory(*(size for size, _ in taken))
    for liquidation_id, (size, share) in enumerate(taken, 1):
        part = -(-abs(size) // share) * (1 if size > 0 else -1)
        if share == 2:
            funded.put(
                filled(
                    FUND, -part, 1, value_atoms=-part, liquidation_id=liquidation_id, leg=liquidation_id, eaten_lots=1
                )
            )
        elif share == 3:
            winner = funded.book.user(10**6)
            funded.put(
                made(
                    PositionDeleveraged,
                    round=1,
                    liquidation_id=liquidation_id,
                    against=FUND,
                    against_leg=liquidation_id,
                    account=winner,
                    size_lots=part,
                    price_ticks=1,
                    value_atoms=part,
                    rank=1,
                    score=1,
                )
            )
    funded.book.mark(price)
    lots = funded.book.ledger.inventory(FUND).values()
    rebuilt = Inventory()
    rebuilt.rebuild(funded.book.ledger)
    for index in (rebuilt, funded.fund._inventory):
        assert index.lots(funded.book.ledger, 0) == sum(lot.size_lots for lot in lots)
        assert index.profit_atoms(funded.book.ledger, FUND) == sum(
            lot.size_lots * price - lot.cost_atoms for lot in lots
        )
        held = sorted(funded.book.ledger.inventory(FUND))
        for after in [None, *held]:
            rest = [key for key in held if after is None or key > after]
            assert list(index.following(funded.book.ledger, FUND, after)) == rest
            assert list(index.following(funded.book.ledger, FUND + 1, after)) == []


@pytest.mark.parametrize("figures", [{"sale_parts": 0}, {"sale_interval_ns": 0}, {"retry_ns": 0}, {"fee_bps": -1}])
def test_figures_that_cannot_be_are_refused(figures: dict[str, int]) -> None:
    """A fund that would never sell, never wait, or pay its traders a fee."""
    with pytest.raises(ValueError, match="must be at least 1"):
        FundParameters(**figures)
