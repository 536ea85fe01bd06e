"""A record over time: whatever the steps are, no extreme is lost, and sums are those of the events."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.venue import TradingHalted
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.inventory import capacity_atoms
from deleverage.replay.timeline import Timeline, TimelineTaker
from deleverage.replay.timeline.series import STEPS_NS, step_ns_for

from .support.crash import recorded, simulation_of

_SECOND = 10**9
LIVING = str(Path(__file__).with_name("support") / "small-living.toml")


@cache
def drawn(step_ns: int) -> Timeline:
    """The whole of it."""
    return taken(step_ns, 0, None)


def taken(step_ns: int, first: int, stop: int | None) -> Timeline:
    """The small crash in steps of that length, between two of its events."""
    events, ledger = recorded(), Ledger()
    for event in events[:first]:
        ledger.fold(event)
    taker = TimelineTaker(events[first].at_ns, step_ns, ledger)
    for event in events[first:stop]:
        taker.take(event)
    return taker.timeline()


@pytest.mark.parametrize("step_ns", [10 * _SECOND, 60 * _SECOND, 1800 * _SECOND])
def test_levels_keep_the_extremes_and_totals_the_sums(step_ns: int) -> None:
    """Held against every mark and every reduction of the record, by hand."""
    timeline = drawn(step_ns)
    marks, values, count = defaultdict[tuple[int, int], list[int]](list), Counter[tuple[int, int]](), Counter[int]()
    for event in recorded():
        place, body = (event.at_ns - timeline.first_ns) // step_ns, event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument, place].append(body.mark_ticks)
        elif isinstance(body, PositionDeleveraged):
            values[body.instrument, place] += abs(body.value_atoms)
        elif isinstance(body, LiquidationStarted):
            count[place] += 1
    for number, name in enumerate(timeline.instruments):
        told = timeline.level("mark", name)
        assert told is not None
        assert told.before is None
        found = {(number, one.step): (one.low, one.high, one.last) for one in told.points}
        assert found == {key: (min(all_), max(all_), all_[-1]) for key, all_ in marks.items() if key[0] == number}
        for one in told.points:
            for seq, ticks in ((one.low_seq, one.low), (one.high_seq, one.high), (one.last_seq, one.last)):
                body = recorded()[seq].body
                assert isinstance(body, MarkPriced)
                assert body.mark_ticks == ticks
        deleveraged = timeline.total("deleveraged", name)
        sums = {} if deleveraged is None else {(number, one.step): one.sum for one in deleveraged.points}
        assert sums == {key: atoms for key, atoms in values.items() if key[0] == number}
    liquidations = timeline.total("liquidations")
    assert liquidations is not None
    assert {one.step: one.sum for one in liquidations.points} == count


def test_what_traders_hold_and_the_fund_has_is_the_ledgers() -> None:
    """At the end, and for the fund also where it stood lowest."""
    timeline, ledger = drawn(60 * _SECOND), Ledger()
    (fund,) = (one for one in timeline.levels if one.name == "capacity")
    lowest = min(fund.points, key=lambda one: one.low)
    for event in recorded():
        ledger.fold(event)
        if event.seq == lowest.low_seq:
            assert capacity_atoms(ledger, ledger.fund(0)) == lowest.low
    assert capacity_atoms(ledger, ledger.fund(0)) == fund.points[-1].last
    for number, name in enumerate(timeline.instruments):
        lots = [one.size_lots for account in ledger.accounts if account.kind == "user"
                for (instrument, _), one in account.positions.items() if instrument == number]  # fmt: skip
        for side, held in (("long", sum(max(0, one) for one in lots)), ("short", -sum(min(0, one) for one in lots))):
            told = timeline.level(side, name)
            assert (0 if told is None else told.points[-1].last) == held


def test_a_halt_lasts_until_it_ends() -> None:
    """Each halt is a span from its event on."""
    halts = [event for event in recorded() if isinstance(event.body, TradingHalted)]
    assert halts
    spans = drawn(60 * _SECOND).spans
    assert [(one.from_seq, one.from_ns) for one in spans] == [(event.seq, event.at_ns) for event in halts]
    assert all(one.until_ns is None or one.until_ns > one.from_ns for one in spans)
    within = taken(60 * _SECOND, halts[0].seq + 1, None).spans
    assert within[0].until_seq == spans[0].until_seq


@pytest.mark.parametrize(("from_percent", "to_percent"), [(15, 40), (20, 21), (30, 90), (63, 64), (50, 100)])
def test_a_window_is_the_whole_cut_out(from_percent: int, to_percent: int) -> None:
    """Steps that lie in it are the same; what stood before it is what it begins with. Depth comes back by itself."""
    first, stop = (len(recorded()) * percent // 100 for percent in (from_percent, to_percent))
    step_ns = 10 * _SECOND
    whole, past, window = drawn(step_ns), taken(step_ns, 0, first), taken(step_ns, first, stop)
    offset = (window.first_ns - whole.first_ns) // step_ns

    def inner(points: tuple[Any, ...], offset: int) -> dict[int, Any]:
        last = window.steps - 1 + offset
        return {one.step - offset: replace(one, step=0) for one in points if offset < one.step < last}

    for told in window.levels:
        full, before = whole.level(told.name, told.of), past.level(told.name, told.of)
        assert full is not None
        assert inner(told.points, 0) == inner(full.points, offset)
        if told.name not in {"bids", "asks"}:
            assert told.before == (None if before is None else before.points[-1].last)
    for summed in window.totals:
        full_total = whole.total(summed.name, summed.of)
        assert full_total is not None
        assert inner(summed.points, 0) == inner(full_total.points, offset)


def test_steps_are_of_a_length_that_can_be_read() -> None:
    """The shortest of the list that is enough; whole weeks for what is longer than all of them."""
    assert step_ns_for(5400 * _SECOND, 240) == 30 * _SECOND
    assert step_ns_for(0, 240) == STEPS_NS[0]
    assert step_ns_for(10**9 * _SECOND, 10) % STEPS_NS[-1] == 0
    for length_ns in (1, 10**9, 7 * 10**12, 10**17):
        for most in (2, 60, 1000):
            assert length_ns // step_ns_for(length_ns, most) + 2 <= most + 1


def test_a_living_market_has_depth_and_own_orders() -> None:
    """Its own book makes the price, and the depth is what its makers quote."""
    simulation = simulation_of(MemoryRecord(), name=LIVING)
    taker = TimelineTaker(0, 10 * _SECOND)
    simulation.bus.tap(lambda event, _ledger: taker.take(event))
    simulation.open()
    simulation.drive()
    timeline = taker.timeline()
    assert any(one.name == "bids" for one in timeline.levels)
    assert any(one.name == "own orders" for one in timeline.totals)
