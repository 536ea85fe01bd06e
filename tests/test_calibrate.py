"""`deleverage calibrate`: rules sought by an optimiser, the front, what it is worth out of sample, and going on."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.errors import HandlerError, QueryError
from deleverage.replay.calibrate import cells as cells_module
from deleverage.replay.calibrate.calibrate import CalibrationQuestion, ScenarioAsGiven, calibrate
from deleverage.replay.calibrate.over import Over, estimated, parse_over, quantile_places
from deleverage.replay.calibrate.sampler import OptunaSampler, TrialTold
from deleverage.replay.calibrate.search import Estimate, RulesJudged, RuleTrial, front_of, nearest, search
from deleverage.replay.calibrate.target import SoughtParameter, Target, read_target
from deleverage.replay.lab.definition import Cell, Variant
from deleverage.replay.lab.past import run_whole
from deleverage.replay.lab.scores import interval_place

from .support.command_line import call
from .support.crash import SMALL_CRASH

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="the extra `calibrate` is not installed")

SHORT = ("population.accounts=40", "prices.duration_ns=36m", "settle_ns=1m")
FUNDS: dict[str, Any] = {
    "trials": 4,
    "batch": 2,
    "seeds": "1..2",
    "held_out": [101],
    "parameters": [
        {"key": "insurance_fund.balance", "low": 2_000, "high": 20_000, "step": 2_000},
        {"key": "breaker.window_ns", "low": "1m", "high": "10m", "step": "1m"},
    ],
    "objectives": [{"metric": "taken_from_winners"}, {"setting": "insurance_fund.balance"}],
    "constraints": [{"metric": "loss_socialised", "at_most": 1_000_000, "over": "highest"}],
}


class Chance:
    """A sampler that knows nothing."""

    def __init__(self, target: Target, seed: int = 1) -> None:
        self._places, self._random = [one.places for one in target.parameters], random.Random(seed)

    def ask(self, count: int) -> list[tuple[int, ...]]:
        """Any trials."""
        return [tuple(self._random.randrange(places) for places in self._places) for _ in range(count)]

    def tell(self, told: Sequence[TrialTold]) -> None:
        """It makes no difference."""


def toml(tree: dict[str, Any]) -> str:
    """A target as a file has it: every value here is written in JSON as in TOML."""
    tables = [
        f"[[{name}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name in ("parameters", "objectives", "constraints")
        for table in tree.get(name, ())
    ]
    plain = [f"{key} = {json.dumps(value)}\n" for key, value in tree.items() if not isinstance(value, list)]
    plain += [f"{key} = {value}\n" for key, value in tree.items() if key in ("seeds", "held_out") and value == [101]]
    return "".join([*plain, *tables])


def asked(folder: Path, tree: dict[str, Any], *more: str) -> list[str]:
    """The arguments of a small calibration whose target is written beside its folder."""
    file = folder.with_suffix(".toml")
    file.write_text(toml(tree), encoding="utf-8")
    settings = [argument for one in SHORT for argument in ("--set", one)]
    return ["calibrate", SMALL_CRASH, *settings, "--target", str(file), "-o", str(folder), "--jobs", "2", *more]


def made(**changes: Any) -> Target:
    """A target of two numbers between 0 and 100."""
    ranges = [{"key": key, "low": 0, "high": 100, "step": 1} for key in ("a", "b")]
    return msgspec.convert({"parameters": ranges, "objectives": [{"metric": "far"}], **changes}, Target)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A calibration of four trials, and what it printed."""
    if find_spec("optuna") is None:
        pytest.skip("the extra `calibrate` is not installed")
    folder = tmp_path_factory.mktemp("calibrate") / "funds"
    result = call(*asked(folder, FUNDS))
    assert result.exit_code == 0, result.stderr
    return folder, result.stdout


def test_the_result_has_every_trial_the_front_and_the_rules_as_given(done: tuple[Path, str]) -> None:
    """Each on the seeds of the trials; the front and the rules as given on those held out as well."""
    found = json.loads((done[0] / "result.json").read_text(encoding="utf-8"))
    assert [trial["trial"] for trial in found["trials"]] == [1, 2, 3, 4]
    assert found["baseline"]["trial"] is None
    assert found["baseline"]["training"]["objectives"][1]["value"] == "20000.000000000"
    assert found["front"]
    for one in found["front"]:
        assert one["training"]["meets"]
        assert one["held_out"]["objectives"][0]["value"] is not None
        assert one["settings"] == found["trials"][one["trial"] - 1]["settings"]
    assert not list(done[0].glob("past"))


