"""Auto-deleveraging of who holds collateral: its worth is equity, in rows and in columns, and in what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import CoinDeposited, CoinStated
from deleverage.handlers.column_ranking import ColumnRanking, PseudonymTable
from deleverage.handlers.columns import RankingColumns
from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.handlers.pseudonyms import Pseudonyms, run_key
from deleverage.handlers.ranking import Ineligible, Ranking, candidate_of
from deleverage.handlers.valuation import coins_worth_atoms, margin_of

from .support.collateral import COIN, PERP, CoinBook

MADE = [policy(policy.Parameters()) for policy in ADL_POLICIES]
NAMES = Pseudonyms(run_key(1))
TRADERS = st.lists(
    st.tuples(st.integers(-3_000, 3_000), st.integers(-30, 30), st.integers(80, 120), st.integers(0, 60)),
    min_size=1,
    max_size=10,
)


def venue(traders: list[tuple[int, int, int, int]]) -> tuple[CoinBook, list[int]]:
    """Traders with a balance, lots at a price, and coins."""
    book, users = CoinBook(), list[int]()
    book.rate((0, 900_000))
    for balance, lots, price, coins in traders:
        users.append(book.user(balance, *([(PERP, lots, price)] if lots else [])))
        if coins:
            book.put(CoinStated(users[-1], COIN, coins))
    return book, users


def test_collateral_is_equity_of_a_candidate() -> None:
    """A short in profit that owes what its coins are worth many times over is one; without them it is none."""
    book, (user, bare) = venue([(-500, -10, 120, 60), (-500, -10, 120, 0)])
    book.mark(100, 50)
    book.price(50)
    accounts, markets = book.ledger.accounts, book.ledger.markets
    found = candidate_of(accounts[user], PERP, 1, markets, coins_atoms=coins_worth_atoms(accounts[user], book.ledger))
    assert isinstance(found, tuple)
    assert found[0].equity == margin_of(accounts[user], book.ledger).equity_atoms == -500 + 200 + 3_000
    assert candidate_of(accounts[bare], PERP, 1, markets) is Ineligible.NO_EQUITY


@pytest.mark.parametrize("made", MADE, ids=lambda policy: policy.policy)
@settings(max_examples=15, deadline=None)
@given(
    TRADERS,
    st.lists(st.tuples(st.integers(80, 120), st.integers(1, 120)), min_size=1, max_size=3),
    st.sampled_from([-1, 1]),
)
def test_a_ranking_in_columns_is_the_plain_one(
    made: Any, traders: list[tuple[int, int, int, int]], prices: list[tuple[int, int]], side: int
) -> None:
    """Places and digests at each mark and conversion price, and after coins came in."""
    book, users = venue(traders)
    columns = RankingColumns(book.ledger)
    for mark, coin in prices:
        book.mark(mark, coin)
        book.price(coin)
        columns.refresh(book.ledger)
        plain = Ranking(book.ledger, PERP, side, made, range(len(book.ledger.accounts)))
        many = ColumnRanking(book.ledger, PERP, side, made, columns, PseudonymTable(NAMES))
        assert list(many) == list(plain)
        assert many.full_digest(NAMES) == plain.full_digest(NAMES)
        for place in plain:
            account = book.account(place.candidate.account)
            assert place.candidate.equity == margin_of(account, book.ledger).equity_atoms
        for user in users[::2]:
            book.put(CoinDeposited(user, COIN, 5))
            for ranking in (plain, many, columns):
                ranking.touched.add(user)
        plain.update(book.ledger), many.update(book.ledger)
        assert list(many) == list(plain)
        assert many.changed_digest(NAMES) == plain.changed_digest(NAMES)
