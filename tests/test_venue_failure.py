"""A venue that fails: nothing moves on its books until it is back, or ever; the others go on, and nothing is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run, verify
from deleverage.events.bodies.faults import ActDelayed, FaultEnded, FaultStarted
from deleverage.events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.trading import OrderCancelled, OrderPlaced
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.venues import TransferArrived, TransferStarted
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.kinds import FOR_GOOD_NS
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.postings import POSTINGS
from deleverage.events.record import RecordSettings
from deleverage.events.vocabulary import Body
from deleverage.handlers.at_venue import venue_of_event
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames
from deleverage.sim.runner import run
from deleverage.sim.scenario import Scenario

from .support.command_line import call
from .support.crash import checked
from .support.living import LIVING
from .support.past import goes_on_the_same

SECOND_NS = 10**9
SMALL = RecordSettings(pages_per_block=1, durability="none")
VENUES = st.sampled_from(["alpha", "beta"])
PUT_OFF = (TimerFired, TimerSet, FaultEnded, ActDelayed)
"""What may be recorded of a venue while it has failed."""


def fault(venue: str, from_s: int, for_s: int = 0) -> str:
    """A scenario's failure; without a length for good."""
    length = f", for_ns={for_s * SECOND_NS}" if for_s else ""
    return f'faults=[{{kind="venue-failure", venue="{venue}", from_ns={from_s * SECOND_NS}{length}}}]'


def failed(venue: str, from_s: int, for_s: int = 0) -> tuple[tuple[Event, ...], Ledger]:
    """The run with it; every law of the ledger, so what all venues have together, was checked at every event."""
    return checked(LIVING, fault(venue, from_s, for_s))


def place(events: tuple[Event, ...], kind: type[Body]) -> int:
    """The first event of a type, or the number of events."""
    return next((event.seq for event in events if isinstance(event.body, kind)), len(events))


def books(ledger: Ledger, venue: str) -> list[tuple[object, ...]]:
    """What a venue's accounts have and hold, and what it marks at."""
    accounts = (one for one in ledger.accounts if ledger.venue_of(one.account) == venue)
    claims = [(one.account, one.balance_atoms, one.status, tuple(one.positions.items())) for one in accounts]
    markets = (one for one in ledger.markets if ledger.assets[one.listing.asset].venue == venue)
    return [*claims, *((one.listing.name, one.mark_ticks, one.cumulative_funding_nanoatoms) for one in markets)]


@settings(max_examples=10, deadline=None)
@given(VENUES, st.integers(1, 230), st.integers(0, 120))
def test_nothing_moves_on_its_books(venue: str, from_s: int, for_s: int) -> None:
    """From its failure to its return only timers are put off there, no claim changes; the other venue goes on."""
    events, last = failed(venue, from_s, for_s)
    first, end = place(events, FaultStarted), place(events, FaultEnded)
    there = [event for event in events[first + 1 : end] if venue_of_event(event, last) == venue]
    assert {type(event.body) for event in there} <= set(PUT_OFF)
    assert books(Ledger.of(events[:first]), venue) == books(Ledger.of(events[:end]), venue)
    marked = [event for event in events[first:end] if isinstance(event.body, MarkPriced)]
    assert marked or end - first < 10
    assert not last.faults or not for_s or from_s + for_s > 240


@settings(max_examples=7, deadline=None)
@given(VENUES, st.integers(20, 180), st.integers(0, 60), st.data())
def test_it_goes_on_the_same_from_any_event(venue: str, from_s: int, for_s: int, data: st.DataObject) -> None:
    """The failure and what it puts off are in the record: taken up again anywhere, the same bytes follow."""
    events, _ = failed(venue, from_s, for_s)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


def test_nothing_changes_before_it() -> None:
    """Up to its beginning all is as in the run without it."""

    def told(events: tuple[Event, ...]) -> list[object]:
        before = (event for event in events if event.at_ns < events[0].at_ns + 100 * SECOND_NS)
        kept = (e.body for e in before if not isinstance(e.body, RunStarted | TimerFired))
        return [body for body in kept if "fault" not in getattr(body, "purpose", "")]

    plain, with_it = (
        [body for body in told(events) if not isinstance(body, TransferArrived)]
        for events in (checked(LIVING)[0], failed("alpha", 100)[0])
    )
    assert with_it == plain


