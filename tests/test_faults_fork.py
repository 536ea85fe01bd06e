"""A fault as a fork's change, and what `why` says of the faults that a decision rests on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run, run
from deleverage.events.bodies.faults import ActDelayed, FaultEnded, FaultStarted
from deleverage.events.bodies.liquidation import BankruptcyDeclared, OrdersCancelled
from deleverage.events.bodies.run import RunForked
from deleverage.events.bodies.trading import OrderCancelled
from deleverage.events.errors import QueryError, ScenarioError
from deleverage.events.record import RecordSettings
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.verification import verify
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames

from .support.command_line import call
from .support.faulty import faulty_scenario

SECOND_NS = 10**9
SMALL = RecordSettings(pages_per_block=1, durability="none")


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A minute of outage at the low, and an engine that is behind after it."""
    path = tmp_path_factory.mktemp("parent") / "outage.run"
    faults = (
        {"kind": "outage", "from_ns": 32 * SECOND_NS, "for_ns": 60 * SECOND_NS},
        {"kind": "slow-liquidation", "from_ns": 90 * SECOND_NS, "for_ns": 40 * SECOND_NS, "orders_per_second": 3},
    )
    run(faulty_scenario(*faults), path, settings=SMALL)
    return open_run(path)


def test_the_record_is_sound(parent: Run) -> None:
    """The handlers, executed again, decide every fault and all that follows as recorded."""
    assert verify(parent.path).sound


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_fork_without_changes_is_the_same_record(parent: Run, data: st.DataObject) -> None:
    """Anywhere, in a fault or not: the parent's head."""
    assert fork(parent, data.draw(st.integers(0, parent.count - 1))).head == parent.head


@settings(max_examples=5, deadline=None)
@given(seconds=st.integers(1, 200), wait=st.integers(0, 20))
def test_a_fork_puts_a_fault_in(parent: Run, tmp_path_factory: pytest.TempPathFactory, seconds: int, wait: int) -> None:
    """It begins at its time after the fork, ends, and the child is sound; the faults of the parent stay as planned."""
    path = tmp_path_factory.mktemp("child") / "child.run"
    changes = Changes(faults=(f"gateway for=10s from={wait}s delay=2s",))
    after = parent.last_seq(f"+{seconds}s")
    made = fork(parent, after, changes, path, settings=SMALL)
    child = open_run(path)
    forked = child.event(made.boundary)
    assert isinstance(forked.body, RunForked)
    assert forked.body.changes == (("fault", changes.faults[0]),)
    began = {e.body.fault: e.at_ns for e in child.events() if isinstance(e.body, FaultStarted)}
    ended = {e.body.fault: e.at_ns for e in child.events() if isinstance(e.body, FaultEnded)}
    start_ns = forked.at_ns + wait * SECOND_NS
    assert began == {1: parent.start_ns + 32 * SECOND_NS, 2: parent.start_ns + 90 * SECOND_NS, 3: start_ns}
    assert ended[3] == start_ns + 10 * SECOND_NS
    assert verify(path).sound


def test_faults_that_are_still_to_come_can_be_left_out(parent: Run) -> None:
    """Without the slot nothing fails any more; while a fault is on it must have someone to end it."""
    result = fork(parent, parent.last_seq("+00:00:20"), Changes(settings=("faults.policy=none",)))
    assert not result.ledger.faults
    assert result.head != parent.head
    with pytest.raises(ScenarioError, match="fault 1 is on there"):
        fork(parent, parent.last_seq("+00:00:40"), Changes(settings=("faults.policy=none",)))


BAD = {
    "outage": "missing required field `for_ns`",
    "outage for=-5m": "is not a duration",
    "outage for=5m from=-3s": "is not a duration",
    "outage for=5m delay=3s": "unknown field `delay`",
    "gateway for=5m delay_ns=-3": "delay_ns must not be negative",
    "outrage for=5m": "there is no fault 'outrage'",
    "outage 5m": "is no setting",
    "": "--fault '': there is no fault ''; choose from outage, ",
    "  ": "there is no fault ''; choose from outage, ",
    "manipulation for=5m account=maker-1 budget=1_000_000": "a budget cannot be more than that",
    "manipulation for=5m account=nobody budget=1": "there is no actor 'nobody'",
    "outage for=5m instrument=X": "choose from COIN-PERP",
    "oracle-wrong for=5m offset_bps=-300": "looks at no oracle",
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_fault_is_one_line_and_code_2(parent: Run, fault: str) -> None:
    """The command says what is wrong with which fault, and writes nothing."""
    result = call("fork", parent.path, "--at", "+00:00:20", "--fault", fault)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert BAD[fault] in result.stderr


def test_before_anything_is_listed_no_fault_can_be_put_in(parent: Run) -> None:
    """There is nothing that could fail."""
    with pytest.raises(QueryError, match="fork at a later point"):
        fork(parent, 0, Changes(faults=("outage for=5m",)))


def grounds_told(parent: Run, kind: type, reason: str = "") -> set[str]:
    """What the decisions of a type rest on, as far as it is a fault."""
    told = set()
    for event in parent.events():
        if isinstance(event.body, kind) and reason in getattr(event.body, "reason", ""):
            ledger = parent.before(event.seq)
            found = grounds_of(parent, event, ledger, RunNames(ledger), levels=1)
            told |= {one.sets for one in found if "FAULT" in one.kinds}
    return told


def test_why_names_the_fault(parent: Run) -> None:
    """A cancelled order, a bankruptcy and a step that waited rest on the beginning of the fault, with its number."""
    outage, slow = (event.seq for event in parent.events() if isinstance(event.body, FaultStarted))
    first_end = next(event.seq for event in parent.events() if isinstance(event.body, FaultEnded))
    down = f"the matching engine was down, since event {outage}"
    assert grounds_told(parent, OrderCancelled, "the matching engine is down") == {down}
    assert grounds_told(parent, OrdersCancelled, "the matching engine is down") <= {down}
    told = [text for text in grounds_told(parent, ActDelayed) if text.endswith(f", since event {slow}")]
    assert [text.partition(" (")[0] for text in told] == ["the liquidation engine was behind"]
    bankrupt = grounds_told(parent, BankruptcyDeclared)
    assert bankrupt & {down, f"the matching engine was down, from event {outage} to event {first_end}"}


def test_why_prints_it(parent: Run) -> None:
    """The page of a decision that waited says because of what, and since when."""
    event = next(event for event in parent.events() if isinstance(event.body, ActDelayed))
    result = call("why", parent.path, str(event.seq), COLUMNS="400")
    assert result.exit_code == 0
    assert "That was because the liquidation engine was behind (one order each" in " ".join(result.stdout.split())


def test_state_and_log_read_a_record_with_faults(parent: Run, tmp_path: Path) -> None:
    """The other commands take such a record as any."""
    shown = call("state", parent.path, "--at", "+00:00:40", COLUMNS="200")
    assert "1, outage, since event" in shown.stdout
    document = json.loads(call("state", parent.path, "--at", "+00:00:40", "--json").stdout)
    assert [(one["fault"], one["kind"]) for one in document["faults"]] == [(1, "outage")]
    assert "FaultStarted" in call("log", parent.path, "--type", "FaultStarted").stdout
    child = tmp_path / "child.run"
    assert call("fork", parent.path, "--at", "+00:00:20", "--fault", "bridge-down for=1m", "-o", child).exit_code == 0
    assert call("diff", parent.path, child).exit_code == 0
