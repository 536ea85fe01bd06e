"""The ledger of a venue on chain: what each event moves, blocks in order, debts that grow, auctions that end."""

from __future__ import annotations

from typing import get_args

import pytest

from deleverage.events.bodies.chain import BadDebtCovered, BlockMined, ChainBody, DebtIndexed, InterestSettled
from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.loans import LoansBody
from deleverage.events.bodies.lots import AuctionClosed, CollateralAuctioned, LotsBody
from deleverage.events.errors import LedgerError
from deleverage.events.ledger.chain import INDEX_ONE, grown_atoms
from deleverage.events.ledger.postings import POSTINGS

from .support.chain import BORROWER, COIN_FEES, KEEPER, RESERVE, example_of, holdings, lending_book
from .support.venue import FEES, LIQUIDITY, OUTSIDE

COINS = LIQUIDITY_OF_COIN = 5
OUTSIDE_OF_COIN = 4
"""Amounts of the examples: 70 atoms of the coin, 4 of them for the protocol, for 30 of the asset that is owed."""

SWAPPED = {(BORROWER, 1): -70, (KEEPER, 1): 66, (COIN_FEES, 1): 4, (BORROWER, 0): 30, (KEEPER, 0): -30}
WITHOUT_FEE = {(BORROWER, 1): -70, (KEEPER, 1): 70, (BORROWER, 0): 30, (KEEPER, 0): -30}
PAID = {(BORROWER, 0): -70, (KEEPER, 0): 70}
RECEIVED = {(BORROWER, 0): 70, (KEEPER, 0): -70}
MOVED = {
    "CollateralSeized": SWAPPED,
    "SeizureReversed": {who: -atoms for who, atoms in SWAPPED.items()},
    "CollateralAuctioned": WITHOUT_FEE,
    "LotSold": WITHOUT_FEE,
    "CollateralAbsorbed": WITHOUT_FEE,
    "ReserveSold": WITHOUT_FEE,
    "InterestSettled": PAID,
    "BidRefunded": PAID,
    "BadDebtCovered": RECEIVED,
    "BidPlaced": RECEIVED,
    "AuctionClosed": {(BORROWER, 1): 70, (KEEPER, 1): -70},
    "KeeperRewarded": RECEIVED,
    "GasCharged": {(BORROWER, 0): -70, (OUTSIDE, 0): 70},
    "CoinsSold": {(BORROWER, 1): -70, (LIQUIDITY_OF_COIN, 1): 70, (BORROWER, 0): 90, (LIQUIDITY, 0): -90},
    "BorrowerSold": {(BORROWER, 1): -70, (LIQUIDITY_OF_COIN, 1): 70, (BORROWER, 0): 90, (LIQUIDITY, 0): -90},
    "DebtRepaid": {(BORROWER, 0): 70, (OUTSIDE, 0): -70},
    "CollateralSupplied": {(BORROWER, 1): 70, (OUTSIDE_OF_COIN, 1): -70},
}


@pytest.mark.parametrize(
    "name",
    [kind.__name__ for kind in (*get_args(ChainBody), *get_args(LotsBody), *get_args(LoansBody)) if kind in POSTINGS],
)
def test_each_event_moves_what_it_says(name: str) -> None:
    """An event moves what it says between its two parties, and no asset comes into being or is lost."""
    book = lending_book()
    if name in ("LotSold", "AuctionClosed", "BidPlaced"):
        book.put(example_of("CollateralAuctioned", auction=1))
    before = holdings(book)
    book.put(example_of(name, auction=1))
    after = holdings(book)
    assert {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)} == MOVED[name]
    book.ledger.check()


def test_blocks_come_in_order() -> None:
    """A block that is not the next one is refused."""
    book = lending_book()
    book.put(BlockMined(7, 20, 1_000_000))
    book.put(BlockMined(8, 21, 1_000_000))
    with pytest.raises(LedgerError, match="block 10 is mined where 9 is next"):
        book.put(BlockMined(10, 21, 1_000_000))


def test_a_debt_grows_without_being_touched() -> None:
    """The index moves no money; what a debt has grown to is rounded up, and becomes part of it when it is settled."""
    book, half = lending_book(), INDEX_ONE * 3 // 2
    before = holdings(book)
    book.put(DebtIndexed(0, half, 40_000_000, 800_000))
    assert holdings(book) == before
    owed = grown_atoms(1_001, half, book.ledger.chain.settled(BORROWER, 0))
    assert owed == 1_502
    book.put(InterestSettled(BORROWER, RESERVE, 0, owed - 1_001, half))
    assert grown_atoms(owed, half, book.ledger.chain.settled(BORROWER, 0)) == owed
    with pytest.raises(LedgerError, match="falls"):
        book.put(DebtIndexed(0, INDEX_ONE, 0, 0))


def test_bad_debt_that_is_covered_is_no_loan_any_more() -> None:
    """Whoever owes nothing is forgotten; a reserve that paid beyond what it had owes that by right."""
    book = lending_book()
    book.put(BalanceStated(BORROWER, -500))
    book.put(InterestSettled(BORROWER, RESERVE, 0, 0, INDEX_ONE))
    assert BORROWER in book.ledger.chain.loans
    had = book.ledger.accounts[RESERVE].balance_atoms
    book.put(BadDebtCovered(BORROWER, RESERVE, 0, 500, "reserves"))
    assert BORROWER not in book.ledger.chain.loans
    assert (book.ledger.accounts[RESERVE].balance_atoms, RESERVE in book.ledger.chain.loans) == (had - 500, had < 500)
    book.ledger.check()


def test_auctions_are_numbered_and_end_once() -> None:
    """An auction of a number that is not next is refused, as is the end of one that is not open."""
    book = lending_book()
    opened = example_of("CollateralAuctioned", auction=1)
    assert isinstance(opened, CollateralAuctioned)
    book.put(opened)
    with pytest.raises(LedgerError, match="auction 1 is declared where 2 is next"):
        book.put(opened)
    book.put(AuctionClosed(1, BORROWER, KEEPER, 1, 0, 0, 0, 0))
    with pytest.raises(LedgerError, match="auction 1 is not open"):
        book.put(AuctionClosed(1, BORROWER, KEEPER, 1, 0, 0, 0, 0))


def test_the_venue_s_accounts_are_those_that_are_meant() -> None:
    """The fee pool of the coin is another one than that of the settlement asset."""
    book = lending_book()
    assert [book.ledger.accounts[one].asset for one in (FEES, COIN_FEES)] == [0, 1]
