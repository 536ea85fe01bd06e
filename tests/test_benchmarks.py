"""The benchmarks run: every figure of the project's table is printed. What the figures are is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RUN = BENCHMARKS / "run.py"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py"))
EXTRAS = {"mutants": {"mutmut", "libcst"}, "options": {"mpmath"}, "theirs": {"eventsourcing"}}
"""What a script needs that is no dependency of the program: where that is absent it is not asked about."""

IMPORT_EACH = """
import importlib, json, sys
told = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as failed:
        told[name] = [str(failed), (failed.name or "").partition(".")[0]]
print(json.dumps(told))
"""
"""A program that says of which scripts the imports fail, how, and in which package."""

EVERY_LINE = {
    "pipeline.recorded": ">= 2",
    "pipeline.head_only": None,
    "range_cost.one.pipeline": "<= 1.2",
    "range_cost.one.monitor": "<= 1.2",
    "range_cost.three_cross.pipeline": "<= 1.2",
    "range_cost.three_cross.monitor": "<= 1.2",
    "looks.one.static.marks": "<= 2",
    "looks.one.static.all": None,
    "looks.one.whole.marks": None,
    "looks.one.whole.all": None,
    "looks.three_cross.static.marks": "<= 12",
    "looks.three_cross.static.all": None,
    "looks.three_cross.whole.marks": None,
    "looks.three_cross.whole.all": None,
    "looks.flash_crash.fruitless": "<= 0.25",
    "sudden_move": "<= 5",
    "append.public.at_once": ">= 20",
    "append.public.singly": ">= 20",
    "append.account.at_once": ">= 6",
    "append.account.singly": ">= 6",
    "rebuild.benign": ">= 3",
    "rebuild.flash_crash": ">= 3",
    "memory.resident": "<= 717",
    "memory.traced": "<= 717",
    "opening": "<= 8",
    "flash_crash.seconds": "<= 20",
    "flash_crash.memory": "<= 200",
    "help": "<= 200",
    "policies.slowest": "<= 10",
    "reexecution.benign": ">= 0.85",
    "reexecution.flash_crash": ">= 0.95",
    "state.p99": "<= 0.025",
    "chain": "<= 20",
    "why": "<= 1",
    "snapshots": "<= 0.333333",
    "made_again": None,
    "explore.bundled.paint": "<= 1000",
    "explore.bundled.unsurveyed": None,
    "explore.bundled.instant": "<= 100",
    "explore.bundled.accounts": None,
    "flips": "<= 5",
    "ranking.queue": "<= 15",
    "ranking.pro_rata": "<= 60",
    "ranking.further": "<= 0.005",
    "ranking.pro_rata_further": "<= 0.005",
    "ranking.first_ever": None,
    "unpacking.gzip": "<= 1.5",
    "unpacking.bzip2": "<= 1.5",
    "unpacking.xz": "<= 1.5",
    "unpacking.zstd": "<= 1.5",
    "unpacking.zip": "<= 1.5",
    "unpacking.lz4": "<= 1.5",
    "unpacking.widest": "<= 200",
    "unpacking.line": "<= 200",
    "importing.rate": ">= 0.15",
    "importing.memory": "<= 2",
    "imported.open": "<= 2",
    "imported.state.p99": "<= 0.025",
    "imported.why": "<= 2",
    "imported.history.busiest": "<= 0.1",
    "imported.history.single": "<= 0.1",
    "exporting.rate": ">= 0.5",
    "exporting.memory": "<= 1.3",
    "processes.lab": ">= 1.8",
    "processes.fair": ">= 1.8",
    "processes.verify": ">= 1.8",
    "processes.ray": None,
    "invariants.all": "<= 1.05",
    "invariants.held": "<= 1.05",
}
"""Name to bar, in the order they are printed."""

OPTIONAL = {
    name
    for package, first in (("eventsourcing", "append."), ("ray", "processes.ray"))
    for name in EVERY_LINE
    if name.startswith(first) and not find_spec(package)
}


def run(*options: str) -> str:
    """What the benchmarks print with tiny sizes."""
    done = subprocess.run([sys.executable, RUN, "--short", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """All measurements, as JSON."""
    found: dict[str, Any] = json.loads(run("--json"))
    return found


def test_every_line_is_there_with_its_bar(document: dict[str, Any]) -> None:
    """The JSON has the lines of the table in order, each with the bar that it is held against."""
    bars = {
        line["name"]: line["bar"] and f"{'>=' if line['bar']['least'] else '<='} {line['bar']['limit']:g}"
        for line in document["lines"]
    }
    assert list(bars.items()) == list(EVERY_LINE.items())


def test_every_line_has_a_figure(document: dict[str, Any]) -> None:
    """Each has a number, but the append contest where its contender is not installed."""
    for line in document["lines"]:
        if line["name"] in OPTIONAL:
            assert line["value"] is None
            assert "not installed" in line["note"]
        else:
            assert isinstance(line["value"], float), line["name"]


def test_a_bar_is_met_or_missed_as_the_figure_says(document: dict[str, Any]) -> None:
    """`met` compares the figure with the bar, and is nothing where either is missing."""
    for line in document["lines"]:
        bar, value = line["bar"], line["value"]
        if bar is None or value is None:
            assert line["met"] is None
        else:
            assert line["met"] == (value >= bar["limit"] if bar["least"] else value <= bar["limit"])


@pytest.fixture(scope="module")
def failed_imports() -> dict[str, tuple[str, str]]:
    """What fails as each script is imported, by its name, and the package that it fails in."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, *SCRIPTS], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: (said, package) for name, (said, package) in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_all_that_a_script_imports_is_there(name: str, failed_imports: dict[str, tuple[str, str]]) -> None:
    """Nothing of the program or of the tests' support that it names has moved."""
    said, package = failed_imports.get(name, ("", ""))
    if package in EXTRAS.get(name, ()):
        pytest.skip(said)
    assert not said


def test_peers_that_are_installed_are_measured() -> None:
    """This program and the clock below it always; whoever is absent is named, with what to install."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "peers.py", "--short", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {row["peer"]: row for row in json.loads(done.stdout)["rows"]}
    assert set(rows["deleverage"]["seconds"]) == {"mark", "liquidation", "event"}
    assert set(rows["simpy"]["seconds"]) == {"mark"}
    for row in rows.values():
        assert row["told"]
        assert (row["version"] is None) <= (not row["seconds"])


def test_one_measurement_as_text() -> None:
    """`--only` runs one, and without `--json` a line says its name, figure and bar."""
    text = run("--only", "sudden_move")
    assert text.startswith("sudden_move")
    assert "(bar <= 5)" in text
    assert "pipeline" not in text
