"""The rulebooks that come with the package: complete, with their sources, and how a scenario is moved to one."""

from __future__ import annotations

from importlib import resources

import pytest

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.errors import ScenarioError
from deleverage.events.vocabulary import Body
from deleverage.handlers.registry import SLOTS
from deleverage.sim.opening import opening_bodies
from deleverage.sim.rulebooks import (
    OF_SEVERAL_ASSETS,
    bundled_venues,
    for_assets,
    moved_to_venue,
    rulebook,
    slot_table,
    venues_with_positions,
)
from deleverage.sim.scenario import Scenario

from .support.crash import recorded

ON_CHAIN = ["aave-v3", "compound-v3", "maker"]
"""Lending protocols, which have no positions, no fund and nobody to deleverage."""
VENUES = [venue for venue in bundled_venues() if venue not in ("generic", *ON_CHAIN)]
SOURCED = ("insurance_fund", "liquidation", "adl", "socialization")
"""The slots in which venues differ by their published rules."""
FUNDING = "alternatives.funding.premium"
"""The table of a venue's own funding."""
POLICIES = {
    "binance": ("floor", "whole-takeover", "binance", "profit-pro-rata"),
    "bitmex": ("floor", "tier-step-down", "bitmex", "profit-pro-rata"),
    "bybit": ("symbol-drawdown", "tier-step-down", "bybit", "profit-pro-rata"),
    "deribit": ("floor", "incremental", "socialized-loss", "day-profits"),
    "drift": ("insurance-fee", "liquidator-fee", "socialized-loss", "open-interest"),
    "dydx": ("fee-capped", "fillable-price", "dydx", "profit-pro-rata"),
    "gmx": ("floor", "partial-then-whole", "gmx", "profit-pro-rata"),
    "hyperliquid": ("backstop-vault", "chunk-and-cooldown", "hyperliquid", "profit-pro-rata"),
    "okx": ("drawdown", "tier-step-down", "okx", "profit-pro-rata"),
}


LIVING = {"impact", "makers", "crowd", "strategist", "orders", "index"}
LIVING |= {"arbitrage", "hedgers", "ties", "bridge", "faults", "margin_rules", "dealers", "redemptions", "actor"}
"""Slots of the market itself, who trades there and what trades do to the price, and rules that follow it."""

ASSETS = {"oracle", "collateral", "chain", "lending", "borrowers", "keepers", "option_rules"}
"""Slots of a run of several assets, of a lending protocol, and of options."""


def test_the_venues_are_there() -> None:
    """Nine with positions, three that lend, and the plain one."""
    assert bundled_venues() == sorted([*POLICIES, *ON_CHAIN, "generic"])


@pytest.mark.parametrize("venue", ON_CHAIN)
def test_a_lending_protocol_has_a_chain_an_oracle_and_keepers(venue: str) -> None:
    """With the protocol's own policy, figures for each collateral with a source beside them, and no calls."""
    tree = rulebook(venue)
    assert tree["lending"]["policy"] == venue
    assert set(tree["lending"]["collateral"]) >= {"WETH", "WBTC"}
    assert {tree[slot]["policy"] for slot in ("margin", "traders", "collateral")} == {"none"}
    assert {tree[slot]["policy"] for slot in ("chain", "keepers")} == {"blocks", "paid"}
    text = resources.files("deleverage.handlers.venues").joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    assert "Source" in text.partition("[chain]")[0]
    assert "Silent" in text.partition("[chain]")[0]
    slot = ""
    for line in text.splitlines():
        slot = line.strip("[]") if line.startswith("[") else slot
        if slot.startswith(("lending.collateral", "lending.rates", "alternatives")) and "=" in line:
            assert "#" in line or "ours" in text, line


@pytest.mark.parametrize("venue", VENUES)
def test_a_rulebook_fills_every_slot(venue: str) -> None:
    """With the venue's own policies where venues differ; a cap on profits is one venue's only.

    Who trades, and between which venues, is the scenario's: those slots are empty in every rulebook.
    """
    tree = rulebook(venue)
    assert set(tree) | {"profit_cap"} | LIVING | ASSETS == set(SLOTS)
    assert ("profit_cap" in tree) == (venue == "gmx")
    assert tuple(tree[slot]["policy"] for slot in SOURCED) == POLICIES[venue]


