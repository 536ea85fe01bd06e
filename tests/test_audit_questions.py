"""The ten questions of an auditor, held against reductions under every rulebook, and against answers that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deleverage.replay.run import Run, open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.page.pages import answer_document
from deleverage.sim.rulebooks import bundled_venues
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.command_line import small_record
from .support.crash import SMALL_CRASH

ROOT = Path(__file__).parents[1]
SHORT = ("prices.duration_ns=36m", "settle_ns=1m", "population.accounts=120", "insurance_fund.balance=1_000")
REDUCTION = 2961
"""A reduction of the small crash."""
TOUCH_NOBODY = {"deribit", "drift"}
"""Venues that close nobody's position against another's: a loss is socialised there."""


def _questions() -> ModuleType:
    spec = spec_from_file_location("questions", ROOT / "docs" / "questions.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


QUESTIONS = _questions()


@pytest.mark.parametrize("venue", bundled_venues())
def test_every_question_has_its_answer(venue: str, tmp_path: Path) -> None:
    """Under every rulebook each of the ten has an answer whose events exist and whose arithmetic comes out."""
    run_scenario(Scenario.load(SMALL_CRASH, (f"venue={venue}", *SHORT)), tmp_path / "a.run")
    count, faults = QUESTIONS.asked(open_run(tmp_path / "a.run"), 4, 0)
    assert faults == []
    assert bool(count) is (venue not in TOUCH_NOBODY)


def test_of_inverse_contracts_too(tmp_path: Path) -> None:
    """And where a contract is settled in what it is a price of."""
    path = ROOT / "tests" / "support" / "inverse-crash.toml"
    run_scenario(Scenario.load(str(path)), tmp_path / "a.run")
    count, faults = QUESTIONS.asked(open_run(tmp_path / "a.run"), 10, 0)
    assert (count > 3, faults) == (True, [])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def document(run: Run) -> dict[str, Any]:
    """A sound answer."""
    one: dict[str, Any] = json.loads(answer_document(explain(run, REDUCTION)))
    assert list(QUESTIONS.faults(one, run)) == []
    return one


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def change(one: Any) -> None:
        *way, last = path
        for step in way:
            one = one[step]
        one[last] = to

    return change


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (_set("paragraph", to="Somebody lost something."), "1"),
        (_set("losing", "decided_atoms", to=7), "2"),
        (_set("losing", "marks", 0, "forced_ticks", to=10**6), "2"),
        (_set("price", "price", to="1"), "3"),
        (_set("price", "gained_atoms", to=1), "3"),
        (_set("fund", "lines", 0, "atoms", to=1), "4"),
        (_set("fund", "now", "cash_atoms", to=1), "4"),
        (_set("ranking", "source", to=""), "5"),
        (_set("ranking", "score", to=1), "5"),
        (_set("ranking", "gave", to=[]), "5"),
        (_set("ranking", "places", to=[]), "6"),
        (_set("price", "share", to="+7.00%"), "7"),
        (_set("later", 0, "mark_seq", to=1), "7"),
        (_set("flips", to={"found": [], "searched": "", "not_searched": ""}), "8"),
        (_set("grounds", to=[]), "9"),
        (_set("claims", to=[]), "10"),
    ],
)
def test_a_wrong_answer_is_found(
    run: Run, document: dict[str, Any], change: Callable[[Any], None], number: str
) -> None:
    """Each question finds what is missing from its answer or does not come out."""
    wrong = deepcopy(document)
    change(wrong)
    assert any(told.startswith(f"question {number}: ") for told in QUESTIONS.faults(wrong, run))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("story", "steps", 0, "seq", to=10**9), "events: there is no event 1000000000"),
        (_set("story", "steps", 0, "type", to="RunStarted"), "events: event "),
        (_set("price", "gained", to="0.000001 USDT"), "figures: gained_atoms is "),
    ],
)
def test_a_wrong_event_or_figure_is_found(
    run: Run, document: dict[str, Any], change: Callable[[Any], None], said: str
) -> None:
    """Events that are not there or are others, and amounts in words that are not those in atoms."""
    wrong = deepcopy(document)
    change(wrong)
    if "there is no event" in said:
        wrong["story"]["steps"][0].pop("type")
    found = list(QUESTIONS.faults(wrong, run))
    assert any(told.startswith(said) for told in found), found
