"""Regret: by hand, against every other way to take the same amounts, and the scale that it is held against."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from hypothesis import given
from hypothesis import strategies as st

from deleverage.replay.lab.regret import Regret, wave_loss

AMOUNTS = st.dictionaries(st.integers(0, 3), st.integers(1, 12), min_size=1, max_size=4)


def test_a_queue_regrets_what_it_takes_from_one() -> None:
    """100 of one winner's 100 while two have 400: m is 1 where a quarter would have done, so 75 of 100."""
    regret = Regret()
    regret.take({1: 100}, {1: 100, 2: 300}, 100, [100])
    assert regret.atoms == 75
    regret.take({1: 25, 2: 75}, {1: 100, 2: 300}, 100, [100])
    assert regret.atoms == 75


def test_overshoot_counts_in_full() -> None:
    """150 where 100 were needed: 50 too much, and m of 3/8 in place of 1/4."""
    assert wave_loss({2: 150}, {2: 400}, 100) == 50 + 100 * Fraction(150, 400)


def ways(endowments: dict[int, int], atoms: int) -> list[dict[int, int]]:
    """Every way to take so many whole atoms, nobody more than it has."""
    if not endowments:
        return [] if atoms else [{}]
    (account, most), *rest = endowments.items()
    return [
        {account: first, **others}
        for first in range(min(most, atoms) + 1)
        for others in ways(dict(rest), atoms - first)
    ]


@given(AMOUNTS, st.integers(1, 14))
def test_no_way_of_taking_it_has_a_regret_below_nothing(endowments: dict[int, int], needed: int) -> None:
    """Of all ways to take what is needed, or all there is, none loses less than pro rata would."""
    for taken in ways(endowments, min(needed, sum(endowments.values()))):
        regret = Regret()
        regret.take(taken, endowments, needed, [])
        assert regret.atoms >= 0
        assert regret.bound_atoms == 0


def test_the_scale_grows_with_deficits_and_their_variation() -> None:
    """Deficits of 100 and 50, half and all of which were needed: sqrt(2 x 12,500)."""
    regret = Regret()
    regret.take({1: 50}, {1: 100}, 50, [60, 40])
    regret.take({}, {}, 0, [])
    regret.take({1: 50}, {1: 100}, 50, [50])
    assert regret.bound_atoms == isqrt(2 * 12_500)
