"""Shares found from the first places down, held against `in_proportion`, which looks at everybody."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.handlers.column_ranking import ColumnRanking, PseudonymTable
from deleverage.handlers.column_weights import ColumnWeights
from deleverage.handlers.columns import Eligible, RankingColumns, Unfit
from deleverage.handlers.policies.adl.contract_pro_rata import ContractProRata
from deleverage.handlers.policies.adl.min_max_integer import MinMaxInteger, least_largest_shares
from deleverage.handlers.policies.adl.risk_aware_pro_rata import RiskAwareProRata, RiskParameters
from deleverage.handlers.policies.adl.wealth_pro_rata import WealthProRata
from deleverage.handlers.policies.allocation import allotted, in_proportion, pro_rata
from deleverage.handlers.policies.leading_shares import leading_shares
from deleverage.handlers.policies.ranking import SCORE_MAX, Candidate, Closing, Ranked, RankingPolicy
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.pseudonyms import Pseudonyms, run_key
from deleverage.handlers.ranking import Ranking

from .support.venue import Book, book_of, listed

NAMES = Pseudonyms(run_key(1))
ONE_BY_ONE = patch("deleverage.handlers.column_ranking._ANEW_OF", 0)
"""Whoever is touched is scored alone, however many they are."""
WEIGHED = st.lists(st.tuples(st.integers(0, 60) | st.integers(0, 3), st.integers(0, 40) | st.integers(0, 2)))
POLICIES = (
    WealthProRata(NoParameters()),
    ContractProRata(NoParameters()),
    RiskAwareProRata(RiskParameters("cvar", 30_000)),
)
CAPS_BPS = st.sampled_from([None, 1, 3_333, 10_000])
HELD = st.tuples(
    st.integers(0, 900) | st.integers(0, 60), st.integers(-30, -1) | st.integers(-9, 3), st.integers(95, 130)
)
CLOSINGS = st.builds(Closing, st.integers(1, 9) | st.integers(1, 400), st.integers(-500, 4000) | st.integers(0, 40))


def places(weights: list[int]) -> list[Ranked]:
    """Places with these scores."""
    return [Ranked(n, weight, Candidate(n, 1, 1, 1, 1, 1), 0) for n, weight in enumerate(weights, 1)]


@settings(max_examples=500)
@given(st.integers(0, 150) | st.integers(0, 9), WEIGHED)
def test_every_share_is_the_one_of_all_places(lots: int, entries: list[tuple[int, int]]) -> None:
    """Zero weights, zero caps and ties among them; none only where those with a weight do not suffice."""
    entries.sort(key=lambda entry: -entry[0])
    weights, caps = [entry[0] for entry in entries], [entry[1] for entry in entries]
    given_ = list(zip(places(weights), caps, strict=True))
    shared = leading_shares(lots, sum(weight for weight, cap in entries if cap), given_)
    expected = in_proportion(lots, weights, caps)
    if sum(cap for weight, cap in entries if weight) <= lots:
        assert shared is None
    else:
        assert shared == [(place, share) for (place, _), share in zip(given_, expected, strict=True) if share]


def test_only_the_first_places_are_looked_at() -> None:
    """Of a thousand, ten lots take ten places to see, and whoever it takes to know that they suffice."""
    seen: list[int] = []

    def looked_at() -> object:
        for place in places([5] * 1000):
            seen.append(place.rank)
            yield place, 20

    shared = leading_shares(10, 5000, looked_at())  # type: ignore[arg-type]
    assert shared is not None
    assert [(place.rank, lots) for place, lots in shared] == [(rank, 1) for rank in range(1, 11)]
    assert seen == list(range(1, 11))


@ONE_BY_ONE
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(POLICIES),
    st.lists(HELD, min_size=1, max_size=14),
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 15), HELD), max_size=5),
            CLOSINGS,
        ),
        min_size=2,
        max_size=5,
    ),
    CAPS_BPS,
)
def test_every_round_after_the_first_is_the_plain_one(
    policy: RankingPolicy,
    traders: list[tuple[int, int, int]],
    rounds: list[tuple[list[tuple[int, tuple[int, int, int]]], Closing]],
    cap_bps: int | None,
) -> None:
    """Accounts change, go and come, and each round is shared out as among all of the plain ranking's places."""
    book = book_of(traders)
    plain = Ranking(book.ledger, 0, 1, policy, range(len(book.ledger.accounts)))
    many = ColumnRanking(book.ledger, 0, 1, policy, RankingColumns(book.ledger), PseudonymTable(NAMES))
    for changes, closing in rounds:
        for number, (balance, lots, price) in changes:
            user = 4 + number % len(traders)
            book.put(BalanceStated(user, balance))
            if lots:
                book.put(PositionStated(user, 0, 0, lots, lots * price))
            plain.touched.add(user), many.touched.add(user)
        plain.update(book.ledger), many.update(book.ledger)
        plain.touched, many.touched = set(), set()
        assert list(pro_rata(closing, many, cap_bps)) == list(pro_rata(closing, list(plain), cap_bps))


