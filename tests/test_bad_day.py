"""What goes wrong on a bad day ends in one line that names the file, the key, the plug-in or the folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deleverage.replay.verify import parts
from deleverage.replay.verify.verification import verify
from deleverage.sim.signals import ended_by_interrupt

from .support.command_line import call, small_record, spawn
from .support.hostile import is_one_line
from .support.patience import PATIENCE_S, eventually

SMALL = Path(__file__).parent / "support" / "small-living.toml"
TWO = Path(__file__).parents[1] / "sim" / "scenarios" / "two-venues.toml"


def small(tmp_path: Path, text: str, more: str = "") -> Path:
    """A scenario's text with something behind it, as a file."""
    path = tmp_path / "odd.toml"
    path.write_text(text + more, encoding="utf-8")
    return path


def actor(name: str) -> str:
    """Another actor, as a scenario's text has it."""
    return f'\n[[actors]]\nname = "{name}"\nbalance = 5\n'


ADDED = [
    (actor("maker"), "$.population: the account 'maker-1' is there twice"),
    (actor("trader"), "$.population: the account 'trader-1' is there twice"),
    (actor("a@b"), "$.actors[1]: name 'a@b' must be printable"),
    (actor("a\\nb"), "$.actors[1]: name 'a\\nb' must be printable"),
    ('\n[[venues]]\nname = "a"\nrulebook = "x"\n', "$.venues[0].rulebook: there is no rulebook 'x'"),
    ('\n[[venues]]\nname = "a"\n[venues.slots.adll]\npolicy = "x"\n', "$.venues[0].slots: 'adll' is no slot"),
    ('\n[[venues]]\nname = "a"\n[venues.slots.bridge]\ndelay_ns = 1\n', "$.venues[0].slots: 'bridge' is one for all"),
]


@pytest.mark.parametrize(("more", "said"), ADDED, ids=range(len(ADDED)))
def test_a_scenario_is_refused_with_its_file_and_the_path_in_it(tmp_path: Path, more: str, said: str) -> None:
    """Also what comes out only as the accounts are opened; and nothing is left of a record."""
    path, record = small(tmp_path, SMALL.read_text(encoding="utf-8"), more), tmp_path / "a.run"
    result = call("run", path, "-o", record)
    assert is_one_line(result, 2), result.stderr
    assert result.stderr.startswith(f"deleverage: {path}: {said}")
    assert not record.exists()


SET = [
    ("prices.duraton_ns=5", "$.prices: Object contains unknown field `duraton_ns`"),
    ("instruments[0].name=a@b", "$.instruments[0]: name 'a@b' must be printable"),
    ("instruments[0].name=", "$.instruments[0]: name '' must be printable"),
    ("assets[0].name=", "$.assets[0]: name '' must be printable"),
    ("end=2025-10-10T20:00:00Z", "$.end: 2025-10-10T20:00:00+00:00 lies before the start, 2025-10-10T21:00:00Z"),
    ("venue=nowhere", "$.venue: there is no rulebook 'nowhere'"),
    ("insurance_fund.balance=-5", "$.insurance_fund.balance: -5 is not an amount of USDT"),
    ("start=yesterday", "$.start: 'yesterday' is not a time"),
]


@pytest.mark.parametrize(("setting", "said"), SET, ids=range(len(SET)))
def test_a_file_is_named_whenever_a_path_in_it_is(tmp_path: Path, setting: str, said: str) -> None:
    """By run, and by lab, which refuses it or says of its cells that they failed; a bundled scenario has no file."""
    refused = call("run", SMALL, "--set", setting)
    assert is_one_line(refused, 2), refused.stderr
    assert refused.stderr.startswith(f"deleverage: {SMALL}: {said}")
    lab = call("lab", SMALL, "--set", setting, "--seeds", "1", "--jobs", "1", "-o", tmp_path / "lab")
    assert is_one_line(lab, 1, 2), lab.stderr
    assert f"{SMALL}: {said}" in lab.stderr
    assert call("run", "calm", "--set", "venue=nowhere").stderr.startswith("deleverage: $.venue: ")


def test_an_index_is_refused_at_the_venue_that_states_it(tmp_path: Path) -> None:
    """A constituent that is no venue: the path is that of the venue's own table."""
    path = small(tmp_path, TWO.read_text(encoding="utf-8"))
    result = call("run", path, "--set", "venues[1].slots.index={weights={gamma=5}}")
    assert is_one_line(result, 2), result.stderr
    assert f"{path}: $.venues[1].slots.index.weights: 'gamma' is no venue" in result.stderr


PLUGIN = """from deleverage.events.bodies.inputs import PriceTicked
from deleverage.handlers.protocol import Handler


class Odd(Handler):
    name = "{slot}"
    subscribes = (PriceTicked,)

    def handle(self, event, ledger, now_ns):
        raise KeyError("x")
"""


