"""What a run answers from its columns: causes, chains and the events of an account, over forks as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage.events.bodies.waterfall import DeleveragingStarted
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError
from deleverage.events.record import RecordReader, RecordSettings, leaf_hash, page_root
from deleverage.events.record.columns import ColumnsCheck, verify_columns
from deleverage.events.record.merkle import tree_root
from deleverage.events.record.proof import root_with, roots_beside
from deleverage.events.vocabulary import accounts_named
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork

from .support.columns import COLUMN_FILES, chain_of, files_of
from .support.command_line import small_record, tear
from .support.crash import recorded

EVENTS = recorded()
ACCOUNTS = sorted({account for event in EVENTS for account in accounts_named(event.body)})
SMALL = RecordSettings(pages_per_block=2, durability="none")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def lineage(run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """The small crash, a fork of it where deleveraging begins, and a fork of that."""
    folder = tmp_path_factory.mktemp("forks")
    first = next(event.seq for event in EVENTS if isinstance(event.body, DeleveragingStarted))
    fork(run, first, Changes(("adl.policy=profit-share",)), folder / "child.run", settings=SMALL)
    child = open_run(folder / "child.run")
    fork(child, (first + child.count) // 2, Changes(("liquidation.cooldown_ns=1s",)), folder / "b.run", settings=SMALL)
    return [run, child, open_run(folder / "b.run")]


def says_what_the_events_say(run: Run, events: Sequence[Event]) -> None:
    """Assert it for every cause and chain, and for the events of every account."""
    for event in events:
        assert run.cause_of(event.seq) == event.cause
        assert run.chain(event.seq) == chain_of(events, event.seq)
    for account in (*ACCOUNTS[::7], ACCOUNTS[-1], ACCOUNTS[-1] + 1):
        assert list(run.events_naming(account)) == [e for e in events if account in accounts_named(e.body)]


def test_every_event_of_a_crash(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Causes, chains and accounts are those of a walk over the events; no event is decoded for a chain."""
    says_what_the_events_say(run, EVENTS)
    assert run.columns.reports == []
    assert max(len(run.chain(event.seq)) for event in EVENTS) > 20
    monkeypatch.delattr(RecordReader, "_read")
    fresh = open_run(run.path)
    assert [fresh.chain(seq) for seq in range(0, run.count, 50)] == [run.chain(seq) for seq in range(0, run.count, 50)]


@given(st.sampled_from(ACCOUNTS), st.integers(0, len(EVENTS) + 300), st.integers(0, len(EVENTS) + 300))
@settings(max_examples=50, deadline=None)
def test_a_span_of_an_account(run: Run, account: int, first: int, stop: int) -> None:
    """The events that name an account are those of the span that is asked for, and no other."""
    expected = [event for event in EVENTS[first:stop] if account in accounts_named(event.body)]
    assert list(run.events_naming(account, first, stop)) == expected


def test_only_blocks_that_name_the_account_are_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the blocks of a record, those are decoded in which the account is named."""
    read, real = list[int](), RecordReader._read
    monkeypatch.setattr(RecordReader, "_read", lambda reader, index: read.append(index) or real(reader, index))
    pages = {account: {e.seq // 256 for e in EVENTS if account in accounts_named(e.body)} for account in ACCOUNTS}
    account = min(ACCOUNTS, key=lambda account: len(pages[account]))
    assert list(open_run(run.path).events_naming(account))
    assert read == sorted(pages[account])
    assert len(read) < len(run.reader.blocks)


def test_questions_without_an_answer(run: Run) -> None:
    """An event that does not exist has no cause and no chain, and a span cannot begin below 0."""
    for seq in (-1, run.count):
        for ask in (run.cause_of, run.chain):
            with pytest.raises(QueryError, match="there is no event"):
                ask(seq)
    with pytest.raises(QueryError, match="counted from 0"):
        list(run.events_naming(5, -1))


def test_a_torn_run(tmp_path: Path) -> None:
    """A record that was never sealed answers up to its last good block, and its directory is not touched."""
    path = small_record(tmp_path)
    tear(path)
    before = files_of(path)
    torn = open_run(path)
    assert torn.torn
    says_what_the_events_say(torn, EVENTS[: torn.count])
    assert files_of(path) == before


def test_backwards_is_the_past_turned_round(lineage: list[Run]) -> None:
    """A fork's past goes back through its parents' events to the first; before the first event there is nothing."""
    for run in lineage:
        for stop in (0, 1, run.reader.first_seq + 1, run.count):
            assert list(run.backwards(stop)) == list(run.events(0, stop))[::-1]


def test_forks_answer_over_their_whole_past(lineage: list[Run]) -> None:
    """A fork's columns hold what is its own; what is before comes from its parents', also up a chain."""
    for run in lineage:
        says_what_the_events_say(run, list(run.events()))
        entries = [leaf_hash(root) for root in run.columns.page_roots]
        assert tree_root(entries) == run.reader.head
        assert root_with(len(entries), {3: entries[3]}, roots_beside(entries, [3])) == run.reader.head
        check = ColumnsCheck(run.reader)
        for events, data in run.reader.pages():
            check.take(events, page_root(events, data))
        assert run.columns.reports == check.faults() == verify_columns(run.reader) == []
    child = lineage[1]
    assert child.columns.parents is not None
    assert child.columns.parents.first_seq == child.reader.first_seq > 0
    assert len(files_of(child.path)["parents.idx"]) == 16 + 4 * (child.count - child.reader.first_seq) + 44


def test_a_forks_columns_are_made_again(lineage: list[Run]) -> None:
    """Deleted, damaged or its parent's in their place: a fork's files come back as they were."""
    parent, child, _ = lineage
    good = files_of(child.path)
    for damage in (lambda name: None, lambda name: b"", lambda name: files_of(parent.path)[name]):
        for name in COLUMN_FILES:
            (child.path / name).unlink()
            if damage(name) is not None:
                (child.path / name).write_bytes(damage(name))
        fresh = open_run(child.path)
        says_what_the_events_say(fresh, list(child.events()))
        assert len(fresh.columns.reports) == (0 if damage("parents.idx") is None else len(COLUMN_FILES))
        assert files_of(child.path) == good


def test_a_parents_damage_is_told_by_its_fork(lineage: list[Run]) -> None:
    """A question about the shared past opens the parent's columns, and says what was wrong with them."""
    parent, child, _ = lineage
    good = (parent.path / "parents.idx").read_bytes()
    (parent.path / "parents.idx").write_bytes(good[:-3])
    fresh = open_run(child.path)
    assert fresh.cause_of(child.count - 1) == child.event(child.count - 1).cause
    assert fresh.columns.reports == []
    assert fresh.chain(300) == parent.chain(300)
    (report,) = fresh.columns.reports
    assert report.startswith(f"{parent.path / 'parents.idx'}: ")
    assert (parent.path / "parents.idx").read_bytes() == good
