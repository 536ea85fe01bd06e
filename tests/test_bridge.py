"""An imported incident as a scenario: every figure comes back, forks work, guesses are listed."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage import Scenario, run
from deleverage.events.bodies.listing import InstrumentKind
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import QueryError, RecordExistsError
from deleverage.events.ledger import Ledger
from deleverage.handlers.valuation import margin_of
from deleverage.replay.bridge.accounts import _entry
from deleverage.replay.bridge.bridge import bridge
from deleverage.replay.importers.adl_table.book import OTHER_POSITIONS
from deleverage.replay.run import Run, open_run
from deleverage.replay.verdict.verdict import verdict_of
from deleverage.sim.populations.base import OpeningAsset, OpeningMarket
from deleverage.sim.populations.csv_file import _cost
from deleverage.sim.sources.base import InstrumentScale, InverseScale
from tests.support import node_fills
from tests.support.adl_table import TABLE, imported, row
from tests.support.command_line import call, small_record
from tests.support.exported import exported, incident
from tests.support.node_fills import ANN, BOB, CAT, block, trade
from tests.support.venue import Book, listed

SELLER = {"startPosition": "-3.0", "dir": "Close Short"}
FORCED = {"liquidation": {"liquidatedUser": ANN, "markPx": "90.0", "method": "backstop"}}


def carried_out(folder: Path, imported_run: Run, rulebook: str = "generic") -> Run:
    """The bridge of an import under a rulebook, run."""
    bridge(imported_run, folder / "bridged", asked_rulebook=rulebook)
    run(Scenario.load(str(folder / "bridged" / "scenario.toml")), folder / "bridged.run")
    return open_run(folder / "bridged.run")


def opened(past: Run) -> Ledger:
    """The state of a bridged run once all accounts are there and every price is marked."""
    first = next(event for event in past.events() if type(event.body).__name__ == "PriceTicked")
    last = next(event for event in past.events(first.seq + 1) if type(event.body).__name__ != "MarkPriced")
    return past.at(seq=last.seq - 1)


def reductions(past: Run) -> list[tuple[str, int]]:
    """Who gave how many lots, in their order."""
    names = past.at().account_names
    return [
        (names[body.account], body.size_lots)
        for body in (event.body for event in past.events())
        if isinstance(body, PositionDeleveraged)
    ]


@pytest.mark.parametrize("venue", ["generic", "bybit"])
def test_the_bridged_run_is_the_incident_again(venue: str, tmp_path: Path) -> None:
    """Balances, sizes, costs and equities are those of the import to the atom, and the rule takes the same again."""
    told = max(exported(venue), key=lambda one: len(one.facts))
    source = incident(tmp_path, told)
    past = carried_out(tmp_path, source, venue)
    there, here = source.at(seq=json.loads((tmp_path / "bridged" / "inferred.json").read_text())["seq"]), opened(past)
    for name in {one["user"] for one in told.facts}:
        mine, theirs = (ledger.accounts[ledger.account_ids[name]] for ledger in (here, there))
        assert mine.balance_atoms == theirs.balance_atoms
        assert margin_of(mine, here).equity_atoms == margin_of(theirs, there).equity_atoms
        held = {here.markets[key[0]].listing.name: one for key, one in mine.positions.items()}
        for key, one in theirs.positions.items():
            listing = there.markets[key[0]].listing
            shift = one.size_lots if listing.name == OTHER_POSITIONS else 0
            copy = held[listing.name]
            assert (copy.size_lots, copy.cost_atoms) == (one.size_lots, one.cost_atoms + shift)
    assert reductions(past) == reductions(source)


def test_it_can_be_run_forked_and_verified(tmp_path: Path) -> None:
    """From the command line: bridge, run, a fork under another rule, and every decision executed again."""
    told = max(exported("generic"), key=lambda one: len(one.facts))
    source, folder, past, other = incident(tmp_path, told), tmp_path / "in", tmp_path / "a.run", tmp_path / "b.run"
    assert call("bridge", source.path, "-o", folder, "--rulebook", "generic").exit_code == 0
    files = {one.name for one in folder.iterdir()}
    assert files == {"accounts.csv", "inferred.json", "prices.csv", "scenario.toml"}
    assert call("run", folder / "scenario.toml", "-o", past).exit_code == 0
    at = next(event.seq for event in open_run(past).events() if type(event.body).__name__ == "PriceTicked")
    forked = call("fork", past, "--at", str(at - 1), "--set", "adl.policy=contract-pro-rata", "-o", other)
    assert forked.exit_code == 0
    assert reductions(open_run(other)) != reductions(open_run(past)) == reductions(source)
    assert call("verify", past).exit_code == 0


@given(
    kind=st.sampled_from(["linear", "inverse"]),
    lots=st.integers(-(10**6), 10**6).filter(bool),
    multiplier=st.sampled_from([1, 7, 1_000]),
    cost=st.integers(1, 10**12),
)
@example(kind="inverse", lots=3, multiplier=7, cost=10**12)
def test_an_entry_gives_its_cost_again(kind: InstrumentKind, lots: int, multiplier: int, cost: int) -> None:
    """Whatever a position cost, the price that is written for it is read as that cost; or there is no such price."""
    listing = listed(0, multiplier_atoms=multiplier, kind=kind)
    market = Book(listing).ledger.markets[0]
    atoms = cost if (lots > 0) == (kind == "linear") else -cost
    text = _entry(market, lots, atoms)
    ticks = Fraction(atoms, lots * multiplier) if kind == "linear" else Fraction(-lots * multiplier, atoms)
    if text is None:
        assert ticks < 1
        return
    scale = (InstrumentScale if kind == "linear" else InverseScale)(0, "X", Decimal(1), Decimal(1))
    opening = OpeningMarket(scale, 1, multiplier, OpeningAsset(decimals=6))
    assert _cost(lots, {"entry_price": text, "size": str(lots)}, opening) == atoms


def test_what_no_file_tells_is_listed_with_its_bounds(tmp_path: Path) -> None:
    """Fills without states: each balance is concluded, and its bounds are told."""
    result = node_fills.imported(tmp_path, block(1, *_forced_sides()))
    found = bridge(open_run(result.run), tmp_path / "in")
    balances = {one.account: one for one in found.concluded if one.what == "balance"}
    assert set(balances) == {ANN, BOB, CAT}
    assert balances[ANN].most == balances[ANN].value
    assert "others were deleveraged against it" in balances[ANN].rule
    for account in (BOB, CAT):
        assert balances[account].most is None
        assert float(balances[account].least or -1) <= float(balances[account].value)
    assert {one.what for one in found.assumed} == {"fund", "depth", "traders", "funding", "marks", "rates"}
    assert json.loads((tmp_path / "in" / "inferred.json").read_text()) == json.loads(msgspec.json.encode(found))


def test_unknown_balances_leave_room_and_are_no_departure(tmp_path: Path) -> None:
    """Of two whose balance no file states either may be the first by leverage; by the move of the price only one."""
    result = node_fills.imported(tmp_path, block(1, *_forced_sides()))
    found = verdict_of(open_run(result.run))
    assert (found.unknown_balances, found.rule.departure) == (2, None)
    assert found.rule.room + found.rule.ties >= 1


def test_an_instrument_that_is_marked_later_begins_there(tmp_path: Path) -> None:
    """What trades only after the point has its first price from the beginning, which is told; later ones follow."""
    later = {"startPosition": "5.0"}
    blocks = (
        block(1, *_forced_sides()),
        block(2, *trade("ETH", "1.0", "4000.0", later), second=2),
        block(3, *trade("ETH", "1.0", "4100.0", {"startPosition": "6.0"}, {"startPosition": "-1.0"}), second=3),
    )
    found = bridge(open_run(node_fills.imported(tmp_path, *blocks).run), tmp_path / "in")
    assert found.instruments == ("SOL", "ETH")
    assert [one.rule for one in found.assumed if one.key == "prices.file"] == [
        "the record has no mark before that point of ETH"
    ]
    rows = [line.split(",") for line in (tmp_path / "in" / "prices.csv").read_text().splitlines()]
    assert [float(price) for _, name, price in rows[1:] if name == "ETH"] == [4000, 4000, 4100]


def test_a_debt_is_put_into_the_cost(tmp_path: Path) -> None:
    """An account that has less than nothing begins with 0, and its equity is the same."""
    source = open_run(imported(tmp_path, row(0, "0xa", account_value_cash="-20.0"), *TABLE[1:2]).run)
    past = carried_out(tmp_path, source, "hyperliquid")
    here, there = opened(past), source.at(seq=_point(tmp_path))
    mine, theirs = (ledger.accounts[ledger.account_ids["0xa"]] for ledger in (here, there))
    assert (mine.balance_atoms, theirs.balance_atoms) == (0, -20 * 10**6)
    assert margin_of(mine, here).equity_atoms == margin_of(theirs, there).equity_atoms


def test_what_cannot_be_bridged_is_refused_in_one_line(tmp_path: Path) -> None:
    """A run that was decided here, an unknown rulebook, a point without positions, a place that is taken."""
    source = open_run(imported(tmp_path, *TABLE).run)
    with pytest.raises(QueryError, match="decided here and not taken in"):
        bridge(open_run(small_record(tmp_path)), tmp_path / "in")
    with pytest.raises(QueryError, match="there is no rulebook 'nasdaq'; choose one with --rulebook"):
        bridge(source, tmp_path / "in", asked_rulebook="nasdaq")
    with pytest.raises(QueryError, match="no account holds a position there"):
        bridge(source, tmp_path / "in", at="3")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(RecordExistsError, match="not an empty folder"):
        bridge(source, tmp_path / "taken")
    assert not (tmp_path / "in").exists()
    assert not list(tmp_path.glob(".*.part"))


def _point(folder: Path) -> int:
    return int(json.loads((folder / "bridged" / "inferred.json").read_text())["seq"])


def _forced_sides() -> list[node_fills.Side]:
    """ANN, short 3, is closed against CAT, deleveraged by 2 from 60, and BOB, by 1 from 80."""
    told = {"dir": "Auto-Deleveraging"}
    cat = {"address": CAT, "startPosition": "2.0", "closedPnl": "60.0", **told}
    bob = {"startPosition": "1.0", "closedPnl": "10.0", **told}
    return [
        *trade("SOL", "2.0", "90.0", SELLER, cat, **FORCED),
        *trade("SOL", "1.0", "90.0", {**SELLER, "startPosition": "-1.0"}, bob, **FORCED),
    ]
