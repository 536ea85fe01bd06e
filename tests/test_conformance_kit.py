"""The conformance kit: what keeps the rules passes, and each rule is seen to be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.events.errors import HandlerError, ScenarioError
from deleverage.handlers.registry import SLOTS
from deleverage.handlers.testing import check_policy
from deleverage.handlers.testing.conformance import digests_elsewhere
from deleverage.handlers.testing.trial import Trial

from .test_plugins import written

EACH = [(slot, name) for slot in SLOTS for name, choice in SLOTS[slot].items() if choice is not None]
SLOW = {"liquidator-fee", "incremental"}
ELSEWHERE = {"delta-neutral", "vega-limited", "paid", "answering"}
"""Who acts only where there are options, or a lending protocol: tests/test_living_dealers.py, test_lending_run.py."""
ADL = [name for slot, name in EACH if slot == "adl"]


@pytest.mark.parametrize(("slot", "policy"), [(s, p) for s, p in EACH if p not in SLOW | ELSEWHERE])
def test_a_builtin_policy_keeps_the_rules(slot: str, policy: str) -> None:
    """Conserves, right side, no more than a position, pure, primed, in any order, ends."""
    trial = Trial(policy, slot, {})
    trial.run()
    assert trial.asked


def test_builtin_adl_policies_are_the_same_in_other_processes() -> None:
    """Two processes with other hash seeds make the same events under each."""
    digests = digests_elsewhere([(policy, "adl", {}) for policy in ADL], seconds=120)
    assert len(digests) == len(ADL)
    assert digests[0] == Trial(ADL[0], "adl", {}, watched=False).run()


def test_the_crash_asks_the_policies_something() -> None:
    """Rounds on both sides, some of which continue another."""
    trial = Trial("profit-leverage", "adl", {})
    trial.run()
    started = [event.body for event in trial.stage.events if type(event.body).__name__ == "DeleveragingStarted"]
    assert {body.size_lots > 0 for body in started} == {True, False}  # type: ignore[union-attr]
    assert any(body.base_round is not None for body in started)  # type: ignore[union-attr]


def test_a_class_is_checked_as_well_as_a_name(tmp_path: Path) -> None:
    """A plug-in's file passes whole, with its parameters."""
    check_policy(f"{written(tmp_path)}:BySize", least=3)


SCORES = """
import itertools, random
from deleverage.handlers.policies.ranking import SCORE_SCALE

class It:
    def __init__(self, parameters):
        self.counter = itertools.count()
    def scores(self, candidates):
        {}
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return [hash(str(c.account)) % 10**9 for c in candidates]", "is not deterministic: two processes"),
        ("return [random.getrandbits(60) for c in candidates]", "is not deterministic: two processes"),
        ("return [next(self.counter) for c in candidates]", "not independent of the order of accounts|when primed"),
        ("return list(range(len(candidates)))", "not independent of the order of accounts"),
        ("return [c.profit * 10**6 // sum(o.profit for o in candidates) for c in candidates]", "of the others"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_told_which(tmp_path: Path, line: str, said: str) -> None:
    """Hash order, chance, memory, the order of accounts, who else is scored."""
    path = written(tmp_path, "it.py", SCORES.format(line))
    with pytest.raises(AssertionError, match=said):
        check_policy(f"{path}:It")


def test_a_policy_without_an_end_is_stopped(tmp_path: Path) -> None:
    """The limit is short here only: under load the others would meet it, too."""
    path = written(tmp_path, "it.py", SCORES.format("\n        while True: pass"))
    with pytest.raises(AssertionError, match="it does not end; the small crash was not over within 3 s"):
        check_policy(f"{path}:It", seconds=3)


def test_nonsense_is_stopped_in_the_kit_too(tmp_path: Path) -> None:
    """With the plug-in's name and the value."""
    path = written(tmp_path, "it.py", SCORES.format("return [-1 for c in candidates]"))
    with pytest.raises(AssertionError, match=r"plug-in it\.py:It: scores\(\) gave -1 \(int\)"):
        check_policy(f"{path}:It")
    with pytest.raises(HandlerError, match=r"plug-in it\.py:It: scores\(\) gave -1 \(int\)"):
        Trial(f"{path}:It", "adl", {}).run()


REMEMBERING = """
from deleverage.handlers.market import DepthMarket

class It(DepthMarket):
    asked = 0
    def handle(self, event, ledger, now_ns):
        self.asked += 1
        return super().handle(event, ledger, now_ns) if self.asked % 5 else ()
"""


def test_a_handler_that_remembers_is_told_so(tmp_path: Path) -> None:
    """Built anew and primed it says something else: it could be neither forked nor verified in parts."""
    path = written(tmp_path, "it.py", REMEMBERING)
    with pytest.raises(AssertionError, match="not the same when primed"):
        check_policy(f"{path}:It", "market")


def test_what_cannot_be_checked_is_said(tmp_path: Path) -> None:
    """No such policy, an empty slot, a class that no other process finds."""
    with pytest.raises(ScenarioError, match="there is no adl policy 'no-such'"):
        check_policy("no-such")
    with pytest.raises(ScenarioError, match="leaves the slot empty"):
        check_policy("none", "breaker")

    class Within:
        """Not at the top of a file."""

    with pytest.raises(ScenarioError, match="is not at the top of its file"):
        check_policy(Within)
