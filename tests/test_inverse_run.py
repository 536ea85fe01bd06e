"""Inverse contracts end to end: listed, opened, quoted, run, verified, forked; and a real day of one."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run
from deleverage.events.errors import ScenarioError
from deleverage.events.record import MemoryRecord
from deleverage.handlers.liquidation_price import LiquidationPrices, liquidation_prices
from deleverage.handlers.valuation import margin_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.verify.verification import verify
from deleverage.sim.populations.base import OpeningMarket
from deleverage.sim.populations.csv_file import CsvPopulation, CsvPopulationSettings
from deleverage.sim.populations.seeded import SeededPopulation, SeededSettings
from deleverage.sim.sources.base import InstrumentScale, InverseScale, canonical_sha256
from deleverage.sim.sources.bookdepth import BookDepthSettings, BookDepthSource
from deleverage.sim.sources.profile import ProfileSettings, ProfileSource
from deleverage.sim.units import inverse_multiplier_atoms

from .support.command_line import call
from .support.crash import checked, simulation_of
from .support.past import goes_on_the_same
from .support.priming import differences
from .support.real_data import real_file
from .support.venue import Book, listed, tiers_of

INVERSE_CRASH = str(Path(__file__).parent / "support" / "inverse-crash.toml")
FEW = "population.accounts=60"
AVAX = InverseScale(0, "AVAX", Decimal("0.001"), Decimal(10))
MARKET = OpeningMarket(AVAX, 28_400, inverse_multiplier_atoms(AVAX.tick_size, AVAX.lot_size, 8))


def test_it_reaches_every_stage_and_every_law_holds() -> None:
    """Calls, answers, liquidations, takeovers, deleveraging, funding: everything is settled in coins."""
    events, ledger = checked(INVERSE_CRASH)
    seen = Counter(type(event.body).__name__ for event in events)
    for stage in ("MarginCalled", "CollateralAdded", "PositionReduced", "LiquidationFilled", "PositionTakenOver"):
        assert seen[stage], stage
    assert seen["PositionDeleveraged"]
    assert seen["FundingAccrued"]
    assert seen["LossSocialized"]
    assert ledger.assets[0].name == "AVAX"
    assert ledger.markets[0].payoff.value_atoms(1, 28_400) == -35_211_268  # 10 / 28.4 coins, away from zero


def test_a_short_paid_for_in_coins_cannot_be_liquidated() -> None:
    """Its coins are worth what it owes at any price; a long of the same leverage is gone at about half the price."""
    book = Book(listed(kind="inverse", multiplier_atoms=10**9, tiers=tiers_of((0, 10_000))))
    book.mark(1000)
    coins = 50 * 10**9 // 1000
    found = [
        liquidation_prices(account, book.ledger.markets, margin_of(account, book.ledger))[0]
        for account in map(book.account, (book.user(coins, (0, -50, 1000)), book.user(coins, (0, 50, 1000))))
    ]
    # Equity, 100 - 50,000 / p, is 1% of 50,000 / p, in millions of atoms, at just 505: rounding up tips it.
    assert found == [LiquidationPrices(None, None), LiquidationPrices(505, None)]


@pytest.mark.parametrize("venue", ["binance", "bitmex", "bybit", "dydx", "hyperliquid", "okx"])
def test_every_law_holds_under_a_venues_rulebook(venue: str) -> None:
    """Their policies ask the payoff, so that coins are no case of their own."""
    events, _ = checked(INVERSE_CRASH, FEW, f"venue={venue}")
    assert Counter(type(event.body).__name__ for event in events)["LiquidationStarted"]


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_taken_up_anywhere_it_goes_on_the_same(data: st.DataObject) -> None:
    """From nothing but its inputs, and from any event."""
    events, _ = checked(INVERSE_CRASH, FEW)
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_primed_anywhere_the_handlers_say_the_same(data: st.DataObject) -> None:
    """The range index of inverse positions is only speed."""
    events, _ = checked(INVERSE_CRASH, FEW)
    assert not list(differences(events, data.draw(st.integers(0, len(events))), 400))


def test_it_is_verified_forked_and_told(tmp_path: Path) -> None:
    """On disk: sound; forked without changes the same; `state` and `why` read it."""
    path = tmp_path / "inverse.run"
    run(Scenario.load(INVERSE_CRASH, [FEW]), path)
    assert verify(path).sound
    parent = open_run(path)
    assert fork(parent, 500, output=tmp_path / "same.run").head == parent.head
    changed = fork(parent, 500, Changes(settings=("adl.policy=profit-share",)), tmp_path / "changed.run")
    assert changed.status == "complete"
    assert changed.head != parent.head
    deleveraged = next(event for event in parent.events() if type(event.body).__name__ == "PositionDeleveraged")
    for asked in (("state", path, "--at", "500"), ("why", path, str(deleveraged.seq))):
        said = call(*asked)
        assert said.exit_code == 0, said.output
        assert "AVAX" in said.output


def test_a_crash_of_real_trades_of_a_coin_margined_perpetual(tmp_path: Path) -> None:
    """The AVAX file is of such a contract: run on its whole day, laws holding; skipped where it is absent."""
    trades = real_file("avaxusd-perp-trades-2025-10-10.csv.gz")
    text = Path(INVERSE_CRASH).read_text(encoding="utf-8")
    head, _, rest = text.partition("[prices]")
    scenario = tmp_path / "avax.toml"
    prices = f'[prices]\nsource = "tardis"\nfile = "{trades}"\n\n[depth]'
    scenario.write_text(
        head.replace("2025-10-10T21:00:00Z", "2025-10-10T00:00:00Z") + prices + rest.partition("[depth]")[2]
    )
    record = MemoryRecord()
    simulation = simulation_of(record, "population.accounts=40", name=str(scenario))
    simulation.bus.tap(lambda event, ledger: None if event.seq % 100 else ledger.check())
    simulation.open()
    simulation.drive()
    seen = Counter(type(event.body).__name__ for event in record.events())
    assert seen["PriceTicked"] == 67_109
    assert seen["PositionDeleveraged"]


@pytest.mark.parametrize(
    ("tick", "lot", "decimals", "atoms"),
    [("0.001", "10", 8, 10**12), ("0.1", "100", 8, 10**11), ("0.5", "1", 8, 2 * 10**8)],
)
def test_the_multiplier_is_what_a_lot_comes_to_at_a_tick(tick: str, lot: str, decimals: int, atoms: int) -> None:
    """Ten dollars at a price of 0.001 are 10,000 coins of 10^8 atoms."""
    assert inverse_multiplier_atoms(Decimal(tick), Decimal(lot), decimals) == atoms


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("instruments[0].tick_size=0.3", "a lot of 10 at a tick of 0.3 is not a whole number of atoms of 1e-8"),
        ("instruments[0].kind=option", "kind 'option' has no payoff; use linear, inverse or spot"),
    ],
)
def test_what_cannot_be_listed_is_refused(override: str, says: str) -> None:
    """With the path of the instrument and what to do."""
    with pytest.raises(ScenarioError, match=says):
        simulation_of(MemoryRecord(), override, name=INVERSE_CRASH)


@given(st.integers(1, 10**6), st.sampled_from(["0.5", "1", "3", "20", "125"]), st.sampled_from(["0", "0.3", "0.9"]))
def test_a_seeded_account_has_a_balance_above_zero(seed: int, leverage: str, spread: str) -> None:
    """However low a long bought, and whatever that made in coins, equity less profit is more than nothing."""
    drawn = SeededSettings(
        accounts=8,
        median_notional=Decimal(500),
        max_notional=Decimal(10**5),
        leverage=((Decimal(leverage), Decimal(1)),),
        entry_spread=Decimal(spread),
    )
    for account in SeededPopulation(drawn).accounts([MARKET], 8, seed):
        (held,) = account.positions
        value = MARKET.payoff.value_atoms(held.size_lots, MARKET.price_ticks)
        assert account.balance_atoms > 0
        assert (held.cost_atoms < 0) == (held.size_lots > 0)
        equity = account.balance_atoms + value - held.cost_atoms
        assert abs(value) / equity <= float(leverage) * 1.2001


def test_accounts_of_a_file_have_their_cost_in_coins(tmp_path: Path) -> None:
    """Size is in quote, in whole lots; the cost is -size / entry, half to even: here 1,000 / 30.0003 of 10^8 atoms."""
    path = tmp_path / "accounts.csv"
    path.write_text("account,balance,instrument,size,entry_price\na,50,AVAX,1000,30.0003\nb,50,AVAX,-20,25\n")
    first, second = CsvPopulation(CsvPopulationSettings(str(path))).accounts([MARKET], 8, 1)
    assert [held.size_lots for account in (first, second) for held in account.positions] == [100, -2]
    assert first.positions[0].cost_atoms == -3_333_300_000
    assert second.positions[0].cost_atoms == 80_000_000


def test_depth_becomes_lots_of_quote(tmp_path: Path) -> None:
    """A file's notional, not its coins; a profile's notional as it is, its units at the opening price."""
    path = tmp_path / "depth.csv"
    path.write_text(
        "timestamp,percentage,depth,notional\n2025-10-10 00:00:00,-1,50,1405\n2025-10-10 00:00:00,1,30,855\n"
    )
    ((_, quoted),) = BookDepthSource(BookDepthSettings(str(path)), [AVAX]).inputs(0)
    assert (quoted.bids, quoted.asks) == (((100, 140),), ((100, 85),))
    for measure, lots in (("notional", 10), ("units", 284), ("lots", 100)):
        profile = ProfileSettings(bands=((10, Decimal(100)),), measure=measure)  # type: ignore[arg-type]
        ((_, made),) = ProfileSource(profile, [AVAX], start_ns=0, opening=[(0, 28_400)]).inputs(0)
        assert made.bids == ((10, lots),)


def test_content_hashes_tell_the_kinds_apart() -> None:
    """Two scales that differ in nothing else are two contents."""
    linear = InstrumentScale(0, "AVAX", Decimal("0.001"), Decimal(10))
    empty = ProfileSettings(bands=((10, Decimal(1)),))
    assert canonical_sha256("x", empty, scales=[linear]) != canonical_sha256("x", empty, scales=[AVAX])
