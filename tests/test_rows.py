"""Many events of one type in a row, of which everyone who listens is told at once: the same as one by one."""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import LedgerState
from deleverage.events.record import MemoryRecord
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.insurance_fund import InsuranceFund
from deleverage.handlers.margin_monitor import LevelledMonitor, MarginMonitor
from deleverage.sim.runner import Simulation
from deleverage.sim.summary import Summary

from .support.crash import simulation_of

NEVER, ALWAYS = 10**9, 1
SHORT = ("prices.duration_ns=35m", "margin.latency_ns=0")


def simulated(policy: str, many: int, seen: list[int] | None = None) -> tuple[Simulation, MemoryRecord, Summary]:
    """A small crash; `seen` takes the number of each reduction by a tap that must see every one."""
    record, summary = MemoryRecord(), Summary()
    simulation = simulation_of(record, *SHORT, f"adl.policy={policy}")
    summary.attach(simulation.bus)
    if seen is not None:
        simulation.bus.tap(lambda event, _ledger: seen.append(event.seq), (PositionDeleveraged,))
    with patch("deleverage.sim.bus._MANY", many):
        simulation.open()
        simulation.drive()
    return simulation, record, summary


@cache
def one_by_one(policy: str) -> tuple[Simulation, MemoryRecord, Summary]:
    """As it was without rows."""
    return simulated(policy, NEVER)


@pytest.mark.parametrize("policy", ["wealth-pro-rata", "side-index", "profit-leverage"])
def test_a_crash_in_rows_is_the_same_crash(policy: str) -> None:
    """Every event, the state at its end, what is counted, and what handlers keep."""
    plain, many = one_by_one(policy), simulated(policy, ALWAYS)
    assert list(many[1].events()) == list(plain[1].events())
    assert many[0].ledger.digest() == plain[0].ledger.digest()
    assert (many[2].sums, many[2].deleveraged, many[2].by_type) == (
        plain[2].sums,
        plain[2].deleveraged,
        plain[2].by_type,
    )
    assert looks_of(many[0]) == looks_of(plain[0])


def looks_of(simulation: Simulation) -> list[int]:
    """How often each monitor looked at an account: a row makes nobody due who was not."""
    handlers = {id(heard.handler): heard.handler for heard in simulation.bus._routes[PositionDeleveraged].subscriptions}
    return [handler.looks for handler in handlers.values() if isinstance(handler, MarginMonitor)]


def test_rows_were_taken() -> None:
    """The run above has rounds of many, of which all are told at once; so the comparison is one."""
    told = patch("deleverage.handlers.adl_engine.AdlEngine.observe_all", side_effect=RuntimeError)
    with told, pytest.raises(HandlerError, match="RuntimeError"):
        simulated("wealth-pro-rata", ALWAYS)


def test_who_must_see_each_event_sees_it() -> None:
    """One tap that cannot be told at once, and nobody is: the events are the same."""
    seen: list[int] = []
    _, record, _ = simulated("wealth-pro-rata", ALWAYS, seen)
    events = list(record.events())
    assert events == list(one_by_one("wealth-pro-rata")[1].events())
    assert seen == [event.seq for event in events if type(event.body) is PositionDeleveraged]


def test_who_observes_otherwise_sees_each_event() -> None:
    """What a class can be told at once is inherited, but not by one that has an `observe` of its own."""

    class Other(InsuranceFund):
        def observe(self, event: Event, ledger: LedgerState) -> None:
            """Something else."""

    assert LevelledMonitor.together == AdlEngine.together == InsuranceFund.together == (PositionDeleveraged,)
    assert not Other.together