@pytest.mark.parametrize("venue", VENUES)
def test_every_figure_has_its_source_beside_it(venue: str) -> None:
    """Each line of the slots in which venues differ, and of funding, says where it is from; the head what is silent."""
    text = resources.files("deleverage.handlers.venues").joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    head, _, _ = text.partition("[mark]")
    assert "Source" in head
    assert "Silent" in head or "Contradiction" in head
    slot = ""
    for line in text.splitlines():
        slot = line.strip("[]") if line.startswith("[") else slot
        if slot in (*SOURCED, *OF_SEVERAL_ASSETS, FUNDING) and "=" in line and not line.startswith("#"):
            assert "#" in line, line


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("scenario", ["calm", "flash-crash"])
def test_a_bundled_scenario_can_be_moved_to_any_venue(scenario: str, venue: str) -> None:
    """`--set venue=` is enough: the file's figures for another policy do not stand in the way, its balance stays."""
    moved = Scenario.load(scenario, [f"venue={venue}"])
    chosen = {producer.handler: producer.policy for producer in moved.producers}
    assert tuple(chosen[slot] for slot in SOURCED) == POLICIES[venue]
    assert moved.settings.insurance_fund.get("balance") == Scenario.load(scenario).settings.insurance_fund["balance"]


@pytest.mark.parametrize("venue", ["dydx", "drift", "gmx"])
def test_venues_without_a_mark_test_margin_at_the_oracle_price(venue: str) -> None:
    """No order moves it: each mark is the index of its tick, and somebody is liquidated by it."""
    bodies = [event.body for event in recorded(f"venue={venue}")]
    marks = [body for body in bodies if isinstance(body, MarkPriced)]
    ticked = [pair for body in bodies if isinstance(body, PriceTicked) for pair in body.prices]
    assert [(body.instrument, body.mark_ticks) for body in marks] == ticked
    assert any(isinstance(body, LiquidationFilled) for body in bodies)


@pytest.mark.parametrize("venue", ["binance", "bitmex", "deribit", "drift", "dydx", "gmx", "hyperliquid"])
def test_a_rulebook_says_which_price_it_uses_where(venue: str) -> None:
    """In one line of its head, and a venue with auto-deleveraging in its table."""
    text = resources.files("deleverage.handlers.venues").joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    assert "# Prices: margin" in text.partition("[mark]")[0]
    adl = rulebook(venue)["adl"]
    assert ("closes_at" in adl) == (adl["policy"] != "socialized-loss")


def test_what_is_set_beside_the_venue_holds() -> None:
    """A figure of the new policy by --set; one that it does not have is refused by name."""
    moved = Scenario.load("flash-crash", ["liquidation.reduction_bps=5_000", "venue=binance"])
    figures = {producer.handler: producer.parameters for producer in moved.producers}
    assert figures["liquidation"]["reduction_bps"] == 5_000
    with pytest.raises(ScenarioError, match=r"\$\.liquidation.*cooldown_ns"):
        Scenario.load("flash-crash", ["venue=binance", "liquidation.cooldown_ns=3s"])


def test_figures_stay_where_the_policy_stays() -> None:
    """Only what loses its policy is dropped; a table that names its policy, and the same venue, change nothing."""
    tree = {
        "venue": "generic",
        "margin": {"warning_bps": 1},
        "breaker": {"move_bps": 2},
        "adl": {"policy": "x", "y": 3},
    }
    assert moved_to_venue(tree, ["venue=generic"]) == tree
    assert moved_to_venue(tree, ["seed=3"]) == tree
    moved = moved_to_venue(tree, ["venue=binance"])
    assert moved == {**tree, "breaker": {}}
    assert tree["breaker"] == {"move_bps": 2}
    assert slot_table({"policy": "a", "b": 1}, {"policy": "c"}) == {"policy": "c"}


def test_an_unknown_venue_is_refused() -> None:
    """With the names to choose from."""
    with pytest.raises(ScenarioError, match=r"no rulebook 'mtgox'; choose from aave-v3, binance, bitmex"):
        Scenario.load("calm", ["venue=mtgox"])


