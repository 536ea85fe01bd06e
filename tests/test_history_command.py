"""`deleverage history`: blocks that a person can read, JSON Lines for a program, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage.events.bodies.liquidation import PositionTakenOver
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarginCalled
from deleverage.replay.history.steps import history, step_fields
from deleverage.replay.run import open_run
from deleverage.sim.figures import grouped

from .support.command_line import call, small_record, tear
from .support.crash import recorded

EVENTS = recorded()
TAKEN_OVER = next(event.body for event in EVENTS if isinstance(event.body, PositionTakenOver)).account
NAMES = {event.body.account: event.body.name for event in EVENTS if isinstance(event.body, AccountOpened)}
NAME = NAMES[TAKEN_OVER]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def blocks_of(text: str) -> list[list[str]]:
    """The blocks of the text after its title: the event's line, then the rows."""
    return [block.splitlines() for block in text.split("\n\n")[1:]]


def test_each_block_begins_as_the_log_has_it(record: Path) -> None:
    """The events are those of `log --account`, line by line."""
    result = call("history", record, "--account", NAME)
    assert (result.exit_code, result.stderr) == (0, "")
    logged = call("log", record, "--account", NAME).stdout.splitlines()
    assert [block[0] for block in blocks_of(result.stdout)] == logged
    assert result.stdout.startswith(f"history of {NAME}, number {TAKEN_OVER}, user, cross\n")


def test_the_rows_are_before_and_after(record: Path) -> None:
    """Whatever differs between both sides has a row with both; where nothing does, one says how the account stands."""
    steps = [json.loads(line) for line in call("history", record, "--account", NAME, "--json").stdout.splitlines()]
    blocks = blocks_of(call("history", record, "--account", NAME).stdout)
    for step, (_, *rows) in zip(steps[1:], blocks[1:], strict=True):
        text, before, after = " ".join(" ".join(rows).split()), step["before"], step["after"]
        if before == after:
            assert text.startswith(f"unchanged equity {after['equity_atoms'] / 10**6:,.6f}, ratio ")
            continue
        for name in ("balance", "equity", "requirement"):
            old, new = before[f"{name}_atoms"], after[f"{name}_atoms"]
            if old is not None and new is not None:
                assert (f"{name} {old / 10**6:,.6f} -> {new / 10**6:,.6f}" in text) == (old != new)
        assert (f"status {before['status'].replace('_', ' ')} -> " in text) == (before["status"] != after["status"])
        closed = {held["name"]: held for held in before["positions"]}.keys() - {p["name"] for p in after["positions"]}
        assert all(f"{name} " in text and "-> none" in text for name in closed)


def test_a_takeover_is_told_whole(record: Path) -> None:
    """The position that the fund took goes from its side, size and entry to none."""
    seq = next(event.seq for event in EVENTS if isinstance(event.body, PositionTakenOver))
    result = call("history", record, "--account", NAME, "--from", str(seq), "--to", str(seq))
    (line,) = call(
        "history", record, "--account", NAME, "--from", str(seq), "--to", str(seq), "--json"
    ).stdout.splitlines()
    step = json.loads(line)
    (held,) = [one for one in step["before"]["positions"] if one["instrument"] == step["event"]["instrument"]]
    side = "long" if held["size_lots"] > 0 else "short"
    told = f"{held['name']} {side} {grouped(held['size'].lstrip('-'))} from {grouped(held['entry_price'])} -> none"
    assert told in " ".join(result.stdout.split())


def test_rows_fit_60_columns(record: Path) -> None:
    """But for the events' own lines nothing is wider than the terminal, cut short or coloured."""
    for name in (NAME, "insurance:USDT"):
        text = call("history", record, "--account", name, "--to", "4000").stdout
        for line in [row for _, *rows in blocks_of(text) for row in rows] + text.split("\n\n")[0].splitlines():
            assert len(line) <= 60
            assert line == line.rstrip()
            assert not set("\x1b…│┃") & set(line)


def test_every_line_is_a_step(record: Path) -> None:
    """`--json` gives the steps, one a line: the event as `log --json` has it, the account before and after."""
    lines = call("history", record, "--account", str(TAKEN_OVER), "--json").stdout.splitlines()
    steps = [json.loads(line) for line in lines]
    assert [list(step) for step in steps] == [["event", "before", "after"]] * len(steps)
    run = open_run(record)
    assert steps == json.loads(json.dumps([step_fields(step, run.directory) for step in history(run, TAKEN_OVER)]))
    logged = call("log", record, "--account", NAME, "--json").stdout.splitlines()
    assert [step["event"] for step in steps] == [json.loads(line) for line in logged]
    assert steps[0]["before"] is None


def test_points_choose(record: Path) -> None:
    """`--from` and `--to` include what they name; a span in which nothing happened says so."""
    called = next(event for event in EVENTS if isinstance(event.body, MarginCalled))
    name, seq = NAMES[called.body.account], str(called.seq)
    lines = call("history", record, "--account", name, "--from", seq, "--to", seq, "--json").stdout.splitlines()
    assert [json.loads(line)["event"]["seq"] for line in lines] == [called.seq]
    nothing = ("--account", NAME, "--from", "+00:00:01", "--to", "+00:00:02")
    assert call("history", record, *nothing).stdout.endswith("\n\nNo event of this span names it.\n")
    assert call("history", record, *nothing, "--json").stdout == ""


def test_a_torn_record_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    """The steps up to the last good block, a warning and exit code 3."""
    path = small_record(tmp_path)
    whole = call("history", path, "--account", NAME, "--json").stdout
    tear(path)
    result = call("history", path, "--account", NAME, "--json")
    assert result.exit_code == 3
    assert result.stderr.startswith("deleverage: ")
    assert whole.startswith(result.stdout)
    assert result.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "Missing option '--account'"),
        (["--account", "tradr-7"], "the nearest are trader-7"),
        (["--account", "4711"], "there is no account '4711'; the record has 254"),
        (["--account", NAME, "--to", "12"], f"account '{NAME}' is not open yet after event 12"),
        (["--account", NAME, "--from", "10", "--to", "5"], "put the earlier point first"),
        (["--account", NAME, "--from", "999999"], "there is no event 999999"),
        (["--account", NAME, "--to", "1999-01-01T00:00:00Z"], "is before the run"),
        (["--account", NAME, "--to", "noon"], "no point in a record"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_question_that_has_no_answer(record: Path, arguments: list[str], part: str, form: list[str]) -> None:
    """Unknown, not open yet, reversed, out of range: one line, nothing on stdout, and exit code 2."""
    result = call("history", record, *arguments, *form)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert part in result.stderr
