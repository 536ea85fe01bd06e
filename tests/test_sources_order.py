"""Which rows are left out where times are out of order, against every choice that there is."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.sim.reading.order import Order

KEYS = st.lists(st.integers(0, 7), max_size=9)


def kept(keys: list[int], *, strict: bool = False, reach: int = 512) -> tuple[list[int], list[tuple[int, bool]]]:
    """The places that are kept, and those that are blamed with whether they are ahead."""
    blamed: list[tuple[int, bool]] = []
    order = Order[tuple[int, int]](
        lambda row: row[1], lambda row, ahead: blamed.append((row[0], ahead)), strict=strict, reach=reach
    )
    return [place for place, _ in order.of(enumerate(keys))], blamed


def follow(keys: list[int], *, strict: bool) -> bool:
    """Whether keys never fall, or always rise."""
    return all(one < other or (one == other and not strict) for one, other in pairwise(keys))


@given(KEYS, st.booleans())
def test_as_few_as_possible_are_left_out(keys: list[int], strict: bool) -> None:
    """Of all choices of places that are in order one of the largest is kept, and every other row is blamed once."""
    best = next(
        chosen
        for size in range(len(keys), -1, -1)
        for chosen in combinations(range(len(keys)), size)
        if follow([keys[place] for place in chosen], strict=strict)
    )
    found, blamed = kept(keys, strict=strict)
    assert len(found) == len(best)
    assert follow([keys[place] for place in found], strict=strict)
    assert sorted([*found, *(place for place, _ in blamed)]) == list(range(len(keys)))


@pytest.mark.parametrize(
    ("keys", "blamed"),
    [
        ([1, 31, 2, 3, 4], [(1, True)]),
        ([31, 1, 2, 3], [(0, True)]),
        ([1, 2, 3, 0], [(3, False)]),
        ([5, 4, 10], [(1, False)]),
        ([1, 31, 32, 2, 3, 4], [(1, True), (2, True)]),
        ([1, 2, 31, 3], [(2, True)]),
        ([1, 2, 4, 3], [(3, False)]),
        ([], []),
    ],
)
def test_the_row_that_is_wrong_is_blamed(keys: list[int], blamed: list[tuple[int, bool]]) -> None:
    """One that is ahead, one that is behind, and where either could be meant the later."""
    assert kept(keys)[1] == blamed


@given(st.lists(st.integers(0, 10**6), min_size=40, max_size=200), st.data())
def test_one_stray_row_is_found_wherever_it_stands(times: list[int], data: st.DataObject) -> None:
    """With rows looked at eight at a time, a row far ahead is the only one that is left out, unless it is the last."""
    keys = sorted(times)
    place = data.draw(st.integers(0, len(keys) - 2))
    keys[place] += 10**9
    assert kept(keys, reach=8)[1] == [(place, True)]
