"""The bundled scenario `oct-10-living`: nothing in it says when a burst comes, and one seed is as the page shows it."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest

from deleverage.sim.scenario import Scenario
from research import oct_10_living
from research.oct_10 import PUBLISHED_BURSTS, measured, row
from research.oct_10_living import LIVING, LIVING_TARGETS, OTHERS, SEEDS
from research.shape import Shape

from .test_oct_10 import SHAPE, block, cells

_SECOND_NS = 10**9


@cache
def first_seed() -> Shape:
    """The first seed, run in full; some 15 s."""
    return measured(SEEDS[0], name=LIVING)


def test_the_outside_value_has_one_fall_and_nothing_else_is_timed() -> None:
    """One phase; no fault, no step of the depth, no jump: nothing in the file happens at a time of its own but that."""
    scenario = Scenario.load(LIVING)
    prices = scenario.tree["prices"]
    assert len(prices["phases"]) == 1
    assert prices["phases"][0]["move"] < 0
    assert not {key for key in prices if "jump" in key}
    assert not scenario.tree.keys() & {"faults", "depth", "funding", "breaker"}
    assert scenario.tree["mark"]["policy"] == "book"
    policies = {producer.handler: producer.policy for producer in scenario.resolve().producers}
    expected = {"adl": "hyperliquid", "impact": "power-law", "makers": "banded", "crowd": "mixed", "orders": "book"}
    assert expected.items() <= policies.items()


def test_no_phase_begins_or_ends_at_a_burst() -> None:
    """Neither at the published seconds after the first liquidation nor at one of the eight greatest bursts of a run."""
    shape = first_seed()
    scenario = Scenario.load(LIVING)
    (phase,) = scenario.tree["prices"]["phases"]
    first_ns = shape.first_liquidation_ns
    assert first_ns is not None
    start_ns = scenario.resolve().start_ns
    edges = {(start_ns + phase[key] - first_ns) // _SECOND_NS for key in ("from_ns", "to_ns")}
    greatest = sorted(shape.bursts, key=lambda burst: -burst[1])[: len(PUBLISHED_BURSTS)]
    reached = {(at_ns - first_ns) // _SECOND_NS for at_ns, _ in greatest}
    assert len(reached) == len(PUBLISHED_BURSTS)
    for edge in edges:
        assert min(abs(edge - second) for second in (*PUBLISHED_BURSTS, *reached)) > 1


def test_without_feedback_there_is_no_adl() -> None:
    """On a book a thousand times as deep the same fall liquidates, and deleverages nobody."""
    shape = measured(SEEDS[0], "impact.depth=1_800_000_000", name=LIVING)
    assert shape.liquidated_atoms > 0
    assert shape.reductions == 0


def test_a_seed_gives_what_the_page_shows() -> None:
    """The first seed, run in full, gives its row of the page and the list of bursts, to the last digit."""
    assert row(str(SEEDS[0]), first_seed(), LIVING_TARGETS) == block("living seeds")[2]
    assert ["```", *oct_10_living.bursts(first_seed()), "```"] == block("living bursts")


@pytest.mark.parametrize(
    ("name", "seeds", "share"),
    [("living targets", SEEDS, Fraction(15, 100)), ("living others", OTHERS, Fraction(30, 100))],
)
def test_the_page_adds_its_seeds_up(name: str, seeds: range, share: Fraction) -> None:
    """What the page says was reached is the median of the ten seeds, and its verdict says whether that is within."""
    rows = {line[0]: line[1:] for line in map(cells, block("living seeds")[2:])}
    assert list(rows) == [str(seed) for seed in (*SEEDS, *OTHERS)]
    lines = block(name)[2:]
    assert len(lines) == len(LIVING_TARGETS)
    for column, line in enumerate(lines):
        _, _, published, _, reached, spread, _, verdict = cells(line)
        values = sorted((rows[str(seed)][column] for seed in seeds), key=Fraction)
        assert (reached, spread) == (values[4], f"{values[0]} to {values[-1]}")
        within = abs(Fraction(reached) / Fraction(published) - 1) <= share
        assert verdict.startswith("yes; " if within else "no; ")


def test_bursts_are_listed_by_size() -> None:
    """The greatest of a run stands beside the greatest that was published, each with its own second."""
    lines = list(oct_10_living.bursts(SHAPE))
    assert len(lines) == 3
    assert lines[1].split() == ["61", "#" * 24, "11,279", "61", "#" * 24, "3"]
    assert lines[2].split() == ["113", "#" * 7, "2,915", "62", "#" * 8, "1"]
