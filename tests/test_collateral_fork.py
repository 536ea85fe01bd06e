"""Forks of a run with collateral: another oracle, other ratios, a deposit of a named asset, and their `diff`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.bodies.collateral import CoinDeposited, CoinWithdrawn, CollateralRated
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.run import RunForked
from deleverage.replay.verify.verification import verify

from .support.collateral_runs import DEPEG, ran
from .support.command_line import call

AT = ("--at", "+1m")


def forked(tmp_path: Path, *arguments: str) -> Path:
    """A fork of the run after a minute."""
    path = tmp_path / "fork.run"
    result = call("fork", ran(DEPEG)[1], *AT, "-o", path, *arguments)
    assert result.exit_code == 0, result.stderr
    assert verify(path).sound
    return path


def test_a_deposit_names_its_asset(tmp_path: Path) -> None:
    """Of another asset it is collateral; below zero it is taken out again."""
    path = forked(tmp_path, "--deposit", "trader-4=100 USDE", "--deposit", "trader-26=-3.5 USDE")
    run = open_run(path)
    (seq,) = run.forks
    paid = [run.event(seq + place).body for place in (1, 2)]
    ledger = run.at(seq=seq)
    assert paid == [
        CoinDeposited(ledger.account_ids["trader-4"], 1, 100_000_000),
        CoinWithdrawn(ledger.account_ids["trader-26"], 1, 3_500_000),
    ]
    body: Any = run.event(seq).body
    assert body.changes == (("trader-4.deposit", "100.000000 USDE"), ("trader-26.deposit", "-3.500000 USDE"))


@pytest.mark.parametrize(
    ("deposit", "told"),
    [
        ("trader-4=1 EUR", "there is no asset 'EUR'"),
        ("trader-4=1 BTC", "trader-4 settles in USDT and cannot hold BTC as collateral"),
        ("trader-16=1 USDE", "trader-16 settles in BTC and cannot hold USDE as collateral"),
        ("trader-4=-1000 USDE", "trader-4 cannot withdraw so much USDE: there is not enough"),
    ],
)
def test_what_cannot_be_deposited_is_refused_in_one_line(deposit: str, told: str) -> None:
    """With exit code 2, and nothing is run."""
    result = call("fork", ran(DEPEG)[1], *AT, "--deposit", deposit)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert told in result.stderr


def test_ratios_are_set_asset_by_asset_or_all_of_them(tmp_path: Path) -> None:
    """Either way the rating is an event after the fork, and the run verifies."""
    path = forked(tmp_path, "--set", "collateral.ratios_ppm.USDE=[[0, 500_000]]")
    run = open_run(path)
    assert isinstance(run.event(run.forks[0]).body, RunForked)
    rated = [event.body for event in run.events(run.forks[0]) if isinstance(event.body, CollateralRated)]
    assert [(tier.floor_atoms, tier.ratio_ppm) for one in rated for tier in one.tiers] == [(0, 500_000)]
    other = tmp_path / "b"
    other.mkdir()
    whole = open_run(forked(other, "--set", "collateral.ratios_ppm={USDE=[[0, 500_000]]}"))
    assert [type(e.body) for e in whole.events()] == [type(e.body) for e in run.events()]
    assert call("fork", ran(DEPEG)[1], *AT, "--set", "collateral.ratios_ppm.USDE=[[0, 2_000_000]]").exit_code == 2


def test_a_setting_of_one_entry_keeps_the_others(tmp_path: Path) -> None:
    """Of another asset's ratio nothing changes."""
    path = forked(tmp_path, "--set", "collateral.ratios_ppm.BTC=[[0, 900_000]]")
    run = open_run(path)
    (producer,) = (one for one in run.producers_at(run.count - 1) if one.handler == "collateral")
    assert producer.parameters["ratios_ppm"] == {
        "USDE": [[0, 950_000], [10_000, 800_000]],
        "BTC": [[0, 900_000]],
    }


def test_a_funds_balance_is_set_in_its_own_asset(tmp_path: Path) -> None:
    """Half a bitcoin, not so many atoms of the first asset."""
    run = open_run(forked(tmp_path, "--set", "insurance_fund.balances.BTC=0.5"))
    ledger = run.at(seq=run.forks[0] + 1)
    assert ledger.accounts[ledger.account_ids["insurance:BTC"]].balance_atoms == 50_000_000


def test_diff_compares_collateral_and_who_was_called_under_either_oracle(tmp_path: Path) -> None:
    """What is held and sold, at which price it was converted; and who was called or liquidated in only one run."""
    oracle = ("--set", "oracle.policy=redemption", "--set", 'oracle.redeems={USDE=["", 1_000_000]}')
    child = forked(tmp_path, *oracle, "--set", "collateral.ratios_ppm.USDE=[[0, 100_000]]")
    parent = ran(DEPEG)[1]
    told = call("diff", parent, child).stdout
    assert "\nconverted at             0.8729         1.0000\n" in told
    assert "\nown market at            0.8729         " in told
    assert "totals, USDE" not in told
    assert "gains, USDE" not in told
    document = json.loads(call("diff", parent, child, "--json").stdout)
    for side, run in (("a", open_run(parent)), ("b", open_run(child))):
        ledger = run.at()
        for account in document["accounts"]:
            held = ledger.accounts[account[side]["account"]]
            assert account[side]["coins"] == {ledger.assets[asset].name: atoms for asset, atoms in held.coins.items()}
        calls = Counter(ledger.name(e.body.account) for e in run.events() if isinstance(e.body, MarginCalled))
        assert all(account[side]["calls"] == calls[account["name"]] for account in document["accounts"])
    called = {
        side: {account["name"] for account in document["accounts"] if account[side]["calls"]} for side in ("a", "b")
    }
    assert called["a"] != called["b"]
    numbers = open_run(parent).at().account_ids
    for side, other in (("a", "b"), ("b", "a")):
        names = sorted(called[side] - called[other], key=numbers.__getitem__)
        listed = f"{len(names)}: {', '.join(names[:5])}" if names else "nobody"
        assert f"called only in {side.upper()} {listed}" in " ".join(told.split())


def test_what_an_oracle_says_of_a_coin_that_is_kept_is_no_gain(tmp_path: Path) -> None:
    """Coins are taken at the price of their own market: by that who neither traded nor sold has gained nothing."""
    child = forked(tmp_path, "--set", "oracle.policy=redemption", "--set", 'oracle.redeems={USDE=["", 1_000_000]}')
    document = json.loads(call("diff", ran(DEPEG)[1], child, "--json").stdout)
    (kept,) = (account for account in document["accounts"] if account["name"] == "trader-79")
    assert kept["equity_difference_atoms"] > 0
    assert abs(kept["gain_atoms"]) < 10**4  # what the mark of its position stands apart by
    (sold,) = (account for account in document["accounts"] if account["name"] == "trader-26")
    assert sold["a"]["coins_sold_atoms"] == sold["a"]["coins_in_atoms"] == {"USDE": 4_351_931_104}
    assert abs(sold["gain_atoms"]) < 15 * 10**6  # it was sold in a market that stood 0.4% apart, not 15%
