"""How what is one's own is named: classes in files, rulebooks and tables by their paths; what is said of faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.errors import HandlerError, ScenarioError
from deleverage.sim.rulebooks import bundled_venues

from .support.command_line import call
from .support.crash import SMALL_CRASH

TWO_CLASSES = """
class First:
    def scores(self, candidates):
        return [self.of(one) for one in candidates]

    def of(self, candidate):
        raise KeyError("nobody")  # here


class Second(First):
    pass
"""
MINE = """
[mark]
policy = "smoothed"

[liquidation]
policy = "partial-then-whole"

[adl]
policy = "profit-leverage"
"""


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test stands in a folder with a file of two classes and a rulebook."""
    (tmp_path / "two.py").write_text(TWO_CLASSES, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("named", ["two.py", "two.py:Third", "./two.py"])
def test_a_file_without_its_class_is_answered_with_the_classes_that_it_has(named: str) -> None:
    """Without executing it, where no class is named."""
    with pytest.raises(ScenarioError, match=r"two\.py.*; it has First, Second$"):
        Scenario.load(SMALL_CRASH, [f"adl.policy={named}"])


@pytest.mark.parametrize(("text", "told"), [("x = 1\n", "it has no class"), ("class:\n", "cannot be read as Python")])
def test_a_file_that_has_none_says_so(text: str, told: str) -> None:
    """And one that is no Python."""
    Path("none.py").write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=told):
        Scenario.load(SMALL_CRASH, ["adl.policy=none.py"])


def test_a_module_without_its_class_is_answered_alike() -> None:
    """A dotted name that leads to a module."""
    with pytest.raises(ScenarioError, match=r"deleverage\.handlers\.market:CLASS; it has .*DepthMarket"):
        Scenario.load(SMALL_CRASH, ["market.policy=deleverage.handlers.market"])


def test_an_error_gives_the_plugins_own_line() -> None:
    """The one in the plug-in's file, whatever was called in between, and nothing of the folder."""
    with pytest.raises(HandlerError) as caught:
        run(Scenario.load(SMALL_CRASH, ["adl.policy=two.py:Second"]))
    line = TWO_CLASSES.splitlines().index('        raise KeyError("nobody")  # here') + 1
    told = f"""scores() raised KeyError: 'nobody' (two.py, line {line}: raise KeyError("nobody")  # here)"""
    assert told in str(caught.value)


def test_a_file_that_cannot_be_executed_gives_its_line() -> None:
    """The one that raised."""
    Path("bad.py").write_text("x = 1\n\nnothing\nclass Bad: pass\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"NameError: .* \(bad\.py, line 3: nothing\)$"):
        Scenario.load(SMALL_CRASH, ["adl.policy=bad.py:Bad"])


def test_a_rulebook_is_named_by_its_path(tmp_path: Path) -> None:
    """The record has its plain name, which no bundled one has; where it lies changes nothing; what is in it does."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.toml").write_text(MINE, encoding="utf-8")
    short = "end=2025-10-10T20:41:00Z"
    heads = [run(Scenario.load(SMALL_CRASH, [short, f"venue={at}"])).head for at in ("mine.toml", "there/mine.toml")]
    assert heads[0] == heads[1]
    (tmp_path / "mine.toml").write_text(MINE.replace("profit-leverage", "profit"), encoding="utf-8")
    result = call("run", SMALL_CRASH, "--set", short, "--set", "venue=./mine.toml", "-o", "a.run")
    assert result.exit_code == 2
    assert "there is no adl policy 'profit'" in result.stderr
    (tmp_path / "mine.toml").write_text(f"{MINE}closes_at = 'mark'\n", encoding="utf-8")
    assert call("run", SMALL_CRASH, "--set", short, "--set", "venue=./mine.toml", "-o", "a.run").exit_code == 0
    started = open_run(tmp_path / "a.run").started
    assert started.rulebook == "mine.toml"
    assert started.rulebook not in bundled_venues()
    assert open_run(tmp_path / "a.run").head != heads[0]
    (adl,) = (one for one in started.producers if one.slot == "adl")
    assert adl.parameters["closes_at"] == "mark"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("absent.toml", r"\$\.venue: there is no file 'absent\.toml', tried absent\.toml"),
        ("wrong.toml", r"wrong\.toml: 'adll' is no table of a slot; choose from invariants, "),
        ("binanse", r"\$\.venue: there is no rulebook 'binanse'; choose from .*, or give a \.toml file's path"),
    ],
)
def test_a_rulebook_that_is_none_is_refused(named: str, told: str) -> None:
    """With the key, the file, and what there is."""
    Path("wrong.toml").write_text("[adll]\npolicy = 'x'\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=told):
        Scenario.load(SMALL_CRASH, [f"venue={named}"])


def test_a_whole_table_is_taken_from_a_file() -> None:
    """Nothing of the scenario's own table stays; what comes later holds over it."""
    table = {"source": "seeded", "accounts": 7, "leverage": [[3, 1]], "max_notional": 9000}
    people = "source = 'seeded'\naccounts = 7\nleverage = [[3, 1]]\nmax_notional = 8000\nmedian_notional = 500\n"
    Path("people.toml").write_text(people, encoding="utf-8")
    loaded = Scenario.load(SMALL_CRASH, ["population=@people.toml", "population.max_notional=9000"])
    assert loaded.tree["population"] == {**table, "median_notional": 500}
    with pytest.raises(ScenarioError, match=r"^--set population: gone\.toml: it cannot be read"):
        Scenario.load(SMALL_CRASH, ["population=@gone.toml"])
