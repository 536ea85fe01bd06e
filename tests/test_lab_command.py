"""`deleverage lab` as a user meets it: the table, the scoreboard, errors, and going on after it was stopped."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from collections import deque
from importlib.util import find_spec
from pathlib import Path

import pytest

from deleverage.replay.lab import commands
from deleverage.replay.lab.definition import Cell, Definition, Variant, varied
from deleverage.replay.lab.folder import Folder
from deleverage.replay.lab.lab import run_lab
from deleverage.replay.lab.past import run_whole
from deleverage.replay.lab.table import write_tables
from deleverage.replay.lab.tasks import Outcome, Task, perform
from deleverage.replay.workers import Workers

from .support.command_line import call, spawn
from .support.crash import SMALL_CRASH
from .support.patience import PATIENCE_S, eventually

SHORT = ("population.accounts=150",)
POLICIES = "adl.policy=profit-leverage,profit-share"
RAISING = '''
"""A rule that does not keep to the rules."""


class Raising:
    """It scores in floats."""

    formula, source, version = "size x 1.5", "a test", "1"

    def __init__(self, parameters):
        pass

    def scores(self, candidates):
        return [candidate.size * 1.5 for candidate in candidates]
'''
COLUMNS = [
    "scenario",
    "adl.policy",
    "seed",
    "error",
    "prices",
    "asset",
    "solvent",
    "accounts_deleveraged",
    "contracts_deleveraged:BTC-PERP",
    "contracts_deleveraged:ETH-PERP",
    "contracts_deleveraged:AVAX-PERP",
    "contract_value_deleveraged",
    "equity_taken",
    "equity_needed",
    "equity_overshoot",
    "taken_from_winners",
    "regret",
    "regret_scale",
    "equity_share_taken_max",
    "equity_taken_gini",
    "ptsr",
    "pmr",
    "fund_equity_used",
    "loss_socialised",
    "loss_written_off",
    "loss_unpaid",
    "equity_owed",
    "accounts_bankrupt",
    "cascade_depth_fills",
    "time_to_solvency_s",
    "amplification:BTC-PERP",
    "amplification:ETH-PERP",
    "amplification:AVAX-PERP",
    "price_impact:BTC-PERP",
    "price_impact:ETH-PERP",
    "price_impact:AVAX-PERP",
    "recovery_s:BTC-PERP",
    "recovery_s:ETH-PERP",
    "recovery_s:AVAX-PERP",
    "branching_ratio",
    "cascade_generations",
    "cascade_length_s",
]
"""Names are stable: other programs read them."""


def asked(folder: Path, *more: str, seeds: int = 3) -> list[str]:
    """The arguments of a small lab."""
    settings = [argument for one in SHORT for argument in ("--set", one)]
    common = ["lab", SMALL_CRASH, *settings, "--seeds", str(seeds), "--jobs", "2", "-o", str(folder)]
    return [*common, *(more or ("--vary", POLICIES))]


def table(folder: Path) -> list[dict[str, str]]:
    """The rows of the results."""
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A lab of two policies and three seeds, and what it printed."""
    folder = tmp_path_factory.mktemp("lab") / "lab"
    result = call(*asked(folder))
    assert result.exit_code == 0, result.stderr
    return folder, result.stdout


def test_the_table_has_a_row_a_cell(done: tuple[Path, str]) -> None:
    """Every combination with every seed, under the columns that are promised."""
    rows = table(done[0])
    assert list(rows[0]) == COLUMNS
    found = [(row["adl.policy"], row["seed"]) for row in rows]
    assert found == [(policy, seed) for policy in ("profit-leverage", "profit-share") for seed in ("1", "2", "3")]
    assert {(row["error"], row["prices"], row["asset"]) for row in rows} == {("", "endogenous", "USDT")}


def test_the_table_says_what_each_run_came_to(done: tuple[Path, str]) -> None:
    """A row's figures are those of the cell run by itself, money exact to the atom."""
    values = ("profit-share",)
    figures = run_whole(Cell(0, Variant(SMALL_CRASH, (*SHORT, "adl.policy=profit-share"), values), 2))
    row = table(done[0])[4]
    assert figures.accounts_deleveraged > 0
    assert int(row["accounts_deleveraged"]) == figures.accounts_deleveraged
    assert int(row["equity_taken"].replace(".", "")) == figures.equity_taken_atoms
    assert int(row["contracts_deleveraged:BTC-PERP"].replace(".", "")) == figures.lots_deleveraged["BTC-PERP"]


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="the extra `lab` is not installed")
def test_parquet_holds_the_same_table(done: tuple[Path, str]) -> None:
    """Column for column, the numbers as numbers."""
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table(done[0] / "results.parquet").to_pylist()
    written = table(done[0])
    assert list(read[0]) == COLUMNS
    assert [str(row["equity_taken"]) for row in read] == [row["equity_taken"] for row in written]
    assert [row["seed"] for row in read] == [1, 2, 3, 1, 2, 3]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra `lab` is not installed")
