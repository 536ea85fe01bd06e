"""Faults of the venue: each kind changes what it should, from its beginning to its end, and nothing before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deleverage.events.bodies.faults import ActDelayed, FaultEnded, FaultStarted
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.margin import CollateralAdded, MarginCalled, MarkPriced, PositionReduced
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.trading import BookPriced, OrderFilled, OrderPlaced, QuotesPlaced
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger.faults import StandingFault
from deleverage.handlers.fault_plan import FAULT_KINDS
from deleverage.handlers.faults import due_ns
from deleverage.sim.units import parse_time_ns

from .support.command_line import call
from .support.faulty import faulty, faulty_scenario
from .support.past import goes_on_the_same

START_NS = parse_time_ns("2025-10-10T21:00:00Z")
SECOND_NS = 10**9
FROM_NS, FOR_NS = 32 * SECOND_NS, 60 * SECOND_NS
UNTIL_NS = START_NS + FROM_NS + FOR_NS
SPAN = {"from_ns": FROM_NS, "for_ns": FOR_NS}
INDEX = ("mark.policy=index",)

FAULTS: dict[str, Mapping[str, Any]] = {
    "outage": {},
    "gateway": {"delay_ns": 3 * SECOND_NS, "orders_per_second": 5},
    "oracle-frozen": {},
    "oracle-stale": {"interval_ns": 20 * SECOND_NS},
    "oracle-wrong": {"offset_bps": -300},
    "manipulation": {"account": "attacker-1", "budget": 3_000, "interval_ns": 7 * SECOND_NS},
    "feed-gap": {},
    "bridge-down": {},
    "slow-liquidation": {"orders_per_second": 5},
    "unresponsive": {"accounts_bps": 10_000},
}


def overrides_of(kind: str) -> tuple[str, ...]:
    """What the mark must look at for a fault of this kind."""
    return INDEX if kind.startswith("oracle-") else ()


def with_fault(kind: str, **changed: Any) -> tuple[Event, ...]:
    """The run with one fault of a kind."""
    return faulty({"kind": kind, **SPAN, **FAULTS[kind], **changed}, overrides=overrides_of(kind))


def within(events: tuple[Event, ...], *kinds: type) -> Iterator[Any]:
    """The events of some types while the fault is on: after its beginning, before its end."""
    first = next(event.seq for event in events if isinstance(event.body, FaultStarted))
    last = next(event.seq for event in events if isinstance(event.body, FaultEnded))
    return (event for event in events[first:last] if isinstance(event.body, kinds))


def test_every_kind_is_tried() -> None:
    """No kind is without its figures here; a venue's failure has a file of its own."""
    assert [*FAULTS, "venue-failure"] == list(FAULT_KINDS)


@pytest.mark.parametrize("kind", FAULTS)
def test_it_begins_and_ends_as_planned(kind: str) -> None:
    """It is recorded at its times, with its figures."""
    events = with_fault(kind)
    [started] = [event for event in events if isinstance(event.body, FaultStarted)]
    [ended] = [event for event in events if isinstance(event.body, FaultEnded)]
    assert (started.at_ns, ended.at_ns) == (START_NS + FROM_NS, UNTIL_NS)
    assert isinstance(started.body, FaultStarted)
    assert (started.body.kind, started.body.until_ns) == (kind, UNTIL_NS)


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_changes_before_it(kind: str) -> None:
    """Up to its beginning all is as in the run without it: but for who decides, and the timer of the beginning."""

    def told(events: tuple[Event, ...]) -> list[object]:
        before = (event for event in events if event.at_ns < START_NS + FROM_NS)
        kept = (
            e for e in before if not isinstance(e.body, RunStarted) and "fault" not in getattr(e.body, "purpose", "")
        )
        return [(e.at_ns, type(e.body) if isinstance(e.body, TimerFired) else e.body) for e in kept]

    plain, fault = told(faulty(overrides=overrides_of(kind))), told(with_fault(kind))
    assert len(plain) > 500
    assert fault == plain


def test_in_an_outage_nothing_trades_and_margin_goes_on() -> None:
    """Neither forced nor own orders fill, and no maker quotes; prices, marks, calls and liquidations go on."""
    events = with_fault("outage")
    assert not list(within(events, LiquidationFilled, OrderFilled, PositionReduced, QuotesPlaced))
    for kind in (BookPriced, MarkPriced, MarginCalled, LiquidationStarted):
        assert list(within(events, kind)), kind
    after = [event for event in events if event.at_ns >= UNTIL_NS]
    assert any(isinstance(event.body, LiquidationFilled) for event in after)
    resumed = next(event for event in after if isinstance(event.body, LiquidationOrdered))
    assert isinstance(events[resumed.cause or 0].body, FaultEnded)


