"""Questions to a long record: what they find does not depend on how far away it is, and they read what they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.errors import QueryError
from deleverage.events.record import RecordReader, RecordSettings, RecordWriter
from deleverage.events.snapshots import keeper
from deleverage.events.vocabulary import FORCED_TYPES, accounts_forced, accounts_named
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import run_import
from deleverage.replay.why import watching
from deleverage.replay.why.accounts import befallen

from .support.command_line import small_record
from .support.crash import recorded
from .support.node_fills import ANN, BOB, CAT, block, trade, written
from .support.venue import Book

EVENTS = recorded()
BY_PAGE = RecordSettings(codec="none", pages_per_block=1, durability="none")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks that are decoded, as they are."""
    found, real = list[int](), RecordReader._read
    monkeypatch.setattr(RecordReader, "_read", lambda reader, index: found.append(index) or real(reader, index))
    return found


@given(st.integers(0, len(EVENTS)), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_mark_is_found_however_long_it_has_stood(run: Run, seq: int, instrument: int) -> None:
    """The columns say when it was made; there may be none, nor an instrument."""
    marks = [e for e in EVENTS[:seq] if isinstance(e.body, MarkPriced) and e.body.instrument == instrument]
    assert watching.mark_before(run, instrument, seq) == (marks[-1] if marks else None)


def test_what_was_forced_of_an_account(run: Run) -> None:
    """It is every event of the forced types that the account is itself the object of."""
    own = {kind for kind in FORCED_TYPES if kind.__module__.rpartition(".")[2] in ("liquidation", "waterfall")}
    assert {type(event.body) for event in EVENTS} >= own
    for account in {account for event in EVENTS for account in accounts_named(event.body)}:
        expected = [event for event in EVENTS if account in accounts_forced(event.body)]
        assert list(run.events_forced(account)) == expected


def late(path: Path) -> Run:
    """Traders 4 and 5, two thousand marks, trader 6, and as many marks again."""
    book, writer = Book(), RecordWriter(path, settings=BY_PAGE)
    for number, name in ((4, "anna"), (5, "bert")):
        book.put(AccountOpened(number, name, "test", "user", "cross", 0))
    for number in range(4000):
        if number == 2000:
            book.put(AccountOpened(6, "late", "test", "user", "cross", 0))
        book.put(PriceTicked(((0, 100),)) if not number else MarkPriced(0, number, 0, number))
    writer.append_many(book.events)
    writer.seal("interrupted")
    return open_run(path)


def test_an_account_opened_late_is_found_through_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[int]
) -> None:
    """The record is folded once for its states; from then on a name that is not declared early costs a few blocks."""
    monkeypatch.setattr(keeper, "_SPACING_BYTES", 1 << 10)
    path = late(tmp_path / "a.run").path
    assert open_run(path).directory.find_account("late") == 6
    for text in ("late", "6"):
        read.clear()
        fresh = open_run(path)
        assert fresh.directory.find_account(text) == 6
        assert fresh.directory.accounts[6].name == "late"
        assert len(read) < len(fresh.reader.blocks) // 2
    read.clear()
    with pytest.raises(QueryError, match="there is no account 'lat'; the record has 7; the nearest are late"):
        open_run(path).directory.find_account("lat")
    assert len(read) < len(fresh.reader.blocks) // 2


def test_what_befell_who_only_traded_is_told_without_the_trades(tmp_path: Path, read: list[int]) -> None:
    """In an import the blocks are decoded in which something was forced of the account, and no others."""
    forced = {"liquidatedUser": ANN, "markPx": "99", "method": "market"}
    sold = {"address": ANN, "startPosition": "5.0", "dir": "Close Long"}
    blocks = [block(1, *trade("ETH", "5", "98", {"address": BOB}, sold, liquidation=forced))]
    for number in range(2, 600):
        sides = ({"address": CAT}, {"address": BOB}) if number % 2 else ({"address": BOB}, {"address": CAT})
        blocks.append(block(number, *trade("ETH", "1", "97", *sides), second=number))
    importer = HyperliquidImporter([str(written(tmp_path, *blocks))])
    run = open_run(run_import(importer, tmp_path / "a.run", settings=BY_PAGE).run)
    numbers = [run.directory.find_account(name) for name in (ANN, CAT)]
    ann, cat = (befallen(run, number) for number in numbers)
    assert [step.type for step in ann.befell] == ["LiquidationStarted", "LiquidationFilled", "LiquidationEnded"]
    assert cat.befell == ()
    read.clear()
    fresh = open_run(run.path)
    assert [list(fresh.events_forced(numbers[1])), read] == [[], []]
    assert list(fresh.events_forced(numbers[0]))
    assert len(read) == 1
