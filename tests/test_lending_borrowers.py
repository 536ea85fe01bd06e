"""Borrowers on chain: chains of collateral and how they are undone, answers before keepers act, health in a state."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from deleverage.events.bodies.chain import BlockMined, BlockReorganised, CollateralSeized, GasCharged
from deleverage.events.bodies.loans import (
    BorrowerSold,
    CollateralLooped,
    CollateralSupplied,
    DebtRepaid,
    LoopUnwound,
)
from deleverage.events.envelope import Event
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.onchain.borrowers import debts_of, health
from deleverage.handlers.onchain.exposure import exposures
from deleverage.handlers.onchain.protocols.aave_v3 import AaveCollateral, AaveParameters
from deleverage.handlers.onchain.protocols.choices import rules_in_force
from deleverage.replay.run import open_run
from deleverage.replay.state.lending import lending_view
from deleverage.replay.state.queues import queues_of
from deleverage.replay.state.text import print_account, print_state
from deleverage.replay.state.view import state_view
from deleverage.replay.verify.verification import verify
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames
from deleverage.sim.populations.borrowers import BorrowersSettings, layers_of
from deleverage.sim.runner import Simulation, run
from deleverage.sim.scenario import Scenario
from deleverage.sim.sources.base import canonical_sha256

from .support.chain import BORROWER, LendingBook, lending_book, refused_in_one_line

SMALL = ("population.accounts=200", "population.max_debt=300_000", "end=2025-10-10T21:15:00Z")
LOOPED = (*SMALL, "population.looped_share=0.5")
ANSWERING = (
    *LOOPED,
    "borrowers.policy=answering",
    "borrowers.repay_bps=3_000",
    "borrowers.add_bps=2_000",
    "borrowers.sell_bps=3_000",
)
ANSWERS = (DebtRepaid, CollateralSupplied, BorrowerSold)
PPM, WETH, BTC = 10**6, 1, 2


@cache
def made(*changes: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events of a small run, and the ledger at its end."""
    simulation = Simulation(Scenario.load("lending", list(changes)).resolve(), record := MemoryRecord())
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    return tuple(record.events()), simulation.ledger


def of(kind: Any, events: tuple[Event, ...]) -> list[Event]:
    """The events of a type, or of several."""
    return [event for event in events if isinstance(event.body, kind)]


@given(st.integers(1, 10**15), st.integers(10_000, PPM), st.integers(2, 20))
def test_each_layer_borrows_against_the_one_before(debt: int, ratio_ppm: int, layers: int) -> None:
    """The loans add up to the debt, and each is r of the one before it; so is the first of the account's own coins."""
    chain = layers_of(debt, ratio_ppm, layers)
    assert sum(chain.borrowed) == debt
    assert 1 <= len(chain.borrowed) <= layers
    assert all(one > 0 for one in chain.borrowed)
    before = [chain.own_atoms, chain.borrowed[0] - layers, *chain.borrowed[1:]]
    for place, borrowed in enumerate(chain.borrowed):
        allowed = before[place] * ratio_ppm // PPM
        assert allowed - layers <= borrowed <= allowed + layers


def test_a_population_without_chains_keeps_its_name() -> None:
    """A share of 0 is as none stated at all: the content hash is the one there was before chains."""
    settings = Scenario.load("lending").settings.population
    assert isinstance(settings, BorrowersSettings)
    before = {key: one for key, one in msgspec.structs.asdict(settings).items() if "loop" not in key}
    named = canonical_sha256("borrowers", settings)
    assert named == canonical_sha256("borrowers", {"source": "borrowers", **before})
    assert named != canonical_sha256("borrowers", msgspec.structs.replace(settings, looped_share=Decimal(1)))


def test_a_chain_is_undone_from_its_end_as_the_debt_falls() -> None:
    """Each layer goes once, the last one first, with what made the debt less; what stands follows from the debt."""
    events, ledger = made(*LOOPED)
    by_seq = {event.seq: event for event in events}
    unwound = of(LoopUnwound, events)
    assert len(unwound) > 20
    layers: dict[int, int] = {}
    for event in of((CollateralLooped, LoopUnwound), events):
        body: Any = event.body
        expected = layers.get(body.account, 0) + (1 if isinstance(body, CollateralLooped) else 0)
        assert body.layer == expected
        layers[body.account] = body.layer if isinstance(body, CollateralLooped) else body.left
        if isinstance(body, LoopUnwound):
            cause = by_seq[event.cause or 0].body
            assert isinstance(cause, CollateralSeized)
            assert cause.account == body.account
    for number, loop in ledger.chain.loops.items():
        account, below, reached = ledger.accounts[number], 0, 0
        for layer in loop.layers:
            reached += debts_of(account, ledger).get(0, 0) > below and account.amount_of(loop.asset) > 0
            below += layer.borrowed_atoms
        assert loop.standing == reached == layers[number]