def test_a_gateway_delays_orders_and_lets_through_so_many_a_second() -> None:
    """Each market order waits for the delay, one fifth of a second behind the other, and then trades."""
    events = with_fault("gateway")
    placed = {e.body.order_id: e.at_ns for e in within(events, OrderPlaced) if e.body.trigger_ticks is None}
    delayed = {e.body.order_id: e.body.due_ns for e in within(events, ActDelayed) if e.body.act == "order"}
    assert placed.keys() == delayed.keys()
    assert len(placed) > 2
    dues = sorted(due for due in delayed.values() if due < UNTIL_NS)
    assert all(due >= placed[number] + 3 * SECOND_NS for number, due in delayed.items())
    assert all(second - first >= SECOND_NS // 5 for first, second in itertools.pairwise(dues))
    filled = {e.body.order_id: e.at_ns for e in events if isinstance(e.body, OrderFilled)}
    assert any(number in filled for number in delayed)
    assert all(filled[number] == due for number, due in delayed.items() if number in filled)


def test_what_the_oracle_reports() -> None:
    """Frozen it repeats its last price, stale it renews it each interval, wrong it is off by the offset."""
    frozen = {event.body.index_ticks for event in within(with_fault("oracle-frozen"), MarkPriced)}
    assert len(frozen) == 1
    stale = [(e.at_ns, e.body.index_ticks) for e in within(with_fault("oracle-stale"), MarkPriced)]
    changed = [at for (_, old), (at, new) in itertools.pairwise(stale) if new != old]
    assert [(at - START_NS - FROM_NS) // SECOND_NS for at in changed] == [20, 40, 60]
    events = with_fault("oracle-wrong")
    marks = list(within(events, MarkPriced))
    assert len(marks) > 50
    for mark in marks:
        tick = events[mark.cause].body
        assert isinstance(tick, PriceTicked)
        assert mark.body.mark_ticks == dict(tick.prices)[mark.body.instrument] * 9_700 // 10_000


def test_in_a_feed_gap_no_price_from_outside_is_heard() -> None:
    """The prices are recorded, and no price of the book and no mark follows from one."""
    events = with_fault("feed-gap")
    assert len(list(within(events, PriceTicked))) > 50
    assert not [e for e in within(events, BookPriced, MarkPriced) if isinstance(events[e.cause].body, PriceTicked)]


def test_over_a_bridge_that_is_down_no_collateral_comes() -> None:
    """What answers a call waits for the bridge, and comes then if the account is still under that call."""
    events = with_fault("bridge-down")
    assert not list(within(events, CollateralAdded))
    delayed = [event.body for event in within(events, ActDelayed)]
    assert delayed
    assert {(body.act, body.due_ns) for body in delayed} == {("collateral", UNTIL_NS)}
    assert any(isinstance(event.body, CollateralAdded) for event in events if event.at_ns >= UNTIL_NS)


def test_a_slow_liquidation_engine_sends_so_many_orders_a_second() -> None:
    """Steps wait for their turn: up to the end no two orders of traders are nearer than a fifth of a second."""
    events = with_fault("slow-liquidation")
    ordered = [e.at_ns for e in within(events, LiquidationOrdered) if isinstance(events[e.cause].body, TimerFired)]
    own = [e for e in within(events, LiquidationOrdered) if e.body.leg == 0 and e.body.account > 5]
    assert len(own) > 50
    times = sorted(event.at_ns for event in own if event.at_ns < UNTIL_NS)
    assert all(second - first >= SECOND_NS // 5 for first, second in itertools.pairwise(times))
    assert ordered


def test_who_cannot_answer_does_not() -> None:
    """With all of 10,000 accounts silent no call is answered while it lasts; with half, some are."""
    assert not list(within(with_fault("unresponsive"), CollateralAdded, PositionReduced))
    delayed = list(within(with_fault("unresponsive"), ActDelayed))
    assert {(event.body.act, event.body.due_ns) for event in delayed} == {("answer", None)}
    some = with_fault("unresponsive", accounts_bps=5_000)
    silent = {event.body.account for event in within(some, ActDelayed)}
    assert silent < {event.body.account for event in delayed} | silent


def test_a_manipulation_spends_no_more_than_its_budget() -> None:
    """The attacker trades in parts worth the budget at most, moves the price, and closes at the end."""
    events = with_fault("manipulation")
    started = next(event.body for event in events if isinstance(event.body, FaultStarted))
    orders = [event for event in events if isinstance(event.body, OrderPlaced) and event.body.purpose == "manipulation"]
    numbers = {event.body.order_id for event in orders[:-1]}  # type: ignore[union-attr]
    fills = [event.body for event in events if isinstance(event.body, OrderFilled) and event.body.order_id in numbers]
    spent_atoms = sum(abs(body.value_atoms) for body in fills)
    assert 0.9 * started.budget_atoms < spent_atoms <= started.budget_atoms
    assert {body.account for body in fills} == {started.account}
    assert len(orders) == 9  # every seven seconds for less than a minute, and the end
    held = sum(body.size_lots for body in fills)
    assert orders[-1].body.size_lots == -held  # type: ignore[union-attr]
    assert isinstance(events[orders[-1].cause or 0].body, TimerFired)


def test_a_fault_of_one_group_leaves_the_others_alone() -> None:
    """A gateway that is slow for makers only delays nobody's order here."""
    assert not list(within(with_fault("gateway", group="maker"), ActDelayed))


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 5)), min_size=1, max_size=30),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_a_queue_never_lets_one_overtake(arrivals: list[tuple[int, int]], interval_ns: int, delay_ns: int) -> None:
    """Whoever comes later is due no sooner, later than now, and by the end of the fault and the delay at the latest."""
    until_ns = 2 * 10**9
    started = next(event.body for event in with_fault("gateway") if isinstance(event.body, FaultStarted))
    body = replace(started, until_ns=until_ns, delay_ns=delay_ns, interval_ns=interval_ns)
    standing, now_ns, last_ns = StandingFault(body, 5, 0, 0), 0, 0
    for later_ns, _ in arrivals:
        now_ns = min(until_ns, now_ns + later_ns)
        due = due_ns(standing, now_ns)
        assert now_ns < due <= max(now_ns + 1, until_ns + delay_ns)
        assert due >= last_ns or due == now_ns + 1
        standing.busy_until_ns, last_ns = max(standing.busy_until_ns, due - delay_ns), due


