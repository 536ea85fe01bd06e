"""What leaves for a terminal: nothing that a name, a path or a message holds acts on whoever shows it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.text import Text
from rich.tree import Tree

from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.run import open_run
from deleverage.sim.console import new_console, print_line, print_rows, print_table
from deleverage.sim.terminal import printable, printable_json, printable_text, shell_word

from .support.command_line import COMMAND, ENVIRONMENT, call, call_study, small_record
from .support.told import written

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\x7f\b\r\u202e\u2028\u2029\x85\u200f\ufeff\U000e0041"
"""Title, colour, erasure (also as C1), deletion, direction, separators, marks that are not seen, tags."""


def is_clean(text: str) -> bool:
    """Whether a terminal only shows it."""
    return all(one.isprintable() or one == "\n" for one in text)


def hostile(value: Any, kept: Iterable[str] = ()) -> Any:
    """The same value with every text in it made hostile, but for those of a fixed vocabulary."""
    if isinstance(value, str):
        return value if value in kept or value[:1].isdigit() else f"{value}{HOSTILE}"
    if isinstance(value, tuple | list):
        return type(value)(hostile(one, kept) for one in value)
    if isinstance(value, dict):
        return {key: hostile(one, kept) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        hints = get_type_hints(type(value))
        names = [name for name in value.__struct_fields__ if get_origin(hints[name]) is not Literal]
        return msgspec.structs.replace(value, **{name: hostile(getattr(value, name), kept) for name in names})
    return value


def with_names(path: Path, kept: Iterable[str] = ()) -> Path:
    """The small crash with every text of every event made hostile, but those that are kept."""
    run = open_run(small_record(path))
    return written(path / "odd.run", [hostile(event, kept) for event in run.events()]).path


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names, reasons and purposes are hostile; handlers and policies are there, so that all can be asked."""
    folder = tmp_path_factory.mktemp("odd")
    started = open_run(small_record(folder)).started
    shutil.rmtree(folder / "small.run")
    slots = {text for one in started.producers for text in (one.handler, one.policy, one.version)}
    settings = {text for one in started.producers for text in one.parameters.values() if isinstance(text, str)}
    return with_names(folder, {*slots, *settings, started.prices, "endogenous", "tiered"})


def asked(record: Path) -> list[list[str | Path]]:
    """Every question that a record answers, in every layout."""
    run = open_run(record)
    reduced = next(event for event in run.events() if isinstance(event.body, PositionDeleveraged))
    body: Any = reduced.body
    seq, name = str(reduced.seq), run.directory.account_name(body.account)
    types = {type(event.body): str(event.seq) for event in run.events()}
    return [
        ["log", record],
        ["log", record, "--json"],
        ["state", record],
        ["state", record, "--json"],
        ["state", record, "--account", name],
        ["history", record, "--account", name],
        ["history", record, "--account", name, "--json"],
        ["history", record, "--account", f"{name}?"],
        ["why", record, "--account", name],
        ["why", record, "--account", name, "--format", "md"],
        ["why", record, "--account", name, "--json"],
        ["why", record, seq, "--flips"],
        ["why", record, seq, "--instrument", HOSTILE],
        *(["why", record, number, "--format", layout] for number in types.values() for layout in ("text", "md")),
        *(["why", record, number, "--json"] for number in types.values()),
        ["verify", record],
        ["verify", record, "--json"],
        ["recover", record],
        ["audit", record],
        ["audit", record, "--json"],
        ["diff", record, record.with_name("small.run")],
        ["diff", record, record.with_name("small.run"), "--json"],
        ["fork", record, "--at", "2000", "--deposit", f"{name}=5"],
        ["fork", record, "--at", "2000", "--set", f"adl.policy={HOSTILE}"],
        ["fork", record, "--at", "2000", "--trade", f"{name}:{HOSTILE}=1", "--json"],
    ]


def test_whatever_is_asked_nothing_of_a_name_acts(record: Path) -> None:
    """Text, Markdown, JSON, warnings and errors of every command are printable, whatever the record holds."""
    shown = 0
    for arguments in asked(record):
        result = call(*arguments)
        assert is_clean(result.stdout + result.stderr), arguments
        assert "a fault of deleverage itself" not in result.stderr, (arguments, result.stderr)
        shown += "\\x1b" in result.stdout or "\\u001b" in result.stdout
    assert shown > len(asked(record)) // 2


