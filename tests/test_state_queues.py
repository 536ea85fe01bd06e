"""Places in the queue for auto-deleveraging: what a round would record, and why a position has none."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deleverage import Scenario
from deleverage import run as run_scenario
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.protocol import NoParameters
from deleverage.replay.rankings import engine_at, ranking_of
from deleverage.replay.run import open_run
from deleverage.replay.state.queues import QueuePlace, QueueRule, Queues, queues_of
from deleverage.replay.state.view import account_view

from .support.command_line import call, small_record
from .support.crash import recorded
from .support.venue import FUND, Book, listed

EVENTS = recorded()
ROUNDS = [event for event in EVENTS if isinstance(event.body, DeleveragingStarted)]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def queued() -> Book:
    """Three longs in profit, one at a loss, one in profit without equity, and the fund; the mark is 110."""
    book = Book(listed(), listed(1))
    book.mark(100, 100)
    for balance, *positions in (
        (50, (0, 1, 100)),
        (100, (0, 2, 100)),
        (20, (0, 1, 100)),
        (50, (0, 1, 120)),
        (5, (0, 1, 100), (1, 9, 110)),
    ):
        book.user(balance, *positions)
    book.hold(FUND, 0, 3, 100)
    book.mark(110, 100)
    return book


def test_places_in_the_queue() -> None:
    """By hand: 10/100 x 110/60 and 20/200 x 220/120 are a tie, which goes by account; 10/100 x 110/30 is first."""
    ledger = queued().ledger
    queues = Queues(ledger, {"": QueueRule(ProfitLeverage(NoParameters()))})
    places = [queues.place_of(account, (0, 0)) for account in ledger.accounts[4:]]
    assert places == [
        QueuePlace(2, 3, 183_333_333),
        QueuePlace(3, 3, 183_333_333),
        QueuePlace(1, 3, 366_666_666),
        None,
        None,
    ]
    (held,) = account_view(ledger, ledger.accounts[6], queues)["positions"]
    assert held["adl_queue"] == {"rank": 1, "of": 3, "score": 366_666_666, "lights": 5}
    assert "adl_queue" not in account_view(ledger, ledger.accounts[6])["positions"][0]


@pytest.mark.parametrize(
    ("account", "reason"),
    [(7, "no profit"), (8, "no equity"), (FUND, "only a trader is deleveraged"), (5, "in liquidation itself")],
)
def test_who_is_not_in_the_queue_is_told_why(account: int, reason: str) -> None:
    """Each condition of the ranking that a position does not meet has its words."""
    book = queued()
    book.liquidate(5)
    queues = Queues(book.ledger, {"": QueueRule(ProfitLeverage(NoParameters()))})
    assert queues.place_of(book.account(account), (0, 0)) is None
    assert queues.why_not(book.account(account), (0, 0)) == reason


def test_one_leg_stands_for_both() -> None:
    """An account that holds a side on two legs has one place, and the other leg says so."""
    book = queued()
    book.hold(6, 0, 1, 100, leg=1)
    queues = Queues(book.ledger, {"": QueueRule(ProfitLeverage(NoParameters()))})
    assert queues.place_of(book.account(6), (0, 1)) is not None
    assert queues.place_of(book.account(6), (0, 0)) is None
    assert queues.why_not(book.account(6), (0, 0)) == "another leg stands there for it"


def test_without_a_mark_there_is_no_queue() -> None:
    """As long as an instrument that an account holds has no mark, its place is unknown."""
    book = Book(listed(), listed(1))
    book.user(50, (0, 1, 100), (1, 1, 100))
    book.mark(110)
    queues = Queues(book.ledger, {"": QueueRule(ProfitLeverage(NoParameters()))})
    assert queues.place_of(book.account(4), (0, 0)) is None
    assert queues.why_not(book.account(4), (0, 0)) == "no mark yet"


@pytest.mark.parametrize("started", ROUNDS[:: max(1, len(ROUNDS) // 6)], ids=lambda event: str(event.seq))
def test_a_place_is_what_a_round_would_record(record: Path, started: Event) -> None:
    """In the state that a round was decided in, whoever it took stood at the rank and with the score it recorded."""
    run = open_run(record)
    ledger = run.before(started.seq)
    queues = queues_of(run, ledger)
    taken = takewhile(lambda e: isinstance(e.body, PositionDeleveraged), EVENTS[started.seq + 1 :])
    for body in (event.body for event in taken):
        place = queues.place_of(ledger.accounts[body.account], (body.instrument, body.leg))
        assert place == (body.rank, started.body.candidates, body.score)


def test_a_policy_that_is_not_here_costs_only_the_queue(tmp_path: Path) -> None:
    """Where the record's policy is not installed, all else is told, and why there are no places."""
    book = Book()
    book.user(120, (0, 5, 100))
    book.mark(90)
    ours = book.events
    started = msgspec.structs.replace(ours[0].body, producers=(Producer("adl", "my-own", "3", {}),))
    writer = RecordWriter(tmp_path / "a.run", settings=RecordSettings(durability="none"))
    writer.append_many([msgspec.structs.replace(ours[0], body=started), *ours[1:]])
    writer.seal("interrupted")
    result = call("state", tmp_path / "a.run", "--account", "user4")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "liquidation at 84 or below" in text
    assert "in the ADL queue is unknown: policy adl:my-own is not installed" in text
    (user,) = json.loads(call("state", tmp_path / "a.run", "--account", "user4", "--json").stdout)["accounts"]
    assert user["positions"][0]["adl_queue"] == {
        **dict.fromkeys(("rank", "of", "score")),
        "unknown": "policy adl:my-own is not installed; install what the record was made with",
    }


