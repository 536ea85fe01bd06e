"""A receipt of a reduction that a plug-in ranked: made where the plug-in is at hand, checked without executing it."""

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

    formula = "|size| / 10^6"
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
    (tmp_path / "by_size.py").write_text(RULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run(Scenario.load(SMALL_CRASH, [POLICY]), tmp_path / "a.run", settings=RecordSettings(durability="none"))
    record = open_run(tmp_path / "a.run")
    seq = next(event.seq for event in record.events() if isinstance(event.body, PositionDeleveraged))
    refused = call("receipt", "a.run", str(seq), "-o", "r.json")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "is not at hand; give --plugins DIR, a folder that holds by_size.py" in refused.stderr
    assert call("receipt", "a.run", str(seq), "-o", "r.json", "--plugins", ".").exit_code == 0
    return tmp_path / "r.json", record.head


@pytest.mark.parametrize("text", [RULE, "raise SystemExit('executed')", None])
def test_a_plugin_is_never_executed_for_a_receipt(receipt: tuple[Path, str], text: str | None) -> None:
    """Whether what decided, something else, or nothing of that name lies there: it holds, and no score was checked."""
    path, head = receipt
    if text is None:
        path.with_name("by_size.py").unlink()
    else:
        path.with_name("by_size.py").write_text(text, encoding="utf-8")
    result = call("check", path, "--head", head, "--json")
    assert result.exit_code == 0
    ranking = json.loads(result.stdout)["ranking"]
    assert (ranking["formula"], ranking["scores_checked"]) == (None, False)
    told = " ".join(call("check", path, "--head", head).stdout.split())
    assert "NOT CHECKED: by_size.py:BySize, version 1+sha256:" in told
    assert "no plug-in is ever executed for a receipt: no score was worked out again" in told
    assert "|size|" not in told
    assert "not worked out again" in told
