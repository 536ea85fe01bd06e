"""What lay ahead at instants back in time: against the record itself, other futures, and plain draws."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise, takewhile
from math import log, sqrt
from pathlib import Path

import pytest

from deleverage import Run, Scenario, open_run, run, verify
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.errors import QueryError
from deleverage.replay.fate import processes
from deleverage.replay.fate.calibration import Calibration, Forecast, calibrate
from deleverage.replay.fate.charts import draw_fate
from deleverage.replay.fate.draws import Draw, DrawOutcome, StoodThen
from deleverage.replay.fate.fate import Fate, fate
from deleverage.replay.fate.processes import PROCESSES, Processes
from deleverage.replay.fate.question import FateQuestion, instants_of, seeds_of
from deleverage.replay.fate.view import fate_view
from deleverage.replay.fork.fork import fork
from deleverage.replay.studies import Study, study_path
from deleverage.sim.sources.generator import moved_ticks

from .support.command_line import call
from .support.crash import SMALL_CRASH

MINUTE_NS = 60 * 10**9
WORLD = ("population.accounts=60", 'end="2025-10-10T21:05:00Z"', "insurance_fund.balance=2_000")
"""Small enough for many draws, and all that is watched for happens."""

EARLY_FALL = '{from_ns="5m",to_ns="12m",move=-0.08,volatility_multiple=3}'
PHASES = 'prices.phases=[{},{{from_ns="18m",to_ns="20m",move={}}}]'


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, with few accounts and ended early."""
    path = tmp_path_factory.mktemp("fate") / "small.run"
    run(Scenario.load(SMALL_CRASH, WORLD), path)
    return open_run(path)


def first_of(past: Run, kind: type) -> int:
    """The account of the first event of a type."""
    found = next(event.body for event in past.events() if isinstance(event.body, kind))
    account: int = found.account  # type: ignore[attr-defined]
    return account


def asked(past: Run, **given: object) -> FateQuestion:
    """A small question about who was liquidated first."""
    usual = {"account": first_of(past, LiquidationStarted), "instants": 3, "draws": 4, "horizon_ns": 4 * MINUTE_NS}
    return FateQuestion(**{**usual, "process": "walk", "remedies": False, **given})  # type: ignore[arg-type]


def came(found: Fate) -> list[tuple[int, ...]]:
    """How often each thing came, by instant."""
    return [tuple(chance.came for chance in one.chances) for one in found.instants]


@pytest.mark.parametrize("kind", [LiquidationStarted, PositionDeleveraged, ShortfallDeclared])
def test_with_nothing_drawn_it_is_what_the_record_says(past: Run, kind: type) -> None:
    """With its own prices and answers a draw is the record: none or all, whichever came within the horizon."""
    account = None if kind is ShortfallDeclared else first_of(past, kind)
    question = asked(
        past,
        account=account,
        process="recorded",
        answers=False,
        order=False,
        draws=2,
        instants=5,
        first="+1m",
        last="+17m",
    )
    found = fate(past, question, 2)
    kinds = (ShortfallDeclared if account is None else LiquidationStarted, PositionDeleveraged)
    for one in found.instants:
        later = past.events(one.instant.seq + 1, past.first_at(one.instant.until_ns + 1))
        seen = {
            type(event.body) for event in later if account is None or getattr(event.body, "account", None) == account
        }
        liquidating = account is not None and past.at(seq=one.instant.seq).accounts[account].liquidation_id is not None
        expected = [2 * (kinds[0] in seen or liquidating), 2 * (kinds[1] in seen)]
        assert [chance.came for chance in one.chances] == expected
    assert {0, 2} <= {chance.came for one in found.instants for chance in one.chances}, "both are tried"


@pytest.mark.parametrize("process", ["walk", "resampled", "scenario"])
def test_processes_and_plain_draws_give_the_same_file(past: Run, process: str) -> None:
    """One process, two, and each draw prepared anew without a fork: the same bytes."""
    question = asked(past, process=process, draws=3, instants=2)
    scenario = write_world(past.path.parent)
    files = []
    for jobs, plain in ((1, False), (2, False), (1, True)):
        study_path(past, "fate", question).unlink(missing_ok=True)
        fate(past, question, jobs, scenario=scenario, plain=plain, conclude=lambda found: fate_view(past, found))
        files.append(study_path(past, "fate", question).read_bytes())
    assert files[0] == files[1] == files[2]


