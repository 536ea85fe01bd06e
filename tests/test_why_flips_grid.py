"""The grid of a search: what is told is the same from wherever it begins, and few trials are asked for it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.replay.fork.changes import Changes
from deleverage.replay.why.again.grid import GUESS, PARTS, TRIALS_MOST, Nearest, amounts_from, nearest, parts_of
from deleverage.replay.why.again.trials import ForkTrial, TrialOutcome


def searched(grid: list[int], least: int, first: int, stride: int) -> tuple[Nearest | None, list[int]]:
    """What a search finds where `least` and more spares the position, and what it asked."""
    asked = list[int]()
    search = nearest(grid, lambda amount: ForkTrial(str(amount), 0, Changes()), first, stride)
    try:
        trial = next(search)
        while True:
            asked.append(int(trial.told))
            trial = search.send(TrialOutcome(spared=asked[-1] >= least))
    except StopIteration as done:
        return done.value, asked


@given(
    guess=st.one_of(st.integers(1, 40), st.integers(1, 10**15)),
    place=st.floats(-0.05, 1.05),
    first=st.integers(0, 200),
    stride=st.sampled_from([1, 2, PARTS]),
)
def test_the_answer_is_the_same_from_anywhere(guess: int, place: float, first: int, stride: int) -> None:
    """It is the least place that spares and the one below it, as looking at each of them finds, in few trials."""
    grid = amounts_from(guess)
    least = int(place * grid[-1]) + 1
    number = bisect_left(grid, least)
    due = None if number == len(grid) else Nearest(grid[number - 1] if number else 0, grid[number])
    found, asked = searched(grid, least, first, stride)
    assert found == due
    assert len(asked) == len(set(asked)) <= TRIALS_MOST
    if found is not None:
        assert found.sparing in asked
        assert not found.failing or found.failing in asked


@pytest.mark.parametrize("number", [0, 1, GUESS, 100])
def test_from_the_right_place_two_trials_are_enough(number: int) -> None:
    """Where the first trial is the answer only the one below it is asked, if there is one."""
    grid = amounts_from(10**6)
    assert searched(grid, grid[number], number, 1)[1] == [grid[number], grid[number - 1]][: 1 + bool(number)]


@given(guess=st.integers(1, 10**15))
def test_a_grid_of_money_is_the_guess_and_its_doubles_in_sixteenths(guess: int) -> None:
    """It rises, has the guess and its doubles, and no step is greater than a sixteenth of what is doubled."""
    grid = amounts_from(guess)
    assert grid == sorted(set(grid))
    assert grid[0] > 0
    assert {guess << doubling for doubling in range(11)} <= set(grid)
    assert grid[-1] == guess << 10
    assert all(after - before <= max(before, guess) // PARTS + 1 for before, after in pairwise([0, *grid]))


@given(lots=st.integers(-(10**9), 10**9).filter(bool))
def test_the_parts_of_a_position_end_with_the_whole(lots: int) -> None:
    """At most sixteen rising parts, of a small position fewer, the last of them all of it."""
    parts = parts_of(lots)
    assert parts == sorted(set(parts))
    assert parts[0] > 0
    assert parts[-1] == abs(lots)
    assert len(parts) == min(PARTS, abs(lots))
