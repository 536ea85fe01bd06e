"""Draws: the same for the same key, different for any other, and spread as they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.handlers.draws import NORMAL_ONE, draw_below, draw_bits, draw_normal

SEEDS = st.integers(-(2**63), 2**64 - 1)
NUMBERS = st.integers(0, 2**63 - 1)


def test_bits_are_pinned() -> None:
    """A change of the hash or of its key would change every recorded run."""
    assert draw_bits(7, 3, "size", 0) == 11151635661546216151
    assert draw_below(7, 3, "size", 1, 1000) == 185
    assert draw_normal(7, 3, "size", 2) == 665469647


@given(SEEDS, NUMBERS, st.text(max_size=20), NUMBERS)
def test_the_same_key_gives_the_same_bits(seed: int, account: int, purpose: str, n: int) -> None:
    """A draw keeps nothing: asked twice, with another draw between, it answers the same."""
    first = draw_bits(seed, account, purpose, n)
    draw_bits(seed, account, purpose, n ^ 1)
    assert draw_bits(seed, account, purpose, n) == first
    assert 0 <= first < 2**64


def test_every_part_of_the_key_counts() -> None:
    """Seed, account, purpose and number each lead to other bits."""
    keys = [(1, 1, "a", 1), (2, 1, "a", 1), (1, 2, "a", 1), (1, 1, "b", 1), (1, 1, "a", 2), (1, 1, "", 1)]
    assert len({draw_bits(*key) for key in keys}) == len(keys)


@given(SEEDS, NUMBERS, st.integers(1, 2**64))
def test_below_stays_below(seed: int, account: int, bound: int) -> None:
    """A bounded draw lies from 0 to the bound less one."""
    assert 0 <= draw_below(seed, account, "bound", 0, bound) < bound


@pytest.mark.parametrize("bound", [0, -1, 2**64 + 1])
def test_an_impossible_bound_is_refused(bound: int) -> None:
    """There is nothing below 1 to draw, and 64 bits reach no further than 2^64."""
    with pytest.raises(ValueError, match="bound must lie between 1 and 2"):
        draw_below(1, 1, "bound", 0, bound)


def test_below_is_even() -> None:
    """Over 6,000 draws every face of a die comes up within five standard deviations of a thousand times."""
    faces = [draw_below(5, account, "die", 0, 6) for account in range(6000)]
    assert all(abs(faces.count(face) - 1000) < 5 * 29 for face in range(6))


def test_normal_has_mean_0_and_variance_1() -> None:
    """Over 10,000 draws mean and variance lie within five standard errors, and all within six deviations."""
    drawn = [draw_normal(5, account, "normal", 0) for account in range(10_000)]
    assert abs(sum(drawn)) < 5 * 100 * NORMAL_ONE
    assert abs(sum(x * x for x in drawn) - 10_000 * NORMAL_ONE**2) < 5 * 142 * NORMAL_ONE**2
    assert max(map(abs, drawn)) <= 6 * NORMAL_ONE


def test_the_bounds_of_a_bound_are_drawn() -> None:
    """Below 1 there is nothing but 0, and below 2^64 every bit is kept."""
    assert draw_below(7, 3, "size", 0, 1) == 0
    assert draw_below(7, 3, "size", 0, 2**64) == draw_bits(7, 3, "size", 0)