def test_where_policies_are_unknown_their_names_do_nothing(tmp_path: Path) -> None:
    """A record whose handlers nobody has says so, in one printable line."""
    path = with_names(tmp_path)
    for arguments in (["log", path], ["verify", path], ["why", path, "3000"], ["fork", path, "--at", "2000"]):
        result = call(*arguments)
        assert is_clean(result.stdout + result.stderr), arguments
        assert "a fault of deleverage itself" not in result.stderr, (arguments, result.stderr)


def test_a_receipt_and_its_check_are_clean(record: Path, tmp_path: Path) -> None:
    """What a customer gets to see is printable, and the command to check it can be copied."""
    run = open_run(record)
    seq = next(event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged))
    path = tmp_path / "a\x1b[31m\u202e.json"
    for more in ([], ["--json"]):
        path.unlink(missing_ok=True)
        for result in (
            call("receipt", record, str(seq), "-o", path, *more),
            call("check", path, "--head", run.head, *more),
            call("check", path, "--head", "0" * 64, *more),
        ):
            assert is_clean(result.stdout + result.stderr)
            assert "a fault" not in result.stderr
        assert path.exists()
    result = call("receipt", record, str(seq), "-o", path.with_name(f"b{path.name}"))
    assert result.exit_code == 0, result.stderr
    told = result.stdout
    assert f"deleverage check $'{tmp_path}/ba\\x1b[31m\\u202e.json' --head {run.head}" in told


@pytest.mark.parametrize("name", [b"a\x1b[31m\x07.run", b"\xff\xfe.run", "a\u202e\u2028.run".encode(), b"a\nb.run"])
def test_a_path_does_nothing_either(name: bytes, tmp_path: Path) -> None:
    """A record in a folder with such a name, in UTF-8 or not, is read; nothing of the name acts."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    small_record(tmp_path).rename(path)
    seq = next(event.seq for event in open_run(path).events() if isinstance(event.body, PositionDeleveraged))
    for arguments in (
        *(["verify", path, *more] for more in ([], ["--json"])),
        *(["why", path, str(seq), *more] for more in ([], ["--json"], ["--format", "md"])),
        *(["fork", path, "--at", "2000", *more] for more in ([], ["--json"])),
        ["diff", path, path],
        ["diff", path, path, "--json"],
        ["audit", path, "--json"],
        ["log", path / "nowhere"],
        ["recover", path],
        ["run", path],
        ["run", "calm", "-o", path],
        ["import", "binance", path, "-o", path / "x"],
        ["check", path, "--head", "0" * 64],
    ):
        result = call(*arguments)
        assert is_clean(result.stdout + result.stderr), arguments
        assert result.stderr.count("\n") <= 1
        assert "a fault of deleverage itself" not in result.stderr, (arguments, result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        ["run", HOSTILE],
        ["run", "calm", f"--{HOSTILE}"],
        ["run", "calm", "--seed", HOSTILE],
        ["run", "calm", "--set", f"{HOSTILE}=1"],
        ["run", "calm", "--set", f"adl.policy={HOSTILE}"],
        ["run", "calm", "--set", f"venue={HOSTILE}"],
        ["run", "calm", "--durability", HOSTILE],
        ["policies", HOSTILE],
        ["new-policy", "adl", HOSTILE],
        ["check", HOSTILE, "--head", HOSTILE],
        ["import", HOSTILE],
        ["lab", HOSTILE, "-o", "x"],
    ],
    ids=range(13),
)
def test_a_wrong_command_line_is_one_clean_line(arguments: list[str]) -> None:
    """Whatever was typed, or pasted, comes back as escapes."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert is_clean(result.stderr)


