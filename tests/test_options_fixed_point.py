"""exp, ln, sqrt and the normal distribution in whole numbers, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage.handlers.options import series
from deleverage.handlers.options.fixed_point import (
    ONE,
    divided,
    exp,
    ln,
    nearest,
    normal_density,
    normal_distribution,
    sqrt,
)
from deleverage.handlers.options.tables import PLACES, SLACK, UNIT, ln_of, normal_table

from .support.black import EXACT

Rounded = Callable[..., int]
SIGNED = st.integers(-45 * ONE, 45 * ONE) | st.integers(-(10**6), 10**6)
POSITIVE = st.integers(1, 10**6 * ONE) | st.integers(1, 10**6) | st.integers(ONE - 9, ONE + 9)
FUNCTIONS: list[tuple[Rounded, Callable[[Any], Any], st.SearchStrategy[int]]] = [
    (exp, EXACT.exp, st.integers(-60 * ONE, 45 * ONE) | st.integers(-(10**6), 10**6)),
    (ln, EXACT.log, POSITIVE),
    (sqrt, EXACT.sqrt, st.just(0) | POSITIVE),
    (normal_density, EXACT.npdf, SIGNED),
    (normal_distribution, EXACT.ncdf, SIGNED),
]
HALF_A_UNIT = EXACT.mpf(1) / 2 + EXACT.mpf(10) ** -15
NAMED = pytest.mark.parametrize("case", FUNCTIONS, ids=lambda case: case[0].__name__)
Case = tuple[Rounded, Callable[[Any], Any], st.SearchStrategy[int]]


@NAMED
@given(st.data())
def test_a_value_is_the_nearest_whole_number_of_units(case: Case, data: st.DataObject) -> None:
    """Never half a unit of 10^-18 from the exact value, so a million times below 10^-12."""
    rounded, exact, arguments = case
    x = data.draw(arguments)
    assert abs(rounded(x) - exact(EXACT.mpf(x) / ONE) * ONE) <= HALF_A_UNIT


@NAMED
@given(st.data())
def test_a_value_is_the_nearest_at_any_scale(case: Case, data: st.DataObject) -> None:
    """The scale is the caller's: three units to one, or 10^30."""
    rounded, exact, arguments = case
    scale = data.draw(st.sampled_from([1, 3, 10**6, 10**9, 2**60, 10**30]))
    x = data.draw(arguments) * scale // ONE
    if rounded is ln and x == 0:
        return
    assert abs(rounded(x, scale) - exact(EXACT.mpf(x) / scale) * scale) <= HALF_A_UNIT


@NAMED
@given(st.data(), st.integers(0, 10**9) | st.integers(0, 3))
def test_a_greater_argument_has_no_smaller_value(case: Case, data: st.DataObject, more: int) -> None:
    """Monotone everywhere, to the last unit; the density falls away from 0."""
    rounded, _, arguments = case
    x = data.draw(arguments)
    if rounded is normal_density:
        assert rounded(abs(x) + more) <= rounded(x)
    else:
        assert rounded(x + more) >= rounded(x)


