"""The quiet lane: runs of prices in columns leave what the plain way leaves, byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import SourceTally
from deleverage.events.codec import encode_event, same_width
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import LedgerState
from deleverage.events.quiet_ticks import EncodedTicks, QuietTicks
from deleverage.events.record import HeadOnly, RecordSettings, RecordWriter
from deleverage.events.vocabulary import Body
from deleverage.handlers.circuit_breaker import BreakerParameters, CircuitBreaker
from deleverage.handlers.margin_monitor import LevelledMonitor, MarginMonitor
from deleverage.handlers.plugins.handler_guard import guarded
from deleverage.handlers.protocol import Handler, NoParameters
from deleverage.handlers.quiet import QuietSpan
from deleverage.sim.lane import QuietLane
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import ResolvedScenario, Scenario
from deleverage.sim.sealing import keep_states
from deleverage.sim.summary import Summary

from .support.crash import SMALL_CRASH
from .support.venue import Book

_NS = 10**9
_QUIET = ("mark.smoothing_ns=0", "population.accounts=60", "settle_ns=30s")
_CALM = ("population.leverage=[[2, 1]]", "margin.recovery_bps=20_000")
_BLOCKS = RecordSettings(pages_per_block=4, durability="none")

Inputs = list[tuple[int, Body]]

PLUGIN = """
from deleverage.handlers.circuit_breaker import CircuitBreaker


class Own(CircuitBreaker):
    def handle(self, event, ledger, now_ns):
        return super().handle(event, ledger, now_ns)


class Said(Own):
    quiet_span = CircuitBreaker.quiet_span
