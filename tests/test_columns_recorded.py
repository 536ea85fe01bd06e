"""The columns as they are written beside a record: what they hold, and that no trouble with them reaches the record."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordError
from deleverage.events.record import MemoryRecord, RecordReader, RecordSettings, RecordWriter
from deleverage.events.record.columns import recording
from deleverage.events.record.files import write_at

from .support.columns import BY_PAGE, COLUMN_FILES, answers_rightly, files_of, made_events, recorded_in, written


@given(recorded_in())
@settings(max_examples=40, deadline=None)
def test_written_is_made_again_is_what_the_events_say(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[list[Event], RecordSettings]
) -> None:
    """What was written while recording, what is made again from the record, and a plain walk over the events agree."""
    events, sizes = case
    path = written(tmp_path_factory.mktemp("columns") / "a.run", events, sizes)
    files = files_of(path)
    assert sorted(files) == sorted(COLUMN_FILES) * bool(events)
    assert answers_rightly(path, events).reports == []
    for name in files:
        (path / name).unlink()
    assert answers_rightly(path, events).reports == []
    assert files_of(path) == files


def test_whole_files_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the files are whole no block is read, and no byte of the directory changes."""
    events = made_events(1000)
    path = written(tmp_path / "a.run", events)
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()}
    monkeypatch.delattr(RecordReader, "_read")
    answers_rightly(path, events)
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()} == before


def test_columns_are_no_part_of_identity(tmp_path: Path) -> None:
    """The record's head is that of its events."""
    events, memory = made_events(700, seed=3), MemoryRecord()
    memory.append_many(events)
    assert RecordReader.open(written(tmp_path / "a.run", events)).head == memory.head


