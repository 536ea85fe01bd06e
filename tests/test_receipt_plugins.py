"""A receipt of a reduction that a plug-in ranked: its scores are worked out again where the plug-in is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage import open_run, run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.record import RecordSettings
from deleverage.sim.scenario import Scenario

from .support.command_line import call
from .support.crash import SMALL_CRASH

RULE = '''
import msgspec

from deleverage.handlers.policies.ranking import score_of


class BySize:
    """Whoever holds most gives first."""

    formula = "size"
    source = "my own"

    class Parameters(msgspec.Struct, forbid_unknown_fields=True):
        pass

    def __init__(self, parameters):
        pass

    def scores(self, candidates):
        return [score_of(abs(candidate.size), 10**6) for candidate in candidates]
'''
POLICY = "adl.policy=by_size.py:BySize"


@pytest.fixture
def receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A receipt made in a folder that has the plug-in, which is also where the test stands; and the head."""
    (tmp_path / "by_size.py").write_text(f"{RULE}\n# {tmp_path}, so that no other test has it\n")
    monkeypatch.chdir(tmp_path)
    run(Scenario.load(SMALL_CRASH, [POLICY]), tmp_path / "a.run", settings=RecordSettings(durability="none"))
    record = open_run(tmp_path / "a.run")
    seq = next(event.seq for event in record.events() if isinstance(event.body, PositionDeleveraged))
    assert call("receipt", "a.run", str(seq), "-o", "r.json").exit_code == 0
    return tmp_path / "r.json", record.head


def checked(path: Path, head: str) -> dict[str, object]:
    """What `check` says of the ranking."""
    result = call("check", path, "--head", head, "--json")
    assert result.exit_code == 0
    found: dict[str, object] = json.loads(result.stdout)["ranking"]
    return found


def test_scores_of_a_plugin_are_worked_out_again(receipt: tuple[Path, str]) -> None:
    """It is installed, as the file with the recorded content is here."""
    found = checked(*receipt)
    assert (found["formula"], found["scores_checked"]) == ("size", True)
    assert "NOT CHECKED" not in call("check", receipt[0], "--head", receipt[1]).stdout


def test_another_content_is_another_policy(receipt: tuple[Path, str]) -> None:
    """Changed, it is not the one that decided, and is neither executed nor said to have been checked."""
    receipt[0].with_name("by_size.py").write_text("raise SystemExit('executed')\n")
    found = checked(*receipt)
    assert (found["formula"], found["scores_checked"]) == (None, False)


def test_without_the_plugin_it_is_not_checked(receipt: tuple[Path, str]) -> None:
    """And that is said."""
    receipt[0].with_name("by_size.py").unlink()
    assert "is not installed here" in " ".join(call("check", receipt[0], "--head", receipt[1]).stdout.split())