@cache
def write_world(folder: Path) -> str:
    """The scenario of the record as a file, as `--scenario` takes it."""
    text = Path(SMALL_CRASH).read_text()
    text = text.replace("accounts = 250", "accounts = 60").replace("seed = 1", 'seed = 1\nend = "2025-10-10T21:05:00Z"')
    path = folder / "world.toml"
    path.write_text(text.replace("balance = 20_000", "balance = 2_000"))
    return str(path)


def test_what_was_interrupted_goes_on_where_it_stood(past: Run) -> None:
    """Stopped after a few draws and asked again: those are not drawn again, and the bytes are those of one go."""
    question = asked(past, draws=5, instants=2, remedies=True)
    whole = fate(past, question, 1, conclude=lambda found: fate_view(past, found))
    expected = study_path(past, "fate", question).read_bytes()
    study_path(past, "fate", question).unlink()

    class StoppedError(Exception):
        pass

    def stop(_draws: int, done: int) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        fate(past, question, 1, progress=stop)
    again = fate(past, question, 2, conclude=lambda found: fate_view(past, found))
    assert again.resumed >= 3
    assert again.instants == whole.instants
    assert study_path(past, "fate", question).read_bytes() == expected


@pytest.mark.parametrize("process", ["walk", "resampled"])
def test_a_forecast_reads_nothing_of_what_comes_after_it(tmp_path: Path, process: str) -> None:
    """Two runs with one past, and another future each: from that past the same is drawn, to the last draw."""
    found = []
    for name, phases in (("up", PHASES.format(EARLY_FALL, 0.4)), ("down", PHASES.format(EARLY_FALL, -0.4))):
        run(Scenario.load(SMALL_CRASH, (*WORLD, phases)), tmp_path / name)
        past = open_run(tmp_path / name)
        accounts = range(len(past.at().accounts) - 2, len(past.at().accounts))
        questions = [asked(past, account=account, process=process, first="+14m", last="+17m") for account in accounts]
        found.append([came(fate(past, question, 2)) for question in questions])
        question = questions[0]
        with Study(past, "fate", question, DrawOutcome) as study:
            found[-1].append(study.done)  # type: ignore[arg-type]
    assert found[0] == found[1]
    assert open_run(tmp_path / "up").head != open_run(tmp_path / "down").head


def test_a_draw_is_a_fork_that_verifies(past: Run, tmp_path: Path) -> None:
    """Recorded as a child it says what is drawn, its answers are keyed by the noted seed, and every decision stands."""
    question = asked(past, last="+17m", first="+17m", instants=1, horizon_ns=0)
    (instant,) = instants_of(past, question)
    answers = []
    for number in range(2):
        standing = StoodThen(past, question, instant, Processes(past, question))
        seed, answers_seed = seeds_of(past, instant, number)
        drawn = Processes(past, question).at(instant).inputs(seed)
        inputs = takewhile(lambda event: event.at_ns <= past.end_ns, drawn)
        changes = standing.changes(Draw(number))
        child = fork(past, instant.seq, changes, tmp_path / f"{number}.run", instead=inputs)
        assert child.ledger.answers_seed == answers_seed
        assert verify(tmp_path / f"{number}.run").sound
        answers.append([type(event.body).__name__ for event in open_run(tmp_path / f"{number}.run").events()])
    assert answers[0] != answers[1]


def test_the_scenario_with_its_own_seed_is_the_record(past: Run) -> None:
    """The generator taken up at an instant with the seed that it had makes the very prices that came."""
    question = asked(past, process="scenario", instants=3, first="+5m", last="+20m")
    found = Processes(past, question, write_world(past.path.parent))
    for instant in instants_of(past, question):
        drawn = [(event.at_ns, event.body) for event in found.at(instant).inputs(past.started.seed)]
        later = [event for event in past.events(instant.seq + 1) if isinstance(event.body, PriceTicked)]
        assert drawn == [(event.at_ns, event.body) for event in later]


def test_a_walk_is_as_wild_as_the_past_was(past: Run) -> None:
    """Its returns have the volatilities and the correlation of the record's returns before the instant."""
    question = asked(past, first="+20m", last="+20m", instants=1)
    (instant,) = instants_of(past, question)
    ticks = [event for event in past.events(0, instant.seq + 1) if isinstance(event.body, PriceTicked)]
    walk = Processes(past, question).at(instant).inputs(7)
    drawn = [event.body for event, _ in zip(walk, range(3_000), strict=False)]
    expected, got = (_moments([dict(body.prices) for body in bodies]) for bodies in ([e.body for e in ticks], drawn))
    for one, other in zip(expected, got, strict=True):
        assert other == pytest.approx(one, rel=0.12)