@pytest.fixture(scope="module")
def two_venues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market of two venues, alpha with the generic rulebook and beta with another."""
    path = tmp_path_factory.mktemp("records") / "two.run"
    run_scenario(Scenario.load(str(Path(__file__).parent / "support" / "living.toml")), path)
    return path


@pytest.mark.parametrize("share", [2, 3], ids=lambda share: f"after one in {share}")
def test_each_venue_ranks_by_its_own_rule(two_venues: Path, share: int) -> None:
    """Whoever decided the next event: a place is that by the policy of the venue that lists the instrument."""
    run = open_run(two_venues)
    ledger = run.before(run.count // share)
    queues, policies = queues_of(run, ledger), set[str]()
    for number in range(len(ledger.markets)):
        producer, engine = engine_at(run, ledger.seq, ledger.venue_of_instrument(number))
        policies.add(producer.policy)
        assert queues.rule_of(number).name == producer.policy
        for side in (1, -1):
            ranking = list(ranking_of(ledger, number, side, engine.ranking_policy))
            lengths = queues.lengths(number)
            assert lengths is not None
            assert lengths[side > 0] == len(ranking)
            for one in ranking:
                account = ledger.accounts[one.candidate.account]
                place = queues.place_of(account, (number, one.leg))
                assert place == QueuePlace(one.rank, len(ranking), one.score)
    assert len(policies) == 2


def test_the_queues_of_several_venues_are_shown_by_name(two_venues: Path) -> None:
    """The state has a line for each instrument with the rule of its venue, and so has the place of an account."""
    document = json.loads(call("state", two_venues, "--json").stdout)
    shown = " ".join(call("state", two_venues).stdout.split())
    assert [one["name"] for one in document["adl_queues"]] == ["COIN-PERP@alpha", "COIN-PERP@beta"]
    for one in document["adl_queues"]:
        assert f"{one['name']} {one['long']} {one['short']} {one['policy']}" in shown
        held = next(a for a in document["accounts"] if any(p["adl_queue"] for p in a["positions"]) and _at(a, one))
        place = next(p["adl_queue"] for p in held["positions"] if p["adl_queue"])
        told = " ".join(call("state", two_venues, "--account", held["name"]).stdout.split())
        assert f"ADL queue of {one['name']}, by {one['policy']}: {place['rank']} of {place['of']}, score" in told
    assert "traders at alpha" in shown
    assert "traders at beta" in shown


def _at(account: dict[str, Any], queue: dict[str, Any]) -> bool:
    return any(position["name"] == queue["name"] for position in account["positions"])


def test_lights_are_the_fifths_of_a_queue() -> None:
    """Of ten places two have each number of lights, from five down; a queue of one has five."""
    assert [QueuePlace(rank, 10, 0).lights for rank in range(1, 11)] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert QueuePlace(1, 1, 0).lights == 5