EVERYTHING = tuple(
    {"kind": kind, "from_ns": (20 + 9 * place) * SECOND_NS, "for_ns": 40 * SECOND_NS, **FAULTS[kind]}
    for place, kind in enumerate(FAULTS)
)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_run_with_all_faults_goes_on_the_same_from_any_event(data: st.DataObject) -> None:
    """Faults, queues and timers are in the record: taken up again at any event, the same bytes follow."""
    events = faulty(*EVERYTHING, overrides=("mark.policy=smoothed",))
    assert sum(isinstance(event.body, FaultEnded) for event in events) == len(FAULTS)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


BAD = {
    "no kind": ({**SPAN}, "there is no fault None"),
    "another kind": ({"kind": "outrage", **SPAN}, "choose from outage, gateway"),
    "no end": ({"kind": "outage", "from_ns": 5}, "missing required field `for_ns`"),
    "a negative length": ({"kind": "outage", "from_ns": 5, "for_ns": -5}, "for_ns must be above 0"),
    "before the start": ({"kind": "outage", "from_ns": -5, "for_ns": 5}, "from_ns must not be negative"),
    "at the start": ({"kind": "outage", "for_ns": 5}, "from_ns must be above 0"),
    "a negative delay": ({"kind": "gateway", **SPAN, "delay_ns": -1}, "delay_ns must not be negative"),
    "a gateway as ever": ({"kind": "gateway", **SPAN}, "needs delay_ns, orders_per_second or both"),
    "a rate of none": ({"kind": "slow-liquidation", **SPAN, "orders_per_second": 0}, "must lie between 1 and"),
    "a price below zero": ({"kind": "oracle-wrong", **SPAN, "offset_bps": -10_000}, "above -10000"),
    "a share over the whole": ({"kind": "unresponsive", **SPAN, "accounts_bps": 10_001}, "up to 10000"),
    "no such instrument": ({"kind": "outage", **SPAN, "instrument": "X"}, "choose from COIN-PERP"),
    "another's figure": ({"kind": "outage", **SPAN, "delay_ns": 1}, "unknown field `delay_ns`"),
    "nobody attacks": ({"kind": "manipulation", **SPAN, "account": "nobody", "budget": 1}, "there is no actor"),
    "more than it has": ({"kind": "manipulation", **SPAN, "account": "attacker-1", "budget": 50_001}, "50000"),
    "no capital": ({"kind": "manipulation", **SPAN, "account": "attacker-1", "budget": 0}, "without capital"),
    "in atoms": ({"kind": "manipulation", **SPAN, "account": "attacker-1", "budget_atoms": 1}, "write budget"),
    "since": ({"kind": "outage", **SPAN, "since_seq": 5}, "a fork sets it"),
    "no oracle": ({"kind": "oracle-frozen", **SPAN}, "looks at no oracle"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_fault_is_refused(case: str) -> None:
    """The message names the table, and says what to do."""
    table, told = BAD[case]
    with pytest.raises(ScenarioError) as error:
        faulty_scenario(table)
    assert str(error.value).startswith("$.faults[0]")
    assert told in str(error.value)


def test_a_bad_fault_is_one_line_and_code_2() -> None:
    """The command says it in one line on stderr."""
    result = call("run", "outage", "--set", "faults[0].for_ns=-5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "$.faults[0]" in result.stderr


def test_timers_of_a_fault_are_its_own() -> None:
    """A fault without orders sets two timers: of its beginning and of its end."""
    timers = [e.body.purpose for e in with_fault("feed-gap") if isinstance(e.body, TimerSet)]
    assert [purpose for purpose in timers if "fault" in purpose] == ["start of fault 1", "end of fault 1"]