def _moments(rows: list[dict[int, int]]) -> list[float]:
    """The root mean square of each instrument's log returns, and the correlation of the first two."""
    returns = [[log(now[k] / then[k]) for k in sorted(now)] for then, now in pairwise(rows)]
    columns = list(zip(*returns, strict=True))
    spreads = [sqrt(statistics.fmean(one * one for one in column)) for column in columns]
    product = statistics.fmean(one * other for one, other in zip(columns[0], columns[1], strict=True))
    return [*spreads, product / spreads[0] / spreads[1]]


def test_a_stated_volatility_takes_the_place_of_the_estimate(past: Run) -> None:
    """Over a day of steps it is what was stated, and of none the price stays."""
    instant = instants_of(past, asked(past, first="+20m", last="+20m", instants=1))[0]
    still = Processes(past, asked(past, volatility=Decimal(0))).at(instant).inputs(1)
    bodies = [event.body for event, _ in zip(still, range(5), strict=False)]
    assert len(set(bodies)) == 1
    wild = Processes(past, asked(past, volatility=Decimal("0.5"))).at(instant).inputs(1)
    spreads = _moments([dict(event.body.prices) for event, _ in zip(wild, range(3_000), strict=False)])[:-1]  # type: ignore[union-attr]
    assert spreads == pytest.approx([0.5 * sqrt(10 / 86_400)] * 3, rel=0.1)


def test_the_remedy_is_the_least_that_does(past: Run) -> None:
    """Beyond the point of no return the amount found brings it under half of the same draws, the one below it not."""
    found = fate(past, asked(past, draws=6, instants=4, remedies=True), 2)
    assert found.beyond is not None
    assert found.beyond.chances[found.asked].is_likely
    assert found.point is None or not found.instants[found.point].chances[found.asked].is_likely
    assert {one.varied for one in found.remedies} <= {"collateral", "size"}
    assert found.remedies
    for one in found.remedies:
        assert one.amount is None or (2 * one.came < 6 and one.not_at.number < one.amount.number)


def test_the_price_moves_by_its_log() -> None:
    """Half to even, at least one tick."""
    assert moved_ticks(1_000, 0) == 1_000
    assert moved_ticks(1_000, -(10**18) * 40) == 1
    assert moved_ticks(10**6, 10**17) == round(10**6 * 1.1051709180756477)