@pytest.mark.parametrize("slot", ["index", "bridge", "faults"])
def test_a_plug_in_need_not_have_the_parameters_of_a_builtin_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slot: str
) -> None:
    """Where it has not what others go by, that is said; else it is executed, and blamed for what it does."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.py").write_text(PLUGIN.format(slot=slot), encoding="utf-8")
    result = call("run", SMALL, "--set", f"{slot}.policy=odd.py:Odd", "-o", tmp_path / "a.run")
    assert is_one_line(result, 1, 2), result.stderr
    assert "odd.py:Odd" in result.stderr


def test_a_fault_cannot_be_put_to_those_of_a_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork says so, and says what to do."""
    monkeypatch.chdir(tmp_path)
    quiet = PLUGIN.format(slot="faults").replace('raise KeyError("x")', "return ()")
    (tmp_path / "odd.py").write_text(quiet, encoding="utf-8")
    settings = ("--set", "faults.policy=odd.py:Odd", "--set", "prices.duration_ns=3m")
    assert call("run", SMALL, *settings, "--set", "prices.phases=[]", "-o", "a.run").exit_code == 0
    result = call("fork", "a.run", "--at", "+1m", "--plugins", tmp_path, "--fault", "outage for=5s", "-o", "b.run")
    assert is_one_line(result, 2), result.stderr
    assert "--fault: odd.py:Odd decides on faults and takes none" in result.stderr
    assert not (tmp_path / "b.run").exists()


def test_the_seed_of_a_lab_is_no_setting(tmp_path: Path) -> None:
    """It would be replaced by each cell's own, so it is refused."""
    result = call("lab", SMALL, "--set", "seed=5", "-o", tmp_path / "lab")
    assert is_one_line(result, 2), result.stderr
    assert "--set seed: every cell is run for the seeds 1 to N" in result.stderr


@pytest.mark.parametrize("arguments", [["lab", "calm", "--seeds", "1", "-o"], ["new-policy", "adl", "x", "-o"]])
def test_a_folder_that_cannot_be_made_is_a_wrong_command(tmp_path: Path, arguments: list[str]) -> None:
    """Under a file there is none, nor in its place."""
    file = tmp_path / "file"
    file.touch()
    for folder in (file / "x", file):
        result = call(*arguments, folder)
        assert is_one_line(result, 2), result.stderr
        assert str(folder) in result.stderr


def test_a_table_that_cannot_be_written_is_the_only_line(tmp_path: Path) -> None:
    """What is to be warned of is not said of a comparison that is then not shown."""
    a, b = small_record(tmp_path), tmp_path / "b.run"
    assert call("run", SMALL, "--set", "prices.duration_ns=10s", "--set", "prices.phases=[]", "-o", b).exit_code == 0
    assert is_one_line(call("diff", a, b, "--csv", tmp_path), 2)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record that is long enough to be verified in parts."""
    path = tmp_path_factory.mktemp("long") / "a.run"
    assert call("run", SMALL, "-o", path).exit_code == 0
    return path


def _state(stat: Path) -> str:
    """Whether a process runs, sleeps, or is a zombie ("Z")."""
    return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def test_ctrl_c_in_a_terminal_ends_verify_and_its_processes_in_one_line(record: Path) -> None:
    """The terminal sends it to all of them: none of them shows where it was, and none is left."""
    process = spawn("verify", record, "--jobs", "2", start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert eventually(lambda: process.poll() is not None or len(children.read_text(encoding="utf-8").split()) == 2)
    assert process.poll() is None
    started = children.read_text(encoding="utf-8").split()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (130, "deleverage: interrupted\n")
    for child in started:
        stat = Path(f"/proc/{child}/stat")
        assert eventually(lambda stat=stat: not stat.exists() or _state(stat) == "Z")  # type: ignore[misc]


def die(*_given: object) -> None:
    """What a process does whose memory ran out."""
    os._exit(9)


def test_a_part_whose_process_dies_is_said(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, which says what may have been the cause."""
    monkeypatch.setattr(parts, "_reexecute", die)
    result = call("verify", record, "--jobs", "2")
    assert is_one_line(result, 1), result.stderr
    assert "its process ended with exit code 9; if memory ran out, give fewer --jobs" in result.stderr
    monkeypatch.undo()
    assert verify(record, jobs=2).sound


def test_ctrl_c_before_anything_is_begun_says_nothing() -> None:
    """Where a command is still being imported the process ends by the signal, as any other program does."""
    code = f"import os, signal\nfrom {ended_by_interrupt.__module__} import ended_by_interrupt\n"
    code += "with ended_by_interrupt():\n    os.kill(os.getpid(), signal.SIGINT)\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