def test_every_metric_has_a_chart_that_says_its_unit(done: tuple[Path, str]) -> None:
    """One SVG a metric, with the variants' names, the unit, and how prices came about."""
    charts = sorted((done[0] / "charts").glob("*.svg"))
    assert len(charts) == len(COLUMNS) - COLUMNS.index("accounts_deleveraged")
    text = (done[0] / "charts" / "equity_taken.svg").read_text(encoding="utf-8")
    for said in ("USDT of equity", "prices endogenous", "profit-share", "adl.policy"):
        assert said in text


def test_the_scoreboard_fits_sixty_columns(done: tuple[Path, str]) -> None:
    """Each metric has a line a variant; what the intervals are is said, and paths alone may be longer."""
    lines = done[1].splitlines()
    assert lines[0].endswith("2 variants, 3 seeds")
    assert "medians over seeds; a 90% interval needs at least 5 of them" in done[1].replace("\n", " ")
    assert sum(line.startswith("profit-share ") for line in lines) == len(COLUMNS) - 7
    assert all(len(line) <= 60 for line in lines if str(done[0]) not in line and SMALL_CRASH not in line)


def test_what_is_done_is_not_run_again(done: tuple[Path, str]) -> None:
    """The same command finds everything there, writes no cell, and prints and draws the same again."""
    drawn = {path: path.read_bytes() for path in done[0].glob("charts/*.svg")}
    before = {path: path.stat().st_mtime_ns for path in (done[0] / "cells").iterdir()}
    result = call(*asked(done[0]))
    assert {path: path.stat().st_mtime_ns for path in (done[0] / "cells").iterdir()} == before
    assert {path: path.read_bytes() for path in done[0].glob("charts/*.svg")} == drawn
    assert "6 cells, 6 done before" in result.stdout
    assert result.stdout.split("cells        ")[0] == done[1].split("cells        ")[0]


