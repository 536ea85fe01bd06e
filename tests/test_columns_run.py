"""What a run answers from its columns: causes, chains and the events of an account, over forks as well."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.waterfall import DeleveragingStarted
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError
from deleverage.events.record import RecordReader, RecordSettings, leaf_hash, page_root
from deleverage.events.record.columns import ColumnsCheck, FundColumn, verify_columns
from deleverage.events.record.columns.facts import facts_of
from deleverage.events.record.columns.layout import Span, file_bytes
from deleverage.events.record.merkle import tree_root
from deleverage.events.record.pages import kinds_of
from deleverage.events.record.proof import root_with, roots_beside
from deleverage.events.vocabulary import accounts_named
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.why.fund import fund_past
from deleverage.replay.why.fund_books import FundBooks, accruals_of

from .support.columns import COLUMN_FILES, chain_of, files_of
from .support.command_line import small_record, tear
from .support.crash import recorded

EVENTS = recorded()
ACCOUNTS = sorted({account for event in EVENTS for account in accounts_named(event.body)})
OPENED, FUND = next(
    (event.seq, event.body.account)
    for event in EVENTS
    if isinstance(event.body, AccountOpened) and event.body.kind == "insurance"
)
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


def test_no_block_is_read_for_a_fund(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of an insurance fund are had from their column, any span of them."""
    monkeypatch.delattr(RecordReader, "_read")
    fresh, past = open_run(run.path), [event for event in EVENTS if FUND in accounts_named(event.body)]
    assert len(past) > 100
    for first, stop in ((OPENED, None), (OPENED, 700), (past[50].seq, past[90].seq), (past[-1].seq, len(EVENTS))):
        expected = [event for event in past if first <= event.seq and (stop is None or event.seq < stop)]
        assert list(fresh.events_naming(FUND, first, stop)) == expected


@given(st.integers(0, 2), st.integers(0, 9000), st.integers(0, 9000))
@settings(max_examples=60, deadline=None)
def test_a_span_of_a_fund_across_forks(lineage: list[Run], place: int, first: int, stop: int) -> None:
    """What names a fund is the same from the column, and where a fork's own blocks have to be read."""
    run = lineage[place]
    expected = [event for event in run.events(first, stop) if FUND in accounts_named(event.body)]
    assert list(run.events_naming(FUND, first, stop)) == expected


@given(st.integers(0, len(EVENTS)))
@settings(max_examples=40, deadline=None)
def test_the_books_of_a_fund(run: Run, seq: int) -> None:
    """Folded from the column they are what a pass over all events gives, and agree with the ledger, at any point."""
    ledger = run.before(seq)
    if not ledger.funds:
        return
    plain = FundBooks(ledger.accounts[FUND], accruals_of(run, ledger))
    for event in EVENTS[:seq]:
        if FUND in accounts_named(event.body):
            plain.fold(event)
    books = fund_past(run, ledger, FUND, None).books
    for name in ("paid_atoms", "payments", "realised_atoms", "sources"):
        assert getattr(books, name) == getattr(plain, name)
    assert books.agree_with(ledger)
    assert plain.agree_with(ledger)


@pytest.mark.parametrize("damage", ["missing", "junk", "of fewer events"])
def test_a_fund_without_its_column(run: Run, tmp_path: Path, damage: str) -> None:
    """Without a right column the events are those of the record all the same; damage is told and made good."""
    path = tmp_path / "a.run"
    shutil.copytree(run.path, path)
    file, data = path / "funds.idx", (run.path / "funds.idx").read_bytes()
    file.write_bytes(b"junk" if damage == "junk" else data[:-44] + data[-44:-4] + bytes(4))
    if damage == "of fewer events":
        reader = RecordReader.open(path)
        body = FundColumn.pack([facts_of(EVENTS[:600], b"", kinds_of(EVENTS[:600]), set())])
        file.write_bytes(file_bytes(FundColumn.magic, body, Span(0, reader.count, reader.head)))
    if damage == "missing":
        file.unlink()
    opened = open_run(path)
    assert list(opened.events_naming(FUND)) == [event for event in EVENTS if FUND in accounts_named(event.body)]
    assert [report.split(":")[0] for report in opened.reports] == [str(file)] * (damage != "missing")
    assert file.read_bytes() == data


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