@pytest.mark.parametrize("arguments", [[HOSTILE], ["adl-2025-10-10", "--data", HOSTILE]], ids=range(2))
def test_a_wrong_study_is_one_clean_line(arguments: list[str]) -> None:
    """A study by a hostile name, or of a folder of one, is refused in the same way."""
    result = call_study(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert is_clean(result.stderr)


def test_the_traceback_of_a_fault_is_clean(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--debug` shows where, and the message's escapes as escapes."""

    def fail(*_: object) -> None:
        raise LookupError(HOSTILE)

    monkeypatch.setattr("deleverage.replay.command_line.open_run", fail)
    result = call("--debug", "state", record)
    assert "Traceback" in result.stderr
    assert is_clean(result.stderr)


def test_the_log_is_clean(tmp_path: Path) -> None:
    """What `--log-level info` says of a run with such names, as text and as JSON Lines."""
    scenario = (Path(__file__).parents[1] / "sim" / "scenarios" / "calm.toml").read_text(encoding="utf-8")
    path = tmp_path / "odd.toml"
    path.write_text(scenario.replace('name = "', 'name = "\\u001b[31m\\u202e\\u0007', 1), encoding="utf-8")
    for more in ([], ["--log-json"]):
        result = call("run", path, "--set", "population.accounts=5", "--log-level", "info", *more)
        assert result.exit_code == 0, result.stderr
        assert is_clean(result.stdout + result.stderr)
        assert "run started" in result.stderr


def test_a_lab_is_clean_and_its_charts_are_drawn(tmp_path: Path) -> None:
    """A name with a formula's `$`, an escape sequence or a comma is drawn, tabled and printed as what it is."""
    pytest.importorskip("matplotlib")
    scenario = (Path(__file__).parents[1] / "sim" / "scenarios" / "calm.toml").read_text(encoding="utf-8")
    path = tmp_path / "odd$\\frac{\x1b[31m.toml"
    path.write_text(scenario.replace('"BTC-PERP"', '"=$\\\\frac{,"'), encoding="utf-8")
    few = ["--set", "population.accounts=5", "--set", "prices.duration_ns=1m", "--seeds", "1", "--jobs", "1"]
    result = call("lab", path, *few, "--vary", "adl.policy=profit-share,profit-leverage", "-o", tmp_path / "lab")
    assert (result.exit_code, result.stderr) == (0, "")
    assert is_clean(result.stdout)
    charts = list((tmp_path / "lab" / "charts").iterdir())
    assert charts
    assert all(is_clean(chart.read_text(encoding="utf-8").replace("\t", "")) for chart in charts)


def test_a_progress_line_is_clean() -> None:
    """Names beside a bar are neither controls nor markup."""
    stream = io.StringIO()
    console = new_console(stream)
    with Progress(TextColumn("{task.fields[text]}", markup=False), console=console) as progress:
        progress.add_task("", total=None, text=f"[link=x]{HOSTILE}")
    assert is_clean(stream.getvalue())
    assert "[link=x]" in stream.getvalue()


@given(st.text())
def test_a_console_lets_nothing_through(text: str) -> None:
    """Whatever is printed on it, and in whichever way: only what is printable, and ends of lines."""
    stream = io.StringIO()
    console = new_console(stream)
    print_line(console, text)
    print_rows(console, [(text, text)])
    print_table(console, [text, "b"], [[text, text]])
    console.print(text, Text(text), Tree(Text(text)), soft_wrap=True)
    assert is_clean(stream.getvalue())


def test_a_console_keeps_its_own_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a title is bold; the name in it is not what makes it so."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    print_line(new_console(stream), "a\x1b[31mb", style="bold")
    assert stream.getvalue() == "\x1b[1ma\\x1b[31mb\x1b[0m\n"


@given(st.text())
def test_printable_text_is_the_text_or_its_escapes(text: str) -> None:
    """One line, printable; what was printable before is itself; lines of a text stay lines."""
    assert printable(text).isprintable()
    assert is_clean(printable_text(text))
    assert not text.isprintable() or printable(text) == text
    assert len(printable_text(text).split("\n")) == len(text.split("\n"))


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_printable_json_is_the_same_document(document: object) -> None:
    """Escaped, compact or in lines, it decodes to what it was, and a terminal only shows it."""
    for data in (json.dumps(document).encode(), json.dumps(document, indent=2).encode()):
        assert is_clean(printable_json(data).decode())
        assert json.loads(printable_json(data)) == document
    try:
        packed = msgspec.json.encode(document)
    except UnicodeEncodeError:
        return  # a lone surrogate, which no event can hold
    assert is_clean(printable_json(packed).decode())
    assert json.loads(printable_json(packed)) == document


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_word_of_a_command_is_that_word(text: str) -> None:
    """It is printable, and bash reads it as the text that it stands for."""
    word = shell_word(text)
    assert word.isprintable()
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    command = ["bash", "-c", f"printf %s {word}"]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert done.stdout == text.encode()


def test_a_real_terminal_sees_no_escape_of_a_name(record: Path) -> None:
    """As a process of its own, with stdout and stderr as bytes."""
    done = subprocess.run([*COMMAND, "log", record], env=ENVIRONMENT, capture_output=True, check=False)
    assert b"\x1b" not in done.stdout
    assert is_clean(done.stdout.decode())
    assert done.stdout.decode() == call("log", record).stdout


def test_names_are_still_found_by_what_they_are(record: Path) -> None:
    """What is shown escaped is asked for as it is."""
    name = next(event.body.name for event in open_run(record).events() if isinstance(event.body, AccountOpened))
    assert "\x1b" in name
    assert call("state", record, "--account", name).exit_code == 0
    assert sys.stdout is not None