"""


class Prepared:
    """A source of prices made by a test."""

    name, layout, sha256 = "prepared", "a list", bytes(32)

    def __init__(self, entries: Inputs) -> None:
        self._entries = entries

    def inputs(self, number: int) -> Iterator[tuple[int, Body]]:
        """The list."""
        return iter(self._entries)

    def tally(self, number: int) -> SourceTally:
        """All of them were rows."""
        return SourceTally(number, len(self._entries), 0)


class Leg(NamedTuple):
    """A stretch of a path: so many ticks apart by so much, of these instruments, from where a jump led."""

    jump_bps: int = 0
    ticks: int = 300
    apart_ns: int = _NS
    instruments: tuple[int, ...] = (0, 1, 2)


class Left(NamedTuple):
    """All that a run leaves, but for when it was written; and how many ticks passed in columns."""

    files: dict[str, bytes]
    state: str
    figures: object
    counts: dict[str, int]
    passed: int


def path_of(start_ns: int, opening: dict[int, int], legs: Sequence[Leg]) -> Inputs:
    """The ticks of a path: between jumps the prices ripple by a few basis points."""
    prices, entries, at_ns = dict(opening), Inputs(), start_ns
    for leg in legs:
        prices = {number: price + price * leg.jump_bps // 10_000 for number, price in prices.items()}
        for step in range(leg.ticks):
            ripple = step * 37 % 11 - 5
            moved = tuple((number, prices[number] + prices[number] * ripple // 20_000) for number in leg.instruments)
            entries.append((at_ns, PriceTicked(moved)))
            at_ns += leg.apart_ns
    return entries


def world(legs: Sequence[Leg], *overrides: str) -> ResolvedScenario:
    """The small crash's venue, with a path of the test's own in place of its prices."""
    scenario = Scenario.load(SMALL_CRASH, (*_QUIET, *overrides)).resolve()
    depth, prices = scenario.sources
    (start_ns, first), *_ = prices.inputs(1)
    assert isinstance(first, PriceTicked)
    entries = [(start_ns, first), *path_of(start_ns + _NS, dict(first.prices), legs)]
    return msgspec.structs.replace(scenario, sources=(depth, Prepared(entries)))


def left_by(scenario: ResolvedScenario, *, by_columns: bool, tapped: bool = False) -> Left:
    """Run it into a record with small blocks."""
    seen, passed = list[int](), list[int]()
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder, pytest.MonkeyPatch.context() as patch:
        take = QuietLane._take
        patch.setattr(QuietLane, "_take", lambda *given: (passed.append(given[2].instants), take(*given)))
        sink = RecordWriter(Path(folder) / "a.run", settings=_BLOCKS)
        simulation = Simulation(scenario, sink)
        simulation.by_columns = by_columns
        keep_states(sink, simulation.ledger)
        summary = Summary()
        summary.attach(simulation.bus)
        if tapped:
            simulation.bus.tap(lambda event, _: seen.append(event.seq))
        simulation.open()
        simulation.drive()
        sink.seal()
        files = {one.name: one.read_bytes() for one in sink.path.iterdir() if one.name != "manifest.json"}
    figures = [summary.sums, summary.fund_points, *map(summary.extremes, range(3)), seen]
    figures += [path.points for path in summary.marks.values()]
    return Left(files, simulation.ledger.digest(), figures, simulation.bus.counts(), sum(passed))


def passed_alike(legs: Sequence[Leg], *overrides: str, tapped: bool = False) -> int:
    """How many ticks passed in columns; all that is left is what the plain way leaves."""
    scenario = world(legs, *overrides)
    plain, quick = (left_by(scenario, by_columns=by_columns, tapped=tapped) for by_columns in (False, True))
    assert plain.passed == 0
    assert quick._replace(passed=0) == plain
    return quick.passed


LEGS = st.builds(
    Leg,
    st.integers(-700, 500),
    st.integers(1, 250),
    st.sampled_from([1, _NS // 3, _NS, 7 * _NS]),
    st.sampled_from([(0, 1, 2), (1,), (2, 0)]),
)
OVERRIDES = st.sampled_from(
    [
        (),
        ('mark={policy="index"}',),
        ('margin={policy="levels"}',),
        ("breaker.policy=none",),
        ("funding.interval_ns=1m",),
        ("insurance_fund.latency_ns=2s",),
        ("margin.latency_ns=1s",),
    ]
)


@settings(max_examples=10, phases=[Phase.explicit, Phase.generate])
@given(legs=st.lists(LEGS, min_size=1, max_size=4), overrides=OVERRIDES)
def test_any_path_leaves_the_same_bytes(legs: list[Leg], overrides: tuple[str, ...]) -> None:
    """Jumps that call and liquidate, timers in between, instruments that tick apart: files, state and figures agree."""
    passed_alike(legs, *overrides)


def test_what_is_quiet_passes_in_columns() -> None:
    """Most of a calm path; what lies where a mark leaves a range, a timer is due or a block ends goes the plain way."""
    assert passed_alike([Leg(ticks=700)], *_CALM) > 550
    assert 100 < passed_alike([Leg(ticks=200), Leg(-600, ticks=200)]) < 350
    assert passed_alike([Leg(instruments=(0, 1, 2), ticks=200), Leg(instruments=(1,), ticks=200)], *_CALM) > 200


def test_prices_that_grow_by_a_byte_do_not_pass_together() -> None:
    """AVAX at 28.400 is 28,400 ticks, in three bytes: once it is over 65,535 it takes five."""
    assert passed_alike([Leg(ticks=200), Leg(15_000, ticks=200)], "breaker.policy=none", *_CALM) > 100


@pytest.mark.parametrize("override", ["margin.latency_ns=1s", "breaker.latency_ns=1", "mark.smoothing_ns=5s"])
def test_who_hears_late_or_needs_each_price_has_no_span(override: str) -> None:
    """Then nothing passes."""
    assert passed_alike([Leg(ticks=150)], override) == 0


def test_a_tap_that_sees_each_event_sees_each_event() -> None:
    """Nothing passes it."""
    assert passed_alike([Leg(ticks=150)], tapped=True) == 0


@pytest.mark.parametrize(("name", "passes"), [("Own", False), ("Said", True)])
def test_a_plug_in_passes_what_it_says_and_nothing_else(tmp_path: Path, name: str, passes: bool) -> None:
    """A class that does anything otherwise has no span before it says so itself."""
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    assert bool(passed_alike([Leg(ticks=150)], f"breaker.policy={tmp_path / 'mine.py'}:{name}")) == passes


def test_a_fault_in_between_is_not_passed_over() -> None:
    """An oracle that freezes for a while reports another price."""
    fault = 'faults=[{ kind = "oracle-frozen", from_ns = "200s", for_ns = "100s", instrument = "BTC-PERP" }]'
    assert 100 < passed_alike([Leg(ticks=500)], fault, *_CALM) < 400


def test_only_the_head_is_the_same_head() -> None:
    """Without a disk, too, where a run is as long as it may be."""
    scenario, heads = world([Leg(ticks=400)], *_CALM), set[bytes]()
    for by_columns in (False, True):
        sink = HeadOnly()
        simulation = Simulation(scenario, sink)
        simulation.by_columns = by_columns
        simulation.open()
        simulation.drive()
        sink.seal()
        heads.add(sink.head)
    assert len(heads) == 1


NUMBERS = st.sampled_from([1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**62])
SEQS = st.sampled_from([0, 300, 10**6, 2**32, 2**62])


@given(SEQS, NUMBERS, NUMBERS, st.sampled_from([0, 127, 200, 300]), st.sampled_from([1, 2, 15, 16, 20]), st.data())
def test_columns_are_the_encoders_bytes(
    seq: int, at_ns: int, ticks: int, producer: int, instruments: int, data: st.DataObject
) -> None:
    """Each event, at each length of its numbers."""
    first = data.draw(st.sampled_from([0, 120, 250]))
    prices = np.full((3, instruments), ticks, np.int64)
    run = QuietTicks(tuple(range(first, first + instruments)), np.full(3, at_ns, np.int64), prices, producer)
    encoded = EncodedTicks(run, seq)
    events = [event for row in range(3) for event in run.events_of(row, seq)]
    assert [encoded.between(one.seq, one.seq + 1) for one in events] == [encode_event(one) for one in events]
    assert encoded.events(seq + 1, seq + 3) == events[1:3]
    assert encoded.distances(seq + 1, 4) == [0 if one.cause is None else one.seq - one.cause for one in events[1:5]]


@given(st.integers(0, 2**64 - 1))
def test_the_same_width_is_the_encoders(number: int) -> None:
    """The least and the greatest are as long, what lies beyond them is not."""
    low, high = same_width(number)
    assert len(encode_event(low)) == len(encode_event(number)) == len(encode_event(high))
    if low:
        assert len(encode_event(low - 1)) < len(encode_event(number))
    if high < 2**64 - 1:
        assert len(encode_event(high + 1)) > len(encode_event(number))


@settings(max_examples=50)
@given(st.integers(20, 10**6), st.integers(20, 10**6), st.integers(1, 3_000))
def test_the_breakers_room_is_the_most_there_is(first: int, second: int, move_bps: int) -> None:
    """One tick more at both extremes, and a halt could be due."""
    breaker = CircuitBreaker(BreakerParameters(move_bps=move_bps))
    book = Book()
    for ticks in (first, second):
        breaker.observe(book.mark(ticks)[-1], book.ledger)
    span = breaker.quiet_span(book.ledger)
    assert (span is None) == bool(breaker.gate(MarkPriced))
    if span is not None:
        low, high = span.bounds[0]
        assert (high - low) * 10_000 < move_bps * low
        assert (high - low + 2) * 10_000 >= move_bps * (low - 1)


class _Counting(MarginMonitor):
    """Looks at each mark."""

    def observe(self, event: object, ledger: LedgerState) -> None:  # type: ignore[override]
        """Nothing."""


def test_a_subclass_states_its_span_anew() -> None:
    """One that only has other parameters keeps it."""
    assert LevelledMonitor.quiet_span is MarginMonitor.quiet_span
    assert _Counting.quiet_span is Handler.quiet_span


class _Wrong(Handler):
    name: ClassVar[str] = "market"
    subscribes: ClassVar[tuple[type[Body], ...]] = (PriceTicked,)

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """No span."""
        return (1, 2)  # type: ignore[return-value]


def test_a_plug_ins_span_is_looked_at() -> None:
    """What is none ends the run, with the plug-in's name."""
    handler = guarded(_Wrong)(NoParameters())
    handler.plugin = "it.py:It"
    with pytest.raises(HandlerError, match=r"it\.py:It: quiet_span\(\) gave \(1, 2\)"):
        handler.quiet_span(Book().ledger)
