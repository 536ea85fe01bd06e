"""What rules share out in columns, held against the rules themselves: equal to the last lot."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.ledger import LedgerState
from deleverage.handlers.column_ranking import ColumnRanking, PseudonymTable
from deleverage.handlers.column_rules import _least_next, least_largest
from deleverage.handlers.column_shares import ranked_order
from deleverage.handlers.columns import Eligible, RankingColumns
from deleverage.handlers.policies.adl.min_max_integer import MinMaxInteger, least_largest_shares
from deleverage.handlers.policies.adl.online_learning import OnlineLearning, OnlineLearningParameters, loss_of
from deleverage.handlers.policies.allocation import allotted, in_proportion
from deleverage.handlers.policies.ranking import Candidate, Closing, Ranked
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.pseudonyms import Pseudonyms, run_key
from deleverage.handlers.ranking import Ranking

from .support.venue import Book, book_of, listed

HELD = st.tuples(
    st.integers(0, 900) | st.integers(0, 60), st.integers(-30, -1) | st.integers(-9, 3), st.integers(95, 130)
)
CLOSINGS = st.builds(Closing, st.integers(1, 9) | st.integers(1, 400), st.integers(-500, 4000) | st.integers(0, 40))
LOSSES = st.lists(st.integers(0, 6 * 10**9), min_size=6, max_size=6)


@settings(max_examples=120, deadline=None)
@given(st.lists(HELD, min_size=1, max_size=14), CLOSINGS, LOSSES, st.booleans())
def test_the_mix_and_its_losses_are_the_plain_ones(
    traders: list[tuple[int, int, int]], closing: Closing, noted: list[int], touched: bool
) -> None:
    """What each gives by weights so far, and what the mix and each rule lost, before and after somebody was touched."""
    book = book_of(traders)
    policy, columns = OnlineLearning(OnlineLearningParameters()), RankingColumns(book.ledger)
    book.ledger.notes["adl", "losses of rules"] = tuple(noted)
    many = ColumnRanking(book.ledger, 0, 1, policy, columns, PseudonymTable(Pseudonyms(run_key(1))))
    if touched:
        book.hold(4, 0, -1, 120)
        many.touched.add(4)
        many.update(book.ledger)
    plain = list(Ranking(book.ledger, 0, 1, policy, range(len(book.ledger.accounts))))
    shared = list(policy.allocate_in(closing, many, 0, book.ledger))
    assert shared == list(policy.allocate_in(closing, plain, 0, book.ledger))
    gave = {place.candidate.account: lots for place, lots in shared}
    if plain:
        each = [[gave.get(place.candidate.account, 0) for place in plain], *policy.on_paper(closing, plain)]
        losses = many.losses(closing, policy.rules, gave, book.ledger)
        assert losses == [loss_of(closing, plain, lots) for lots in each]


EQUITIES = st.integers(1, 60) | st.integers(1, 2**40) | st.sampled_from([2**52, 2**52 - 1, 3 * 2**50])


def places_of(policy: MinMaxInteger, rows: Sequence[tuple[int, int]]) -> list[Ranked]:
    """Candidates of these equities and sizes, ranked."""
    candidates = [Candidate(n, 1, 1, 1, equity, size) for n, (equity, size) in enumerate(rows)]
    scored = sorted(zip(policy.scores(candidates), candidates, strict=True), key=lambda one: -one[0])
    return [Ranked(rank, score, candidate, 0) for rank, (score, candidate) in enumerate(scored, 1)]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 12) | st.integers(1, 300),
    st.integers(-1, 900),
    st.lists(st.tuples(EQUITIES, st.integers(1, 8) | st.integers(1, 90)), min_size=1),
)
def test_the_least_largest_shares_are_the_plain_ones(lots: int, loss: int, rows: list[tuple[int, int]]) -> None:
    """Of small and great equities, of equal ones, and such as quotients in floating point cannot tell apart."""
    policy, closing = MinMaxInteger(NoParameters()), Closing(lots, loss)
    places = places_of(policy, rows)
    columns = [np.array(column, np.int64) for column in zip(*(place.candidate for place in places), strict=True)]
    scores = np.array([place.score for place in places], np.int64)
    found = least_largest(closing, Eligible(*columns), scores).tolist()
    assert allotted(places, found) == list(policy.allocate(closing, places))


def test_many_lots_go_to_the_least_shares() -> None:
    """Of hundreds of places, most of them alike or none, from nothing or from shares in proportion."""
    random = Random(7)
    for bits in (3, 10, 30, 52):
        equities = [7 if random.random() < 0.2 else 1 + random.getrandbits(bits) for _ in range(300)]
        caps = [random.randint(1, random.choice((2, 50, 10**4))) for _ in equities]
        columns = np.array(equities, np.int64), np.array(caps, np.int64)
        for lots in (1, 200, 2000, sum(caps) // 3, sum(caps)):
            shares = least_largest_shares(lots, equities, caps)
            begun = np.array([max(0, share - 1) for share in in_proportion(lots, equities, caps)])
            assert (begun + _least_next(lots - int(begun.sum()), begun, *columns)).tolist() == shares
            assert _least_next(lots, np.zeros_like(begun), *columns).tolist() == shares


@pytest.mark.parametrize("most", [1, 5, 2**40, 2**62])
def test_places_stand_by_score_and_then_by_account(most: int) -> None:
    """However they stood before, and where scores are too great to be put into one number with accounts."""
    random = Random(most)
    for _ in range(40):
        accounts = random.sample(range(900), random.randint(0, 40))
        scores = [random.randint(0, most) for _ in accounts]
        order = sorted(range(len(accounts)), key=lambda one: (-scores[one], accounts[one]))
        columns = [np.array(column, np.int64) for column in (scores, accounts)]
        assert ranked_order(*columns).tolist() == order
        assert ranked_order(*(column[order] for column in columns)).tolist() == list(range(len(order)))


def test_an_empty_side_mixes_nothing() -> None:
    """Nobody holds the other side: nobody gives."""
    book = Book(listed(0))
    book.mark(100)
    policy = OnlineLearning(OnlineLearningParameters())
    table = PseudonymTable(Pseudonyms(run_key(1)))
    many = ColumnRanking(book.ledger, 0, 1, policy, RankingColumns(book.ledger), table)
    assert list(policy.allocate_in(Closing(3, 5), many, 0, LedgerState())) == []
