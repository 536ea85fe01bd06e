"""Whoever changes what is beside a record, or in it, and corrects every checksum, deceives nobody who has the head."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from deleverage import Scenario, open_run
from deleverage import run as record
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.record.known import VARIABLE
from deleverage.events.snapshots import keeper
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork

from .support.command_line import call
from .support.crafted import Kind, kinds_of, kinds_of_a_fork
from .support.crash import SMALL_CRASH, recorded
from .support.rewritten import BY_PAGE

CRASH = ("population.accounts=80", "prices.interval_ns=20s")
EVENTS = recorded(*CRASH)
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]
ASKED = REDUCTIONS[len(REDUCTIONS) // 2]
TRADER = ASKED.body.account  # type: ignore[union-attr]
KINDS = kinds_of(EVENTS, ASKED, TRADER)
FORK_KINDS = kinds_of_a_fork(EVENTS, ASKED, TRADER)
FORKED = ASKED.seq + 200
LATE = str(len(EVENTS) * 3 // 4)
SPAN = ("--from", str(ASKED.seq - 40), "--to", str(ASKED.seq + 20))

QUESTIONS = {
    "state": ("state", "RUN", "--at", LATE, "--account", str(TRADER), "--json"),
    "all": ("state", "RUN"),
    "why": ("why", "RUN", str(ASKED.seq), "--json"),
    "befallen": ("why", "RUN", "--account", str(TRADER), "--json"),
    "history": ("history", "RUN", "--account", str(TRADER), "--json"),
    "log": ("log", "RUN", *SPAN, "--json"),
    "named": ("log", "RUN", "--account", str(TRADER)),
    "end": ("log", "RUN", "--from", str(len(EVENTS) - 20)),
    "receipt": ("receipt", "RUN", str(ASKED.seq), "-o", "FILE"),
    "diff": ("diff", "RUN", "CHILD", "--json"),
    "fork": ("fork", "RUN", "--at", str(len(EVENTS) - 60), "--set", "adl.policy=profit-share", "--json"),
    "child": ("state", "CHILD", "--at", str(ASKED.seq), "--account", str(TRADER), "--json"),
    "parent": ("log", "CHILD", *SPAN, "--json"),
    "own": ("log", "CHILD", "--from", str(FORKED - 20), "--to", str(FORKED + 20)),
    "child's end": ("state", "CHILD"),
    "child's past": ("why", "CHILD", str(ASKED.seq), "--json"),
    "child's trader": ("history", "CHILD", "--account", str(TRADER), "--json"),
    "child's last": ("why", "CHILD", "--account", str(TRADER)),
}
OF_EACH = ("state", "all", "why", "befallen", "history", "log", "named", "end", "receipt", "child", "parent")
LONG = ("diff", "fork")
OF_A_FORK = ("child", "parent", "own", "child's end", "child's past", "child's trader", "child's last")
Answers = dict[str, tuple[int, str, bytes]]


@cache
def untouched() -> tuple[Path, Answers]:
    """The record and a fork of it, and what is answered when it is asked."""
    home = Path(tempfile.mkdtemp(prefix="deleverage-crafted-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper, "_SPACING_BYTES", 1)
        record(Scenario.load(SMALL_CRASH, CRASH), home / "small.run", settings=BY_PAGE)
        changes = Changes(("liquidation.cooldown_ns=1s",))
        fork(open_run(home / "small.run"), FORKED, changes, home / "child.run", settings=BY_PAGE)
    assert list(open_run(home / "small.run").events()) == list(EVENTS)
    return home, answers(home, tuple(QUESTIONS))


@pytest.fixture(scope="module", autouse=True)
def tidied() -> Iterator[None]:
    """What was recorded for this file goes with it."""
    yield
    shutil.rmtree(untouched()[0])


def answers(home: Path, names: tuple[str, ...]) -> Answers:
    """Exit code, output and file of each question."""
    found = {}
    for name in names:
        file = home / f"{name}.out"
        places = {"RUN": home / "small.run", "CHILD": home / "child.run", "FILE": file}
        result = call(*(places.get(one, one) for one in QUESTIONS[name]))
        output = result.stdout.replace(str(home), "HOME")
        found[name] = result.exit_code, output, file.read_bytes() if file.exists() else b""
        file.unlink(missing_ok=True)
    return found


def deceived(folder: Path, kind: Kind, names: tuple[str, ...], record: str = "small.run") -> list[str]:
    """The questions to which another answer is given, as if nothing were wrong."""
    home, due = untouched()
    shutil.copytree(home, folder, dirs_exist_ok=True)
    kind[1](folder / record)
    given = answers(folder, names)
    return [name for name in names if given[name][0] == 0 and given[name] != due[name]]


def test_there_are_two_hundred_kinds_and_they_are_asked_about() -> None:
    """Each by a name of its own; the untouched record answers everything with exit code 0."""
    assert len({name for name, _ in KINDS}) == len(KINDS) >= 200
    assert {code for code, _, _ in untouched()[1].values()} == {0}
    assert len(untouched()[1]["receipt"][2]) > 9_000
    assert untouched()[1]["log"] == untouched()[1]["parent"]
    assert len({output for _, output, _ in untouched()[1].values()}) >= len(QUESTIONS) - 2


@pytest.mark.parametrize("place", range(len(KINDS)), ids=[name for name, _ in KINDS])
def test_nobody_is_deceived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """The answer is that of the untouched record, or the exit code is not 0; whether this reader knows it or not."""
    if place % 2:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "unknown"))
    assert deceived(tmp_path / "home", KINDS[place], OF_EACH) == []


@pytest.mark.parametrize("place", range(0, len(KINDS), 9), ids=[name for name, _ in KINDS[::9]])
def test_nobody_is_deceived_by_what_is_done_with_it(tmp_path: Path, place: int) -> None:
    """Nor is who compares it with its fork, or forks it."""
    assert deceived(tmp_path / "home", KINDS[place], LONG) == []


@pytest.mark.parametrize("place", range(len(FORK_KINDS)), ids=[name for name, _ in FORK_KINDS])
def test_nobody_is_deceived_about_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Whatever is changed beside a fork, or in what it says of its parent."""
    if place % 2:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "unknown"))
    assert deceived(tmp_path / "home", FORK_KINDS[place], OF_A_FORK, "child.run") == []


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("place", range(0, len(KINDS), 5))
def test_what_is_beside_a_record_never_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, *, known: bool
) -> None:
    """It is derived: whatever becomes of it, the answers are those of the untouched record, with exit code 0."""
    name, _ = KINDS[place]
    if not name.startswith(("state", "parents", "accounts", "forced", "roots")):
        pytest.skip("a change of what is not derived")
    if not known:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "unknown"))
    home, due = untouched()
    shutil.copytree(home, tmp_path / "home")
    KINDS[place][1](tmp_path / "home" / "small.run")
    names = ("state", "why", "history")
    assert answers(tmp_path / "home", names) == {one: due[one] for one in names}
