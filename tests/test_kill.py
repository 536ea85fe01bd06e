"""A run killed at any point leaves a record that reads, recovers and folds without a broken law."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

from deleverage.events.ledger import Ledger
from deleverage.events.record import PAGE_EVENTS, RecordReader, recover

KILLS = 30
EVENTS_MOST = 15_000
OVERRIDES = (
    "population.accounts=1500",
    'prices.duration_ns="30m"',
    "prices.phases=[{from_ns=1, to_ns=900_000_000_000, move=-0.4}]",
    "depth.steps=[]",
    "insurance_fund.balance=10_000",
)

# One process that imports once and forks a child per kill. The child runs the scenario and kills itself at the event of
# a number; every third one not there but in the middle of the next write to its segment.
SCRIPT = """
import json, os, signal, sys
from deleverage import Scenario, run
from deleverage.events.record import RecordSettings
from deleverage.events.record.disk import Disk

folder, overrides, kills = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
scenario = Scenario.load("flash-crash", overrides)
settings = RecordSettings(pages_per_block=1, durability="none")
write, events = Disk.write, 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_writing(disk, file, data, offset):
    write(disk, file, data[: len(data) // 2], offset)
    die()


def watch(simulation, at, while_writing):
    def count(event, ledger):
        if event.seq == at and while_writing:
            Disk.write = die_writing
        elif event.seq == at:
            die()

    simulation.bus.tap(count)


for number, at in enumerate(kills):
    child = os.fork()
    if child == 0:
        path, while_writing = f"{folder}/{number}.run", number % 3 == 2
        run(scenario, path, settings=settings, on_start=lambda made: watch(made, at, while_writing))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_killed_run_reads_recovers_and_folds(tmp_path: Path) -> None:
    """At whichever event: the blocks before it are served and are what recovery seals, and no law is broken."""
    chance = random.Random(4711)
    kills = [chance.randrange(EVENTS_MOST) for _ in range(KILLS)]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(OVERRIDES), json.dumps(kills)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * KILLS
    for number, at in enumerate(kills):
        path = tmp_path / f"{number}.run"
        reader = RecordReader.open(path)
        events = list(reader.events())
        assert reader.torn
        assert at + 1 - PAGE_EVENTS <= len(events) <= at + 1
        recovery = recover(path)
        assert (recovery.cut_bytes > 0) == (number % 3 == 2)
        sealed = RecordReader.open(path)
        assert not sealed.torn
        assert list(sealed.events()) == events
        assert sealed.recompute_head() == sealed.head
        Ledger.of(events).check()
