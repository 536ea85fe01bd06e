"""A small living market with faults: the bundled `outage`, with fewer accounts and in less time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.ledger.laws import LAWS
from deleverage.events.record import MemoryRecord
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

__all__ = ["SMALL", "check_laws", "faulty", "faulty_scenario", "lawful"]

SMALL = (
    "population.accounts=500",
    "population.max_notional=50_000",
    "impact.depth=80_000",
    "actors[0].balance=20_000",
    "insurance_fund.balance=10_000",
    "prices.duration_ns=4m",
    "prices.phases[0].from_ns=30s",
    "prices.phases[0].to_ns=40s",
    "traders.fastest_ns=1s",
    "traders.slowest_ns=20s",
)

ATTACKER = {"name": "attacker", "balance": 50_000, "accounts": 1}


def faulty_scenario(*faults: Mapping[str, Any], overrides: tuple[str, ...] = ()) -> Scenario:
    """The scenario with these faults in place of its own, and an attacker among its actors."""
    tree = dict(Scenario.load("outage", (*SMALL, *overrides)).tree)
    tree["faults"] = [dict(fault) for fault in faults]
    tree["actors"] = [*tree["actors"], ATTACKER]
    return Scenario(tree)


@cache
def _run(faults: tuple[tuple[tuple[str, Any], ...], ...], overrides: tuple[str, ...]) -> tuple[Event, ...]:
    return lawful(faulty_scenario(*map(dict, faults), overrides=overrides))[0]


def lawful(scenario: Scenario) -> tuple[tuple[Event, ...], Ledger]:
    """The events of a scenario, and the ledger at its end; the laws of `check_laws` were checked at every event."""
    record = MemoryRecord()
    simulation = Simulation(scenario.resolve(), record)
    simulation.bus.tap(lambda _event, ledger: check_laws(ledger))
    simulation.open()
    simulation.drive()
    return tuple(record.events()), simulation.ledger


def check_laws(ledger: LedgerState) -> None:
    """Every law but one: a stop may cost more than its account has until the margin monitor hears of it."""
    broken = [text for law in LAWS if law.__name__ != "_protection" for text in law(ledger)]  # type: ignore[arg-type]
    assert broken == [], f"after event {ledger.seq - 1}"


def faulty(*faults: Mapping[str, Any], overrides: tuple[str, ...] = ()) -> tuple[Event, ...]:
    """The events of it, run once per process; every law of the ledger was checked at every event."""
    return _run(tuple(tuple(fault.items()) for fault in faults), overrides)
