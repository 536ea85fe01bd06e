"""Funding: accrued for everybody in one event, owed exactly, settled when a position closes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import TradeExecuted
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.ledger.account import funding_of

from .support.made import made
from .support.oracles import equity, owed_funding
from .support.venue import LIQUIDITY, Book

NANOATOMS = st.integers(-(10**13), 10**13)
PRICE = 100


def accrue(book: Book, payment_nanoatoms: int) -> None:
    """One interval's funding of instrument 0."""
    book.put(FundingAccrued(0, 1, PRICE, payment_nanoatoms))


def buy(book: Book, buyer: int, seller: int, lots: int) -> None:
    """A trade at the mark."""
    book.put(
        made(
            TradeExecuted,
            account=buyer,
            counterparty=seller,
            size_lots=lots,
            price_ticks=PRICE,
            value_atoms=lots * PRICE,
            trade_id=1,
        )
    )


@given(st.integers(-(10**9), 10**9), NANOATOMS)
def test_a_buyer_owes_what_a_seller_is_owed(lots: int, cumulative: int) -> None:
    """Whole atoms toward zero: the two sides of any number of lots are exactly opposite."""
    assert funding_of(lots, cumulative) == -funding_of(-lots, cumulative) == owed_funding(lots, cumulative)


def test_longs_pay_and_shorts_receive() -> None:
    """At 2.5 atoms a lot, 10 long lots lose 25 atoms of equity and 10 short lots gain them; no balance moves yet."""
    book = Book()
    long, short = book.user(1000), book.user(1000)
    buy(book, long, short, 10)
    book.mark(PRICE)
    accrue(book, 2_500_000_000)
    assert [equity(book.account(a), book.ledger) for a in (long, short)] == [975, 1025]
    assert [book.account(a).balance_atoms for a in (long, short)] == [1000, 1000]


@given(st.integers(1, 10**6), st.lists(NANOATOMS, max_size=6), st.lists(NANOATOMS, max_size=6))
def test_closing_realises_exactly_what_was_owed(lots: int, before: list[int], after: list[int]) -> None:
    """A position opened after some accruals and closed at the same price leaves the funding between, to the atom."""
    book = Book()
    long, short = book.user(10**12), book.user(10**12)
    book.mark(PRICE)
    for payment in before:
        accrue(book, payment)
    buy(book, long, short, lots)
    for payment in after:
        accrue(book, payment)
    owed = owed_funding(lots, sum(before) + sum(after)) - owed_funding(lots, sum(before))
    assert equity(book.account(long), book.ledger) == 10**12 - owed
    buy(book, short, long, lots)
    assert book.account(long).balance_atoms == 10**12 - owed
    assert book.account(short).balance_atoms == 10**12 + owed
    book.ledger.check()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), NANOATOMS)
def test_closing_in_parts_is_less_than_an_atom_a_part_away(parts: list[int], payment: int) -> None:
    """Each part settles in whole atoms, so n parts settle the whole to within n atoms, and nothing is lost."""
    book = Book()
    long, short = book.user(10**12), book.user(10**12)
    book.mark(PRICE)
    buy(book, long, short, sum(parts))
    accrue(book, payment)
    for lots in parts:
        buy(book, short, long, lots)
        book.ledger.check()
    paid = 10**12 - book.account(long).balance_atoms
    assert abs(paid - owed_funding(sum(parts), payment)) < len(parts)
    assert book.account(short).balance_atoms == 10**12 + paid


@given(st.lists(st.tuples(st.integers(-20, 20).filter(bool), NANOATOMS), min_size=1, max_size=10))
def test_equity_is_never_made_or_lost(steps: list[tuple[int, int]]) -> None:
    """Through any trades and accruals at one price, the equities of both sides move by opposite amounts."""
    book = Book()
    user = book.user(10**9)
    book.mark(PRICE)
    both = [book.account(user), book.account(LIQUIDITY)]
    total = sum(equity(account, book.ledger) for account in both)
    for lots, payment in steps:
        buy(book, user, LIQUIDITY, lots)
        accrue(book, payment)
        assert sum(equity(account, book.ledger) for account in both) == total