def test_it_is_back_with_all_that_was_put_off() -> None:
    """At the end each timer fires anew, the next price is marked, and liquidations that had begun go on."""
    events, last = failed("alpha", 44, 60)
    end = events[place(events, FaultEnded)]
    again = [e for e in events[end.seq :] if isinstance(e.body, TimerFired) and e.at_ns == end.at_ns]
    put_off = [e.seq for e in events if isinstance(e.body, TimerSet) and e.body.due_ns == end.at_ns]
    assert {event.cause for event in again} == {seq for seq in put_off if "fault" not in events[seq].body.purpose}  # type: ignore[union-attr]
    after = [event for event in events[end.seq :] if venue_of_event(event, last) == "alpha"]
    assert any(isinstance(event.body, MarkPriced) for event in after)
    assert any(isinstance(event.body, LiquidationOrdered) for event in after)


def held_to(venue: str, events: tuple[Event, ...], ledger: Ledger) -> list[ActDelayed]:
    """The transfers to a venue that were held up."""
    bodies = [e.body for e in events if isinstance(e.body, ActDelayed) and e.body.act == "transfer"]
    return [body for body in bodies if ledger.venue_of(body.account) == venue]


def test_money_on_its_way_to_it_is_held_until_it_is_back() -> None:
    """What is due at a venue that has failed arrives at its return, and rests on its failure."""
    events, last = failed("beta", 50, 40)
    failed_ns = events[place(events, FaultStarted)].at_ns
    sent = [e for e in events if isinstance(e.body, TransferStarted) and last.venue_of(e.body.to_account) == "beta"]
    due = [e for e in sent if e.at_ns < failed_ns <= e.body.due_ns]
    held = held_to("beta", events, last)
    back_ns = events[place(events, FaultEnded)].at_ns
    arrived = {e.body.transfer: e.at_ns for e in events if isinstance(e.body, TransferArrived)}
    assert len(due) == len(held) > 3
    assert {body.due_ns for body in held} == {back_ns}
    assert {arrived[event.seq] for event in due} == {back_ns}
    assert not last.transfers


def test_money_on_its_way_to_a_venue_that_never_returns_stays_on_its_way() -> None:
    """It is neither lost nor arrived: the ledger has it as under way, and what the venue owes stands in its books."""
    events, last = failed("beta", 50)
    started = events[place(events, FaultStarted)].body
    assert isinstance(started, FaultStarted)
    assert started.until_ns == FOR_GOOD_NS
    held = [body.due_ns for body in held_to("beta", events, last)]
    assert {last.venue_of(sent.to_account) for sent in last.transfers.values()} == {"beta"}
    assert held == [None] * len(last.transfers)
    assert len(held) > 3
    assert not any("end of fault" in one.timer.purpose for one in last.timers.values())


@settings(max_examples=10, deadline=None)
@given(VENUES, st.integers(1, 200))
def test_nobody_sends_money_out_of_it_or_trades_there(venue: str, from_s: int) -> None:
    """Neither arbitrageurs nor traders who are called elsewhere: what they would have sent is held up for good."""
    events, last = failed(venue, from_s)
    after = events[place(events, FaultStarted) + 1 :]
    for event in after:
        if isinstance(event.body, TransferStarted):
            assert venue not in (last.venue_of(event.body.account), last.venue_of(event.body.to_account))
        if isinstance(event.body, OrderPlaced):
            assert last.venue_of(event.body.account) != venue


def test_who_could_not_be_helped_is_told(record: Run) -> None:
    """A trader who is liquidated on one venue while its money on the other is frozen: that is among the grounds."""
    frozen = [e for e in record.events() if isinstance(e.body, ActDelayed) and e.body.act == "transfer"]
    assert frozen
    called = {event.body.account for event in frozen}  # type: ignore[union-attr]
    liquidated = [e for e in record.events() if isinstance(e.body, LiquidationStarted) and e.body.account in called]
    told = {text for event in liquidated for text in faults_told(record, event)}
    assert "the transfer that was held up" in told


