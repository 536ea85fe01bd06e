"""The bus: what happens to an event, to whom it is delivered and in which order, and what an error does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import FundingRateSet, PriceTicked
from deleverage.events.bodies.margin import CollateralAdded, FeeCharged, MarkPriced
from deleverage.events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import DeleverageError, HandlerError, RecordFullError
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.record import MemoryRecord
from deleverage.events.vocabulary import Body
from deleverage.handlers.protocol import ALWAYS, Handler, Linked, NoParameters, Product
from deleverage.handlers.registry import AT_ONCE, SLOTS

from .support.crash import recorded, simulation_of
from .support.replayer import Folded, tell
from .support.stage import Stage
from .support.venue import Book

Answer = Callable[[Event, LedgerState, int], Iterable[Product]]
TICK = PriceTicked(((0, 100),))


class Scripted(Handler):
    """A handler that does as it is told and writes down what it was asked."""

    name = "scripted"
    policy = "test"

    def __init__(self, answers: dict[type[Body], Answer], observes: tuple[type[Body], ...] = ()) -> None:
        super().__init__(NoParameters())
        self.answers, self.asked, self.seen = answers, list[tuple[int, int, int]](), list[tuple[int, int]]()
        self.subscribes, self.observes = tuple(answers), observes  # type: ignore[misc]
        self.closed: tuple[object, ...] | None = None

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """As told; writes down (event, position of the ledger, time)."""
        self.asked.append((event.seq, ledger.seq, now_ns))
        return self.answers[type(event.body)](event, ledger, now_ns)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Write down (event, position of the ledger)."""
        self.seen.append((event.seq, ledger.seq))

    def gate(self, kind: type[Body]) -> Collection[object]:
        """Open, unless the test closed it."""
        return ALWAYS if self.closed is None else self.closed


def stage_of(*handlers: Handler, latencies_ns: tuple[int, ...] = ()) -> Stage:
    """These handlers on a bus over a venue with nothing special."""
    return Stage(Book(), *handlers, latencies_ns=latencies_ns)


def told(events: Iterable[Event]) -> list[tuple[str, int | None, int | None]]:
    """(name, cause, producer) of each event."""
    return [(type(e.body).__name__, e.cause, e.producer) for e in events]


def note(key: str) -> HandlerStateNoted:
    """A body that means nothing."""
    return HandlerStateNoted("test", key, ())


def test_an_event_is_recorded_folded_observed_and_then_delivered() -> None:
    """Index and tap see the ledger with the event in it, and both before any handler is asked."""
    order: list[str] = []
    handler = Scripted({PriceTicked: lambda *_: order.append("handled") or ()}, (PriceTicked,))
    stage = stage_of(handler)
    stage.bus.tap(lambda event, ledger: order.append(f"tapped at {ledger.seq - event.seq}"), (PriceTicked,))
    (event,) = stage.run((0, TICK))
    assert order == ["tapped at 1", "handled"]
    assert handler.seen == [(event.seq, event.seq + 1)]
    assert handler.asked == [(event.seq, event.seq + 1, 0)]
    assert event == Event(stage.first_seq, 0, Origin.INPUT, None, (), None, TICK)


def test_products_are_recorded_together_before_any_is_delivered() -> None:
    """Two products: whoever is asked about the first finds the second folded already; cause and producer are theirs."""
    first = Scripted({PriceTicked: lambda *_: [note("a"), note("b")]})
    second = Scripted({HandlerStateNoted: lambda *_: ()})
    events = stage_of(first, second).run((0, TICK))
    tick = events[0].seq
    assert told(events) == [("PriceTicked", None, None)] + [("HandlerStateNoted", tick, 0)] * 2
    assert [asked[:2] for asked in second.asked] == [(tick + 1, tick + 3), (tick + 2, tick + 3)]
    assert {event.origin for event in events[1:]} == {Origin.DECIDED}


def test_links_travel_with_a_product() -> None:
    """A handler says what else contributed."""
    events = stage_of(Scripted({PriceTicked: lambda *_: [Linked(note("a"), (3, 4)), note("b")]})).run((0, TICK))
    assert [event.links for event in events] == [(), (3, 4), ()]


def test_delivery_follows_the_order_of_subscription_and_then_of_the_queue() -> None:
    """Both subscribers of an event are asked before the products of either are delivered."""
    first = Scripted({PriceTicked: lambda *_: [note("first")]})
    second = Scripted({PriceTicked: lambda *_: [note("second")], HandlerStateNoted: lambda *_: ()})
    events = stage_of(first, second).run((0, TICK))
    tick = events[0].seq
    assert told(events)[1:] == [("HandlerStateNoted", tick, 0), ("HandlerStateNoted", tick, 1)]
    assert [asked[:2] for asked in second.asked] == [(tick, tick + 2), (tick + 1, tick + 3), (tick + 2, tick + 3)]


