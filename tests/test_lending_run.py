"""Runs on chain: what comes of the bundled scenarios, what `why` says of them, and what is refused."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from deleverage.events.bodies.chain import (
    BadDebtCovered,
    BadDebtRealised,
    BlockMined,
    BlockReorganised,
    CollateralSeized,
    GasCharged,
    OracleReported,
    SeizureReversed,
)
from deleverage.events.bodies.collateral import ConversionPriced
from deleverage.events.bodies.lots import AuctionClosed, CoinsSold, CollateralAuctioned, LotSold, ReserveSold
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.onchain.blocks import next_fee_wei
from deleverage.handlers.onchain.borrowers import health
from deleverage.handlers.onchain.protocols.choices import rules_in_force
from deleverage.replay.run import open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames
from deleverage.sim.runner import Simulation, run
from deleverage.sim.scenario import Scenario

from .support.chain import refused_in_one_line

SMALL = ("population.accounts=300", "population.max_debt=300_000", "end=2025-10-10T21:15:00Z")


def actors(**balances: int) -> str:
    """The override by which a run has six keepers, a pool, and others with their balances."""
    with_balance = {"pool": 100_000_000, "keeper": 250_000, **balances}
    tables = (f'{{name="{n}",balance={b},accounts={6 if n == "keeper" else 1}}}' for n, b in with_balance.items())
    return f"actors=[{','.join(tables)}]"


SMALLS = {
    "aave-v3": SMALL,
    "compound-v3": (*SMALL, "venue=compound-v3", actors(reserve=100_000)),
    "maker": (
        *SMALL,
        "venue=maker",
        "population.mixed_share=0",
        "oracle.hop_ns=600s",
        actors(reserve=1, module=1_000_000),
    ),
}


@cache
def made(name: str, *more: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events of a small run of a protocol, and the ledger at its end."""
    simulation = Simulation(Scenario.load("lending", [*SMALLS[name], *more]).resolve(), record := MemoryRecord())
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    return tuple(record.events()), simulation.ledger


def of(kind: type[Any], events: tuple[Event, ...]) -> list[Any]:
    """The bodies of a type."""
    return [event.body for event in events if type(event.body) is kind]


@pytest.mark.parametrize("name", list(SMALLS))
def test_keepers_liquidate_as_prices_fall(name: str) -> None:
    """Unsafe accounts are acted on by keepers alone, each in a block, each paid for its gas; every law holds."""
    events, ledger = made(name)
    acts = [e for e in events if isinstance(e.body, CollateralSeized | ReserveSold | LotSold)]
    assert len(acts) > 20
    blocks = {e.seq for e in events if isinstance(e.body, BlockMined)}
    assert {e.cause for e in acts} <= blocks
    assert len(of(GasCharged, events)) >= len(acts)
    assert all(ledger.name(e.body.counterparty).startswith("keeper-") for e in acts)
    assert of(CoinsSold, events)


@pytest.mark.parametrize("name", list(SMALLS))
def test_only_the_unsafe_lose_their_collateral(name: str) -> None:
    """At each liquidation the health factor was under 1, worked out anew; all laws hold at each event from then on."""
    events, _ = made(name)
    ledger, looked = Ledger(), 0
    for event in events:
        body = event.body
        if isinstance(body, CollateralSeized | CollateralAuctioned):
            rules = rules_in_force(ledger)
            assert rules is not None
            found = health(ledger.accounts[body.account], rules.weights(), ledger)
            assert found.is_unsafe
            assert abs(found.factor_ppb - body.health_ppb) <= 1
            looked += 1
        ledger.fold(event)
        if looked:
            ledger.check()
    assert looked > 20 or name == "compound-v3"


def test_bad_debt_is_borne_by_the_module_and_then_by_all() -> None:
    """What no collateral stands behind is covered to the last atom, by the safety module as long as it has anything."""
    events, ledger = made("aave-v3", "prices.phases[1].move=-0.5", "actors[2].balance=100")
    realised, covered = of(BadDebtRealised, events), of(BadDebtCovered, events)
    assert sum(one.amount_atoms for one in realised) == sum(one.amount_atoms for one in covered) > 0
    assert covered[0].backstop == "safety module"
    assert covered[-1].backstop == "pool of all suppliers"
    assert sum(one.amount_atoms for one in covered if one.backstop == "safety module") <= 100 * 10**6
    assert ledger.chain.bad_debt[0] == sum(one.amount_atoms for one in realised)


def test_an_auction_ends_with_its_debt_or_its_lot() -> None:
    """Whatever is auctioned ends with all that is owed paid, and the rest of the lot given back, or the lot gone."""
    events, ledger = made("maker")
    ended = of(AuctionClosed, events)
    assert len(ended) > 20
    assert all(not one.owed_atoms or not one.amount_atoms for one in ended)
    assert len(of(CollateralAuctioned, events)) == len(ended) + len(ledger.chain.auctions)