def test_a_figure_is_that_of_the_runs_themselves(done: tuple[Path, str]) -> None:
    """The median over both seeds of a front's first member is the mean of two runs made whole."""
    found = json.loads((done[0] / "result.json").read_text(encoding="utf-8"))
    settings = found["front"][0]["settings"]
    variant = Variant(SMALL_CRASH, (*SHORT, *settings), ())
    runs = [run_whole(Cell(0, variant, seed)) for seed in (1, 2)]
    atoms = sum(one.equity_taken_atoms + one.socialised_loss_atoms for one in runs)
    value = found["front"][0]["training"]["objectives"][0]["value"]
    assert abs(Fraction(value) - Fraction(atoms, 2 * 10**6)) <= Fraction(1, 2 * 10**6)


def test_text_and_markdown_say_what_was_found(done: tuple[Path, str]) -> None:
    """A table for each objective and constraint, the rules as commands, and how it was done."""
    told = " ".join(done[1].split())
    for said in ("The least: taken from winners", "At most 1000000: socialised loss", "seeds 1 to 2", "--set breaker."):
        assert said in told
    result = call(*asked(done[0], FUNDS, "--format", "md"))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("# Rules for small-crash, calibrated")
    assert "| as given |" in result.stdout


def test_stopped_anywhere_it_goes_on_to_the_same_bytes(done: tuple[Path, str], tmp_path: Path) -> None:
    """With some of its runs gone, in one process instead of two: only those are made again."""
    folder = tmp_path / "funds"
    shutil.copytree(done[0], folder)
    runs = sorted((folder / "cells").iterdir())
    gone = [*runs[:2], folder / "result.json"]
    for path in gone:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in runs[2:]}
    result = call(*asked(folder, FUNDS, "--jobs", "1", "--json"))
    assert result.exit_code == 0, result.stderr
    assert (folder / "result.json").read_bytes() == (done[0] / "result.json").read_bytes()
    assert json.loads(result.stdout) == json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert sorted((folder / "cells").iterdir()) == runs
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_target_that_no_trial_meets_is_one_line_and_exit_code_1(done: tuple[Path, str]) -> None:
    """It says which constraint, by how much at best, and what to do; the result has no front."""
    unmet = FUNDS | {"constraints": [{"metric": "accounts_bankrupt", "at_most": -1}]}
    result = call(*asked(done[0], unmet, "--json"))
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["front"], found["nearest"]) == (
        [],
        min((Fraction(one["constraints"][0]["value"]), one["trial"]) for one in found["trials"])[1],
    )
    line = result.stderr.splitlines()[-1]
    assert "accounts_bankrupt at_most -1, median is" in line
    assert "beyond it; widen the parameters" in line
    call(*asked(done[0], FUNDS))  # the result is that of the first target again, without another run


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra `lab` is not installed")
def test_a_chart_is_the_same_bytes_each_time(done: tuple[Path, str], tmp_path: Path) -> None:
    """Its axes are the objectives."""
    drawn = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in drawn:
        assert call(*asked(done[0], FUNDS, "--chart", str(path))).exit_code == 0
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    assert b"insurance_fund.balance" in drawn[0].read_bytes()


def test_rules_that_share_the_past_are_forked_to_the_same_figures(tmp_path: Path) -> None:
    """Where only who decides is sought, a trial is forked from the run as given; its figures are those of its own."""
    choices = ["profit-leverage", "queue", "contract-pro-rata"]
    target = msgspec.convert(
        {
            "parameters": [{"key": "adl.policy", "choices": choices}],
            "objectives": [{"metric": "equity_taken", "over": "mean"}],
            "trials": 4,
            "seeds": [1],
            "held_out": [2],
        },
        Target,
    )
    question = CalibrationQuestion(ScenarioAsGiven(SMALL_CRASH, SHORT), target, tmp_path / "T.toml", tmp_path / "adl")
    found = calibrate(question, jobs=1, sampler=Chance(target))
    for trial in found.trials:
        whole = run_whole(Cell(0, Variant(SMALL_CRASH, (*SHORT, *trial.settings), ()), 1))
        assert trial.judged.objectives[0].value == Fraction(whole.equity_taken_atoms, 10**6)


def test_a_process_that_is_lost_ends_it() -> None:
    """A run that was lost is no figure of the rules, so nothing is concluded from it."""
    with pytest.raises(HandlerError, match="same command goes on"):
        cells_module._lost("its process ended")