def test_the_queue_is_first_in_first_out() -> None:
    """What a product causes comes after what was caused before it."""
    chain = {"a": "a1", "b": "b1"}

    def follow(event: Event, *_: object) -> list[Product]:
        key = event.body.key  # type: ignore[union-attr]
        return [note(chain[key])] if key in chain else []

    events = stage_of(Scripted({PriceTicked: lambda *_: [note("a"), note("b")], HandlerStateNoted: follow})).run(
        (0, TICK)
    )
    assert [e.body.key for e in events[1:]] == ["a", "b", "a1", "b1"]  # type: ignore[union-attr]


def test_one_input_is_drained_before_the_next() -> None:
    """Two inputs of one instant: everything that follows from the first comes before the second."""
    events = stage_of(Scripted({PriceTicked: lambda *_: [note("x")]})).run((5, TICK), (5, TICK))
    assert [type(e.body).__name__ for e in events] == ["PriceTicked", "HandlerStateNoted"] * 2
    assert {event.at_ns for event in events} == {5}


def test_products_may_come_from_a_generator() -> None:
    """A handler may yield; nothing is recorded before it has said everything."""

    def speak(_event: Event, ledger: LedgerState, _now: int) -> Iterable[Product]:
        yield note(str(ledger.seq))
        yield note(str(ledger.seq))

    events = stage_of(Scripted({PriceTicked: speak})).run((0, TICK))
    assert len({e.body.key for e in events[1:]}) == 1  # type: ignore[union-attr]


def test_a_latency_delays_the_delivery_and_is_its_time() -> None:
    """A handler with a latency of 7 hears of it 7 later, in the state of then; the others at once."""
    slow, quick = (
        Scripted({PriceTicked: lambda *_: [note("slow")]}),
        Scripted({PriceTicked: lambda *_: [note("quick")]}),
    )
    events = stage_of(slow, quick, latencies_ns=(7,)).run((3, TICK), (9, FundingRateSet(0, 1)), until_ns=20)
    told_at = [(e.at_ns, e.producer) for e in events]
    assert told_at == [(3, None), (3, 1), (9, None), (10, 0)]
    assert slow.asked == [(events[0].seq, events[3].seq, 10)]
    assert events[3].cause == events[0].seq


def test_deliveries_of_one_instant_go_by_cause_and_then_subscription() -> None:
    """Two delayed deliveries that fall together are ordered by their events, two of one event by subscription."""
    handlers = [Scripted({kind: lambda *_: [note("x")]}) for kind in (FundingRateSet, PriceTicked, PriceTicked)]
    events = stage_of(*handlers, latencies_ns=(4, 6, 6)).run((1, TICK), (3, FundingRateSet(0, 1)), until_ns=9)
    assert [(e.at_ns, e.cause, e.producer) for e in events[2:]] == [
        (7, events[0].seq, 1),
        (7, events[0].seq, 2),
        (7, events[1].seq, 0),
    ]


def test_a_timer_fires_when_it_is_due_between_inputs_and_deliveries() -> None:
    """At its instant it comes after the inputs and before delayed deliveries, as a product of whoever set it."""
    setter = Scripted({PriceTicked: lambda *_: [TimerSet("nap", 5, None, 0)]})
    late = Scripted({PriceTicked: lambda *_: [note("late")]})
    events = stage_of(setter, late, latencies_ns=(0, 5)).run((0, TICK), (5, FundingRateSet(0, 1)), until_ns=5)
    assert told(events) == [
        ("PriceTicked", None, None),
        ("TimerSet", events[0].seq, 0),
        ("FundingRateSet", None, None),
        ("TimerFired", events[1].seq, 0),
        ("HandlerStateNoted", events[0].seq, 1),
    ]
    assert events[3].body == TimerFired(events[1].seq, "nap", None, 0)


def test_a_closed_gate_spares_a_delivery() -> None:
    """A handler whose gate is empty is not asked; it is asked again as soon as there is something in it."""
    handler = Scripted({PriceTicked: lambda *_: ()})
    gate: list[object] = []
    handler.closed = gate  # type: ignore[assignment]
    stage = stage_of(handler)
    stage.bus.tap(lambda event, _: gate.append(1) if event.at_ns else None, (PriceTicked,))
    stage.run((0, TICK), (1, TICK))
    assert [now_ns for *_, now_ns in handler.asked] == [1]


