"""Scenarios stated in Python are the ones that a file states."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NotRequired, Required, get_origin, get_type_hints

import msgspec
import pytest

from deleverage import Scenario
from deleverage.events.errors import ScenarioError
from deleverage.sim.building import Stated, StatedAsset, StatedInstrument, StatedTier, stated_tree
from deleverage.sim.scenario import bundled_scenarios
from deleverage.sim.settings import AssetSettings, InstrumentSettings, ScenarioSettings, TierSettings

from .support.crash import SMALL_CRASH

SCENARIOS = Path(__file__).parents[1] / "sim" / "scenarios"


@pytest.mark.parametrize(
    ("stated", "settings"),
    [
        (Stated, ScenarioSettings),
        (StatedAsset, AssetSettings),
        (StatedInstrument, InstrumentSettings),
        (StatedTier, TierSettings),
    ],
)
def test_what_may_be_stated_is_the_schema_of_a_file(stated: Any, settings: type[msgspec.Struct]) -> None:
    """The types that an editor completes have the keys of a file, and ask for those that a file must have."""
    fields, hints = msgspec.structs.fields(settings), get_type_hints(stated, include_extras=True)
    assert set(hints) == {field.encode_name for field in fields}
    origins = {key: get_origin(hint) for key, hint in hints.items()}
    asked = {key for key, one in origins.items() if one is Required or (stated.__total__ and one is not NotRequired)}
    assert asked == {field.encode_name for field in fields if field.required}


@pytest.mark.parametrize("name", [name for name in bundled_scenarios() if name in ("calm", "flash-crash", "lending")])
def test_a_bundled_scenario_built_in_python_is_the_same(name: str) -> None:
    """Its file read with floats and texts as Python has them gives the same digest, so the same head of its record."""
    with (SCENARIOS / f"{name}.toml").open("rb") as file:
        tree = tomllib.load(file)
    assert Scenario.build(**tree)._sha256() == Scenario.load(name)._sha256()


def test_times_and_tuples_are_those_of_python() -> None:
    """A span, a time with a zone and a tuple are what a file writes as text and list."""
    with Path(SMALL_CRASH).open("rb") as file:
        tree = tomllib.load(file)
    tree["start"] = datetime(2025, 10, 10, 20, 40, tzinfo=UTC)
    tree["settle_ns"] = timedelta(minutes=10)
    tree["assets"] = tuple(tree["assets"])
    tree["end"] = None
    built, loaded = Scenario.build(**tree, folder=Path(SMALL_CRASH).parent), Scenario.load(SMALL_CRASH)
    assert built._sha256() == loaded._sha256()
    assert built.settings == loaded.settings


CALM: Any = tomllib.loads((SCENARIOS / "calm.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"prices": CALM["prices"] | {"volatility": float("nan")}},
            r"\$\.prices\.volatility: NaN is not a finite number",
        ),
        ({"prices": CALM["prices"] | {"volatilty": 1}}, r"\$\.prices: Object contains unknown field `volatilty`"),
        ({"adl": {"policy": "nobody"}}, r"\$\.adl\.policy: there is no adl policy 'nobody'; choose from"),
        ({"adl": {"policy": {1}}}, r"\$\.adl\.policy: a scenario states .* no set"),
        ({"assets": None}, r"\$: Object missing required field `assets`"),
        ({"nonsense": 1}, r"\$: Object contains unknown field `nonsense`"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changed: dict[str, Any], told: str) -> None:
    """The path and what to do, as for a file."""
    with pytest.raises(ScenarioError, match=told) as caught:
        Scenario.build(**CALM | changed)
    assert "\n" not in str(caught.value)


def test_numbers_are_taken_as_they_are_written() -> None:
    """A float is its shortest decimal, a whole number of any type a whole number."""
    numpy = pytest.importorskip("numpy")
    tree = stated_tree({"a": 0.1, "b": numpy.float64(0.1), "c": numpy.int64(3), "d": True, "e": Path("x")})
    assert {key: str(value) for key, value in tree.items()} == {"a": "0.1", "b": "0.1", "c": "3", "d": "True", "e": "x"}
