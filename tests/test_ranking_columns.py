"""Rankings in columns held against the plain ones, which are their oracle: equal to the last bit, or not made."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deleverage.handlers.adl_engine as engine_module
from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.ledger import LedgerState
from deleverage.handlers import column_ranking
from deleverage.handlers.column_ranking import _ANEW_OF, ColumnKeeper, ColumnRanking, PseudonymTable
from deleverage.handlers.column_shares import column_scores, column_shares
from deleverage.handlers.columns import Eligible, RankingColumns, Unfit
from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.handlers.policies.adl.risk_aware_pro_rata import RiskAwareProRata, RiskParameters
from deleverage.handlers.policies.adl.wealth_pro_rata import WealthProRata
from deleverage.handlers.policies.allocation import in_proportion, pro_rata
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.policies.ranking import Candidate, Closing, RankingPolicy
from deleverage.handlers.policies.ratio import RatioPolicy
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.pseudonyms import Pseudonyms, run_key
from deleverage.handlers.ranking import Ranking

from .support.crash import recorded
from .support.venue import Book, listed

MADE = [policy(policy.Parameters()) for policy in ADL_POLICIES]
MADE += [RiskAwareProRata(RiskParameters("power")), RiskAwareProRata(RiskParameters("cvar", 20_000))]
RATIOS = [policy for policy in MADE if isinstance(policy, RatioPolicy)]
HELD = st.tuples(st.integers(-30, 30), st.integers(80, 120))
TRADERS = st.lists(st.tuples(st.integers(0, 3000), HELD, HELD), min_size=1, max_size=12)
MARKS = st.tuples(st.integers(80, 120), st.integers(80, 120))
NAMES = Pseudonyms(run_key(1))
ONE_BY_ONE = 0
"""So that nobody is many."""


def both(book: Book, side: int, policy: RankingPolicy, columns: RankingColumns) -> tuple[Ranking, ColumnRanking]:
    """The same ranking twice."""
    plain = Ranking(book.ledger, 0, side, policy, range(len(book.ledger.accounts)))
    return plain, ColumnRanking(book.ledger, 0, side, policy, columns, PseudonymTable(NAMES))


def venue(traders: list[tuple[int, tuple[int, int], tuple[int, int]]]) -> Book:
    """Traders with two instruments each."""
    book = Book(listed(0, multiplier_atoms=3), listed(1))
    for balance, *holdings in traders:
        user = book.user(balance)
        for instrument, (lots, price) in enumerate(holdings):
            if lots:
                book.hold(user, instrument, lots, price)
    return book


def in_trouble(book: Book) -> None:
    """Some of the traders are being liquidated, others are bankrupt."""
    for number in range(4, len(book.ledger.accounts)):
        if number % 4 == 1:
            book.liquidate(number)
        elif number % 5 == 2:
            book.bankrupt(number)


@pytest.mark.parametrize("made", MADE, ids=lambda policy: policy.policy)
@settings(max_examples=15, deadline=None)
@given(
    TRADERS,
    st.lists(MARKS, min_size=1, max_size=3),
    st.sampled_from([-1, 1]),
    st.integers(-(10**12), 10**12),
    st.sampled_from([_ANEW_OF, ONE_BY_ONE]),
)
def test_every_ranking_is_the_plain_one(
    made: Any,
    traders: list[tuple[int, tuple[int, int], tuple[int, int]]],
    marks: list[tuple[int, int]],
    side: int,
    funding: int,
    anew_of: int,
) -> None:
    """Places and digests, at each mark and after accounts were touched, with funding and another instrument held.

    Whether those who were touched are scored again, or everyone is.
    """
    with patch.object(column_ranking, "_ANEW_OF", anew_of):
        ranked_alike(venue(traders), len(traders), made, marks, side, funding)


def ranked_alike(book: Book, traders: int, made: Any, marks: list[tuple[int, int]], side: int, funding: int) -> None:
    """At each of the marks, and after each of some touches."""
    in_trouble(book)
    columns = RankingColumns(book.ledger)
    for mark in marks:
        book.mark(*mark)
        book.put(FundingAccrued(0, 1, mark[0], funding))
        columns.refresh(book.ledger)
        plain, many = both(book, side, made, columns)
        assert (list(many), len(many)) == (list(plain), len(plain))
        assert many.full_digest(NAMES) == plain.full_digest(NAMES)
        for user in range(4, 4 + traders, 2):
            book.put(BalanceStated(user, user))
            book.put(PositionStated(user, 0, 0, 5 - 2 * (user % 6), 100))
            for ranking in (plain, many, columns):
                ranking.touched.add(user)
            plain.update(book.ledger), many.update(book.ledger)
            assert (list(many), len(many)) == (list(plain), len(plain))
            assert many.changed_digest(NAMES) == plain.changed_digest(NAMES)


NUMBERS = st.integers(1, 2**62 - 1) | st.integers(1, 20) | st.sampled_from([10**9, 2**31, 10**18])


@pytest.mark.parametrize("made", RATIOS, ids=lambda policy: policy.policy)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS | st.just(0), NUMBERS, NUMBERS), min_size=1, max_size=6), st.booleans()
)
def test_every_score_is_the_exact_one(made: Any, rows: list[tuple[int, ...]], short: bool) -> None:
    """From ones to 62 bits, on whole numbers and next to them, over a zero, and saturating."""
    sign = -1 if short else 1
    candidates = [Candidate(n, p, m, sign * c, e, sign * s) for n, (p, m, c, e, s) in enumerate(rows)]
    eligible = Eligible(*(np.array(column, np.int64) for column in zip(*candidates, strict=True)))
    assert column_scores(made, eligible, 0, LedgerState()).tolist() == made.scores(candidates)


WEIGHED = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), min_size=1, max_size=8)


@given(st.integers(0, 120), WEIGHED)
def test_every_share_is_the_plain_one(lots: int, entries: list[tuple[int, int]]) -> None:
    """Shares by weight below caps; where somebody has no weight there are none, or all are at their caps."""
    weights, caps = (np.array(column, np.int64) for column in zip(*entries, strict=True))
    if 0 in weights and lots < caps.sum():
        with pytest.raises(Unfit):
            column_shares(lots, weights, caps)
    else:
        assert column_shares(lots, weights, caps).tolist() == in_proportion(lots, weights.tolist(), caps.tolist())


@given(TRADERS, MARKS, st.integers(1, 60), st.integers(-2000, 4000), st.sampled_from([None, 1, 3_333, 10_000]))
def test_sharing_out_at_once_gives_the_same(
    traders: list[tuple[int, tuple[int, int], tuple[int, int]]],
    mark: tuple[int, int],
    lots: int,
    loss: int,
    cap_bps: int | None,
) -> None:
    """Who gives how many lots, by columns and one by one."""
    book = venue(traders)
    book.mark(*mark)
    plain, many = both(book, 1, WealthProRata(NoParameters()), RankingColumns(book.ledger))
    closing = Closing(lots, loss)
    shared = many.shared(closing, cap_bps)
    assert shared is not None
    assert list(shared) == list(pro_rata(closing, plain, cap_bps))


def test_ties_go_by_account() -> None:
    """A hundred alike stand in the order of their numbers, also when some of them were touched."""
    book = venue([(100, (-5, 100), (0, 100))] * 100)
    book.mark(90, 100)
    columns = RankingColumns(book.ledger)
    plain, many = both(book, 1, ProfitLeverage(NoParameters()), columns)
    many.touched = plain.touched = {4, 50, 103}
    plain.update(book.ledger), many.update(book.ledger)
    assert [place.candidate.account for place in many] == list(range(4, 104))
    assert list(many) == list(plain)


@pytest.mark.parametrize("what", ["large", "hedged"])
def test_what_does_not_fit_is_left_to_the_plain_ranking(what: str) -> None:
    """Figures beyond 62 bits and positions with legs: no columns, from then on."""
    book = venue([(100, (-5, 100), (0, 100))])
    user = book.user(2**62 if what == "large" else 5)
    book.hold(user, 0, -3, 100, leg=2 if what == "hedged" else 0)
    book.mark(90, 100)
    keeper = ColumnKeeper(NAMES)
    assert keeper.rank(book.ledger, 0, 1, ProfitLeverage(NoParameters())) is None
    with pytest.raises(Unfit):
        RankingColumns(book.ledger).eligible(book.ledger, 0, 1)


@pytest.mark.parametrize("policy", ["profit-leverage", "wealth-pro-rata", "dydx"])
def test_a_crash_ranked_in_columns_is_the_same_crash(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event is the same whether rankings are made in columns or not."""
    overrides = ("prices.duration_ns=35m", f"adl.policy={policy}", "margin.latency_ns=0")
    plain = recorded(*overrides)
    recorded.cache_clear()
    monkeypatch.setattr(engine_module, "_MANY", 1)
    assert recorded(*overrides) == plain
    recorded.cache_clear()


def test_numpy_is_not_imported_for_a_small_ranking() -> None:
    """The registry and an engine come without it."""
    code = "import sys; import deleverage.handlers.registry; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
