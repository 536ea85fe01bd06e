"""What becomes of errors, signals and broken pipes; and what `--help` may cost."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from deleverage import open_run
from deleverage.__main__ import COMMANDS, main
from deleverage.replay import command_line

from .support.command_line import ENVIRONMENT, call, small_record, spawn, tear
from .support.crash import SMALL_CRASH
from .support.patience import PATIENCE_S, eventually

HEAVY = {"simpy", "zstandard", "rich", "msgspec", "structlog", "sortedcontainers", "google_crc32c", "numpy"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def test_help_imports_none_of_what_it_does_not_need() -> None:
    """`deleverage --help` answers with click and the table of commands alone."""
    script = """
import json, sys
from deleverage.__main__ import main
try:
    main(["--help"])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stderr))
    assert not imported & HEAVY
    ours = {name for name in imported if name.startswith("deleverage.")}
    light = {"deleverage.events", "deleverage.events.errors", "deleverage.sim", "deleverage.sim.program"}
    light |= {"deleverage.sim.signals", "deleverage.sim.terminal"}
    assert ours == {"deleverage.__main__", *light}
    assert all(name in done.stdout for name in COMMANDS)


def test_every_command_of_the_table_is_there() -> None:
    """Each entry of the table imports, is called by its name, and explains itself."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.name == name
        help_text = call(name, "--help")
        assert (help_text.exit_code, help_text.stderr) == (0, "")
        assert help_text.stdout.startswith("Usage: ")


def test_without_arguments_it_explains_itself() -> None:
    """No command at all is a question, not an error."""
    bare, asked = call(), call("--help")
    assert bare.exit_code == 0
    assert bare.stdout == asked.stdout


def test_the_version() -> None:
    """`--version` is one line with the name."""
    result = call("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("deleverage ")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["rnu", "calm"], "The nearest is 'run'"),
        (["--nope"], "No such option"),
        (["run"], "Missing argument 'SCENARIO'. See 'deleverage run --help'."),
        (["run", "calm", "--seed", "one"], "is not a valid integer"),
        (["run", "calm", "--durability", "sometimes"], "'block', 'interval', 'none'"),
        (["verify", "a.run", "--every", "0"], "--every"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments: list[str], part: str) -> None:
    """A mistyped command, option or value: one line on stderr and exit code 2."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("deleverage: ")
    assert part in result.stderr


