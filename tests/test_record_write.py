"""Writing a record: its manifest, its files, and what happens when the disk or the user stops it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from io import FileIO
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordError, RecordExistsError, RecordFullError
from deleverage.events.record import (
    Disk,
    ForkPoint,
    HeadOnly,
    MemoryRecord,
    RecordReader,
    RecordSettings,
    RecordWriter,
    recover,
    segments,
)
from deleverage.events.record.pages import Progress, close_page

from .support import limited_writer
from .support.columns import COLUMN_FILES
from .support.disks import FullDisk, LoggedDisk
from .support.limited_writer import make_event, make_events

TINY = RecordSettings(pages_per_block=1, segment_bytes=6000)


def head_of(events: list[Event]) -> bytes:
    """The head of a record of these events."""
    record = MemoryRecord()
    record.append_many(events)
    return record.head


def manifest_of(path: Path) -> dict[str, Any]:
    """The manifest as any JSON reader sees it."""
    fields: dict[str, Any] = json.loads((path / "manifest.json").read_text())
    return fields


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    """An output directory that exists, or a file of that name, is refused and left as it is."""
    (tmp_path / "a.run").mkdir()
    (tmp_path / "b.run").write_text("mine")
    for name in ("a.run", "b.run"):
        with pytest.raises(RecordExistsError, match=f"{name}: it exists already"):
            RecordWriter(tmp_path / name)
    assert list((tmp_path / "a.run").iterdir()) == []
    assert (tmp_path / "b.run").read_text() == "mine"


def test_manifest_from_the_first_moment(tmp_path: Path) -> None:
    """Before any event the manifest says that a recording is going on, with all its facts, and the reserve is there."""
    path = tmp_path / "new" / "a.run"
    RecordWriter(path, settings=TINY, scenario="crash", seed=7, parent=ForkPoint("ab" * 32, 41))
    fields = manifest_of(path)
    assert (fields["status"], fields["count"], fields["head"], fields["sealed"]) == ("recording", 0, None, None)
    parent = {"head": "ab" * 32, "at_seq": 41, "path": ""}
    assert (fields["scenario"], fields["seed"], fields["parent"], fields["forks"]) == ("crash", 7, parent, [])
    assert (fields["format"], fields["schema"]) == (1, 1)
    assert fields["python"] == ".".join(map(str, sys.version_info[:3]))
    assert fields["settings"]["segment_bytes"] == 6000
    assert (path / "seal.reserve").stat().st_blocks * 512 >= TINY.reserve_bytes


def test_manifest_of_a_sealed_record(tmp_path: Path) -> None:
    """Sealing puts count, head, times, figures and the end into the manifest, and lets go of the reserve."""
    events = make_events(1500)
    writer = RecordWriter(tmp_path / "a.run", settings=TINY)
    writer.append_many(events)
    writer.seal("failed", error="a handler raised")
    fields = manifest_of(tmp_path / "a.run")
    assert (fields["status"], fields["error"], fields["count"]) == ("failed", "a handler raised", 1500)
    assert (fields["first_at_ns"], fields["last_at_ns"], fields["blocks"]) == (1000, 1499, 6)
    assert fields["head"] == head_of(events).hex() == writer.head.hex()
    names = [f"{number:08d}.seg" for number in range(len(fields["segments"]))]
    sizes = [(tmp_path / "a.run" / name).stat().st_size for name in names]
    assert [figures["size_bytes"] for figures in fields["segments"]] == sizes
    assert sum(figures["blocks"] for figures in fields["segments"]) == 6
    beside = set(COLUMN_FILES)
    assert {file.name for file in (tmp_path / "a.run").iterdir()} == {"manifest.json", *names, *beside}


def test_manifest_holds_its_own_hash(tmp_path: Path) -> None:
    """The hash is SHA-256 over the canonical JSON of the other fields, as anyone can compute it."""
    RecordWriter(tmp_path / "a.run", scenario="crème").seal()
    fields = manifest_of(tmp_path / "a.run")
    own = fields.pop("sha256")
    assert own == sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert fields["scenario"] == "crème"


def test_the_old_manifest_stands_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new manifest cannot be put in place, the old one is still there and the record is torn, not lost."""
    writer = RecordWriter(tmp_path / "a.run", settings=TINY)
    writer.append_many(make_events(300))
    before = (tmp_path / "a.run" / "manifest.json").read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(RecordError, match=r"cannot be sealed; .*recover .*a\.run.*Input/output error"):
            writer.seal()
    assert (tmp_path / "a.run" / "manifest.json").read_bytes() == before
    assert list(RecordReader.open(tmp_path / "a.run").events()) == make_events(300)
    del writer
    assert recover(tmp_path / "a.run").head == head_of(make_events(300))


