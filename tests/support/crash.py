"""A small crash with every feature on, run once per process: for what is to be seen in a whole record."""

from __future__ import annotations

from functools import cache

from deleverage.events.envelope import Event
from deleverage.events.record import MemoryRecord
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

__all__ = ["SMALL_CRASH", "recorded", "record_of"]

SMALL_CRASH = (
    "population.accounts=250",
    "population.max_notional=2_000_000",
    "prices.interval_ns=10s",
    "insurance_fund.balance=20_000",
    "funding.interval_ns=10m",
    "breaker.move_bps=600",
    "mark.smoothing_ns=5s",
    "settle_ns=10m",
)


def record_of(*overrides: str, name: str = "flash-crash") -> MemoryRecord:
    """Run a bundled scenario with these overrides to its end, in memory."""
    record = MemoryRecord()
    simulation = Simulation(Scenario.load(name, overrides).resolve(), record)
    simulation.open()
    simulation.drive()
    record.seal()
    return record


@cache
def recorded(*overrides: str) -> tuple[Event, ...]:
    """The events of the small crash with these overrides on top."""
    return tuple(record_of(*SMALL_CRASH, *overrides).events())