def test_the_command_prints_it_in_three_ways(past: Run) -> None:
    """As text, as Markdown, and as the document that the file ends with."""
    name = past.directory.account_name(first_of(past, LiquidationStarted))
    words = ["fate", past.path, "--account", name, "--instants", "2", "--draws", "3", "--horizon", "2m", "--jobs", "1"]
    text, page, plain = call(*words), call(*words, "--format", "md"), call(*words, "--json")
    assert [one.exit_code for one in (text, page, plain)] == [0, 0, 0], text.stderr
    assert "Point of no return" in text.stdout
    assert page.stdout.startswith(f"# Fate of {name}")
    document = json.loads(plain.stdout)
    assert document["process"] == "walk"
    kept = next(past.path.parent.glob(f"{past.path.name}.fate-*.jsonl"), None)
    assert kept is not None
    held = [json.loads(path.read_bytes().splitlines()[-1]) for path in past.path.parent.glob("*.fate-*.jsonl")]
    assert {"answer": document} in held


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--account", "nobody"], "there is no account 'nobody'"),
        (["--fund", "--process", "magic"], f"choose from {', '.join(PROCESSES)}"),
        (["--fund", "--process", "scenario"], "give --scenario FILE, or --process walk"),
        (["--fund", "--scenario", "calm"], "was made from another 'calm'"),
        (["--fund", "--of", "liquidated"], "what is watched for is empty and deleveraged"),
        (["--fund", "--process", "walk", "--volatility", "much"], "give a number from 0 to 100"),
        (["--fund", "--process", "resampled", "--volatility", "1"], "give --process walk as well"),
        (["--fund", "--from", "+20m", "--to", "+10m"], "give another --from or --to"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(past: Run, words: list[str], told: str) -> None:
    """What is wrong and what to do, on stderr, with exit code 2; and no file is left of it."""
    before = set(past.path.parent.iterdir())
    found = call("fate", past.path, *words)
    assert found.exit_code == 2
    (line,) = [line for line in found.stderr.splitlines() if "interrupted" not in line]
    assert told in line
    assert set(past.path.parent.iterdir()) == before


def test_the_chart_is_the_same_each_time(past: Run, tmp_path: Path) -> None:
    """Drawn twice it has the same bytes, and holds both lines."""
    pytest.importorskip("matplotlib")
    found = fate(past, asked(past), 1)
    for name in ("one.svg", "other.svg"):
        draw_fate(past, found, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_an_account_that_is_not_open_yet_has_no_fate(past: Run) -> None:
    """A number beyond the accounts of the instant is refused, in words."""
    with pytest.raises(QueryError, match="not open yet at"):
        fate(past, asked(past, account=10_000, first="+10m", last="+10m", instants=1))


def test_before_two_prices_nothing_can_be_estimated(past: Run) -> None:
    """A walk from the first price on is refused, in words."""
    with pytest.raises(QueryError, match="ask for later instants"):
        fate(past, asked(past, first="+0s", last="+0s", instants=1))
    assert processes.PROCESSES == PROCESSES


def test_forecasts_are_better_than_the_base_rate_and_as_likely_as_they_say() -> None:
    """Over held-out seeds: a lower Brier score than the base rate's, and a mean within its error of what came."""
    world = ("population.accounts=100", 'end="2025-10-10T20:58:00Z"')
    question = FateQuestion(None, 1, 8, 7 * MINUTE_NS, "scenario", first="+10m", last="+10m")
    found = calibrate(lambda seed: Scenario.load(SMALL_CRASH, world, seed=seed), question, range(101, 107), jobs=2)
    assert len(found.forecasts) > 400
    assert 0.1 < sum(one.happened for one in found.forecasts) / len(found.forecasts) < 0.9, (
        "it is no foregone conclusion"
    )
    assert found.brier < found.base_rate_brier / 4
    assert abs(found.bias) <= found.bias_error
    rows = found.reliability
    assert [row.mean for row in rows] == sorted(row.mean for row in rows)
    assert sum(row.forecasts for row in rows) == len(found.forecasts)


def test_the_command_calibrates_and_goes_on_where_it_stood(past: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed stands in the file; a seed that is done is not run again; of the settings none may be missing."""
    given = [word for one in WORLD for word in ("--set", one)]
    words = ["fate", past.path, "--calibrate", "2", "--scenario", SMALL_CRASH, "--draws", "2", "--horizon", "2m"]
    absent = call(*words, "--from", "+16m")
    assert (absent.exit_code, absent.stderr.count("\n")) == (2, 1)
    assert "give --scenario FILE and --set as it was" in absent.stderr
    assert "--from POINT" in call(*words, *given).stderr
    words += [*given, "--from", "+16m", "--jobs", "1"]
    plain = call(*words, "--json")
    assert plain.exit_code == 0, plain.stderr
    document = json.loads(plain.stdout)
    assert (document["seeds"], document["at"]) == ([1_002, 1_003], "2025-10-10T20:56:00Z")
    assert 0 <= document["brier"] <= 1
    (kept,) = past.path.parent.glob("*.fate-calibration-*.jsonl")
    lines = kept.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1]) == {"answer": document}
    kept.write_bytes(b"".join(lines[:2]))
    ran = list[int]()
    monkeypatch.setattr("deleverage.replay.fate.calibration.run_scenario", _noting(ran))
    text = call(*words)
    assert ran == [1_003]
    assert kept.read_bytes() == b"".join(lines)
    assert "Brier score" in text.stdout
    assert "Reliability" in call(*words, "--format", "md").stdout
    assert call(*words, "--fund").exit_code == 2


def _noting(ran: list[int]) -> Callable[[Scenario, Path], object]:
    """A run of a scenario that notes its seed."""

    def noted(scenario: Scenario, path: Path) -> object:
        ran.append(scenario.settings.seed)
        return run(scenario, path)

    return noted


def test_the_scores_are_those_of_the_definition() -> None:
    """Worked out by hand: two seeds, four draws; certain forecasts that come true have no score and no noise."""
    found = Calibration(4, ((Forecast(4, True), Forecast(0, False)), (Forecast(2, True), Forecast(4, True))))
    assert found.brier == Fraction(1, 16)
    assert found.noise == Fraction(4, 16 * 3) / 4
    assert found.bias == Fraction(-1, 8)
    assert found.base_rate_brier == (0 + 1 + Fraction(1, 4) + Fraction(1, 4)) / 4
    assert [(row.forecasts, row.happened) for row in found.reliability] == [(1, 0), (1, 1), (2, 1)]
    perfect = Calibration(4, ((Forecast(4, True), Forecast(0, False)), (Forecast(4, True),)))
    assert (perfect.brier, perfect.noise, perfect.bias, perfect.bias_error, perfect.brier_error) == (0, 0, 0, 0, 0)
    assert found.brier_error == pytest.approx(1 / 8)
