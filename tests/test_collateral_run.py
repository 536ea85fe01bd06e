"""Collateral in a run: the night of the bundled scenario in small, its laws at every event, and either oracle."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage import run as run_scenario
from deleverage.events.bodies.collateral import CollateralSold, ConversionPriced, InterestCharged
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.verification import verify
from deleverage.sim.scenario import Scenario

from .support.faulty import lawful
from .support.past import goes_on_the_same

SMALL = (
    "population.accounts=240",
    "depth.bands=[[10,40_000],[50,150_000],[100,300_000],[300,600_000],[500,840_000],[9_000,1_500_000]]",
    "prices.interval_ns=10s",
    "insurance_fund.balance=6_000",
    "collateral.debt_most=3_000",
    "population.collateral_share=[[0.9, 2], [3, 1]]",
)
INTEREST = ("collateral.rate_ppb=10_000_000", "collateral.interest_interval_ns=10m")
REDEMPTION = (
    'oracle={policy="redemption",redeems={USDE=["",1_000_000],'
    'WBETH=["ETH-PERP",1_078_000],BNSOL=["SOL-PERP",1_074_000]}}'
)
TWO_SETTLED = str(Path(__file__).parent / "support" / "two-assets.toml")


@cache
def ran(*more: str) -> tuple[tuple[Event, ...], Ledger]:
    """The small night; the laws, money per asset among them, were checked at every event."""
    return lawful(Scenario.load("depeg", (*SMALL, *more)))


def of(events: tuple[Event, ...], kind: type) -> list[Event]:
    """The events of one type."""
    return [event for event in events if isinstance(event.body, kind)]


def test_collateral_is_sold_before_anybody_else_pays() -> None:
    """Nobody is bankrupt, and no fund pays, while there is collateral that somebody would buy."""
    events, _ = ran()
    ledger, bankrupt = Ledger(), 0
    for event in events:
        if isinstance(event.body, BankruptcyDeclared):
            bankrupt += 1
            assert not ledger.accounts[event.body.account].coins
        ledger.fold(event)
    assert bankrupt
    assert len(of(events, CollateralSold)) > bankrupt // 2


def test_what_is_sold_moves_its_own_market() -> None:
    """Each sale that reaches into the depth is followed by a lower mark of that asset, and that by its price."""
    events, _ = ran()
    lowered: Counter[int] = Counter()
    for event in of(events, MarkPriced):
        cause = None if event.cause is None else events[event.cause].body
        if isinstance(cause, CollateralSold):
            assert isinstance(event.body, MarkPriced)
            assert event.body.instrument == cause.instrument
            assert event.body.impact_ticks < 0
            lowered[cause.asset] += 1
    assert len(lowered) > 1
    priced = {event.cause for event in of(events, ConversionPriced)}
    assert any(event.seq in priced for event in of(events, MarkPriced))


def test_a_debt_is_charged_for_and_repaid_when_it_is_too_much() -> None:
    """Interest each ten minutes; over the limit collateral is sold for all that is owed, and not before."""
    events, _ = ran(*INTEREST)
    assert of(events, InterestCharged)
    repaid = [e for e in of(events, CollateralSold) if e.body.liquidation_id is None]  # type: ignore[union-attr]
    ledger, sold = Ledger(), {event.seq for event in repaid}
    first_of: set[int] = set()
    for event in events:
        if event.seq in sold and event.cause not in first_of:
            first_of.add(event.cause or 0)
            owed_atoms = -ledger.accounts[event.body.account].balance_atoms  # type: ignore[union-attr]
            assert owed_atoms > 3_000 * 10**6
        ledger.fold(event)


@pytest.mark.parametrize("more", [(), INTEREST, (REDEMPTION,)], ids=["own market", "interest", "redemption"])
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_it_goes_on_the_same_from_any_event(more: tuple[str, ...], data: st.DataObject) -> None:
    """All that collateral remembers is in the record."""
    events, _ = ran(*more)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


def test_the_other_oracle_spares_those_whom_the_book_closed(tmp_path: Path) -> None:
    """A fork at the run on the pegs that follows redemption instead: fewer are liquidated, and it verifies."""
    made = run_scenario(Scenario.load("depeg", SMALL), tmp_path / "night.run")
    run = open_run(tmp_path / "night.run")
    at = next(e.seq for e in run.events() if e.at_ns >= run.event(0).at_ns + 35 * 60 * 10**9)
    result = fork(run, at, Changes(settings=(REDEMPTION,)), output=tmp_path / "other.run")
    other = open_run(tmp_path / "other.run")
    liquidated = [sum(isinstance(e.body, LiquidationStarted) for e in one.events()) for one in (run, other)]
    assert liquidated[1] < liquidated[0]
    assert made.head != result.head
    assert verify(tmp_path / "other.run").sound


def test_a_second_run_is_the_first_one() -> None:
    """A second run is the first one byte for byte, and one of another seed is not."""
    heads = [run_scenario(Scenario.load("depeg", (*SMALL, *more))).head for more in ((), (), ("seed=2",))]
    assert heads[0] == heads[1] != heads[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("collateral.ratios_ppm={ USDE = [[0, 1_200_000]] }", "a haircut over 1 or under 0"),
        ("collateral.ratios_ppm={ USDE = [[5, 900_000]] }", "tiers begin at 0"),
        ("collateral.debt_most=-1", "is not an amount"),
        ("oracle={policy='redemption',own_weight_bps=10_001}", "own_weight_bps"),
        ("oracle={policy='redemption',redeems={USDE=['BTC-PRP',1]}}", "'BTC-PRP' is no instrument"),
        ("oracle={policy='redemption',redeems={GOLD=['',1]}}", "'GOLD' is no asset"),
        ("assets[1].price='BTC-PERP'", "no spot market"),
        ("instruments[3].tiers=[{floor=0,rate=0.1}]", "a spot market has a base"),
        ("instruments[3].base='GOLD'", "base 'GOLD' is not listed"),
        ("prices.pegs.USDE-USDT.half_life_ns=0", "half_life_ns must be above 0"),
        ("prices.pegs.USDE-USDT.of='WBETH-USDT'", "is pegged itself"),
        ("population.collateral=[['GOLD', 1]]", "'GOLD' has no spot market"),
        ("population.collateral_share=[[101, 1]]", "collateral_share"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(change: str, said: str) -> None:
    """One line that names the key, before anything is written."""
    with pytest.raises(ScenarioError, match=said) as told:
        next(Scenario.load("depeg", (change,)).resolve().population())
    assert str(told.value).startswith("$.")
    assert "\n" not in str(told.value)


def test_a_fork_cannot_redeem_for_what_is_not_there(tmp_path: Path) -> None:
    """Nor can a fork: nothing is begun that would break off at the first price."""
    run_scenario(Scenario.load("depeg", (*SMALL, "end='2025-10-10T21:05:00Z'")), tmp_path / "night.run")
    changed = Changes(settings=("oracle={policy='redemption',redeems={USDE=['BTC-PRP',1]}}",))
    with pytest.raises(ScenarioError, match="'BTC-PRP' is no instrument"):
        fork(open_run(tmp_path / "night.run"), 1_000, changed)


def test_an_asset_without_a_price_is_refused() -> None:
    """Nothing says what it is worth, neither a spot market nor an inverse contract."""
    tree = dict(Scenario.load("depeg", SMALL).tree)
    tree["assets"] = [*tree["assets"], {"name": "GOLD", "decimals": 2}]
    with pytest.raises(ScenarioError, match=r"\$\.assets\[5\]\.price: GOLD has no price"):
        Scenario(tree).resolve()


def test_two_assets_settle_side_by_side() -> None:
    """Accounts that settle in dollars and in coins at one venue, each asset with a fund: lawful at every event."""
    events, ledger = lawful(Scenario.load(TWO_SETTLED, ("population.accounts=60", "prices.interval_ns=5s")))
    settled = Counter(account.asset for account in ledger.accounts if account.kind == "user")
    assert set(settled) == {0, 1}
    assert {ledger.accounts[fund].asset for fund in ledger.funds} == {0, 1}
    assert of(events, LiquidationStarted)
    goes_on_the_same(events, [len(events) // 2])