def test_amounts_are_stated_in_the_asset() -> None:
    """With 6 and with 8 decimals the same rulebook means the same money, and records it in its atoms."""
    for decimals in (6, 8):
        scenario = Scenario.load("calm", ["venue=hyperliquid", f"assets[0].decimals={decimals}"])
        (liquidation,) = [one for one in scenario.producers if one.handler == "liquidation"]
        assert liquidation.parameters["chunk_over_atoms"] == 100_000 * 10**decimals
        other = Scenario.load("calm", ["liquidation.policy=chunk-and-cooldown", f"assets[0].decimals={decimals}"])
        (liquidation,) = [one for one in other.producers if one.handler == "liquidation"]
        assert liquidation.parameters["chunk_over_atoms"] == 100_000 * 10**decimals


@pytest.mark.parametrize("venue", bundled_venues())
def test_no_rulebook_counts_atoms(venue: str) -> None:
    """An amount in atoms would mean other money for an asset of other decimals."""
    assert not [key for table in rulebook(venue).values() for key in table if key.endswith("_atoms")]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "insurance_fund.floor_atoms=5",
            r"\$\.insurance_fund\.floor_atoms: amounts are stated in the asset.*write floor",
        ),
        ("insurance_fund.floor=-5", r"\$\.insurance_fund\.floor: -5 is not an amount of USDT from 0 on"),
        ("insurance_fund.floor=nan", r"insurance_fund\.floor: NaN is not a finite number"),
        ("insurance_fund.floor=true", r"\$\.insurance_fund\.floor: True is not an amount"),
        ("insurance_fund.floor=0.0000001", r"\$\.insurance_fund\.floor: .*not a whole number of steps"),
        ("insurance_fund.floor=1e30", r"\$\.insurance_fund\.floor: .*2\^63"),
    ],
)
def test_what_is_no_amount_is_refused(override: str, message: str) -> None:
    """In one line that names the key."""
    with pytest.raises(ScenarioError, match=message):
        Scenario.load("calm", [override])


def test_a_run_has_the_same_decisions_whatever_the_decimals_of_its_asset() -> None:
    """Each event's type, and the lots and prices of each order and fill, are the same with 6 and with 7 decimals."""
    told = []
    for decimals in (6, 7):
        events = recorded("venue=hyperliquid", f"assets[0].decimals={decimals}")
        told.append([_without_money(event.body) for event in events])
    assert told[0] == told[1]


def _without_money(body: Body) -> tuple[str, tuple[object, ...]]:
    names = ("account", "instrument", "size_lots", "price_ticks", "left_lots", "mark_ticks")
    return type(body).__name__, tuple(getattr(body, name, None) for name in names)


@pytest.mark.parametrize("venue", venues_with_positions())
def test_collateral_is_of_runs_of_several_assets(venue: str) -> None:
    """A run of one asset has nothing of it, nor has its rulebook's hash; each rulebook says something."""
    assert not {producer.slot for producer in Scenario.load("calm", [f"venue={venue}"]).producers} & {
        *OF_SEVERAL_ASSETS
    }
    assert not for_assets(rulebook(venue), ["USDT"]).keys() & {*OF_SEVERAL_ASSETS}
    assert {*OF_SEVERAL_ASSETS} <= rulebook(venue).keys()


def test_figures_of_an_asset_hold_where_it_is_listed() -> None:
    """Of a rulebook's ratios those of the scenario's assets, and the scenario's own over them, one by one."""
    (keeper,) = [one for one in Scenario.load("depeg").producers if one.slot == "collateral"]
    assert keeper.parameters["ratios_ppm"].keys() == {"USDT", "USDE", "WBETH", "BNSOL", "BTC"}
    assert keeper.parameters["ratios_ppm"]["BTC"] == ((0, 950_000), (5, 900_000))
    assert keeper.parameters["conversion_haircuts_ppm"] == {"BTC": 25_000, "USDT": 100}
    assert keeper.parameters["order"] == "in proportion"


@pytest.mark.parametrize("venue", ["bitmex", "dydx", "gmx", "hyperliquid"])
def test_a_venue_that_takes_no_collateral_refuses_it(venue: str) -> None:
    """In one line that says whose, and what to do; with a policy named it is taken."""
    scenario = Scenario.load("depeg", [f"venue={venue}", "population.accounts=20"])
    with pytest.raises(ScenarioError, match=r"^\$\.population: account 'trader-\d+' holds \w+, and the venue takes no"):
        list(opening_bodies(scenario.resolve()))
    named = Scenario.load("depeg", [f"venue={venue}", "population.accounts=20", "collateral.policy=haircut"])
    assert list(opening_bodies(named.resolve()))
