"""A run taken up again anywhere in its record goes on to the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.record import MemoryRecord
from deleverage.handlers.registry import AT_ONCE, SLOTS

from .support.crash import recorded, simulation_of
from .support.past import goes_on_the_same

SHORT = ("prices.duration_ns=40m",)
LATE = ("margin.latency_ns=50ms", "liquidation.latency_ns=20ms")
LATE_BY = {"mark": "1ms", "breaker": "2s", "margin": "11ms", "traders": "3s", "insurance_fund": "20ms"}
LATE_BY |= {
    "liquidation": "7ms",
    "market": "5ms",
    "profit_cap": "1s",
    "adl": "30ms",
    "socialization": "40ms",
    "funding": "1s",
}
ALL_LATE = tuple(f"{slot}.latency_ns={latency}" for slot, latency in LATE_BY.items())
COOLING = ("liquidation.cooldown_ns=3s", "insurance_fund.capital_bps=3000", "adl.policy=profit-share")
RUNS = {"prompt": (), "late": LATE, "all late": ALL_LATE, "cooling": COOLING}
SLOW = sorted(set(SLOTS) - set(AT_ONCE))
"""Who may be slow: what is claimed is held at the event itself."""
LATENCIES = st.sampled_from(["1ms", "7ms", "20ms", "50ms", "1s", "11s", "40s"])

of_each_run = pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)


@of_each_run
def test_from_the_first_event(overrides: tuple[str, ...]) -> None:
    """From nothing but its inputs a record comes out again."""
    goes_on_the_same(recorded(*SHORT, *overrides), [0])


@of_each_run
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_from_any_event(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """Inside one delivery's products, with deliveries, timers and cooldowns pending: the same bytes follow."""
    events = recorded(*SHORT, *overrides)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(st.sampled_from(SLOW), LATENCIES), st.integers(1, 10**6), st.data())
def test_from_any_event_under_any_latencies(latencies: dict[str, str], seed: int, data: st.DataObject) -> None:
    """Whoever is slow, and whatever overtakes it."""
    record = MemoryRecord()
    overrides = [f"{slot}.latency_ns={latency}" for slot, latency in latencies.items()]
    simulation = simulation_of(record, *overrides, f"seed={seed}", "prices.duration_ns=36m")
    simulation.open()
    simulation.drive()
    events = tuple(record.events())
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])