def test_taps_hear_what_they_ask_for() -> None:
    """A tap of one type, and one of everything."""
    one, every = list[str](), list[str]()
    stage = stage_of(Scripted({PriceTicked: lambda *_: [MarkPriced(0, 1, 0, 1)]}))
    stage.bus.tap(lambda event, _: one.append(type(event.body).__name__), (MarkPriced,))
    stage.bus.tap(lambda event, _: every.append(type(event.body).__name__))
    stage.run((0, TICK), (0, FundingRateSet(0, 1)))
    assert one == ["MarkPriced"]
    assert every == ["PriceTicked", "MarkPriced", "FundingRateSet"]


def _raise(*_: object) -> Iterable[Product]:
    message = "out of ideas"
    raise ZeroDivisionError(message)


MISTAKES: dict[str, Answer] = {
    "ZeroDivisionError: out of ideas": _raise,
    "LedgerError: timer": lambda *_: [TimerSet("nap", 0)],
    "LedgerError: asset 'USDT'": lambda event, ledger, _: [_without_fees(ledger)],
    "is not a kind of event": lambda *_: ["not a body"],  # type: ignore[list-item]
    "IndexError": lambda *_: [CollateralAdded(99, 1)],
}


def _without_fees(ledger: LedgerState) -> Body:
    ledger.venue_accounts[0].fees = None
    return FeeCharged(1, 1, "test")


@pytest.mark.parametrize("latency_ns", [0, 5], ids=["prompt", "late"])
@pytest.mark.parametrize("said", MISTAKES)
def test_an_error_of_a_handler_stops_the_run_and_names_it(said: str, latency_ns: int) -> None:
    """It raised, or returned what cannot be: one line says event, handler and position, and the record still folds."""
    stage = stage_of(Scripted({PriceTicked: MISTAKES[said]}), latencies_ns=(latency_ns,))
    with pytest.raises(HandlerError) as caught:
        stage.run((0, TICK), until_ns=9)
    seq = stage.first_seq
    begin = (
        f"handler 'scripted' (producer 0) failed on event {seq} (PriceTicked) with the ledger before event {seq + 1}: "
    )
    assert str(caught.value).startswith(begin)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Ledger.of(stage.record.events()).seq == seq + 1


def test_a_full_disk_is_not_the_handlers_fault() -> None:
    """What the record says of itself goes through as it is."""
    stage = stage_of(Scripted({PriceTicked: lambda *_: [note("x")]}))

    def full(event: Event) -> None:
        message = "the disk is full"
        raise RecordFullError(message)

    stage.bus._take = stage.bus._taker(full)
    with pytest.raises(RecordFullError, match="the disk is full"):
        stage.run((0, TICK))


def test_an_input_that_cannot_be_folded_is_nobodys_decision() -> None:
    """The error names the law, not a handler."""
    stage = stage_of()
    with pytest.raises(DeleverageError, match="is not later than now") as caught:
        stage.run((0, TimerSet("nap", 0)))
    assert not isinstance(caught.value, HandlerError)


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(set(SLOTS) - set(AT_ONCE))), st.sampled_from(["1ms", "20ms", "1s", "10s", "30s"])
    )
)
def test_a_record_tells_its_own_order(latencies: dict[str, str]) -> None:
    """A replayer that knows the rules of order, and neither clock nor bus, follows a record under any latencies."""
    overrides = [f"{slot}.latency_ns={latency}" for slot, latency in latencies.items()]
    record = MemoryRecord()
    simulation = simulation_of(record, *overrides, "population.accounts=120")
    simulation.open()
    simulation.drive()
    events = list(record.events())
    assert [step.event.seq for step in tell(events) if isinstance(step, Folded)] == list(range(len(events)))


def test_the_replayer_would_notice_another_order() -> None:
    """Two events changed about, or a product of somebody else, cannot be told."""
    events = list(recorded())
    place = next(e.seq for e in events if type(e.body).__name__ == "PositionDeleveraged")
    swapped = [*events[:place], events[place + 1], events[place], *events[place + 2 :]]
    with pytest.raises(AssertionError):
        list(tell(swapped))
    first = events[place]
    forged = Event(first.seq, first.at_ns, first.origin, first.cause, first.links, 0, first.body)
    with pytest.raises(AssertionError):
        list(tell([*events[:place], forged, *events[place + 1 :]]))
