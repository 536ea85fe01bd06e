"""Populations of several assets: what an account of a file settles in and holds, and who is given collateral."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deleverage import Scenario
from deleverage.events.errors import ScenarioError
from deleverage.sim.populations.base import OpeningAccount

from .support.collateral_runs import BTC, DEPEG, USDE, USDT
from .support.command_line import call

HEADER = "account,balance,instrument,size,entry_price,asset,coins"
GOOD = (
    "in-usdt,500.5,BTC-PERP,0.01,117000,,USDE 1000.000001",
    "in-btc,0.25,BTC-USD,100,117000,BTC,",
    "idle,1,,,,USDT,USDE 2",
)


def scenario(folder: Path, *lines: str) -> Path:
    """The collateral scenario with the accounts of a file."""
    (folder / "accounts.csv").write_text("\n".join((HEADER, *lines)) + "\n")
    text = Path(DEPEG).read_text()
    table = '[population]\nsource = "csv"\nfile = "accounts.csv"\n'
    text = re.sub(r"\[population\]\n(?:[^\[].*\n)*", table, text)
    (folder / "a.toml").write_text(text)
    return folder / "a.toml"


def opened(folder: Path, *lines: str) -> dict[str, OpeningAccount]:
    """The accounts by name."""
    return {one.name: one for one in Scenario.load(str(scenario(folder, *lines))).resolve().population()}


def test_an_account_of_a_file_states_its_asset_and_its_coins(tmp_path: Path) -> None:
    """Its balance is in that asset, the first one where none is stated; coins are in atoms of their own."""
    found = opened(tmp_path, *GOOD)
    assert [(one.asset, one.balance_atoms, one.coins) for one in found.values()] == [
        (USDT, 500_500_000, ((USDE, 1_000_000_001),)),
        (BTC, 25_000_000, ()),
        (USDT, 1_000_000, ((USDE, 2_000_000),)),
    ]


def test_a_run_of_such_a_file_states_the_coins(tmp_path: Path) -> None:
    """Down to the record, with the row that they are from."""
    path = tmp_path / "a.run"
    assert call("run", scenario(tmp_path, *GOOD), "-o", path).exit_code == 0
    told = call("log", path, "--type", "CoinStated").stdout
    assert "CoinStated account=in-usdt asset=USDE balance=1,000.000001 provenance=source 2 row 1" in told


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("x,1,BTC-PERP,0.01,117000,BTC,", "BTC-PERP settles in USDT, and account 'x' in BTC"),
        ("x,1,BTC-USD,100,117000,,", "BTC-USD settles in BTC, and account 'x' in USDT; state BTC as its asset"),
        ("x,1,,,,EUR,", "nothing settles in 'EUR'; choose from USDT, BTC"),
        ("x,1,,,,,EUR 5", "'EUR' has no spot market; of collateral there is USDE"),
        ("x,1,,,,BTC,USDE 5", "USDE is sold for USDT, and the account settles in BTC"),
        ("x,1,,,,,USDE", "coins 'USDE' is no list such as"),
        ("x,1,,,,,USDE 1; USDE 2", "each asset once"),
        ("x,1,,,,,USDE -1", "not above 0"),
        ("x,1,,,,,USDE 0.0000001", "whole"),
        ("in-usdt,500.5,,,,BTC,", "nothing"),
    ],
)
def test_every_bad_row_names_file_and_line(tmp_path: Path, bad: str, what: str) -> None:
    """One line on stderr, and exit code 2."""
    if what == "nothing":
        result = call("run", scenario(tmp_path, *GOOD[:1], bad))
        assert "asset 'BTC' differs from row 1; state it once" in result.stderr
    else:
        result = call("run", scenario(tmp_path, bad))
        assert what in result.stderr
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "accounts.csv:" in result.stderr


def test_who_settles_in_what_a_coin_is_not_sold_for_holds_none_of_it() -> None:
    """Drawn accounts settled in BTC put up BTC; most of the others put up the coin."""
    accounts = list(Scenario.load(DEPEG).resolve().population())
    assert any(one.asset == BTC for one in accounts)
    assert all(not one.coins for one in accounts if one.asset == BTC)
    assert sum(bool(one.coins) for one in accounts if one.asset == USDT) > 10


def test_an_unknown_asset_of_a_population_is_refused() -> None:
    """As before: what has no spot market is no collateral."""
    with pytest.raises(ScenarioError, match="has no spot market"):
        Scenario.load(DEPEG, ('population.collateral=[["EUR", 1]]',)).resolve().population().__next__()
