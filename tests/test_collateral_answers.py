"""What is told of a run of several assets: sums in the first one, collateral by its worth, the rest in its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.bodies.collateral import CollateralSold
from deleverage.events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from deleverage.events.bodies.margin import CollateralAdded, PositionReduced
from deleverage.events.bodies.waterfall import InsuranceFundCredited, PositionDeleveraged
from deleverage.handlers.conversion import in_asset, in_first
from deleverage.handlers.valuation import margin_of
from deleverage.replay.lab.meter import measured
from deleverage.replay.why.accounts import forced_in
from deleverage.sim.outcome import outcome

from .support.collateral_runs import BTC, DEPEG, TWO_ASSETS, USDE, USDT, ran, worths
from .support.command_line import call

SUMMED = (PositionTakenOver, PositionDeleveraged, PositionReduced, CollateralAdded, CollateralSold)


def summed(path: Path) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """The sums of a run as its events have them: in the first asset at the prices of the time, and by asset."""
    whole, by_asset = Counter[str](), dict[str, Counter[str]]()
    run = open_run(path)
    ledger = run.at()
    for event, worth in worths(run.events()):
        body: Any = event.body
        if not isinstance(body, (*SUMMED, LiquidationFilled, InsuranceFundCredited)):
            continue
        name = type(body).__name__
        if isinstance(body, LiquidationFilled) and ledger.accounts[body.account].kind == "insurance":
            name = "InventorySold"
        asset = ledger.accounts[body.account].asset
        atoms = body.amount_atoms if name in ("CollateralAdded", "InsuranceFundCredited") else abs(body.value_atoms)
        whole[name] += worth(asset, atoms)
        by_asset.setdefault(ledger.assets[asset].name, Counter())[name] += atoms
    return whole, by_asset


@pytest.mark.parametrize("scenario", [DEPEG, TWO_ASSETS])
def test_a_sum_over_assets_is_in_the_first_at_the_prices_of_the_time(scenario: str) -> None:
    """And each asset's own sums stand beside it, in its own atoms."""
    result, path = ran(scenario)
    document, (whole, by_asset) = outcome(result), summed(path)
    assert {name: document["sums_atoms"][name] for name in whole} == whole
    for asset, sums in by_asset.items():
        assert {name: document["sums_by_asset_atoms"][asset][name] for name in sums} == sums
    assert document["asset"] == "USDT"


@pytest.mark.parametrize("scenario", [DEPEG, TWO_ASSETS])
def test_the_funds_together_are_what_each_is_worth(scenario: str) -> None:
    """At the start at the opening prices, at the end at the last ones; each alone in its own asset."""
    result, _ = ran(scenario)
    fund, ledger = outcome(result)["fund"], result.ledger
    stated_atoms = 2_000_000_000 if scenario == DEPEG else 20_000_000_000
    assert stated_atoms - 10**6 < fund["start_atoms"] <= stated_atoms
    worth = sum(
        in_first(ledger, n, one["end_atoms"]) for n, one in zip((USDT, bitcoin(result)), fund["funds"], strict=True)
    )
    assert fund["end_atoms"] == worth
    assert [one["asset"] for one in fund["funds"]] == ["USDT", "BTC"]
    assert fund["low_atoms"] <= min(fund["start_atoms"], fund["end_atoms"])


def bitcoin(result: Any) -> int:
    """The number of BTC in a run."""
    return next(asset.asset for asset in result.ledger.assets if asset.name == "BTC")


def test_the_summary_says_what_is_told_by_its_worth(tmp_path: Path) -> None:
    """In which asset its amounts are, what collateral is held and sold, and each fund in its own asset."""
    told = call("run", DEPEG).stdout
    assert "amounts in USDT\nwhat is in another asset is told by its worth at the time\n" in told
    assert "fund         2,000.00 at the start" in told
    assert "insurance:BTC: 0.00854700 BTC at the start" in told
    assert "USDE held at the end, worth" in told
    assert "sold 10 times, for 6,416.67 in all" in told


def test_state_names_what_is_held_and_ranks_by_worth() -> None:
    """The largest by notional in the first asset; whoever is settled in BTC is told in USDT there."""
    _, path = ran(TWO_ASSETS)
    run = open_run(path)
    ledger = run.at()
    told = call("state", path).stdout
    lines = told[told.index("largest") :].splitlines()
    assert lines[0].startswith("largest, in USDT ")
    sizes = [int(line.split()[2].replace(",", "")) for line in lines[1:]]
    assert sizes == sorted(sizes, reverse=True)
    name, equity = lines[1].split()[:2]
    account = ledger.accounts[ledger.account_ids[name]]
    worth_atoms = in_first(ledger, account.asset, margin_of(account, ledger).equity_atoms)
    assert abs(int(equity.replace(",", "")) - worth_atoms / 10**6) <= 1


