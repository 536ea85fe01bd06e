"""The ten questions of an auditor, held against reductions under every rulebook, and against answers that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deleverage.replay.run import Run, open_run
from deleverage.replay.why.again.flips import flips_of
from deleverage.replay.why.explain import explain
from deleverage.replay.why.page.pages import answer_document
from deleverage.sim.rulebooks import rulebook, venues_with_positions
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.command_line import small_record
from .support.crash import SMALL_CRASH

ROOT = Path(__file__).parents[1]
SHORT = ("prices.duration_ns=36m", "settle_ns=1m", "population.accounts=120", "insurance_fund.balance=1_000")
VENUES = venues_with_positions()
"""Those with positions: on chain nobody is deleveraged."""
REDUCTION = 2961
"""A reduction of the small crash."""


def _of_docs(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return import_module(name)


QUESTIONS, ASK = _of_docs("questions"), _of_docs("ask")


def _held(run: Run, every: int, *alone: int) -> Any:
    """What came of asking about every so many reductions, and about some alone, with each of the costly options."""
    seqs = ASK.reductions_in(run)[::every]
    return ASK.asked(run, ASK.Stretch("a run", run.path, seqs, alone, alone, alone))


@pytest.mark.parametrize("venue", VENUES)
def test_every_question_has_its_answer(venue: str, tmp_path: Path) -> None:
    """Under every rulebook each of the ten has an answer whose events exist and whose arithmetic comes out."""
    settings = f"venue={venue}", *SHORT, *ASK.SETTINGS.get(venue, ())
    run_scenario(Scenario.load(SMALL_CRASH, settings), tmp_path / "a.run")
    held = _held(open_run(tmp_path / "a.run"), 4)
    assert (held.reductions > 1, held.found) == (True, [])


def test_only_rulebooks_without_auto_deleveraging_are_set_to_have_it() -> None:
    """Where a loss is socialised at once nobody is deleveraged; every other rulebook is asked as it is."""
    none = {venue for venue in VENUES if rulebook(venue)["adl"]["policy"] == "socialized-loss"}
    assert none == set(ASK.SETTINGS)


def test_of_inverse_contracts_too(tmp_path: Path) -> None:
    """And where a contract is settled in what it is a price of."""
    path = ROOT / "tests" / "support" / "inverse-crash.toml"
    run_scenario(Scenario.load(str(path)), tmp_path / "a.run")
    held = _held(open_run(tmp_path / "a.run"), 10)
    assert (held.reductions > 3, held.found) == (True, [])


def test_of_the_first_instant_too(tmp_path: Path) -> None:
    """A cap on profits can close positions before anything else happened: nothing before it can be varied."""
    path = ROOT / "tests" / "support" / "inverse-crash.toml"
    run_scenario(Scenario.load(str(path), ("venue=gmx",)), tmp_path / "a.run")
    run = open_run(tmp_path / "a.run")
    first = ASK.reductions_in(run)[0]
    assert run.event(first).at_ns == run.start_ns
    held = _held(run, 100, first)
    assert (held.flips, held.prove, held.against, held.found) == (1, 1, 1, [])
    flips = flips_of(run, first)
    assert (flips.found, "first instant of the record" in flips.searched) == ((), True)


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
        (_set("losing", "decided", "atoms", to=7), "2"),
        (_set("losing", "marks", 0, "forced", "ticks", to=10**6), "2"),
        (_set("price", "price", "value", to="1"), "3"),
        (_set("price", "gained", "atoms", to=1), "3"),
        (_set("fund", "lines", 0, "amount", "atoms", to=1), "4"),
        (_set("fund", "now", "cash", "atoms", to=1), "4"),
        (_set("ranking", "source", to=""), "5"),
        (_set("ranking", "score", "billionths", to=1), "5"),
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
        (_set("price", "gained", "value", to="0.000001"), "figures: "),
        (_set("price", "mark", "unit", to="USDT"), "figures: "),
        (_set("ranking", "places", 0, "size", "value", to="7"), "figures: "),
    ],
)
def test_a_wrong_event_or_figure_is_found(
    run: Run, document: dict[str, Any], change: Callable[[Any], None], said: str
) -> None:
    """Events that are not there or are others, and values that are not the whole number in steps of their unit."""
    wrong = deepcopy(document)
    change(wrong)
    if "there is no event" in said:
        wrong["story"]["steps"][0].pop("type")
    found = list(QUESTIONS.faults(wrong, run))
    assert any(told.startswith(said) for told in found), found


def test_what_is_asked_alone_is_held_against_the_questions_too(run: Run) -> None:
    """What would have spared it, whether each ground is necessary, and why not the neighbour."""
    held = _held(run, 1000, REDUCTION)
    assert (held.flips, held.prove, held.against, held.found) == (1, 1, 1, [])


def test_a_verdict_that_says_nothing_is_found(run: Run) -> None:
    """And one that is missing beside others."""
    one = ASK.with_verdicts(run, REDUCTION)
    assert list(QUESTIONS.faults(one, run)) == []
    missing, empty = deepcopy(one), deepcopy(one)
    missing["grounds"][0]["proof"] = None
    empty["grounds"][0]["proof"]["text"] = ""
    for wrong in (missing, empty):
        assert any(told.startswith("question 9: ") for told in QUESTIONS.faults(wrong, run))


def test_an_error_is_a_fault(tmp_path: Path) -> None:
    """A record that cannot be asked about is no record without faults."""
    (line,) = ASK.ask(ASK.Stretch("a run", tmp_path / "none.run", (7, 9))).found
    assert line.startswith("events 7 to 9: ")


def test_every_reduction_is_in_a_stretch() -> None:
    """Once, and the sample of what is asked alone is as large as it was asked for."""
    seqs = tuple(range(10, 10 + 3 * ASK.STRETCH))
    made = list(ASK.stretches("a run", Path("a.run"), seqs, 2))
    assert tuple(seq for one in made for seq in one.seqs) == seqs
    assert sum(len(one.flips) for one in made) == 2
