"""Populations of groups: each like a seeded one of its own, side by side in one run."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.populations.base import OpeningAccount, OpeningMarket
from deleverage.sim.populations.groups import GroupsPopulation
from deleverage.sim.populations.registry import PopulationSettings, open_population
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.units import multiplier_atoms

DECIMALS, SEED = 6, 7
LIKE = {"accounts": 30, "median_notional": 5_000, "max_notional": 100_000, "leverage": [[5, 1]], "long_share": 1}
SHORT = LIKE | {"name": "short", "accounts": 20, "long_share": 0, "leverage": [[Decimal("0.05"), 1]]}
_SCALE = InstrumentScale(0, "BTC", Decimal("0.1"), Decimal("0.001"))
MARKETS = (OpeningMarket(_SCALE, 1_170_000, multiplier_atoms(_SCALE.tick_size, _SCALE.lot_size, DECIMALS)),)


def population(*groups: dict[str, object]) -> GroupsPopulation:
    """The population of these groups."""
    opened = open_population(msgspec.convert({"source": "groups", "groups": list(groups)}, PopulationSettings))
    assert isinstance(opened, GroupsPopulation)
    return opened


def accounts(*groups: dict[str, object]) -> list[OpeningAccount]:
    """Their accounts."""
    return list(population(*groups).accounts(MARKETS, DECIMALS, SEED))


def test_groups_stand_side_by_side() -> None:
    """Thirty longs and then twenty shorts, named after their groups, each side as its group says."""
    found = accounts(LIKE | {"name": "long"}, SHORT)
    assert [account.name for account in found] == [
        *(f"long-{n}" for n in range(1, 31)),
        *(f"short-{n}" for n in range(1, 21)),
    ]
    assert all(position.size_lots > 0 for account in found[:30] for position in account.positions)
    assert all(position.size_lots < 0 for account in found[30:] for position in account.positions)


def test_the_first_group_is_drawn_like_a_seeded_population() -> None:
    """Only the names differ."""
    seeded = open_population(msgspec.convert({"source": "seeded", **LIKE}, PopulationSettings))
    expected = list(seeded.accounts(MARKETS, DECIMALS, SEED))
    found = accounts(LIKE | {"name": "trader"}, SHORT)[:30]
    assert found == expected


def test_two_groups_alike_hold_different_things() -> None:
    """Draws are keyed by the place in the whole population, so no group repeats another."""
    found = accounts(LIKE | {"name": "a"}, LIKE | {"name": "b"})
    assert [one.balance_atoms for one in found[:30]] != [one.balance_atoms for one in found[30:]]


def test_a_group_that_grows_leaves_those_before_it() -> None:
    """More shorts change no long and none of the first twenty shorts."""
    long = LIKE | {"name": "long"}
    assert accounts(long, SHORT | {"accounts": 40})[:50] == accounts(long, SHORT)


def test_every_account_is_counted() -> None:
    """The tally is over all groups."""
    opened = population(LIKE | {"name": "long"}, SHORT)
    assert len(list(opened.accounts(MARKETS, DECIMALS, SEED))) == 50
    assert opened.tally(3) == SourceTally(3, 50, 0)


def test_what_a_group_is_like_is_part_of_the_hash() -> None:
    """A name, a setting and the order of the groups all tell populations apart."""
    long = LIKE | {"name": "long"}
    made = [
        population(long, SHORT),
        population(SHORT, long),
        population(long, SHORT | {"name": "bear"}),
        population(long, SHORT | {"accounts": 21}),
    ]
    assert len({one.sha256 for one in made}) == 4
    assert made[0].sha256 == population(long, SHORT).sha256


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        ([], "groups must hold at least one"),
        ([SHORT, SHORT], "groups must have different names"),
        ([SHORT | {"name": " "}], "name must not be empty"),
        ([LIKE], "missing required field `name`"),
        ([SHORT | {"leverage": [[Decimal("0.001"), 1]]}], r"leverage\[0\] must lie between 0.01 and 1000"),
        ([SHORT | {"what": 1}], "unknown field `what`"),
    ],
)
def test_a_wrong_group_is_refused(groups: list[dict[str, object]], complaint: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(msgspec.ValidationError, match=complaint):
        population(*groups)


def test_an_error_names_the_group() -> None:
    """More instruments than the scenario lists, or a notional finer than an atom, in the second group."""
    long = LIKE | {"name": "long"}
    with pytest.raises(ScenarioError, match=r"\$.population.groups\[1\].instruments: weights for holding up to 2"):
        accounts(long, SHORT | {"instruments": [1, 1]})
    with pytest.raises(ScenarioError, match=r"\$.population.groups\[1\].median_notional: .* is not a whole number"):
        accounts(long, SHORT | {"median_notional": Decimal("0.0000001")})
