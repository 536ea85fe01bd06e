"""A run killed at any point leaves a record that reads, recovers and folds without a broken law."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordReader, recover

KILLS = 30
OVERRIDES = (
    "population.accounts=1500",
    'prices.duration_ns="30m"',
    "prices.phases=[{from_ns=1, to_ns=900_000_000_000, move=-0.4}]",
    "depth.steps=[]",
    "insurance_fund.balance=10_000",
)

# One process that imports once and forks a child per kill: the child runs the scenario, the parent kills it meanwhile.
SCRIPT = """
import json, os, signal, sys, time
from deleverage import Scenario, run
from deleverage.events.record import RecordSettings

folder, overrides, delays = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
scenario = Scenario.load("flash-crash", overrides)
settings = RecordSettings(pages_per_block=1, durability="none")
for number, delay in enumerate(delays):
    child = os.fork()
    if child == 0:
        run(scenario, f"{folder}/{number}.run", settings=settings)
        time.sleep(60)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def killed_runs(folder: Path) -> list[Path]:
    """Records of runs that were killed after as many random delays, but for those killed before there was one."""
    chance = random.Random(4711)
    delays = [chance.uniform(0.005, 0.6) for _ in range(KILLS)]
    command = [sys.executable, "-c", SCRIPT, str(folder), json.dumps(OVERRIDES), json.dumps(delays)]
    subprocess.run(command, check=True, timeout=120)
    return sorted(path for path in folder.glob("*.run") if (path / "manifest.json").exists())


def test_a_killed_run_reads_recovers_and_folds(tmp_path: Path) -> None:
    """What is readable before recovery is what is sealed by it, and the ledger of it keeps every law."""
    runs = killed_runs(tmp_path)
    assert len(runs) >= KILLS * 2 // 3
    torn = 0
    for path in runs:
        reader = RecordReader.open(path)
        torn += reader.torn
        events = list(reader.events())
        recover(path)
        sealed = RecordReader.open(path)
        assert not sealed.torn
        assert list(sealed.events()) == events
        assert sealed.recompute_head() == sealed.head
        Ledger.of(events).check()
    assert torn >= KILLS // 2