@ONE_BY_ONE
def test_lots_that_cost_much_more_than_before_are_shared_out_among_who_can_pay() -> None:
    """At an atom a lot everybody can give, at a hundred two can: their weights alone count."""
    book = Book(listed(0))
    for lots in (30, 20, *[4] * 12):
        book.hold(book.user(1000), 0, -lots, 120)
    book.mark(100)
    policy = WealthProRata(NoParameters())
    plain = Ranking(book.ledger, 0, 1, policy, range(len(book.ledger.accounts)))
    many = ColumnRanking(book.ledger, 0, 1, policy, RankingColumns(book.ledger), PseudonymTable(NAMES))
    for ranking in (plain, many):
        ranking.touched.add(5)
        ranking.update(book.ledger)
    for cost in (1, 100, 5, 110):
        closing = Closing(7, 7 * cost)
        shared = many.shared(closing, 10_000)
        assert shared is not None
        assert list(shared) == list(pro_rata(closing, list(plain), 10_000))


EQUITIES = st.integers(1, 60) | st.integers(SCORE_MAX - 2, SCORE_MAX + 9)


@given(st.integers(1, 12), st.integers(-1, 90), st.lists(st.tuples(EQUITIES, st.integers(1, 8))))
def test_the_least_largest_shares_are_those_of_all_places(lots: int, loss: int, rows: list[tuple[int, int]]) -> None:
    """Min-max looks at as many places as there are lots, but for equities too great for a score, and finds the same."""
    policy, closing = MinMaxInteger(NoParameters()), Closing(lots, loss)
    candidates = [Candidate(n, 1, 1, 1, equity, size) for n, (equity, size) in enumerate(rows)]
    scored = sorted(zip(policy.scores(candidates), candidates, strict=True), key=lambda one: -one[0])
    found = [Ranked(rank, score, candidate, 0) for rank, (score, candidate) in enumerate(scored, 1)]
    equities, caps = ([f(place.candidate) for place in found] for f in (lambda one: one.equity, closing.most))
    assert policy.allocate(closing, found) == allotted(found, least_largest_shares(lots, equities, caps))


ROWS = st.lists(st.tuples(st.integers(-50, 400), st.integers(1, 400), st.integers(0, 50)), min_size=1, max_size=10)


@given(ROWS, st.lists(st.tuples(st.integers(0, 9), st.integers(-50, 400), st.integers(1, 400))), CLOSINGS, CAPS_BPS)
def test_the_weights_of_the_able_are_summed(
    rows: list[tuple[int, int, int]], changes: list[tuple[int, int, int]], closing: Closing, cap_bps: int | None
) -> None:
    """After each change the sum is over those whom the lots' cost leaves a lot to give."""
    profit, equity, weight = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    eligible = Eligible(weight, profit, weight, weight, equity, weight)
    weights = ColumnWeights(eligible, weight, closing, cap_bps)
    for number, profit_atoms, equity_atoms in [(0, *rows[0][:2]), *changes]:
        old = rows[number % len(rows)]
        weights.change(old[0], old[1], -old[2])
        rows[number % len(rows)] = (profit_atoms, equity_atoms, old[2])
        weights.change(profit_atoms, equity_atoms, old[2])
        assert weights.able(closing) == sum(row[2] for row in rows if can_give(closing, row[0], row[1], cap_bps))


def can_give(closing: Closing, profit: int, equity: int, cap_bps: int | None) -> bool:
    """Whether a lot is within what can be lost."""
    wealth = equity if cap_bps is None else min(profit, equity) * cap_bps // 10_000
    return closing.lots_within(min(equity - 1, wealth)) > 0


@pytest.mark.parametrize("what", ["weights", "cost", "wealth"])
def test_what_does_not_fit_is_not_summed(what: str) -> None:
    """Weights, lots and wealth whose products or sums pass 62 bits are left to the plain way."""
    figures = {"weights": 1, "cost": 1, "wealth": 1} | {what: 2**61}
    weight, wealth = (np.array([figures[name]] * 2, np.int64) for name in ("weights", "wealth"))
    eligible = Eligible(weight, wealth, weight, weight, wealth, weight)
    with pytest.raises(Unfit):
        ColumnWeights(eligible, weight, Closing(1, figures["cost"]), 5_000)
