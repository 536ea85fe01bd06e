"""Small runs to be watched: a crash of three instruments and a living market, their events in memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord

from .crash import SMALL_CRASH, simulation_of

__all__ = ["WORLDS", "events_of", "state_of"]

WORLDS = {
    "crash": (
        SMALL_CRASH,
        "population.accounts=60",
        "prices.duration_ns=25m",
        "prices.phases=[{from_ns='5m', to_ns='12m', move=-0.08}, {from_ns='15m', to_ns='21m', move=-0.3}]",
        "settle_ns=1s",
    ),
    "inverse": (str(Path(__file__).with_name("inverse-crash.toml")), "population.accounts=60"),
    "living": (
        str(Path(__file__).with_name("small-living.toml")),
        "population.accounts=60",
        "impact.depth=30_000",
        "prices.duration_ns=4m",
        "prices.phases=[{from_ns='2m', to_ns='150s', move=-0.05}]",
        "settle_ns=1s",
    ),
}


@cache
def events_of(world: str) -> tuple[Event, ...]:
    """Every event of a small run; half a second."""
    name, *changes = WORLDS[world]
    record = MemoryRecord()
    simulation = simulation_of(record, *changes, name=name)
    simulation.open()
    simulation.drive()
    return tuple(record.events())


def state_of(world: str, hundredths: int) -> Ledger:
    """The state after a share of the events, from the first instant of marks on."""
    events = events_of(world)
    first = next(event.seq for event in events if isinstance(event.body, MarkPriced)) + 3
    return Ledger.of(events[: first + (len(events) - first) * hundredths // 100])