@pytest.mark.parametrize("writes", range(20))
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int, number: int
) -> None:
    """Whichever write to a column fails, in part: that file goes, the others and the record are whole."""
    left = [writes]

    def write_some(descriptor: int, data: bytes, offset: int) -> None:
        left[0] -= 1
        if left[0] == -1:
            write_at(descriptor, data[: len(data) // 2], offset)
            raise OSError(number, os.strerror(number))
        write_at(descriptor, data, offset)

    events = made_events(900)
    with monkeypatch.context() as patch:
        patch.setattr(recording, "write_at", write_some)
        path = written(tmp_path / "a.run", events)
    assert (RecordReader.open(path).status, len(files_of(path))) == ("complete", len(COLUMN_FILES) - 1)
    assert answers_rightly(path, events).reports == []
    assert len(files_of(path)) == len(COLUMN_FILES)


def test_a_directory_that_takes_no_further_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no column can even be begun, the record is written without any."""

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    events = made_events(900)
    monkeypatch.setattr(recording, "new_file", refuse)
    path = written(tmp_path / "a.run", events)
    assert (RecordReader.open(path).status, files_of(path)) == ("complete", {})
    answers_rightly(path, events)


def strange(seq: int, cause: int | None, account: int) -> Event:
    """An event that a column may not be able to hold."""
    return Event(seq, seq, Origin.DECIDED, cause, (), None, Deposited(account, 1))


def mark(seq: int) -> Event:
    """An event that names nobody, caused by the one before."""
    return Event(seq, seq, Origin.DECIDED, seq - 1 if seq else None, (), None, MarkPriced(0, 1, 0, 1))


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th line that runs in the columns' files or the writer's."""

    def __init__(self, line_number: int) -> None:
        self.lines_left = line_number

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        """Trace those frames only."""
        name = frame.f_code.co_filename
        if f"{os.sep}columns{os.sep}" not in name and not name.endswith(f"{os.sep}writer.py"):
            return None
        if event == "line":
            self.lines_left -= 1
            if self.lines_left == 0:
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize(("seq", "refused"), [(255, ""), (800, ""), (767, "parents.idx")])
def test_an_interrupt_anywhere_leaves_whole_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seq: int, refused: str
) -> None:
    """Ctrl-C at any line while pages close, a block is written or the record sealed: then sealed, all columns fit.

    So they do where the disk refuses one of them at that moment.
    """
    events = [strange(seq, None, 3) if 300 < seq < 400 else mark(seq) for seq in range(801)]
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for line_number in range(1 + seq % 2, 2000, 2):
        path = tmp_path / f"{line_number}.run"
        writer = RecordWriter(path, settings=BY_PAGE)
        writer.append_many(events[:seq])
        with monkeypatch.context() as patch:
            if refused:
                refuse(patch, path / refused)
            was_interrupted = interrupted(writer, events[seq], line_number)
            writer.seal("interrupted")
        kept, files = RecordReader.open(path).count, files_of(path)
        columns = RecordReader.open(path).columns
        assert [columns.cause_of(number) for number in range(kept)] == [event.cause for event in events[:kept]]
        assert (len(columns.page_roots), columns.spans_naming(9)) == (-(-kept // 256), [])
        if refused:
            assert all(f"{refused}: " in report for report in columns.reports)
        else:
            assert (columns.reports, len(files)) == ([], len(COLUMN_FILES) * bool(kept))
            for name in files:
                (path / name).unlink()
            RecordReader.open(path).columns.spans_naming(0)
            assert files_of(path) == files
        if not was_interrupted:
            break
    assert 60 < line_number < 1999


def refuse(patch: pytest.MonkeyPatch, file: Path) -> None:
    """Let the disk take nothing more for a column that was begun."""
    number = file.stat().st_ino

    def write(descriptor: int, data: bytes, offset: int) -> None:
        if os.fstat(descriptor).st_ino == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_at(descriptor, data, offset)

    patch.setattr(recording, "write_at", write)


def interrupted(writer: RecordWriter, event: Event, line_number: int) -> bool:
    """Whether an interrupt at that line came before the event was taken and the record sealed."""
    sys.settrace(InterruptAt(line_number))
    try:
        writer.append(event)
        writer.seal("interrupted")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_what_is_written_is_let_go_of(tmp_path: Path) -> None:
    """However long the record, the columns remember no more than two blocks of it."""
    writer = RecordWriter(tmp_path / "a.run", settings=RecordSettings(pages_per_block=3, durability="none"))
    for seq in range(256 * 40):
        writer.append(mark(seq))
        assert len(writer._columns._noted) <= 6
    writer.seal()


def test_a_cause_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with a cause that does not come before its event has no parent column, and answers all the same."""
    events = [strange(seq, seq - 1 if seq else None, 3) for seq in range(600)]
    events[300] = strange(300, 400, 3)
    path = written(tmp_path / "a.run", events)
    without_parents = [name for name in COLUMN_FILES if name != "parents.idx"]
    assert sorted(files_of(path)) == without_parents
    columns = RecordReader.open(path).columns
    assert (columns.parents, columns.reports) == (None, [])
    assert (columns.cause_of(300), columns.cause_of(7), columns.cause_of(0)) == (400, 6, None)
    assert columns.chain(299) == tuple(range(300))
    assert columns.spans_naming(3) == [(0, 256), (256, 512), (512, 600)]
    with pytest.raises(RecordError, match=r"event 300 has event 400 as its cause, which is not before it; .*verify"):
        columns.chain(450)
    assert sorted(files_of(path)) == without_parents


@pytest.mark.parametrize("account", [2**32, -1])
def test_an_account_out_of_reach(tmp_path: Path, account: int) -> None:
    """A record that names an account beyond 32 bits has no account column, and all its blocks are to be looked at."""
    events = [strange(seq, None, account if seq == 500 else 1) for seq in range(600)]
    path = written(tmp_path / "a.run", events)
    assert sorted(files_of(path)) == [
        "forced.idx",
        "forks.idx",
        "funds.idx",
        "parents.idx",
        "roots.idx",
        "settings.idx",
    ]
    columns = RecordReader.open(path).columns
    assert columns.accounts is None
    assert columns.spans_naming(account) == [(0, 600)]
    assert columns.spans_naming(account, 100, 200) == [(100, 200)]
    assert columns.cause_of(500) is None


def test_a_distance_of_all_32_bits(tmp_path: Path) -> None:
    """The greatest distance that a column holds is kept exactly, and the next one is refused."""
    body = MarkPriced(0, 1, 0, 1)
    for distance, held in ((2**32 - 1, True), (2**32, False)):
        event = Event(2**33, 0, Origin.DECIDED, 2**33 - distance, (), None, body)
        facts = recording.facts_of([event], bytes(32), {MarkPriced}, set())
        kind = next(kind for kind in recording.KINDS if kind.name == "parents.idx")
        if held:
            assert kind(kind.pack([facts]), 2**33, 2**33 + 1).chain(2**33) == (2**32 + 1, 2**33)
            continue
        with pytest.raises(OverflowError):
            kind.pack([facts])