@pytest.mark.parametrize("with_what", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_lab_goes_on(done: tuple[Path, str], tmp_path: Path, with_what: signal.Signals) -> None:
    """Killed or interrupted in the middle, the same command runs what is missing, and the table is the same."""
    folder = tmp_path / "stopped"
    process = spawn(*asked(folder))
    while not list((folder / "cells").glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(with_what)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    if with_what is signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in stderr
        assert "Traceback" not in stderr
    kept = {path: path.stat().st_mtime_ns for path in (folder / "cells").glob("*.json")}
    assert 1 <= len(kept) < 6
    assert not (folder / "results.csv").exists()
    result = run_lab(Definition((SMALL_CRASH,), SHORT, (varied(POLICIES),), 3), folder, jobs=2)
    assert result.resumed == len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    write_tables(result)
    assert table(folder) == table(done[0])
    assert not (folder / "past").exists()


def test_a_cell_that_fails_stops_no_other(tmp_path: Path) -> None:
    """Its error is in the table and on the terminal, the others have their figures, and the exit code says so."""
    folder = tmp_path / "lab"
    result = call(*asked(folder, "--vary", "instruments[0].tick_size=0.1,0.0000001", seeds=1))
    assert result.exit_code == 1
    assert "2 cells, 1 failed" in result.stdout
    good, bad = table(folder)
    assert good["error"] == ""
    assert int(good["accounts_bankrupt"]) > 0
    assert "whole number of atoms" in bad["error"]
    assert bad["equity_taken"] == ""


def test_a_process_that_dies_takes_one_cell_down() -> None:
    """Its cell's outcome says how it ended; the next one is done by another process."""
    cells = [Cell(number, Variant(SMALL_CRASH, SHORT, ()), 1) for number in range(2)]
    tasks = deque(map(Task, cells))
    with Workers(1, perform, lambda told: Outcome(error=told)) as workers:
        workers._hand_out(tasks)
        workers._workers[0].process.kill()
        (_, first), (_, second) = workers.outcomes(tasks)
    assert first.error is not None
    assert "exit code -9" in first.error
    assert second.figures is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--vary", "adl.policy="), "write it as KEY=a,b,c"),
        (("--vary", "adl.policy"), "write it as KEY=a,b,c"),
        (("--vary", "adl.policy=profit-share,profit-share"), "is there twice"),
        (("--vary", POLICIES, "--vary", POLICIES), "is given twice"),
        (("--vary", "seed=1,2"), "--seeds"),
        (("--vary", "adl.policy=profit-share,nobody"), "nobody"),
        (("--vary", "nothing.such=1,2"), "nothing"),
        (("calm", "calm"), "named twice"),
    ],
)
def test_what_is_no_lab_is_refused_in_one_line(tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    """Before anything is written, with exit code 2."""
    result = call(*asked(tmp_path / "lab", *more))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
    assert not (tmp_path / "lab").exists()


def test_another_labs_folder_is_refused(done: tuple[Path, str], tmp_path: Path) -> None:
    """Other seeds, or a folder with something else in it: neither is mixed with what is there."""
    for folder, seeds in ((done[0], 2), (tmp_path, 3)):
        (folder / "note.txt").write_text("mine")
        result = call(*asked(folder, seeds=seeds))
        assert result.exit_code == 2
        assert "give" in result.stderr
        assert (folder / "note.txt").read_text() == "mine"


def test_a_folder_is_one_labs_at_a_time(tmp_path: Path) -> None:
    """While one is at work a second is refused; afterwards it is let in."""
    definition = Definition((SMALL_CRASH,), SHORT, (), 1)
    with Folder(tmp_path / "lab", definition):
        result = call(*asked(tmp_path / "lab", "--no-bar", seeds=1))
        assert result.exit_code == 2
        assert "another lab is at work" in result.stderr
    assert run_lab(definition, tmp_path / "lab", jobs=1).failed == []


def test_who_shares_a_past_with_one_that_fails_is_run_whole(tmp_path: Path) -> None:
    """The first policy's plug-in answers with a float and fails; the others of its seed have their figures."""
    plugin = tmp_path / "raising.py"
    plugin.write_text(RAISING)
    keys = varied(f"adl.policy={plugin}:Raising,profit-share,profit-leverage")
    result = run_lab(Definition((SMALL_CRASH,), SHORT, (keys,), 1), tmp_path / "lab", jobs=2)
    assert [outcome.error is None for outcome in result.outcomes] == [False, True, True]
    assert "float" in (result.outcomes[0].error or "")
    share = Cell(0, Variant(SMALL_CRASH, (*SHORT, "adl.policy=profit-share"), ()), 1)
    assert result.outcomes[1].figures == run_whole(share)


def test_charts_are_offered_where_they_cannot_be_drawn(done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The last words say how to get them; the rest is printed all the same."""
    monkeypatch.setattr(commands, "can_draw", lambda: False)
    result = call(*asked(done[0]))
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert told.endswith("charts none; pip install 'deleverage[lab]' and run the same command again")


def test_values_may_hold_commas_in_brackets() -> None:
    """A comma within brackets or quotes belongs to a value."""
    found = varied('population.leverage=[[2, 3], [5, 4]],[[10, 1]],"a,b"')
    assert found.values == ("[[2, 3], [5, 4]]", "[[10, 1]]", '"a,b"')


def test_the_last_key_varies_fastest() -> None:
    """Cells are numbered by scenario, keys and seeds, in the order given."""
    made = Definition(("one", "two"), ("a=0",), (varied("b=1,2"), varied("c=3,4")), 2)
    assert [variant.values for variant in made.variants[:4]] == [("1", "3"), ("1", "4"), ("2", "3"), ("2", "4")]
    assert made.variants[4].scenario == "two"
    assert made.variants[1].settings == ("a=0", "b=1", "c=4")
    assert [(cell.number, cell.seed) for cell in made.cells[:3]] == [(0, 1), (1, 2), (2, 1)]


def test_nothing_is_left_running(tmp_path: Path) -> None:
    """The processes of a killed lab end by themselves."""
    process = spawn(*asked(tmp_path / "lab"))
    while not list(tmp_path.glob("lab/cells/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    pids = [int(pid) for pid in children.stdout.split()]
    assert pids
    process.kill()
    process.communicate()
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
