"""Populations from a CSV: read exactly, and every fault named with file and line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.populations.base import OpeningAccount, OpeningMarket, OpeningPosition
from deleverage.sim.populations.csv_file import CsvPopulation
from deleverage.sim.populations.registry import PopulationSettings, open_population
from deleverage.sim.sources.base import InstrumentScale

MARKETS = (
    OpeningMarket(InstrumentScale(0, "BTC", Decimal("0.1"), Decimal("0.001")), 1_000_000, 100),
    OpeningMarket(InstrumentScale(1, "ETH", Decimal("0.01"), Decimal("0.01")), 400_000, 100),
)
HEADER = "account,balance,instrument,size,entry_price"
FULL = f"{HEADER},leg,mode,owner"


def population(tmp_path: Path, *lines: str, header: str = HEADER) -> CsvPopulation:
    """The population of a file with these lines."""
    (tmp_path / "accounts.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    opened = open_population(
        msgspec.convert({"source": "csv", "file": "accounts.csv"}, PopulationSettings), folder=tmp_path
    )
    assert isinstance(opened, CsvPopulation)
    return opened


def accounts(tmp_path: Path, *lines: str, header: str = HEADER) -> list[OpeningAccount]:
    """Its accounts, with six decimals of money."""
    return list(population(tmp_path, *lines, header=header).accounts(MARKETS, 6, 1))


def test_rows_become_accounts(tmp_path: Path) -> None:
    """Two rows of one account are two positions; a row without one is an account with money only."""
    read = accounts(tmp_path, "alice,1000.5,ETH,-2.5,4000", "bob,7,,,", "alice,1000.50,BTC,0.010,100000.05")
    assert read == [
        OpeningAccount(
            "alice",
            "cross",
            None,
            1_000_500_000,
            (OpeningPosition(0, 0, 10, 1_000_000_500, 3), OpeningPosition(1, 0, -250, -10_000_000_000, 1)),
            1,
        ),
        OpeningAccount("bob", "cross", None, 7_000_000, (), 2),
    ]


def test_an_entry_between_ticks_is_kept_to_the_atom(tmp_path: Path) -> None:
    """An average entry need not be a tick; the cost is rounded half to even to an atom."""
    (account,) = accounts(tmp_path, "a,1,BTC,0.001,100000.0123455")
    assert account.positions[0].cost_atoms == 100_000_012


def test_isolated_accounts_have_an_owner(tmp_path: Path) -> None:
    """Columns may come in any order; legs keep two positions of one instrument apart."""
    header = "owner,mode,leg,account,balance,instrument,size,entry_price"
    lines = (",,1,a,5,BTC,1,100000", ",cross,2,a,5,BTC,-1,100000", "a,isolated,,a-btc,9,BTC,1,100000")
    whole, isolated = accounts(tmp_path, *lines, header=header)
    assert [(p.leg, p.size_lots) for p in whole.positions] == [(1, 1000), (2, -1000)]
    assert (isolated.mode, isolated.owner) == ("isolated", "a")


def test_rows_are_counted(tmp_path: Path) -> None:
    """The tally has every row and nothing left out."""
    read = population(tmp_path, "a,1,,,", "b,1,,,")
    assert len(list(read.accounts(MARKETS, 6, 1))) == 2
    assert read.tally(4) == SourceTally(4, 2, 0)
    assert (read.name, read.layout, len(read.sha256)) == ("accounts.csv", "accounts csv", 32)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("b,1,XRP,1,1,,,", "unknown instrument 'XRP'; the scenario lists BTC, ETH"),
        ("b,1,BTC,0.0005,1,,,", "0.0005 is not a whole number of steps of 0.001"),
        ("b,1,BTC,0,1,,,", "size is 0"),
        ("b,1,BTC,x,1,,,", "'x' is not a number"),
        ("b,1,BTC,,1,,,", "'' is not a number"),
        ("b,1,,1,1,,,", "unknown instrument ''"),
        ("b,1,BTC,1,0,,,", "less than one tick"),
        ("b,1,BTC,1,,,,", "'' is not a number"),
        ("b,1,BTC,1e15,100000,,,", "passes 2^63 - 1"),
        ("b,1,BTC,1e9,100000,,,", "passes 2^63 - 1 atoms"),
        ("b,,BTC,1,100000,,,", "no row states the balance of account 'b'"),
        ("b,-1,,,,,,", "balance -1 is below 0"),
        ("b,0.0000001,,,,,,", "not a whole number of steps"),
        ("b,1e20,,,,,,", "passes 2^63 - 1"),
        ("b,1,BTC,1,100000,x,,", "leg 'x' is not a whole number"),
        ("b,1,BTC,1,100000,256,,", "leg 256 is over 255"),
        ("b,1,BTC,1,100000,,hedged,", "mode 'hedged' is neither cross nor isolated"),
        ("b,1,BTC,1,100000,,isolated,", "an isolated account names its owner"),
        ("b,1,BTC,1,100000,,,a", "a cross account none"),
        ("b,1,BTC,1,100000,,isolated,zoe", "owner 'zoe' is no cross account of the file"),
        (",1,,,,,,", "account '' is no name"),
        ('"b",1,,,,,,', "is no name"),
        ("a,1,BTC,1,100000,,,", "a second position in the same instrument and leg, the first is in row 1; join them"),
        ("a,2,ETH,1,100,,,", "balance 2 differs from row 1"),
        ("a,1,ETH,1,100,,isolated,", "mode 'isolated' differs from row 1"),
        (" b,1,,,,,,", "padded field"),
        ("", "empty line"),
        ("b,1", "2 fields where 8 are expected"),
    ],
)
def test_every_bad_row_names_file_and_line(tmp_path: Path, bad: str, what: str) -> None:
    """What cannot be read is one line with file, line, fault and remedy."""
    with pytest.raises(ScenarioError) as raised:
        accounts(tmp_path, "a,1,BTC,1,100000,,cross,", bad, "c,1,,,,,,", header=FULL)
    text = str(raised.value)
    assert text.startswith(f"{tmp_path / 'accounts.csv'}:3: ")
    assert what in text
    assert ";" in text
    assert "\n" not in text


def test_an_isolated_account_has_one_position(tmp_path: Path) -> None:
    """A second one needs an account of its own."""
    lines = ("a,1,,,,,,", "i,1,BTC,1,100000,,isolated,a", "i,1,ETH,1,100,,isolated,a")
    with pytest.raises(ScenarioError, match=r"accounts.csv:3: account 'i' is isolated and has a second position"):
        accounts(tmp_path, *lines, header=FULL)


def test_a_fault_in_the_last_line_is_found(tmp_path: Path) -> None:
    """An account is not left out silently because nothing comes after it."""
    with pytest.raises(ScenarioError, match=r"accounts.csv:3: padded field"):
        accounts(tmp_path, "a,1,,,", "b,1,,, ")


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("account,balance,instrument,size", "lacks 'entry_price'"),
        (f"{HEADER},lever", "has unknown 'lever'"),
        (f"{HEADER},leg,leg", "repeats 'leg'"),
    ],
)
def test_a_wrong_header_says_what_differs(tmp_path: Path, header: str, what: str) -> None:
    """The error names the columns and shows the ones expected."""
    with pytest.raises(ScenarioError, match=f"accounts.csv:1: the header {what}; expected account,balance"):
        population(tmp_path, header=header)


def test_a_file_without_accounts_is_refused(tmp_path: Path) -> None:
    """A header alone is no population."""
    with pytest.raises(ScenarioError, match="there are no accounts"):
        accounts(tmp_path)


def test_a_missing_file_names_the_key(tmp_path: Path) -> None:
    """The error says which key of the scenario."""
    settings = msgspec.convert({"source": "csv", "file": "gone.csv"}, PopulationSettings)
    with pytest.raises(ScenarioError, match=r"\$.population.file: there is no file 'gone.csv'"):
        open_population(settings, folder=tmp_path)