def test_an_oracle_s_price_holds_from_a_later_block_on() -> None:
    """A price is sent by deviation, and taken up by a block at least the lag later; a stale one is no error."""
    events, _ = made("aave-v3")
    sent: dict[int, Event] = {}
    lags = []
    for event in events:
        if isinstance(event.body, OracleReported):
            sent[event.body.asset] = event
        elif isinstance(event.body, ConversionPriced) and event.links:
            report = sent[event.body.asset]
            assert event.links == (report.seq,)
            assert event.body.price_ticks == report.body.price_ticks  # type: ignore[union-attr]
            lags.append(event.at_ns - report.at_ns)
    assert min(lags) >= 24 * 10**9
    dear, _ = made("aave-v3", "oracle.most_fee_wei=1")
    assert not [e for e in dear if isinstance(e.body, ConversionPriced) and e.links]
    assert not of(CollateralSeized, dear)


def test_the_base_fee_moves_by_an_eighth_at_most() -> None:
    """EIP-1559: up by an eighth where a block is full, down by one where it is empty, and never to nothing."""
    assert [next_fee_wei(8_000, used) for used in (2_000_000, 1_000_000, 0)] == [9_000, 8_000, 7_000]
    fees = [body.base_fee_wei for body in of(BlockMined, made("aave-v3")[0])]
    assert all(abs(after - before) * 8 <= before + 8 for before, after in pairwise(fees))
    assert max(fees) > 2 * fees[0]


def test_who_cannot_pay_for_gas_does_nothing() -> None:
    """Keepers whose limit is below the fee, or who would gain too little, leave the unsafe alone."""
    assert not of(CollateralSeized, made("aave-v3", "keepers.most_fee_wei=1")[0])
    assert not of(CollateralSeized, made("aave-v3", "keepers.least_profit=10_000_000")[0])


def test_a_block_that_falls_away_takes_its_liquidations_with_it() -> None:
    """Collateral and debt are what they were, nothing is lost, and what still pays is included again."""
    events, _ = made("aave-v3")
    block, number = 0, 0
    for event in events:
        block = event.body.number if isinstance(event.body, BlockMined) else block
        if isinstance(event.body, CollateralSeized):
            number = block
            break
    again, ledger = made("aave-v3", f"chain.reorganised=[{number}]")
    fallen = next(e for e in again if isinstance(e.body, BlockReorganised))
    undone = of(SeizureReversed, again)
    assert fallen.body.number == number  # type: ignore[union-attr]
    assert len(undone) == fallen.body.seizures >= 1  # type: ignore[union-attr]
    after = {e.body.account for e in again if isinstance(e.body, CollateralSeized) and e.seq > fallen.seq}
    assert {one.account for one in undone} <= after
    ledger.check()


def test_zero_bids_win_where_nobody_else_lands() -> None:
    """12 March 2020: about a third of the lots for nothing, while gas costs ten times as much; debt is left unpaid."""
    result = run(Scenario.load("zero-bids"))
    chain = result.summary.chain
    assert 0.25 < chain.for_nothing / chain.counts["LotSold"] < 0.5
    assert chain.fee_most_wei > 10 * chain.fee_first_wei
    assert chain.sums["BadDebtRealised"] > 500_000 * 10**6


def test_the_lending_scenario_explains_and_verifies(tmp_path: Any) -> None:
    """`why` of a liquidation names block, oracle's price, keeper and bonus; each type decided has grounds."""
    run(Scenario.load("lending"), tmp_path / "lending.run")
    past = open_run(tmp_path / "lending.run")
    seized = next(e for e in past.events() if isinstance(e.body, CollateralSeized) and e.links)
    text = explain(past, seized.seq).paragraph
    for part in ("block ", "base fee", "oracle's price", "keeper-", "a bonus of 5%", "under 1"):
        assert part in text, part
    names = RunNames(past.before(seized.seq))
    kinds = {kind for one in grounds_of(past, seized, past.before(seized.seq), names) for kind in one.kinds}
    assert {"ORACLE", "BLOCK", "BALANCE", "DEPTH", "RULE"} <= kinds


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lending.collateral.WETH.threshold_bps=10_001", "$.lending: collateral.WETH: 10001 is a threshold over 1"),
        ("assets[1].price=WETH-EUR", "$.assets[1].price: 'WETH-EUR' is no spot market of WETH"),
        ('population.collateral=[["SOL",1]]', "$.population.collateral[0]: 'SOL' has no spot market"),
        ("population.loan_to_value=[[1.2,1]]", "$.population"),
        ("chain.interval_ns=0", "$.chain: interval_ns must be above 0"),
        ("oracle.deviation_bps=0", "$.oracle: deviation_bps and heartbeat_ns must be above 0"),
        ("keepers.group=nobody", "$.keepers.group: an actor without capital cannot act"),
        ("lending.pool=nobody", "$.lending.pool: there is no actor 'nobody'"),
        ("chain.policy=none", "$.keepers.policy: it acts with each block, and there are none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(change: str, said: str) -> None:
    """A threshold over 1, an asset without a price, actors who are not there: named with the path."""
    refused_in_one_line(said, change)
