"""Hedgers between venues: what is taken from one leg is closed of the other, at once, once, and no more than that."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from deleverage import Scenario, run
from deleverage.events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from deleverage.events.bodies.margin import PositionReduced
from deleverage.events.bodies.trading import OrderCancelled, OrderFilled, OrderPlaced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.venue_names import group_of, plain, venue_of
from deleverage.events.vocabulary import accounts_named
from deleverage.handlers.living.between_venues import persons_of
from deleverage.handlers.living.hedgers import HEDGE
from deleverage.replay.run import open_run
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames

from .support.crash import checked
from .support.living import LIVING

TAKING = (LiquidationFilled, PositionTakenOver, PositionReduced, PositionDeleveraged)
WINNERS = (
    "hedgers.leverage_bps=80_000",
    "insurance_fund.balance=0",
    "venues[1].slots.insurance_fund.balance=0",
    "adl.policy=contract-pro-rata",
    "venues[1].slots.adl.policy=contract-pro-rata",
)
"""Hedgers who stand firm while others are bankrupt and no fund pays: they gain on one leg and are deleveraged there."""


@cache
def run_of(*overrides: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events and the last ledger; every law of the ledger was checked at every event."""
    return checked(LIVING, *overrides)


def hedges(events: tuple[Event, ...]) -> list[tuple[Event, OrderPlaced]]:
    """The orders for hedges."""
    placed = ((event, event.body) for event in events if isinstance(event.body, OrderPlaced))
    return [(event, body) for event, body in placed if body.purpose == HEDGE]


def bare_lots(ledger: Ledger) -> dict[str, int]:
    """What of each hedger's positions has no other leg."""
    found = {}
    for accounts in persons_of("hedger", ledger):
        name = plain(ledger.name(next(iter(accounts.values())).account))
        found[name] = sum(held.size_lots for one in accounts.values() for held in one.positions.values())
    return found


def test_a_hedge_is_opened_once_on_two_venues() -> None:
    """At the first price, as many lots long as short, by a draw of its own which where; and never again."""
    events, ledger = run_of()
    opened: dict[str, list[tuple[str, int]]] = {}
    for _, body in hedges(events):
        if not body.reduces:
            name = ledger.name(body.account)
            opened.setdefault(plain(name), []).append((venue_of(name), body.size_lots))
    assert len(opened) == 4
    for (one, long), (other, short) in opened.values():
        assert {one, other} == {"alpha", "beta"}
        assert long == -short > 0
    assert len({legs[0][0] for legs in opened.values()}) == 2


@pytest.mark.parametrize("overrides", [(), WINNERS, ("hedgers.latency_ns=3s",)], ids=["losers", "winners", "late"])
def test_what_is_taken_from_one_leg_is_closed_of_the_other(overrides: tuple[str, ...]) -> None:
    """Whatever is bare when an instant ends found no depth, or an account of the hedger is in liquidation."""
    events, last = run_of(*overrides)
    ledger, closed, tried = Ledger(), Counter[str](), dict[str, int]()
    before_ns = 0
    for event in events:
        if event.at_ns > before_ns and not any("latency" in one for one in overrides):
            for name, lots in bare_lots(ledger).items():
                stuck = [one for one in last.account_ids if plain(one) == name and is_stuck(ledger, one)]
                assert not lots or stuck or tried.get(name) == before_ns, (name, lots, event.seq)
        before_ns = event.at_ns
        ledger.fold(event)
        body = event.body
        if isinstance(body, OrderCancelled) and group_of(ledger.name(body.account)) == "hedger":
            tried[plain(ledger.name(body.account))] = event.at_ns
        if isinstance(body, OrderFilled) and group_of(ledger.name(body.account)) == "hedger":
            closed[plain(ledger.name(body.account))] += 1
    assert len(closed) == 4
    assert sum(map(abs, bare_lots(last).values())) == 0


def is_stuck(ledger: Ledger, name: str) -> bool:
    """Whether an account trades nothing of its own, or is not there yet."""
    number = ledger.account_ids.get(name)
    return number is not None and ledger.accounts[number].status not in ("healthy", "called")


@pytest.mark.parametrize("overrides", [(), WINNERS], ids=["losers", "winners"])
def test_no_more_is_closed_than_was_taken(overrides: tuple[str, ...]) -> None:
    """Every order reduces, and a hedger who lost no lot of a leg closes none of the other."""
    events, ledger = run_of(*overrides)
    taken, ordered = Counter[str](), Counter[str]()
    for event in events:
        if isinstance(event.body, TAKING):
            for account in accounts_named(event.body):
                if group_of(ledger.name(account)) == "hedger":
                    taken[plain(ledger.name(account))] += abs(event.body.size_lots)
    filled: Counter[int] = Counter()
    for event in events:
        if isinstance(event.body, OrderFilled):
            filled[event.body.order_id] += abs(event.body.size_lots)
    for event, body in hedges(events):
        if body.reduces:
            assert event.links
            ordered[plain(ledger.name(body.account))] += filled[body.order_id]
    assert taken
    assert ordered == taken


def test_its_grounds_are_what_happened_to_the_other_leg(tmp_path: Path) -> None:
    """`why` of a closing order names the takeover or the fill on the other venue that left the leg bare."""
    run(Scenario.load(LIVING), tmp_path / "a.run")
    recorded, seen = open_run(tmp_path / "a.run"), 0
    for event, body in hedges(tuple(recorded.events(0, recorded.count))):
        caused = recorded.event(event.links[0])
        if body.reduces and isinstance(caused.body, PositionTakenOver | LiquidationFilled):
            ledger = recorded.before(event.seq)
            grounds = grounds_of(recorded, event, ledger, RunNames(ledger), levels=1)
            assert caused.seq in {ground.step.seq for ground in grounds}
            seen += 1
    assert seen > 3