@pytest.mark.parametrize("make", [RecordWriter, lambda _: MemoryRecord(), lambda _: HeadOnly()])
def test_a_sealed_record_takes_no_more(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    """After sealing an append is an error, and sealing again changes nothing."""
    sink = make(tmp_path / "a.run")
    sink.append_many(make_events(300))
    sink.seal("interrupted")
    head = sink.head
    with pytest.raises(RecordError, match=r"sealed \(interrupted\)"):
        sink.append(make_event(300, 2000))
    with pytest.raises(RecordError, match=r"sealed \(interrupted\)"):
        sink.append_many(make_events(5, 300))
    sink.seal("complete")
    assert (sink.status, sink.count, sink.head) == ("interrupted", 300, head)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (make_events(256, 1), "seq 1: a page from 1 to 256 came where 256 from 0 are due"),
        (make_events(200) + make_events(56, 201), "seq 0: a page from 0 to 256 came"),
        ([make_events(1, 0)[0], *make_events(255)], "seq 0: a page from 0 to 254 came"),
        ([*make_events(255), make_event(255, at_ns=5)], "seq 0: time runs backwards, from 1000 to 1000 to 5 ns"),
        ([*make_events(256), *(make_event(seq, at_ns=9) for seq in range(256, 512))], "seq 256: time runs backwards"),
    ],
)
def test_events_that_do_not_follow_are_refused(bad: list[Event], message: str) -> None:
    """A gap, a repetition or time running backwards is noticed when its page closes."""
    with pytest.raises(RecordError, match=message):
        HeadOnly().append_many(bad)


def test_pages_that_do_not_follow_are_refused() -> None:
    """A page after an unfinished one, or one that is too long, is not closed."""
    short = close_page(make_events(200), Progress()).progress
    for events, before in ((make_events(256, 200), short), (make_events(257), Progress())):
        with pytest.raises(RecordError, match=r"cannot follow .*: pages before the last hold 256"):
            close_page(events, before)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"level": 0}, "level is 0; zstd takes 1 to 22"),
        ({"pages_per_block": 0}, "pages_per_block is 0"),
        ({"segment_bytes": -1}, "segment_bytes is -1"),
        ({"interval_ms": -1}, "interval_ms is -1"),
    ],
)
def test_settings_that_cannot_be(bad: dict[str, Any], message: str) -> None:
    """Sizes and levels that make no record are refused before there is one."""
    with pytest.raises(RecordError, match=message):
        RecordSettings(**bad)


def test_segments_roll_at_their_size(tmp_path: Path) -> None:
    """No segment passes its size, and each begins where the one before ended."""
    writer = RecordWriter(tmp_path / "a.run", settings=TINY)
    writer.append_many(make_events(6000))
    writer.seal()
    segments_told = manifest_of(tmp_path / "a.run")["segments"]
    assert len(segments_told) > 5
    assert all(figures["size_bytes"] <= 6000 for figures in segments_told)
    assert all(figures["first_seq"] % 256 == 0 for figures in segments_told)