def test_a_block_that_falls_away_gives_the_layers_back() -> None:
    """What is owed again stands again as layers; the next block may undo them anew."""
    events, _ = made(*LOOPED)
    block, number = 0, 0
    for event in events:
        block = event.body.number if isinstance(event.body, BlockMined) else block
        if isinstance(event.body, LoopUnwound):
            number = block
            break
    again, ledger = made(*LOOPED, f"chain.reorganised=[{number}]")
    fallen = next(event for event in again if isinstance(event.body, BlockReorganised))
    before = {event.body.account: event.body for event in of(LoopUnwound, again) if event.seq < fallen.seq}  # type: ignore[union-attr]
    assert before
    replayed = Ledger()
    for event in again:
        replayed.fold(event)
        if event.seq == fallen.seq + fallen.body.seizures:  # type: ignore[union-attr]
            break
    for account in before:
        loop = replayed.chain.loops[account]
        assert loop.standing == len(loop.layers)
    ledger.check()


def test_layers_come_and_go_in_order() -> None:
    """A layer that does not follow on, or is not the last one, is refused."""
    book = lending_book()
    book.put(CollateralLooped(BORROWER, 1, 1, 50, 0, 500))
    with pytest.raises(LedgerError, match="does not follow on"):
        book.put(CollateralLooped(BORROWER, 3, 1, 50, 0, 500))
    with pytest.raises(LedgerError, match="is not its last one"):
        book.put(LoopUnwound(BORROWER, 2, 1, 50, 0, 500, 1))
    book.put(LoopUnwound(BORROWER, 1, 1, 50, 0, 500, 0))
    assert book.ledger.chain.loops[BORROWER].standing == 0


def test_the_same_unit_is_claimed_as_often_as_it_was_lent_on() -> None:
    """One supplies 10 and the pool 2, another borrowed 4 of them, and 4 stand as a third's collateral: 16 of 12."""
    book = LendingBook({"WETH": 10**8, "WBTC": 10**8})
    book.price(WETH=3_000 * 10**8, WBTC=100_000 * 10**8)
    unit = 10**8
    book.borrower(0, "pool-1", WETH=2 * unit)
    book.borrower(-1_000 * 10**6, WETH=10 * unit)
    book.borrower(0, WBTC=unit, WETH=-4 * unit)
    book.borrower(-5_000 * 10**6, WETH=4 * unit)
    book.borrower(0, WETH=7 * unit)
    rules = AaveParameters(collateral={"WETH": AaveCollateral(8_000), "WBTC": AaveCollateral(7_000)})
    found = {one.asset: one for one in exposures(rules, book.ledger)}
    weth = found[WETH]
    assert (weth.collateral_atoms, weth.supplied_atoms, weth.owed_atoms) == (14 * unit, 2 * unit, 4 * unit)
    assert (weth.claims_atoms, weth.there_atoms, weth.multiple_bps) == (16 * unit, 12 * unit, 13_333)
    assert (found[BTC].multiple_bps, found[BTC].owed_atoms) == (10_000, 0)
    assert found[0].owed_atoms == 6_000 * 10**6
    assert found[0].multiple_bps is None


def test_who_answers_acts_before_any_keeper_and_under_the_level() -> None:
    """In each block answers come first; each was under the level and better off after it; fewer are liquidated."""
    events, _ = made(*ANSWERING)
    assert all(of(kind, events) for kind in ANSWERS)
    ledger, acted = Ledger(), dict[int, int]()
    rules = None
    for event in events:
        body: Any = event.body
        if isinstance(body, ANSWERS):
            rules = rules or rules_in_force(ledger)
            assert rules is not None
            before = health(ledger.accounts[body.account], rules.weights(), ledger)
        if isinstance(body, DebtRepaid | CollateralSupplied):
            assert before.factor_ppb == body.health_ppb < 1_050_000_000
            acted[event.cause or 0] = event.seq
        if isinstance(body, GasCharged):
            assert acted.get(event.cause or 0, 0) < event.seq
        ledger.fold(event)
        if isinstance(body, ANSWERS):
            assert rules is not None
            after = health(ledger.accounts[body.account], rules.weights(), ledger)
            assert after.weighted * before.debt >= before.weighted * after.debt
            assert isinstance(body, DebtRepaid | CollateralSupplied) or not after.is_unsafe
    alone, _ = made(*LOOPED)
    assert len({e.body.account for e in of(CollateralSeized, events)}) < len(  # type: ignore[union-attr]
        {e.body.account for e in of(CollateralSeized, alone)}  # type: ignore[union-attr]
    )


