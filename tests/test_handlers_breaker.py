"""The circuit breaker: against all marks kept and looked through again at every one."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.venue import TimerSet, TradingHalted, TradingResumed
from deleverage.events.envelope import Event
from deleverage.handlers.circuit_breaker import BreakerParameters, CircuitBreaker
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.protocol import NoParameters

from .support.stage import Stage, ticks
from .support.venue import Book, listed

RULES = BreakerParameters(move_bps=1_000, window_ns=160, halt_ns=70)
STEP_NS = 10
PATHS = st.lists(st.tuples(st.integers(0, 60) | st.just(0), st.integers(850, 1150)), min_size=1, max_size=40)


def stage(*rules: BreakerParameters, instruments: int = 1) -> Stage:
    """Marks that are the index, and a breaker."""
    book = Book(*(listed(i) for i in range(instruments)))
    return Stage(book, IndexMarkPricing(NoParameters()), CircuitBreaker(*rules or (RULES,)))


def halts(events: list[Event]) -> list[tuple[int, int, int]]:
    """(time, reference, mark) of every halt."""
    return [(e.at_ns, e.body.reference_ticks, e.body.mark_ticks) for e in events if isinstance(e.body, TradingHalted)]


def expected_halts(path: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The stated rule: the extremes of the present step and the sixteen before it, since trading last resumed."""
    found: list[tuple[int, int, int]] = []
    halted_until, since = -1, 0
    for n, (at_ns, mark) in enumerate(path):
        if halted_until >= at_ns:
            continue
        if halted_until >= 0:
            since, halted_until = next(m for m, (t, _) in enumerate(path) if t > halted_until), -1
        window = [p for t, p in path[since : n + 1] if t // STEP_NS >= at_ns // STEP_NS - 16]
        for extreme in (max(window), min(window)):
            if abs(extreme - mark) * 10 >= extreme:
                found.append((at_ns, extreme, mark))
                halted_until = at_ns + RULES.halt_ns
                break
    return found


@settings(max_examples=300, deadline=None)
@given(PATHS)
def test_it_halts_exactly_when_the_window_says(path: list[tuple[int, int]]) -> None:
    """Any path, quiet spells and several marks of one instant: the same halts, at the same references, as the rule."""
    times = accumulate(elapsed for elapsed, _ in path)
    timed = list(zip(times, (price for _, price in path), strict=True))
    assert halts(stage().run(*ticks(*timed))) == expected_halts(timed)


def test_a_halt_has_its_end() -> None:
    """A fall of exactly a tenth halts, sets its timer, and trading resumes when that fires."""
    events = stage().run(*ticks((0, 1000), (5, 901), (9, 900)), until_ns=100)
    bodies = [(e.at_ns, e.body) for e in events if not isinstance(e.body, PriceTicked)][3:]
    assert bodies[0] == (9, TradingHalted(0, 1000, 900, 79))
    assert bodies[1] == (9, TimerSet("resume trading", 79, None, 0))
    assert bodies[3] == (79, TradingResumed(0))
    assert len(bodies) == 4


def test_a_rise_halts_too() -> None:
    """Measured from the window's low."""
    assert halts(stage().run(*ticks((0, 1000), (9, 1100)))) == [(9, 1000, 1100)]


def test_a_move_that_came_back_is_none() -> None:
    """What counts is the present mark: the window's extremes may be far apart, as long as it is near both or halted."""
    assert halts(stage().run(*ticks((0, 1000), (3, 950), (6, 1040), (9, 990)))) == []


def test_a_slow_fall_is_no_halt() -> None:
    """The high is forgotten when its step has left the window of sixteen steps and the present one."""
    assert halts(stage().run(*ticks((0, 1000), (170, 900)))) == []
    assert halts(stage().run(*ticks((0, 1000), (169, 900)))) == [(169, 1000, 900)]


def test_marks_before_the_resumption_do_not_count() -> None:
    """The window begins anew: the fall that halted trading does not halt it again."""
    assert halts(stage().run(*ticks((0, 1000), (9, 900), (40, 880), (80, 880), (90, 870)))) == [(9, 1000, 900)]


def test_instruments_are_apart() -> None:
    """One halts, the other trades on."""
    path = [*ticks((0, 1000)), *ticks((0, 1000), instrument=1), *ticks((5, 800)), *ticks((6, 990), instrument=1)]
    events = stage(instruments=2).run(*path)
    assert [e.body.instrument for e in events if isinstance(e.body, TradingHalted)] == [0]


@pytest.mark.parametrize("figures", [{"move_bps": 0}, {"window_ns": 0}, {"halt_ns": 0}])
def test_a_breaker_that_trips_on_nothing_is_refused(figures: dict[str, int]) -> None:
    """Every figure must be positive."""
    with pytest.raises(ValueError, match="must be positive"):
        BreakerParameters(**figures)
