"""docs/plugins.md: what it shows can be done from it alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deleverage.handlers.testing import check_policy

from .support.command_line import call
from .support.crash import SMALL_CRASH

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page's policy in a file of the name that the page gives it, in the working directory."""
    (code,) = re.findall(r"```python\n# leverage_first\.py\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    (tmp_path / "leverage_first.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "leverage_first.py:LeverageFirst"


def test_the_pages_policy_runs_verifies_forks_and_is_listed(rule: str) -> None:
    """With the commands of the page, on a smaller crash."""
    chosen = ("--set", f"adl.policy={rule}")
    assert call("run", SMALL_CRASH, *chosen, "-o", "mine.run").exit_code == 0
    assert call("verify", "mine.run").exit_code == 2
    assert call("verify", "mine.run", "--plugins", ".").exit_code == 0
    spared = ("--set", "adl.spared=50")
    assert (
        call("fork", "mine.run", "--plugins", ".", "--at", "+00:15:00", *chosen, *spared, "-o", "child.run").exit_code
        == 0
    )
    assert call("verify", "child.run", "--plugins", ".").exit_code == 0
    assert rule in call("policies", "adl").stdout


def test_the_pages_policy_keeps_the_rules(rule: str) -> None:
    """The conformance kit passes it."""
    check_policy(rule)
    check_policy(rule, spared_atoms=2_000)


def test_the_page_names_what_there_is() -> None:
    """Each thing that it points to is there."""
    root = Path(__file__).parents[1]
    paths = re.findall(r"`(handlers/[\w/]+\.py)`", PAGE)
    assert paths
    assert all((root / path).is_file() for path in paths)