def test_nobody_puts_in_more_than_it_has() -> None:
    """All that a borrower paid or supplied is at most the largest purse: a part of what it owed at most."""
    events, ledger = made(*ANSWERING, "borrowers.purse_bps=500")
    owed: dict[int, int] = {}
    for event in events:
        balance = getattr(event.body, "balance_atoms", 0)
        if type(event.body).__name__ == "BalanceStated" and balance < 0:
            owed[event.body.account] = -balance  # type: ignore[union-attr]
    assert ledger.chain.spent
    assert all(spent <= owed[number] * 501 // 10_000 + 1 for number, spent in ledger.chain.spent.items())
    assert not of((DebtRepaid, CollateralSupplied), made(*ANSWERING, "borrowers.purse_bps=0")[0])


def test_a_chain_sold_by_its_owner_is_undone_step_by_step() -> None:
    """Who has a chain sells what is free of it, again and again: each step is caused by the one before."""
    events, _ = made(*ANSWERING)
    by_seq = {event.seq: event for event in events}
    sold = of(BorrowerSold, events)
    steps = [event for event in sold if isinstance(by_seq[event.cause or 0].body, BorrowerSold)]
    assert len(steps) > 20
    causes = {type(by_seq[event.cause or 0].body) for event in of(LoopUnwound, events)}
    assert causes == {BorrowerSold, CollateralSeized}
    looped = {event.body.account for event in of(CollateralLooped, events)}  # type: ignore[union-attr]
    spent = {event.body.account for event in of((DebtRepaid, CollateralSupplied), events)}  # type: ignore[union-attr]
    assert not looped & spent


def test_a_record_of_it_verifies_explains_and_shows_health(tmp_path: Path) -> None:
    """Executed again it is the same; `why` of a layer names it and its cause; a state has health at any instant."""
    run(Scenario.load("lending", list(ANSWERING)), tmp_path / "lending.run")
    past = open_run(tmp_path / "lending.run")
    assert verify(tmp_path / "lending.run").sound
    undone = next(e for e in past.events() if isinstance(e.body, LoopUnwound))
    text = explain(past, undone.seq).paragraph
    for part in (f"layer {undone.body.layer} of the chain", f"event {undone.cause}", "supplied again"):  # type: ignore[union-attr]
        assert part in text, part
    names = RunNames(past.before(undone.seq))
    kinds = {kind for one in grounds_of(past, undone, past.before(undone.seq), names) for kind in one.kinds}
    assert {"BALANCE", "RULE"} <= kinds
    seized = next(e for e in past.events() if isinstance(e.body, CollateralSeized))
    ledger = past.before(seized.seq)
    number = seized.body.account  # type: ignore[union-attr]
    view = lending_view(ledger, ledger.accounts[number])["lending"]
    assert view["health_factor_ppb"] == seized.body.health_ppb < 10**9  # type: ignore[union-attr]
    document = json.loads(json.dumps(state_view(ledger, queues_of(past, ledger))))
    assert document["accounts"][number]["lending"]["health_factor_ppb"] == view["health_factor_ppb"]
    assert [one["asset"] for one in document["exposures"]] == ["USDC", "WETH", "WBTC"]
    out = StringIO()
    print_account(Console(file=out, width=80), ledger, number, queues_of(past, ledger))
    print_state(Console(file=out, width=80), ledger)
    assert "health       0.99" in out.getvalue()
    assert "least safe" in out.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("population.looped_share=1.1", "$.population"),
        ("population.loops=1", "$.population"),
        ("borrowers.repay_bps=9_000", "$.borrowers: repay_bps, add_bps and sell_bps must not be negative"),
        ("borrowers.target_bps=10_500", "$.borrowers: level_bps must be at least 10000"),
        ("chain.policy=none", "$.borrowers.policy: it acts with each block, and there are none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(change: str, said: str) -> None:
    """A share over 1, a chain of one layer, a target under the level, answers without blocks: named with the path."""
    refused_in_one_line(said, *ANSWERING, change)