def test_state_shows_conversion_prices_ratios_and_coins() -> None:
    """Of the venue as a whole, and of an account: its amounts, their worth and what of it counts."""
    _, path = ran(DEPEG)
    told = call("state", path, "--at", "+4m").stdout
    assert "USDE          0.9469      0.9469  95%, 80% over 10,000.000000\n" in told
    assert "BTC        105,962.5   105,962.5                      nothing\n" in told
    assert "49,987.983164 USDE at 0.9469: worth 47,333.621250 USDT, of which" in " ".join(told.split())
    document = json.loads(call("state", path, "--at", "+4m", "--json").stdout)
    ledger = open_run(path).at(seq=document["seq"])
    for one in document["accounts"]:
        account = ledger.accounts[one["account"]]
        margin = margin_of(account, ledger)
        assert (one["equity_atoms"], one["collateral_atoms"]) == (margin.equity_atoms, margin.collateral_atoms)
        worth = sum(coin["worth_atoms"] for coin in one["coins"])
        assert worth - sum(coin["counted_atoms"] for coin in one["coins"]) == margin.haircut_atoms
        assert [coin["asset"] for coin in one["coins"]] == ["USDE"] * len(account.coins)
    (usde,) = (one for one in document["conversions"] if one["asset"] == "USDE")
    assert usde["held_atoms"] == sum(
        account.coins.get(USDE, 0) for account in ledger.accounts if account.kind == "user"
    )
    assert (usde["price"], usde["own_price"], usde["into"]) == ("0.9469", "0.9469", "USDT")


def test_state_of_an_account_tells_what_its_margin_is_made_of() -> None:
    """Balance, each coin, equity, and the part of it that counts; the ratio is of that part."""
    _, path = ran(DEPEG)
    told = call("state", path, "--at", "+1m", "--account", "trader-4").stdout
    assert "\ncollateral   " in told
    assert " of it counts as collateral\n" in told
    document = json.loads(call("state", path, "--at", "+1m", "--account", "trader-4", "--json").stdout)
    (one,) = document["accounts"]
    assert one["margin_ratio_bps"] == one["collateral_atoms"] * 10_000 * 10**6 // requirement(
        path, document["seq"], one
    )


def requirement(path: Path, seq: int, one: dict[str, Any]) -> int:
    """In millionths of an atom."""
    ledger = open_run(path).at(seq=seq)
    return margin_of(ledger.accounts[one["account"]], ledger).requirement_microatoms


def test_an_amount_of_one_asset_in_another_and_back() -> None:
    """Rounded down both ways; of the first asset it is the amount itself."""
    ledger = ran(DEPEG)[0].ledger
    for atoms in (0, 1, 12_345_678, -5):
        assert in_asset(ledger, USDT, atoms) == in_first(ledger, USDT, atoms) == atoms
    worth = in_first(ledger, BTC, 10**8)
    assert worth == ledger.markets[2].mark_ticks * 500_000
    assert in_asset(ledger, BTC, worth) == 10**8
    assert in_asset(ledger, BTC, worth - 1) == 10**8 - 1


@pytest.mark.parametrize("scenario", [DEPEG, TWO_ASSETS])
def test_the_lab_measures_in_the_first_asset(scenario: str) -> None:
    """What was closed as the summary has it, and what the funds used by what each is worth at the end."""
    result, path = ran(scenario)
    found, document = measured(open_run(path).events()), outcome(result)
    assert found.asset == "USDT"
    assert found.value_deleveraged_atoms == document["sums_atoms"]["PositionDeleveraged"]
    ledger, used_atoms = result.ledger, 0
    for asset, fund in zip((USDT, bitcoin(result)), document["fund"]["funds"], strict=True):
        fees = document["sums_by_asset_atoms"]["USDT" if asset == USDT else "BTC"]["InsuranceFundCredited"]
        used_atoms += in_first(ledger, asset, fund["start_atoms"] + fees - fund["end_atoms"])
    assert found.fund_used_atoms == used_atoms
    assert found.owed_atoms == document["unpaid"]["owed_at_the_end_atoms"]


def test_a_listing_of_who_lost_most_is_by_worth(tmp_path: Path) -> None:
    """And pages for everyone who was deleveraged, settled in whichever asset."""
    _, path = ran(TWO_ASSETS)
    run = open_run(path)
    ledger = run.at()
    listed = forced_in(run, order="loss").accounts
    assert {ledger.accounts[one.account].asset for one in listed[:20]} == {USDT, bitcoin(ran(TWO_ASSETS)[0])}
    gained = [(ledger.accounts[one.account].asset, one.gained.number) for one in listed if one.gained is not None]
    assert [in_first(ledger, *one) for one in gained] == sorted(in_first(ledger, *one) for one in gained)
    result = call("why", path, "--everyone", "-o", tmp_path / "pages", "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / "pages").iterdir())) == 1 + outcome(ran(TWO_ASSETS)[0])["deleveraged_accounts"]


def test_history_shows_coins_and_what_counts() -> None:
    """Each change of them under their name, from nothing on and down to nothing."""
    told = call("history", ran(DEPEG)[1], "--account", "trader-4").stdout
    assert "with marks, funding and prices of collateral, which name nobody." in told
    assert "\nUSDE         none -> 152.135272\n" in told
    assert re.search(r"\nUSDE         [\d.]+ -> none\n", told)
    assert re.search(r"\nthat counts  [\d.]+ -> [\d.]+\n", told)
