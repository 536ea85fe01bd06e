"""An index is only speed: a handler primed at any event goes on exactly like the one that ran from the start.

Every delivery of a recorded crash is made again, to handlers that were built and primed in the middle of it, in the
state that the record says; what they return must be what the record has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.protocol import Handler, Product
from deleverage.handlers.registry import AT_ONCE, SLOTS
from deleverage.sim.runner import Simulation

from .support.crash import recorded, simulation_of
from .support.priming import differences, primed
from .support.replayer import Delivery, Folded, tell

LATE = ("margin.latency_ns=50ms", "liquidation.latency_ns=20ms")
ALL_LATE = (
    "mark.latency_ns=1ms",
    "breaker.latency_ns=2s",
    "margin.latency_ns=11ms",
    "traders.latency_ns=3s",
    "insurance_fund.latency_ns=20ms",
    "liquidation.latency_ns=7ms",
    "market.latency_ns=1s",
    "adl.latency_ns=30ms",
    "socialization.latency_ns=40ms",
    "funding.latency_ns=1s",
)
LIMITED = (
    "liquidation.limit=bankruptcy",
    "insurance_fund.capital_bps=3000",
    "insurance_fund.payment=none",
    "adl.policy=profit-share",
)
RUNS = {"prompt": (), "late": LATE, "all late": ALL_LATE, "limited": LIMITED}
LATENCIES = st.sampled_from(["1ms", "7ms", "20ms", "50ms", "1s", "11s", "40s"])

of_each_run = pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)


def first_rounds(events: tuple[Event, ...], count: int) -> list[int]:
    """Positions in the middle of rounds of auto-deleveraging that continue another."""
    continued = [e.seq for e in events if getattr(e.body, "base_round", None) is not None]
    return [seq + 1 for seq in continued[:: max(1, len(continued) // count)]]


@of_each_run
def test_the_crash_has_everything_in_it(overrides: tuple[str, ...]) -> None:
    """The runs below exercise every handler: calls, answers, halts, takeovers, rounds that continue, shared losses."""
    seen = Counter(type(event.body).__name__ for event in recorded(*overrides))
    needed = """MarginCalled MarginCallMet CollateralAdded PositionReduced TradingHalted TradingResumed FundingAccrued
    LiquidationEnded BankruptcyDeclared PositionTakenOver ShortfallDeclared PositionDeleveraged LossSocialized"""
    assert {name for name in needed.split() if not seen[name]} == set()
    assert first_rounds(recorded(*overrides), 5)


@of_each_run
def test_primed_before_the_first_tick(overrides: tuple[str, ...]) -> None:
    """Handlers that never saw the opening say the same as those that did, to the end."""
    assert list(differences(recorded(*overrides), 1)) == []


@of_each_run
def test_primed_in_the_middle_of_a_round(overrides: tuple[str, ...]) -> None:
    """Between a round and the one that continues its ranking, the ranking and who was touched since are rebuilt."""
    events = recorded(*overrides)
    for seq in first_rounds(events, 12):
        assert list(differences(events, seq, 400)) == []


@of_each_run
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_primed_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """Whatever event it is, also in the middle of an instant or of what was appended together."""
    events = recorded(*overrides)
    seq = data.draw(st.integers(1, len(events) - 1))
    assert list(differences(events, seq, 1500)) == []


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(set(SLOTS) - set(AT_ONCE))), LATENCIES), st.integers(1, 10**6), st.data())
def test_primed_anywhere_under_any_latencies(latencies: dict[str, str], seed: int, data: st.DataObject) -> None:
    """Any handler may be slow: what overtakes it is in the ledger, and what is rebuilt still agrees."""
    overrides = [f"{slot}.latency_ns={latency}" for slot, latency in latencies.items()]
    record = MemoryRecord()
    simulation = simulation_of(record, *overrides, f"seed={seed}", "prices.duration_ns=36m")
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    events = tuple(record.events())
    seq = data.draw(st.integers(1, len(events) - 1))
    assert list(differences(events, seq, 1500)) == []


def test_a_handler_that_is_not_primed_would_be_found_out() -> None:
    """The comparison can fail: without priming, the same positions give other answers."""
    events = recorded()
    seq = next(e.seq for e in events if type(e.body).__name__ == "DeleveragingEnded") + 1
    ledger = Ledger.of(events[:seq])
    forgetful = primed(events, seq, ledger)[2]
    forgetful.prime(Ledger(), ())
    wrong = 0
    for step in tell(events):
        if isinstance(step, Folded) and step.event.seq >= seq:
            ledger.fold(step.event)
        elif isinstance(step, Delivery) and step.at_seq >= seq and step.producer == 2 and step.products:
            wrong += not forgetful.handle(step.event, ledger, step.now_ns)
    assert wrong > 0


@pytest.mark.parametrize("overrides", [(), ALL_LATE], ids=["prompt", "all late"])
def test_no_handler_writes_state(overrides: tuple[str, ...]) -> None:
    """The ledger's digest is the same before and after every call of every handler."""
    simulation = simulation_of(MemoryRecord(), *overrides, "population.accounts=120", "prices.interval_ns=30s")
    asked = asked_of(simulation)
    living = {"impact", "makers", "crowd", "strategist", "orders"}  # see test_living_crowd.py, and test_living_runs.py
    living |= {"index", "arbitrage", "hedgers", "ties", "bridge", "faults", "margin_rules"}
    living |= {"dealers", "option_rules", "oracle", "collateral", "redemptions", "invariants"}  # and of other worlds
    living |= {"chain", "lending", "borrowers", "keepers", "actor"}
    assert set(SLOTS) - set(asked) == {"profit_cap", *living}


def asked_of(simulation: Simulation) -> Counter[str]:
    """How often each handler had something to say in a whole run, in which none may write state."""
    asked: Counter[str] = Counter()
    for route in simulation.bus._routes.values():
        for subscription in route.subscriptions:
            subscription.handle = _guarded(subscription.handler, asked)
    simulation.open()
    simulation.drive()
    return asked


def _guarded(handler: Handler, asked: Counter[str]) -> Callable[..., list[Product]]:
    """A handler's `handle`, with the ledger's digest compared around every call."""
    handle = type(handler).handle

    def guarded(event: Event, ledger: Ledger, now_ns: int) -> list[Product]:
        before = ledger.digest()
        products = list(handle(handler, event, ledger, now_ns))
        asked[handler.name] += bool(products)
        assert ledger.digest() == before
        return products

    handler.handle = guarded  # type: ignore[method-assign]
    return guarded