@pytest.mark.parametrize(("durability", "forced"), [("block", 10), ("interval", 3), ("none", 0)])
def test_durability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Any, forced: int) -> None:
    """Ten blocks, 400 ms apart, are forced to the disk each, or once a second, or not before the record is sealed."""
    clock_ns, disk = [0], LoggedDisk()
    monkeypatch.setattr(segments, "monotonic_ns", lambda: clock_ns[0])
    settings = RecordSettings(pages_per_block=1, durability=durability)
    writer = RecordWriter(tmp_path / "a.run", settings=settings, disk=disk)
    segment = tmp_path / "a.run" / "00000000.seg"
    for block in range(10):
        clock_ns[0] += 400_000_000
        writer.append_many(make_events(256, block * 256))
    assert disk.forced(segment) == forced
    writer.seal()
    assert disk.forced(segment) == forced + 1


@pytest.mark.parametrize("write_number", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_ends_in_a_sealed_record(tmp_path: Path, write_number: int, number: int) -> None:
    """Whichever block the disk refuses, first or last of a segment: sealed as failed with all blocks before it."""
    path, kept = tmp_path / "a.run", (write_number - 1) * 256
    writer = RecordWriter(path, settings=TINY, disk=FullDisk(write_number, number))
    with pytest.raises(
        RecordFullError, match=rf"\.seg: the disk took {kept} events and then no more; sealed as failed"
    ):
        writer.append_many(make_events(4000))
    writer.seal("failed", error="the run stopped")
    reader = RecordReader.open(path)
    assert (reader.status, reader.count, reader.torn) == ("failed", kept, False)
    assert list(reader.events()) == make_events(kept)
    assert writer.head == reader.head == reader.recompute_head() == head_of(make_events(kept))
    assert f"took {kept} events" in (reader.manifest.error or "")
    assert not (path / "seal.reserve").exists()
    with pytest.raises(RecordError, match=r"sealed \(failed\)"):
        writer.append(make_events(1, 4000)[0])


def test_a_disk_that_fills_up_while_sealing(tmp_path: Path) -> None:
    """The last block, written by sealing, is no different: what is before it is sealed as failed."""
    writer = RecordWriter(tmp_path / "a.run", settings=TINY, disk=FullDisk(3))
    writer.append_many(make_events(600))
    with pytest.raises(RecordFullError, match="took 512 events"):
        writer.seal("complete")
    assert (writer.status, writer.count, writer.head) == ("failed", 512, head_of(make_events(512)))
    assert RecordReader.open(tmp_path / "a.run").status == "failed"


def test_a_broken_disk_is_not_a_full_one(tmp_path: Path) -> None:
    """Another refusal of the disk is sealed just so, and named for what it is."""
    writer = RecordWriter(tmp_path / "a.run", settings=TINY, disk=FullDisk(2, errno.EIO))
    with pytest.raises(RecordError, match=r"Input/output error") as caught:
        writer.append_many(make_events(1000))
    assert not isinstance(caught.value, RecordFullError)
    assert list(RecordReader.open(tmp_path / "a.run").events()) == make_events(256)


def test_a_disk_too_full_to_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even the seal can be written, the message says how to get one, and that works."""
    path = tmp_path / "a.run"
    writer = RecordWriter(path, settings=TINY, disk=FullDisk(3))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("deleverage.events.record.writer.write_manifest", refuse)
        with pytest.raises(RecordFullError, match=rf"not even a seal .*; make room, then `deleverage recover {path}`"):
            writer.append_many(make_events(4000))
    assert RecordReader.open(path).torn
    del writer
    assert recover(path).count == 512
    assert list(RecordReader.open(path).events()) == make_events(512)


def run_limited(path: Path, limit_bytes: int) -> subprocess.CompletedProcess[str]:
    """Write a record in a process whose files the system keeps below a size."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, limited_writer.__file__, str(path), str(limit_bytes)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_limit_of_the_system_is_a_full_disk(tmp_path: Path) -> None:
    """A real refusal half way through a block leaves a sealed record of the blocks before it."""
    path = tmp_path / "a.run"
    done = run_limited(path, 100_000)
    reader = RecordReader.open(path)
    assert done.stderr.startswith(f"{path}/00000000.seg: the disk took {reader.count} events and then no more")
    assert (reader.status, reader.count > 0, reader.count % 1024) == ("failed", True, 0)
    assert list(reader.events()) == make_events(reader.count)
    assert reader.recompute_head() == head_of(make_events(reader.count))
    assert (path / "00000000.seg").stat().st_size <= 100_000


def test_no_room_even_to_begin(tmp_path: Path) -> None:
    """Where not even the reserve can be had, nothing is begun and nothing is left behind."""
    done = run_limited(tmp_path / "a.run", 10_000)
    assert done.stderr == f"{tmp_path}/a.run: the record cannot be begun (File too large)\n"
    assert not (tmp_path / "a.run").exists()


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th line that runs in the record's own files."""

    def __init__(self, line_number: int) -> None:
        self.lines_left = line_number

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        """Trace the record's frames only."""
        if f"{os.sep}events{os.sep}record{os.sep}" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.lines_left -= 1
            if self.lines_left == 0:
                raise KeyboardInterrupt
        return self


def interrupted(work: Callable[[], None], line_number: int) -> bool:
    """Whether an interrupt at that line came before the work was done."""
    sys.settrace(InterruptAt(line_number))
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("seq", [255, 511, 767, 1023, 1100])
def test_an_interrupt_anywhere_loses_nothing(tmp_path: Path, seq: int) -> None:
    """Ctrl-C at any line while a page closes, a block is written, a file begun or the record sealed loses nothing.

    Of three lines each of the five tries another one.
    """
    settings = RecordSettings(pages_per_block=1, segment_bytes=5000, durability="none")
    marks = [Event(seq, seq, Origin.INPUT, None, (), None, MarkPriced(1, seq, 0, seq)) for seq in range(1101)]
    for line_number in range(1 + seq % 3, 1000, 3):
        path = tmp_path / f"{line_number}.run"
        writer = RecordWriter(path, settings=settings)
        writer.append_many(marks[:seq])

        def close_and_seal(writer: RecordWriter = writer) -> None:
            writer.append(marks[seq])
            writer.seal("interrupted")

        was_interrupted = interrupted(close_and_seal, line_number)
        writer.seal("interrupted")
        reader = RecordReader.open(path)
        assert reader.count in ((seq, seq + 1) if was_interrupted else (seq + 1,))
        assert reader.count == seq + 1 or line_number < 3
        assert list(reader.events()) == marks[: reader.count]
        assert reader.recompute_head() == reader.head == writer.head
        assert reader.status == "interrupted"
        if not was_interrupted:
            break
    assert line_number > 70


class InterruptingDisk(Disk):
    """Is interrupted when it is first to make certain that there is a file."""

    interrupts = 1

    def force(self, what: Path | FileIO) -> None:
        """Once that is not done."""
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        super().force(what)


def test_an_interrupt_between_two_files(tmp_path: Path) -> None:
    """When beginning a file is interrupted and the next block fits the one before, it goes there and all is kept."""
    disk = InterruptingDisk()
    files = segments.SegmentFiles(tmp_path, RecordSettings(segment_bytes=200), disk=disk)
    disk.interrupts = 0
    files.write_block(b"a" * 100, Progress())
    disk.interrupts = 1
    with pytest.raises(KeyboardInterrupt):
        files.write_block(b"b" * 150, Progress())
    files.write_block(b"c" * 50, Progress())
    files.close()
    assert [file.name for file in tmp_path.iterdir()] == ["00000000.seg"]
    assert (tmp_path / "00000000.seg").read_bytes()[24:] == b"a" * 100 + b"c" * 50
