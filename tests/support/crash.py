"""A small crash with every feature on, run once per process: for what is to be seen in a whole record."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import EventSink, MemoryRecord
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

__all__ = ["SMALL_CRASH", "checked", "recorded", "simulation_of"]

SMALL_CRASH = str(Path(__file__).with_name("small-crash.toml"))
"""A scenario of its own, so that tuning the bundled ones takes nothing away from the tests."""


def simulation_of(sink: EventSink, *overrides: str, name: str = SMALL_CRASH) -> Simulation:
    """A scenario, the small crash if nothing else is said, ready to run into a sink."""
    return Simulation(Scenario.load(name, overrides).resolve(), sink)


@cache
def checked(name: str, *overrides: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events of a scenario, and the ledger at its end; every law was checked at every event."""
    record = MemoryRecord()
    simulation = simulation_of(record, *overrides, name=name)
    simulation.bus.tap(lambda _event, ledger: ledger.check())
    simulation.open()
    simulation.drive()
    return tuple(record.events()), simulation.ledger


@cache
def recorded(*overrides: str) -> tuple[Event, ...]:
    """The events of the small crash with these overrides."""
    record = MemoryRecord()
    simulation = simulation_of(record, *overrides)
    simulation.open()
    simulation.drive()
    return tuple(record.events())
