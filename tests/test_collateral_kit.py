"""The kit for collateral, its oracle and redemptions: builtin policies, plug-ins, and what a new one begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deleverage.handlers.testing import check_policy
from deleverage.handlers.testing.trial import Trial
from deleverage.replay.policies.new_policy import written as new_policy

from .support.command_line import call

COIN: dict[str, Any] = {"ratios_ppm": {"COIN": [[0, 900_000]]}}
REDEEMS: dict[str, Any] = {"redeems": {"COIN": ["", 100_000_000]}}
POLICIES = (
    ("oracle", "own-market", {}),
    ("oracle", "redemption", REDEEMS),
    ("collateral", "haircut", {**COIN, "order": "in proportion", "conversion_haircuts_ppm": {"COIN": 50_000}}),
    ("collateral", "haircut", {**COIN, "rate_ppb": 1_000_000, "interest_interval_ns": 60 * 10**9, "fee_bps": 20}),
    ("redemptions", "delayed", {**REDEEMS, "delays_ns": {"COIN": 60 * 10**9}}),
)
PLUGINS = {
    "oracle": """
from deleverage.handlers.collateral.oracle import OwnMarketOracle


class Floored(OwnMarketOracle):
    def price_ticks(self, conversion, index_ticks, ledger):
        return max(90, index_ticks)
""",
    "collateral": """
from deleverage.handlers.collateral.keeper import CollateralKeeper


class Floored(CollateralKeeper):
    def haircut_ppm(self, asset, ledger):
        return 70_000
""",
}


@pytest.mark.parametrize(("slot", "policy", "parameters"), POLICIES)
def test_a_builtin_policy_conforms(slot: str, policy: str, parameters: dict[str, Any]) -> None:
    """In a small crash in which traders have a coin as collateral; it decides something there."""
    trial = Trial(policy, slot, parameters)
    trial.run()
    assert trial.asked > trial.said > 0


@pytest.mark.parametrize("slot", list(PLUGINS))
def test_a_plug_in_conforms(slot: str, tmp_path: Path) -> None:
    """A file that is named is tried in the same crash."""
    path = tmp_path / "own.py"
    path.write_text(PLUGINS[slot], encoding="utf-8")
    check_policy(f"{path}:Floored", slot, **(COIN if slot == "collateral" else {}))


@pytest.mark.parametrize("slot", ["oracle", "collateral", "redemptions"])
def test_a_new_policy_of_the_slot_passes_as_written(slot: str, tmp_path: Path) -> None:
    """It decides as the builtin one does."""
    policy, _ = new_policy(slot, "own", tmp_path)
    check_policy(f"{policy.file}:{policy.kind}", slot)


def test_a_scenario_may_name_them(tmp_path: Path) -> None:
    """A run with both, which `verify` executes again."""
    named = []
    for slot, text in PLUGINS.items():
        path = tmp_path / f"own_{slot}.py"
        path.write_text(text, encoding="utf-8")
        named += ["--set", f"{slot}.policy={path}:Floored"]
    ratios = "collateral.ratios_ppm={USDE=[[0, 900000]]}"
    sizes = ["--set", "population.accounts=40", "--set", "prices.interval_ns=60s", "--set", ratios]
    record = tmp_path / "own.run"
    assert call("run", "depeg", *named, *sizes, "-o", record).exit_code == 0
    assert call("verify", record, "--plugins", tmp_path).exit_code == 0
    assert call("verify", record).exit_code == 2
