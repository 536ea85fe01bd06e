"""The study of early warning: its statistics against plain ways of counting, and worlds of the page run again."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.early_warning import EVERY_S, FALL_S, FIGURES, LEAD_S, PAGE, Outcome, area, found, row, watched

SCORES = st.lists(st.integers(-3, 3).map(Fraction), min_size=1, max_size=12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_page_shows_what_a_world_gives(seed: int) -> None:
    """Run again, every figure of the world is the one in the table."""
    assert row(watched(seed)) in PAGE.read_text(encoding="utf-8").splitlines()


@given(SCORES, SCORES)
def test_the_area_is_what_trapezes_under_the_curve_sum_to(crashes: list[Fraction], calms: list[Fraction]) -> None:
    """Walking down the thresholds, catches against false alarms."""
    points = [(Fraction(0), Fraction(0))]
    for threshold in sorted({*crashes, *calms}, reverse=True):
        caught, false = (Fraction(sum(one >= threshold for one in side), len(side)) for side in (crashes, calms))
        points.append((false, caught))
    trapezes = ((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    assert area(crashes, calms) == sum(trapezes)


def outcome(seed: int, *, crashed: bool, scores: list[int]) -> Outcome:
    """A world of which one figure is known at each reading."""
    readings = tuple((Fraction(score),) * len(FIGURES) for score in scores)
    return Outcome(seed, 1_000 if crashed else 0, 100, readings)


def test_a_threshold_is_set_on_odd_seeds_and_told_of_even_ones() -> None:
    """The even seeds' catches, false alarms and leads follow from the odd seeds' threshold."""
    readings = FALL_S // EVERY_S
    loud_for = LEAD_S // EVERY_S + 2
    loud, quiet = [0] * (readings - loud_for) + [5] * loud_for, [1] * readings
    worlds = [
        outcome(1, crashed=True, scores=loud),
        outcome(3, crashed=False, scores=quiet),
        outcome(2, crashed=True, scores=loud),
        outcome(4, crashed=True, scores=quiet),
        outcome(6, crashed=False, scores=[7] * readings),
    ]
    one = found(0, worlds)
    assert (one.threshold, one.caught, one.crashes, one.alarms, one.calms) == (5, 1, 2, 1, 1)
    assert one.precision == Fraction(1, 2)
    assert one.lead_s == loud_for * EVERY_S
