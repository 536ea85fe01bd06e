"""The same scenario and seed give the same head in fresh processes, whatever the hash seed, codec, blocks or Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from deleverage.events.record import RecordReader

from .support.shortened import CALM, SHORT_CRASH

GOLDEN = {
    SHORT_CRASH: "3254d57e6cb45d79a395a1c4d5ce431fe7ca5500b654691495627a54671ca9aa",
    CALM: "d1da57c28c083803a500e5040ef6668fae28030c67126fe88f71616ef8bf608a",
}
"""The heads of two runs, pinned. They change when a scenario, the rulebook or a decision does, and never otherwise."""

SCRIPT = """
import json, sys
from pathlib import Path
from deleverage import Scenario, run
from deleverage.events.record import RecordSettings

name, overrides, settings, output, seed = json.loads(sys.argv[1])
scenario = Scenario.load(name, overrides, seed=seed)
result = run(scenario, output, settings=RecordSettings(**settings))
print(json.dumps([result.head, result.events]))
"""

# In any order of the interpreter's sets and dicts, and however the record is put on disk.
WAYS = {
    "hash seed 0": ({"PYTHONHASHSEED": "0"}, {}),
    "hash seed 4711": ({"PYTHONHASHSEED": "4711"}, {"codec": "none", "durability": "none"}),
    "one page a block": ({"PYTHONHASHSEED": "1"}, {"pages_per_block": 1, "segment_bytes": 50_000}),
    "level 9, flushed": ({"PYTHONHASHSEED": "random"}, {"level": 9, "pages_per_block": 64, "durability": "block"}),
    "optimised": ({"PYTHONOPTIMIZE": "1", "PYTHONHASHSEED": "2"}, {"block_bytes": 10_000}),
}
of_each_golden = pytest.mark.parametrize("scenario", GOLDEN, ids=lambda scenario: scenario[0])


def run_in(
    python: str,
    scenario: tuple[str, ...],
    output: Path | None,
    environment: dict[str, str],
    settings: dict[str, object],
) -> tuple[str, int]:
    """Head and number of events of a run in a fresh process."""
    asked = json.dumps([scenario[0], scenario[1:], settings, None if output is None else str(output), None])
    done = subprocess.run(
        [python, "-c", SCRIPT, asked], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    head, events = json.loads(done.stdout)
    return head, events


@of_each_golden
@pytest.mark.parametrize("way", WAYS)
def test_the_head_is_the_golden_one(scenario: tuple[str, ...], way: str, tmp_path: Path) -> None:
    """A fresh process records the same head, and the record on disk has it too."""
    environment, settings = WAYS[way]
    head, events = run_in(sys.executable, scenario, tmp_path / "out", environment, settings)
    reader = RecordReader.open(tmp_path / "out")
    assert (reader.head.hex(), reader.count) == (head, events)
    assert reader.recompute_head() == reader.head
    assert head == GOLDEN[scenario]


def test_another_seed_gives_another_head() -> None:
    """The seed is part of what a run is."""
    scenario = (*CALM, "seed=2")
    assert run_in(sys.executable, scenario, None, {}, {})[0] != GOLDEN[CALM]


@cache
def other_pythons() -> dict[str, str]:
    """Interpreters of other versions that can import what the package needs, from the path or DELEVERAGE_PYTHONS."""
    named = [shutil.which(f"python3.{minor}") or "" for minor in (11, 12, 13)]
    found: dict[str, str] = {}
    for python in [*os.environ.get("DELEVERAGE_PYTHONS", "").split(os.pathsep), *named]:
        if not python:
            continue
        asked = "import sys, deleverage.sim.runner; print('%d.%d' % sys.version_info[:2])"
        told = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
        version = told.stdout.strip()
        if told.returncode == 0 and version != "{}.{}".format(*sys.version_info[:2]):
            found.setdefault(version, python)
    return found


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_head_is_the_same_on_every_python(version: str) -> None:
    """Another version of the interpreter, if it is there with the packages, records the golden heads too."""
    if version not in other_pythons() and version != "{}.{}".format(*sys.version_info[:2]):
        pytest.skip(f"no Python {version} here that can import the package; name one in DELEVERAGE_PYTHONS")
    python = other_pythons().get(version, sys.executable)
    for scenario, golden in GOLDEN.items():
        assert run_in(python, scenario, None, {}, {})[0] == golden
