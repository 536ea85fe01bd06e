"""`--patience`: whoever takes longer over one decision is named, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.errors import PatienceError
from deleverage.sim.patience import in_time, patient

from .support.command_line import call
from .support.crash import SMALL_CRASH

ENDLESS = '''
import os


class Endless:
    """It never ends its first ranking, and takes no exception for an answer."""

    def scores(self, candidates):
        while True:
            try:
                1 / 0
            except Exception:
                pass


class Waits:
    def scores(self, candidates):
        while os.environ.get("OWN_WAITS"):
            pass
        return [0 for _ in candidates]


class Slow:
    def prices(self, view):
        yield 0, dict.fromkeys(view.instruments, 1_000_000)
        while True:
            pass
'''


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with the plug-ins, in which the test stands."""
    (tmp_path / "own.py").write_text(ENDLESS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_policy_that_does_not_end_is_named() -> None:
    """One line with handler, policy, event and limit; exit code 1; the record is sealed up to there."""
    ran = call("run", SMALL_CRASH, "--set", "adl.policy=own.py:Endless", "-o", "a.run", "--patience", "0.3")
    assert ran.exit_code == 1
    assert "handler 'adl', plug-in own.py:Endless: handle() on event " in ran.stderr
    assert " took longer than the 0.3 s of --patience (own.py, line " in ran.stderr
    opened = open_run("a.run")
    assert (opened.manifest.status, opened.manifest.error) == ("interrupted", ran.stderr.strip()[len("deleverage: ") :])
    assert f" on event {opened.count - 1} (ShortfallDeclared) " in ran.stderr
    assert call("verify", "a.run", "--plugins", ".", "--patience", "60").exit_code == 0


def test_who_executes_it_again_has_no_more_patience_than_he_says() -> None:
    """`verify` and `fork` end in the same way; the record is not said to be unsound for it."""
    assert call("run", SMALL_CRASH, "--set", "adl.policy=own.py:Waits", "-o", "a.run").exit_code == 0
    waits = ("--plugins", ".", "--patience", "0.3")
    for asked in (("verify", "a.run"), ("fork", "a.run", "--at", "+00:05:00", "-o", "b.run")):
        ended = call(*asked, *waits, OWN_WAITS="1")
        assert ended.exit_code == 1
        assert "handler 'adl', plug-in own.py:Waits: handle() on event " in ended.stderr
        assert "not sound" not in ended.stderr
    assert open_run("b.run").manifest.status == "interrupted"


def test_a_plug_in_that_gives_inputs_is_named() -> None:
    """Prices that never come."""
    ran = call("run", SMALL_CRASH, "--set", 'prices={source="own.py:Slow"}', "-o", "a.run", "--patience", "0.2")
    assert ran.exit_code == 1
    assert "plug-in own.py:Slow: prices() took longer than the 0.2 s of --patience (own.py, line 26" in ran.stderr


def test_with_patience_it_is_the_same() -> None:
    """A run, its fork and the check of both, by handlers that end: the heads are those without."""
    heads = []
    for more in ((), ("--patience", "600")):
        name = f"{len(heads)}"
        assert call("run", SMALL_CRASH, "-o", f"{name}.run", *more).exit_code == 0
        forked = call("fork", f"{name}.run", "--at", "+00:12:00", "--set", "adl.policy=queue", "-o", name, *more)
        assert forked.exit_code == 0, forked.stderr
        assert call("verify", f"{name}.run", *more).exit_code == 0
        heads.append((open_run(f"{name}.run").head, open_run(name).head))
    assert heads[0] == heads[1]


def test_a_call_within_a_call_is_part_of_it_and_none_is_limited_unasked() -> None:
    """The inner one's end does not end the outer one's limit; what ended in time is never interrupted after."""

    def outer() -> None:
        in_time("inner", lambda: None)
        while True:
            pass

    with patient(0.05), pytest.raises(PatienceError, match=r"^outer took longer than the 0\.05 s"):
        in_time("outer", outer)
    assert in_time("nobody asked", lambda: 7) == 7


def test_how_long_is_more_than_nothing() -> None:
    """No limit of nothing, and none over several processes."""
    refused = call("verify", "any.run", "--jobs", "2", "--patience", "1")
    assert (refused.exit_code, "leave --jobs and --ray away" in refused.stderr) == (2, True)
    assert call("run", SMALL_CRASH, "--patience", "0").exit_code == 2