@given(st.integers(0, 37 * 10**6))
def test_a_tail_has_the_relative_precision_that_its_scale_promises(micros: int) -> None:
    """With a scale of 10^320, N(-37) = 5.7e-300 and all above have twelve digits and more."""
    scale = 10**320
    x = -micros * (scale // 10**6)
    exact = EXACT.ncdf(-EXACT.mpf(micros) / 10**6)
    assert abs(EXACT.mpf(normal_distribution(x, scale)) / EXACT.mpf(scale) - exact) <= exact / 10**12


@given(SIGNED)
def test_both_sides_of_the_normal_distribution_are_one(x: int) -> None:
    """N(x) + N(-x) is one exactly, and the density is even."""
    assert normal_distribution(x) + normal_distribution(-x) == ONE
    assert normal_density(x) == normal_density(-x)


def test_what_is_known_exactly_is_exact() -> None:
    """One, zero and a half where they belong, and the ends of the normal distribution."""
    assert (exp(0), ln(ONE), sqrt(4 * ONE), sqrt(0), normal_distribution(0)) == (ONE, 0, 2 * ONE, 0, ONE // 2)
    assert (normal_distribution(-(10**30)), normal_distribution(10**30)) == (0, ONE)
    assert (exp(-(10**30)), normal_density(10**30)) == (0, 0)


@pytest.mark.parametrize("x", [0, -1])
def test_no_logarithm_of_what_is_not_positive(x: int) -> None:
    """It is refused, as sqrt refuses a negative number."""
    with pytest.raises(ValueError, match="positive"):
        ln(x)
    with pytest.raises(ValueError, match="nonnegative"):
        sqrt(x - 1)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_a_quotient_is_the_nearest(numerator: int, denominator: int) -> None:
    """A half is rounded up."""
    assert -denominator < 2 * (divided(numerator, denominator) * denominator - numerator) <= denominator


def test_rounding_asks_again_until_it_is_sure() -> None:
    """A value that lies on a boundary at first is computed again with twice the places."""
    asked = []

    def value(places: int) -> int:
        asked.append(places)
        return (1 << places >> 1) + (1 << places >> 60)

    assert nearest(value, 1) == 1
    assert asked == [33, 66]


@given(st.integers(1, 10**25), st.integers(1, 10**25), st.integers(40, 400))
def test_a_series_is_within_two_units_at_any_number_of_places(numerator: int, denominator: int, places: int) -> None:
    """Of 2^-places, each of them, with pi."""
    with EXACT.workdps(200):
        x, unit = EXACT.mpf(numerator) / denominator, EXACT.mpf(2) ** places
        assert abs(series.logarithm(numerator, denominator, places) - EXACT.log(x) * unit) <= series.SLACK
        assert abs(series.density(numerator, denominator, places) - EXACT.npdf(x) * unit) <= series.SLACK
        assert abs(series.tail(numerator, denominator, places) - EXACT.ncdf(-x) * unit) <= series.SLACK
        assert abs(series.exponential(-numerator, denominator, places) - EXACT.exp(-x) * unit) <= series.SLACK
        assert abs(series.circle(places) - EXACT.pi * unit) <= series.SLACK


@given(st.integers(-11 * UNIT, 11 * UNIT) | st.integers(-2816, 2816).map(lambda index: (index << PLACES - 8) + 1))
@example(21 * UNIT // 2 + (1 << PLACES - 9))
@example(-21 * UNIT // 2 - (1 << PLACES - 9) - 1)
def test_the_table_of_the_normal_distribution_keeps_its_bound(x: int) -> None:
    """N within four units of 2^-80, the density within 2^-70."""
    table = normal_table()
    assert abs(table.distribution(x) - EXACT.ncdf(EXACT.mpf(x) / UNIT) * UNIT) <= SLACK
    assert abs(table.density(x) - EXACT.npdf(EXACT.mpf(x) / UNIT) * UNIT) <= 2 ** (PLACES - 70)


def test_the_table_keeps_its_bound_at_the_seams() -> None:
    """Half way between two points, from either side, where the polynomial is farthest out."""
    table, half = normal_table(), 1 << PLACES - 9
    for index in range(-2700, 2700, 9):
        for x in ((index << PLACES - 8) + half - 1, (index << PLACES - 8) + half):
            assert abs(table.distribution(x) - EXACT.ncdf(EXACT.mpf(x) / UNIT) * UNIT) <= SLACK


@given(st.integers(1, 2**64 - 1) | st.integers(0, 63).flatmap(lambda bit: st.integers(1 << bit, (2 << bit) - 1)))
def test_the_table_of_logarithms_keeps_its_bound(number: int) -> None:
    """Four units of 2^-80, for whatever fits in 64 bits."""
    assert abs(ln_of(number) - EXACT.log(number) * UNIT) <= SLACK