def test_a_trial_that_fails_is_told_and_left_out() -> None:
    """It is never on the front, and the optimiser hears of it."""
    target, heard = made(trials=6, batch=3), list[TrialTold]()

    class Hearing(Chance):
        def tell(self, told: Sequence[TrialTold]) -> None:
            heard.extend(told)

    def half(places: Sequence[tuple[int, ...]]) -> list[RulesJudged]:
        return [RulesJudged((at(sum(one)),)) if one[0] % 2 else RulesJudged(error="no") for one in places]

    trials = search(target, Hearing(target), half)
    assert [told.losses is None for told in heard] == [trial.judged.error == "no" for trial in trials]
    assert all(trial.judged.error is None for trial in front_of(target, trials))
    assert {trial.judged.error for trial in trials} == {None, "no"}


def at(value: float | Fraction) -> Estimate:
    """A figure without an interval."""
    return Estimate(Fraction(value))


amounts = st.integers(-3, 3)


@given(st.lists(st.tuples(amounts, amounts, amounts, st.booleans()), max_size=20))
def test_the_front_is_what_comparing_everyone_with_everyone_leaves(rows: list[tuple[int, int, int, bool]]) -> None:
    """Brute force: those that meet the target and that none of those beats, equals by the first of them."""
    target = made(
        objectives=[{"metric": "low"}, {"metric": "high", "aim": "most"}],
        constraints=[{"metric": "bound", "at_least": 0}],
    )
    trials = [
        RuleTrial(
            number,
            (number, 0),
            (),
            RulesJudged(error="failed") if fails else RulesJudged((at(low), at(high)), (at(bound),)),
        )
        for number, (low, high, bound, fails) in enumerate(rows, 1)
    ]
    meeting = {
        (low, high): -number
        for number, (low, high, bound, fails) in reversed([*enumerate(rows, 1)])
        if bound >= 0 and not fails
    }
    beaten = {
        one for one, other in product(meeting, meeting) if other != one and other[0] <= one[0] and other[1] >= one[1]
    }
    expected = sorted(number for own, number in meeting.items() if own not in beaten)
    assert sorted(-trial.number for trial in front_of(target, trials)) == expected


def test_the_nearest_misses_the_fewest_constraints_then_the_least() -> None:
    """Each miss counts over its bound."""
    target = made(constraints=[{"metric": "x", "at_most": 100}, {"metric": "y", "at_most": 1}])
    figures = [(150, 2), (160, 1), (100, 3), (151, 0)]
    trials = [RuleTrial(n, (n, 0), (), RulesJudged((at(0),), (at(x), at(y)))) for n, (x, y) in enumerate(figures, 1)]
    near = nearest(target, trials)
    assert near is not None
    assert near.number == 4


def bowl(places: Sequence[tuple[int, ...]]) -> list[RulesJudged]:
    """A made problem: the least of (a - 37)^2 + (b - 61)^2 with a + b at least 120 is at (48, 72), 242."""
    return [RulesJudged((at((a - 37) ** 2 + (b - 61) ** 2),), (at(a + b),)) for a, b in places]


@needs_optuna
@pytest.mark.parametrize("seed", [1, 2])
def test_a_known_optimum_is_found_better_than_by_chance(seed: int) -> None:
    """With as many trials as chance, which stays further away; asked again, it proposes the same."""
    target = made(trials=100, sampler_seed=seed, constraints=[{"metric": "sum", "at_least": 120}])
    found = search(target, OptunaSampler(target), bowl)
    (best,), (chance,) = front_of(target, found), front_of(target, search(target, Chance(target, seed), bowl))
    sought, drawn = best.judged.objectives[0].value, chance.judged.objectives[0].value
    assert sought is not None
    assert drawn is not None
    assert 242 <= sought <= 290
    assert sought < drawn
    assert search(target, OptunaSampler(target), bowl) == found


def test_a_median_has_the_interval_of_the_lab() -> None:
    """The places of a quantile at one half are those of its interval, for any number of values."""
    for count in range(1, 40):
        place, _ = interval_place(count)
        assert quantile_places(count, Fraction(1, 2)) == (place, count + 1 - place if place else 0)
    values = [Fraction(value) for value in range(1, 11)]
    assert estimated(values, Over("median")) == Estimate(Fraction(11, 2), Fraction(2), Fraction(9))


