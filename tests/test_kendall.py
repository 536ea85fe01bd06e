"""Kendall's test of a venue's order: exact against all permutations, against a published table, corrected by Holm."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.replay.why.venue import published
from deleverage.replay.why.venue.published import Kendall, chance_text, holm, kendall_of

from .support.adl_batch import longest_run

SCORES = st.lists(st.integers(0, 4), max_size=6)
CHANCES = st.lists(st.fractions(0, 1), max_size=6)


@given(SCORES)
def test_every_pair_agrees_differs_or_is_equal(scores: list[int]) -> None:
    """Agreeing and differing are those of all pairs compared one by one; the reverse order exchanges them."""
    found, back = kendall_of(scores), kendall_of(scores[::-1])
    assert found.agreeing == sum(one > other for one, other in combinations(scores, 2))
    assert found.differing == sum(one < other for one, other in combinations(scores, 2))
    assert (back.agreeing, back.differing) == (found.differing, found.agreeing)
    assert found.pairs == len(scores) * (len(scores) - 1) // 2
    assert -1 <= found.tau_b <= 1


@given(SCORES)
def test_the_chance_is_counted_over_all_permutations(scores: list[int]) -> None:
    """With ties and without: the share of permutations of which no more pairs differ, exactly."""
    found = kendall_of(scores)
    orders = list(permutations(scores))
    as_close = sum(kendall_of(order).differing <= found.differing for order in orders)
    assert found.chance == Fraction(as_close, len(orders))
    assert found.least_chance == Fraction(1, len(set(orders)))


@pytest.mark.parametrize(
    ("accounts", "difference", "chance"),
    [
        (4, 4, "0.167"),
        (4, 6, "0.042"),
        (5, 8, "0.042"),
        (8, 16, "0.031"),
        (8, 18, "0.016"),
        (9, 20, "0.022"),
        (10, 21, "0.036"),
        (10, 23, "0.023"),
        (10, 25, "0.014"),
    ],
)
def test_the_chance_is_that_of_the_published_table(accounts: int, difference: int, chance: str) -> None:
    """Kendall, Rank Correlation Methods, appendix table 1: the probability that S is at least so much."""
    pairs = accounts * (accounts - 1) // 2
    found = Kendall((pairs + difference) // 2, (pairs - difference) // 2, (1,) * accounts)
    assert chance_text(found.chance) == chance


@pytest.mark.parametrize("groups", [(1,) * 60, (1,) * 40 + (4,) * 5, (12,) * 5])
@pytest.mark.parametrize("tenths", [-3, 0, 2, 5])
def test_the_normal_approximation_is_near_what_is_counted(
    monkeypatch: pytest.MonkeyPatch, groups: tuple[int, ...], tenths: int
) -> None:
    """With ties and without, to half a percent of chance."""
    accounts = sum(groups)
    unequal = (accounts * (accounts - 1) - sum(size * (size - 1) for size in groups)) // 2
    differing = unequal * (10 - tenths) // 20
    found = Kendall(unequal - differing, differing, groups)
    counted = found.chance
    monkeypatch.setattr(published, "EXACT_MOST", 10)
    assert not found.is_exact
    assert abs(found.chance - counted) < Fraction(1, 200)


@given(CHANCES)
def test_holm_corrects_each_chance_for_the_number_of_all(chances: list[Fraction]) -> None:
    """No less than before, no more than by Bonferroni, in the same order, and never above 1."""
    found = holm(chances)
    for before, after in zip(chances, found, strict=True):
        assert before <= after <= min(Fraction(1), before * len(chances))
    ordered = [after for _, after in sorted(zip(chances, found, strict=True))]
    assert all(one <= other for one, other in pairwise(ordered))


def test_holm_is_that_of_an_example_by_hand() -> None:
    """0.01, 0.04 and 0.03 become 3 x 0.01, 2 x 0.03 and as much, for 1 x 0.04 is less than the one before."""
    assert holm([Fraction(1, 100), Fraction(4, 100), Fraction(3, 100)]) == [
        Fraction(3, 100),
        Fraction(6, 100),
        Fraction(6, 100),
    ]


def test_chances_and_correlations_in_words() -> None:
    """Three decimals; what is less is said to be; an order of equal scores has no correlation and a chance of one."""
    assert chance_text(Fraction(1, 3)) == "0.333"
    assert chance_text(Fraction(1, 1001)) == "<0.001"
    assert kendall_of(range(50, 0, -1)).tau_text == "1.000"
    assert kendall_of([2, 2, 2]).tau_text == "0.000"
    assert kendall_of([2, 2, 2]).chance == 1
    assert kendall_of(()).chance == 1


@given(SCORES)
def test_the_longest_run_is_that_of_all_selections(scores: list[int]) -> None:
    """No selection of fills whose scores never rise is longer than what the report on the file counts."""
    falling = (
        chosen
        for size in range(len(scores) + 1)
        for chosen in combinations(scores, size)
        if all(one >= other for one, other in pairwise(chosen))
    )
    assert longest_run(scores) == max(map(len, falling))
