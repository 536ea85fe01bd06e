"""A liquidation policy from outside: it runs, and what its steps may not be is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.handlers.testing.trial import Trial

from .test_plugins import recorded, written

STEPS = """
from deleverage.handlers.policies.liquidation.partial_then_whole import PartialThenWhole
from deleverage.handlers.policies.liquidation.step import Step

class It(PartialThenWhole):
    formula = "all at once"
    {}
"""


def test_a_liquidation_policy_from_a_file_runs(tmp_path: Path) -> None:
    """One that changes nothing ends as the builtin one does."""
    path = written(tmp_path, "it.py", STEPS.format("pass"))
    ours, theirs = Trial(f"{path}:It", "liquidation", {}), Trial("partial-then-whole", "liquidation", {})
    ours.run()
    theirs.run()
    assert [event.body for event in ours.stage.events[1:]] == [event.body for event in theirs.stage.events[1:]]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("def step(self, situation): return Step(situation.lots + 1, None)", r"step\(\) gave \d+ \(int\) lots for"),
        ("def step(self, situation): return Step(-1, None)", r"step\(\) gave -1 \(int\) lots for account \d+, which"),
        ("def step(self, situation): return Step(1.0, None)", r"step\(\) gave 1\.0 \(float\) lots for account"),
        ("def step(self, situation): return Step(1, 2.5)", r"step\(\) gave 2\.5 \(float\) for the limit"),
        ("def step(self, situation): return 5", r"step\(\) gave 5 \(int\); a Step is due"),
        ("def step(self, situation): return Step(1, None, (3,))", r"step\(\) gave 3 \(int\) among the notes"),
        ("def step(self, situation): raise KeyError(7)", r"step\(\) raised KeyError: 7"),
        (
            "def step(self, situation): situation.account.balance_atoms = 0",
            r"step\(\) wrote into the ledger: accounts",
        ),
        ("def pause_ns(self, situation): return -1", r"pause_ns\(\) gave -1 \(int\)"),
        ("def hands_over(self, situation, *, unfilled): return True", r"hands_over\(\) gave True \(bool\)"),
        ("restored_bps = 1.5", r"restored_bps is 1\.5 \(float\)"),
    ],
)
def test_nonsense_in_a_step_is_named_with_its_value(tmp_path: Path, method: str, said: str) -> None:
    """More lots than are held, a float, no step, a negative pause, no reason, a write."""
    path = written(tmp_path / "rules", "it.py", STEPS.format(method))
    with pytest.raises(Exception, match=rf"plug-in it\.py:It: {said}"):
        recorded(tmp_path / "a.run", f"liquidation.policy={path}:It")