def test_a_quantile_is_an_order_statistic() -> None:
    """The ceil(p n)-th lowest; its interval's open ends are said to be open."""
    values = [Fraction(value) for value in range(20, 0, -1)]
    assert estimated(values, parse_over("quantile:0.9")) == Estimate(Fraction(18), Fraction(16), None)
    assert estimated(values, parse_over("quantile:0.05")).value == 1
    assert estimated(values, parse_over("highest")) == Estimate(Fraction(20))
    assert estimated(values, parse_over("lowest")) == Estimate(Fraction(1))
    assert estimated(values, parse_over("mean")) == Estimate(Fraction(21, 2))


def test_a_parameter_is_set_as_a_scenario_takes_it() -> None:
    """Exact decimals, durations in seconds, choices as they are."""
    rate = msgspec.convert({"key": "r", "low": 0, "high": 1, "step": 1}, SoughtParameter)
    assert [rate.setting(place) for place in range(rate.places)] == ["r=0", "r=1"]
    wait = SoughtParameter("w_ns", "500ms", "2s", "500ms")
    assert [wait.setting(place) for place in range(wait.places)] == ["w_ns=0.5s", "w_ns=1s", "w_ns=1.5s", "w_ns=2s"]
    mode = SoughtParameter("m", choices=("a", True, 3))
    assert [mode.setting(place) for place in range(mode.places)] == ["m=a", "m=true", "m=3"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trails": 3}, "$: Object contains unknown field `trails`"),
        ({"objectives": [{"metric": "ptsr", "over": "worst"}]}, "$.objectives[0]: 'worst' is none of median"),
        ({"objectives": [{"metric": "ptsr", "over": "quantile:0.999"}]}, "quantile:0.999 needs 1,000 seeds"),
        ({"objectives": [{"setting": "no.such"}]}, "the setting 'no.such' is no parameter"),
        ({"objectives": [{}]}, "$.objectives[0]: give a metric or a setting"),
        ({"constraints": [{"metric": "ptsr"}]}, "$.constraints[0]: give at_most or at_least"),
        ({"held_out": "2..9"}, "seed 2 is in seeds and held_out"),
        ({"seeds": "1-8"}, "write it as '1..8'"),
        ({"parameters": [{"key": "a", "low": 0, "high": 7, "step": 2}]}, "a whole number of steps"),
        ({"parameters": [{"key": "a", "low": 0, "high": "7s", "step": 2}]}, "all durations"),
        ({"parameters": [{"key": "a", "choices": ["x"]}]}, "two values or more"),
        ({"parameters": []}, "missing required field `parameters`"),
    ],
)
def test_what_is_no_target_is_refused_with_where(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """In one line that names the file and the place in it."""
    file = tmp_path / "T.toml"
    file.write_text(toml(FUNDS | changes), encoding="utf-8")
    with pytest.raises(QueryError) as raised:
        read_target(file)
    assert str(raised.value).startswith(f"{file}: $")
    assert said in str(raised.value)


@needs_optuna
def test_a_key_or_a_metric_that_is_not_there_is_refused_with_where(done: tuple[Path, str], tmp_path: Path) -> None:
    """A key before anything is written; a metric after the first run, which tells what there is."""
    unknown = FUNDS | {
        "parameters": [{"key": "adl.nothing", "low": 1, "high": 2, "step": 1}],
        "objectives": [{"metric": "ptsr"}],
    }
    result = call(*asked(tmp_path / "new", unknown))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "new.toml: $.parameters[0]:" in result.stderr
    assert "nothing" in result.stderr
    assert not (tmp_path / "new").exists()
    result = call(*asked(done[0], FUNDS | {"constraints": [{"metric": "los_socialised", "at_most": 0}]}))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "$.constraints[0].metric: there is no metric 'los_socialised'; choose from loss_socialised" in result.stderr


@needs_optuna
def test_another_scenarios_folder_is_refused(done: tuple[Path, str]) -> None:
    """Its runs are of other rules; nothing of it is touched."""
    before = sorted(done[0].rglob("*"))
    result = call(*asked(done[0], FUNDS, "--set", "population.accounts=41"))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "holds another calibration" in result.stderr
    assert sorted(done[0].rglob("*")) == before


def test_without_the_optimiser_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read or run."""
    monkeypatch.setattr("deleverage.replay.calibrate.sampler.find_spec", lambda _name: None)
    result = call(*asked(tmp_path / "new", FUNDS))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "pip install 'deleverage[calibrate]'" in result.stderr