def test_a_fault_of_ours_says_so(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is one line that names it and says how to see more; exit code 1."""

    def fail(*_given: object) -> None:
        message = "two\nlines"
        raise LookupError(message)

    monkeypatch.setattr(command_line, "open_run", fail)
    result = call("state", record)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "a fault of deleverage itself, LookupError: two lines" in result.stderr
    assert "Traceback" not in result.stderr
    for shown in (call("--debug", "state", record), call("state", record, DELEVERAGE_DEBUG="1")):
        assert shown.exit_code == 1
        assert "Traceback" in shown.stderr
        assert shown.stderr.splitlines()[-1] == result.stderr.strip()


def test_a_torn_record_is_served_with_3(record: Path, tmp_path: Path) -> None:
    """Every question to a torn record is answered from its prefix, with one warning and exit code 3."""
    torn = small_record(tmp_path)
    tear(torn)
    for arguments in (
        ["log", torn],
        ["log", torn, "--json"],
        ["state", torn],
        ["state", torn, "--json"],
        ["verify", torn],
    ):
        result = call(*arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
        assert "torn" in result.stderr
        assert result.stdout
    whole, part = call("log", record).stdout, call("log", torn).stdout
    assert whole.startswith(part)
    assert call("state", torn, "--at", str(open_run(record).count - 1)).exit_code == 2


def test_recover_seals_a_torn_record(tmp_path: Path) -> None:
    """After `recover` the same prefix is served with exit code 0."""
    torn = small_record(tmp_path)
    tear(torn)
    before = call("log", torn, "--json").stdout
    recovered = call("recover", torn)
    assert recovered.exit_code == 0
    assert "sealed as recovered" in recovered.stdout
    after = call("log", torn, "--json")
    assert (after.exit_code, after.stdout) == (0, before)
    assert after.stderr == f"deleverage: {torn}: it stops before the run's end; its manifest says: recovered\n"
    assert "nothing to do" in call("recover", torn).stdout
    assert call("verify", torn).exit_code == 0


@pytest.mark.parametrize("command", ["log", "state", "verify", "recover"])
def test_damage_is_named_and_refused(tmp_path: Path, command: str) -> None:
    """A flipped bit in the middle: exit code 1, and one line with file and offset, from every command that meets it."""
    path = small_record(tmp_path)
    for kept in path.glob("*.state.idx"):
        kept.unlink()  # from a state that is kept behind the damage, `state` would not meet it
    segment = path / "00000000.seg"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    result = call(command, path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"{segment}: offset " in result.stderr


@pytest.mark.parametrize("command", ["log", "state", "verify", "recover"])
def test_where_there_is_no_record(tmp_path: Path, command: str) -> None:
    """A directory that is not there or holds no record: one line, exit code 2."""
    for path in (tmp_path, tmp_path / "nowhere.run"):
        result = call(command, path)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "no record there" in result.stderr


def test_a_reader_that_goes_away_is_no_error(record: Path) -> None:
    """`deleverage log RUN | head -1`: quiet, with the exit code of a broken pipe."""
    with spawn("log", record) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("0 ")
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 141
        assert process.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_output_that_is_full_is_one_line(record: Path) -> None:
    """What the system refuses to print is said in one line, with exit code 1."""
    for arguments in (["log", record], ["state", record], ["--help"]):
        with Path("/dev/full").open("w") as full:
            _, errors = (process := spawn(*arguments, stdout=full)).communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
        assert errors.startswith("deleverage: the system refused: ")
        assert errors.count("\n") == 1


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until a file is there."""
    assert eventually(lambda: path.exists() or process.poll() is not None)
    assert process.poll() is None


def test_ctrl_c_seals_the_record(tmp_path: Path) -> None:
    """SIGINT ends a long run after the input at hand: a summary, exit code 130, and a record sealed as interrupted."""
    path = tmp_path / "a.run"
    process = spawn("run", "calm", "-o", path, "--set", 'prices.duration_ns="90d"', "--set", "population.accounts=50")
    wait_for(path / "00000000.seg", process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert errors.startswith("deleverage: stopping after this input")
    assert output.startswith("calm, seed 1: interrupted\n")
    run = open_run(path)
    assert run.manifest.status == "interrupted"
    assert run.head in output
    assert call("verify", path).exit_code == 0
    told = f"deleverage: {path}: it stops before the run's end; its manifest says: interrupted\n"
    assert call("state", path).stderr == told


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    """Impatience loses nothing: exit code 130 at once, and what there is of the record is sealed."""
    path = tmp_path / "a.run"
    process = spawn("run", "flash-crash", "-o", path, "--set", "population.accounts=20000")
    wait_for(path / "00000000.seg", process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert errors.splitlines()[1:] in ([], ["deleverage: interrupted"])  # none if the first was quick enough
    assert open_run(path).manifest.status == "interrupted"
    assert call("verify", path).exit_code == 0


def limit_files() -> None:
    """Let the disk end after 200 kB, as far as this process can tell."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_full_disk_is_one_line_and_a_sealed_record(tmp_path: Path) -> None:
    """Where the disk takes no more: one line, exit code 1, and a record sealed as failed that verifies."""
    path = tmp_path / "a.run"
    process = spawn("run", SMALL_CRASH, "-o", path, "--set", "population.accounts=3000", preexec_fn=limit_files)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors.count("\n")) == (1, 1)
    assert "the disk took" in errors
    run = open_run(path)
    assert (run.manifest.status, run.torn) == ("failed", False)
    assert call("verify", path).exit_code == 0