def faults_told(record: Run, event: Event) -> set[str]:
    """What an event rests on, as far as it is a fault."""
    ledger = record.before(event.seq)
    found = grounds_of(record, event, ledger, RunNames(ledger), levels=1)
    return {one.sets for one in found if "FAULT" in one.kinds}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Beta fails for good in the middle of the fall, and alpha for a while after it."""
    path = tmp_path_factory.mktemp("failure") / "a.run"
    tables = (fault("beta", 33), fault("alpha", 44, 60))
    both = f"faults=[{', '.join(one.removeprefix('faults=[').removesuffix(']') for one in tables)}]"
    run(Scenario.load(LIVING, (both,)), path, settings=SMALL)
    return open_run(path)


def test_the_record_is_sound_and_says_which_venue(record: Run) -> None:
    """Executed again it is the same; `log`, `state` and `why` name the venue."""
    assert verify(record.path).sound
    log = call("log", record.path, "--type", "FaultStarted", COLUMNS="300").stdout.splitlines()
    assert "kind=venue-failure until=never instrument=COIN-PERP@beta" in log[0]
    assert "kind=venue-failure until=2025-10-10T21:01:44Z instrument=COIN-PERP@alpha" in log[1]
    bodies = [event.body for event in record.events() if isinstance(event.body, FaultStarted | FaultEnded)]
    names = RunNames(record.before(record.count))
    assert [body.says(names) for body in bodies] == [
        "fault 1: from here on the venue beta had failed, for good",
        "fault 2: from here on the venue alpha had failed, until 2025-10-10T21:01:44Z",
        "fault 2 ended: until here the venue alpha had failed",
    ]
    assert "1, venue-failure, since event" in call("state", record.path, "--at", "+00:00:50", COLUMNS="200").stdout
    shown = json.loads(call("state", record.path, "--at", "+00:00:50", "--json").stdout)["faults"]
    assert [one["until_ns"] for one in shown] == [None, record.start_ns + 104 * SECOND_NS]


def test_why_names_the_failure(record: Run) -> None:
    """A forced order that had to wait, and a liquidation at the first mark after it, rest on the venue's failure."""
    end = next(event for event in record.events() if isinstance(event.body, FaultEnded))
    later = [e for e in record.events(end.seq) if isinstance(e.body, LiquidationOrdered | LiquidationStarted)]
    told = {text for event in later for text in faults_told(record, event)}
    began = next(e.seq for e in record.events() if isinstance(e.body, FaultStarted) and e.body.fault == 2)
    assert f"the venue alpha had failed, from event {began} to event {end.seq}" in told
    page = call("why", record.path, str(later[0].seq), COLUMNS="400")
    assert page.exit_code == 0
    assert "the venue alpha had failed" in page.stdout


@settings(max_examples=8, deadline=None)
@given(VENUES, st.integers(0, 3), st.data())
def test_a_fork_lets_a_venue_fail_anywhere(
    tmp_path_factory: pytest.TempPathFactory, plain: Run, venue: str, wait: int, data: st.DataObject
) -> None:
    """In the middle of whatever it is: what was under way at that instant is completed, after it no claim changes."""
    after = data.draw(st.integers(plain.last_seq("+1s"), plain.count - 50))
    path = tmp_path_factory.mktemp("child") / "child.run"
    since = f" from={wait}s" if wait else ""
    made = fork(plain, after, Changes(faults=(f"venue-failure venue={venue}{since}",)), path, settings=SMALL)
    child = open_run(path)
    assert verify(path).sound
    began = next((event for event in child.events(made.boundary) if isinstance(event.body, FaultStarted)), None)
    if began is None:
        return
    later = [event for event in child.events(began.seq) if event.at_ns > began.at_ns]
    moved = [e for e in later if type(e.body) in POSTINGS and venue_of_event(e, made.ledger) == venue]
    assert not moved
    cancelled = [event.body for event in later if isinstance(event.body, OrderCancelled)]
    assert all(one.reason == "the venue has failed" for one in cancelled if made.ledger.venue_of(one.account) == venue)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run in which no venue fails."""
    path = tmp_path_factory.mktemp("plain") / "a.run"
    run(Scenario.load(LIVING), path, settings=SMALL)
    return open_run(path)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((fault("gamma", 5),), "there is no venue 'gamma'; choose from alpha, beta"),
        (('faults=[{kind="venue-failure", from_ns=5}]',), "missing required field `venue`"),
        ((f'faults=[{{kind="venue-failure", venue="beta", from_ns={SECOND_NS}, for_ns=-1}}]',), "for_ns must be above"),
        (("venues=[]", "index.policy=none", "mark.policy=book", fault("alpha", 5)), "plan an outage instead"),
    ],
    ids=["another venue", "no venue", "a negative length", "one venue"],
)
def test_a_bad_failure_is_refused(overrides: tuple[str, ...], said: str) -> None:
    """In one line that names the table."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.load(LIVING, overrides).resolve()
    assert str(caught.value).startswith(f"{LIVING}: $.faults[0]")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
