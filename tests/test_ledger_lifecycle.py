"""The life cycle of an account: every step of the table, and that there are no others."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import get_args

import pytest

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationStarted,
    PositionTakenOver,
)
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import LedgerError
from deleverage.events.ledger.account import AccountStatus
from deleverage.events.ledger.lifecycle import TRANSITIONS
from deleverage.events.vocabulary import Body

from .support.made import made
from .support.venue import FUND, Book

STATUSES: tuple[AccountStatus, ...] = get_args(AccountStatus)
USER, WINNER = 4, 5

# What the design says of an account's life, in words of its own: from, by, to.
LIFE = """
healthy MarginCalled called
called MarginCalled called
called MarginCallMet healthy
healthy LiquidationStarted liquidating
called LiquidationStarted liquidating
liquidating LiquidationEnded healthy
liquidating BankruptcyDeclared bankrupt
bankrupt PositionTakenOver taken_over
bankrupt PositionDeleveraged deleveraged
bankrupt LiquidationEnded healthy
taken_over PositionTakenOver taken_over
taken_over PositionDeleveraged deleveraged
taken_over LiquidationEnded healthy
deleveraged PositionTakenOver taken_over
deleveraged PositionDeleveraged deleveraged
deleveraged LiquidationEnded healthy
"""
STEPS = {(was, what): then for was, what, then in map(str.split, LIFE.strip().splitlines())}

ASKS: dict[str, Callable[[int], Body]] = {
    "MarginCalled": lambda _: MarginCalled(USER, 1, 1, 12_500),
    "MarginCallMet": lambda _: MarginCallMet(USER, 1, 1, 15_000),
    "LiquidationStarted": lambda liquidation_id: LiquidationStarted(liquidation_id + 1, USER, 1, 1),
    "LiquidationEnded": lambda liquidation_id: LiquidationEnded(liquidation_id, USER, "closed", 0),
    "BankruptcyDeclared": lambda liquidation_id: BankruptcyDeclared(liquidation_id, USER, 0, 1, ""),
    "PositionTakenOver": lambda liquidation_id: PositionTakenOver(liquidation_id, USER, FUND, 0, 0, 2, 20, 10),
    "PositionDeleveraged": lambda i: made(
        PositionDeleveraged,
        round=1,
        liquidation_id=i,
        against=USER,
        account=WINNER,
        size_lots=2,
        price_ticks=10,
        value_atoms=20,
        rank=1,
        score=1,
    ),
}
WAY_THERE = {
    "healthy": [],
    "called": ["MarginCalled"],
    "liquidating": ["LiquidationStarted"],
    "bankrupt": ["LiquidationStarted", "BankruptcyDeclared"],
    "taken_over": ["LiquidationStarted", "BankruptcyDeclared", "PositionTakenOver"],
    "deleveraged": ["LiquidationStarted", "BankruptcyDeclared", "PositionDeleveraged"],
}


def book_at(status: str) -> Book:
    """A book in which the trader has come to this status, with a position left."""
    book = Book()
    book.user(10, (0, 9, 10))
    book.user(100, (0, -9, 10))
    for what in WAY_THERE[status]:
        book.put(ASKS[what](book.ledger.liquidations_started))
    assert book.account(USER).status == status
    return book


def test_the_table_is_the_life_that_the_design_tells() -> None:
    """The table of the code holds exactly the steps above."""
    assert {(was, kind.__name__): then for (kind, was), then in TRANSITIONS.items()} == STEPS


@pytest.mark.parametrize(("status", "what"), list(product(STATUSES, ASKS)))
def test_every_step_and_no_other(status: str, what: str) -> None:
    """From each status each event leads where the table says, or is refused with account, event and status."""
    book = book_at(status)
    body = ASKS[what](book.ledger.liquidations_started)
    if (status, what) in STEPS:
        book.put(body)
        assert book.account(USER).status == STEPS[status, what]
    else:
        with pytest.raises(LedgerError, match=f"account 4: {what} cannot follow status '{status}'"):
            book.put(body)


def test_a_call_is_counted_and_remembered() -> None:
    """Calls number the draws that depend on them, and the last call's event is known."""
    book = book_at("called")
    first = book.account(USER).called_seq
    book.put(MarginCallMet(USER, 1, 1, 15_000))
    second = book.put(MarginCalled(USER, 1, 1, 12_500))
    assert (book.account(USER).calls, book.account(USER).called_seq) == (2, second.seq)
    assert first is not None
    assert first < second.seq


def test_a_liquidation_is_named_by_the_account_until_it_ends() -> None:
    """The id is on the account from start to end, and the liquidation is forgotten then."""
    book = book_at("liquidating")
    assert book.account(USER).liquidation_id == 1
    book.put(LiquidationEnded(1, USER, "restored", 5))
    assert book.account(USER).liquidation_id is None
    assert book.ledger.liquidations == {}


def test_the_party_reduced_keeps_its_status() -> None:
    """A reduction moves the status of the bankrupt account, not that of the account that was made to trade."""
    assert book_at("deleveraged").account(WINNER).status == "healthy"


def test_a_reduction_against_the_fund_moves_nobody() -> None:
    """Inventory that is closed against a winner changes the status of neither."""
    book = book_at("taken_over")
    book.put(
        made(
            PositionDeleveraged,
            round=2,
            liquidation_id=1,
            against=FUND,
            against_leg=1,
            account=WINNER,
            size_lots=2,
            price_ticks=10,
            value_atoms=20,
            rank=1,
            score=1,
        )
    )
    assert [book.account(a).status for a in (USER, FUND, WINNER)] == ["taken_over", "healthy", "healthy"]


def test_the_end_of_another_liquidation_is_refused() -> None:
    """An account's liquidation ends under its own number only."""
    book = book_at("bankrupt")
    book.liquidate(WINNER)
    with pytest.raises(LedgerError, match="account 5 is in liquidation 2, not 1"):
        book.put(LiquidationEnded(1, WINNER, "closed", 0))
