"""Damage is never silent: whatever happens to a record's bytes, a reader gets an exact prefix, or a refusal says where.

Run as a script, this file is the process that the kill test kills.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from io import FileIO
from itertools import count
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import RecordDamagedError, RecordError, RecordNotFoundError
from deleverage.events.record import MemoryRecord, RecordReader, RecordSettings, RecordWriter, recover, scan
from deleverage.events.record.blocks import BlockPacker
from deleverage.events.record.disk import DISK, Disk
from deleverage.events.record.pages import ClosedPage, Progress

BY_PAGE = RecordSettings(pages_per_block=1, durability="none")


def make_event(seq: int) -> Event:
    """Marks, and a deposit every hundredth; three events share an instant."""
    body = MarkPriced(1, 100, 0, 100) if seq % 100 else Deposited(2, seq)
    return Event(seq, seq // 3, Origin.INPUT, None, (), None, body)


EVENTS = [make_event(seq) for seq in range(1400)]


def head_of(events: list[Event]) -> bytes:
    """The head of a record of these events."""
    record = MemoryRecord()
    record.append_many(events)
    return record.head


def write(path: Path, events: list[Event], settings: RecordSettings = BY_PAGE, *, seal: bool = True) -> Path:
    """A record, sealed or as a process leaves it that dies."""
    writer = RecordWriter(path, settings=settings)
    writer.append_many(events)
    if seal:
        writer.seal()
    return path


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Three blocks in one segment, the last one with an unfinished page; sealed."""
    return write(tmp_path / "sealed.run", EVENTS[:600])


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    """Three blocks in one segment, never sealed."""
    return write(tmp_path / "torn.run", EVENTS[:768], seal=False)


@pytest.fixture
def rolled(tmp_path: Path) -> Path:
    """Five blocks in three segments, never sealed."""
    rolling = RecordSettings(pages_per_block=1, codec="none", segment_bytes=12_000)
    return write(tmp_path / "rolled.run", EVENTS, rolling, seal=False)


def served(path: Path, expected: list[Event], name: str) -> int | None:
    """How many events are served, checked to be an exact prefix; None for a refusal, checked to say file and offset."""
    try:
        reader = RecordReader.open(path)
        events = list(reader.events())
        head = reader.recompute_head()
    except RecordDamagedError as error:
        refusal = str(error)
        assert re.match(rf"{re.escape(str(path))}/{name}: offset \d+: ", refusal), refusal
        assert "\n" not in refusal
        return None
    assert events == expected[: reader.count] == expected[: len(events)]
    assert head == reader.head == head_of(events)
    assert reader.torn or events == expected
    return len(events)


def block_starts(path: Path) -> list[int]:
    """Where the blocks of a one-segment record begin, and where the last one ends."""
    entries = RecordReader.open(path).blocks
    return [entry.offset for entry in entries] + [entries[-1].stop_offset]


def offset_in(error: pytest.ExceptionInfo[RecordDamagedError]) -> int:
    """The offset that a refusal names."""
    found = re.search(r"offset (\d+)", str(error.value))
    assert found
    return int(found[1])


def test_a_torn_record_cut_at_every_byte(torn: Path) -> None:
    """However short the file of an unsealed record, exactly the blocks that are whole are served."""
    file = torn / "00000000.seg"
    data, starts = file.read_bytes(), block_starts(torn)
    for size in range(len(data), -1, -1):
        os.truncate(file, size)
        whole = sum(1 for stop in starts[1:] if stop <= size)
        assert served(torn, EVENTS, "00000000.seg") == whole * 256
        assert RecordReader.open(torn).torn


def test_a_sealed_record_cut_at_every_byte(sealed: Path) -> None:
    """However little is missing of a sealed record's file, it is refused, at the byte where it ends."""
    file = sealed / "00000000.seg"
    for size in range(file.stat().st_size - 1, -1, -1):
        os.truncate(file, size)
        with pytest.raises(RecordDamagedError, match=rf"{file}: offset {size}: the file ends at {size}"):
            RecordReader.open(sealed)


def test_a_manifest_cut_at_every_byte(sealed: Path, torn: Path) -> None:
    """However little is missing of a manifest (but its last newline), the record is refused by the manifest's name."""
    for path in (sealed, torn):
        file = path / "manifest.json"
        for size in range(file.stat().st_size - 2, -1, -1):
            os.truncate(file, size)
            assert served(path, EVENTS, "manifest.json") is None


@pytest.mark.parametrize("name", ["00000000.seg", "manifest.json"])
def test_every_bit_of_a_tiny_sealed_record(tmp_path: Path, name: str) -> None:
    """Each of all bits flipped alone is found, by file and offset."""
    path = write(tmp_path / "a.run", EVENTS[:5])
    file = path / name
    data = file.read_bytes()
    for position in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        file.write_bytes(flipped)
        assert served(path, EVENTS[:5], name) is None, position


def test_a_flipped_bit_at_every_byte_of_a_sealed_record(sealed: Path) -> None:
    """A flip anywhere is refused, and the offset named is where the bad block, or the segment's header, begins."""
    file = sealed / "00000000.seg"
    data, starts = file.read_bytes(), [0, *block_starts(sealed)[:-1]]
    for position in range(len(data)):
        file.write_bytes(data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :])
        with pytest.raises(RecordDamagedError) as caught:
            list(RecordReader.open(sealed).events())
        assert offset_in(caught) == max(start for start in starts if start <= position)


def test_a_flipped_bit_at_every_byte_of_a_torn_record(torn: Path) -> None:
    """A flip anywhere ends the record before the block that it is in, with the good blocks behind it told of."""
    file = torn / "00000000.seg"
    data, starts = file.read_bytes(), block_starts(torn)
    for position in range(len(data)):
        file.write_bytes(data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :])
        whole = sum(1 for stop in starts[1:] if stop <= position)
        assert served(torn, EVENTS, "00000000.seg") == whole * 256
        behind = 2 - whole if position >= starts[0] else 3
        told = RecordReader.open(torn).warning or ""
        assert f"its first {whole * 256} events are served" in told
        plural = "s" if behind > 1 else ""
        assert (f"{behind} whole block{plural} of {behind * 256} events among them" in told) == (behind > 0)


def test_flips_where_they_do_not_matter(torn: Path) -> None:
    """What is in the reserve has no part in the record."""
    file = torn / "seal.reserve"
    file.write_bytes(b"\xff" + file.read_bytes()[1:])
    assert served(torn, EVENTS, "seal.reserve") == 768


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("seal", [False, True])
def test_what_a_header_with_a_flipped_bit_is_believed(tmp_path: Path, number: int, *, seal: bool) -> None:
    """Count and look-ups by time never rest on a wrong header: every answer is right, or there is none."""
    path = write(tmp_path / "a.run", EVENTS[:768], seal=seal)
    file, start = path / "00000000.seg", block_starts(path)[number]
    data, refused = file.read_bytes(), 0
    served_events = EVENTS[: 768 if seal else 256 * number]
    instants = [event.at_ns for event in EVENTS[:768:50]] + [EVENTS[seq].at_ns for seq in (255, 256, 511, 512, 767)]
    for position in range(start * 8, (start + 48) * 8):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        file.write_bytes(flipped)
        try:
            reader = RecordReader.open(path)
            assert reader.count == len(served_events)
            for at_ns in instants:
                assert reader.seq_at_time(at_ns) == sum(1 for event in served_events if event.at_ns <= at_ns)
        except RecordDamagedError:
            refused += 1
    assert refused == (48 * 8 if seal else 0)


def test_a_block_that_is_missing(sealed: Path, torn: Path) -> None:
    """A gap in the sequence is damage, or the end, though every block that is left is whole."""
    for path, expected in ((sealed, None), (torn, 256)):
        file, starts = path / "00000000.seg", block_starts(path)
        data = file.read_bytes()
        file.write_bytes(data[: starts[1]] + data[starts[2] :])
        assert served(path, EVENTS, "00000000.seg") == expected
    told = f"offset {starts[1]}: the block begins at event 512 where 256 is due; not served:"
    assert told in (RecordReader.open(torn).warning or "")


def test_a_block_that_is_there_twice(sealed: Path, torn: Path) -> None:
    """A repeated block is damage, or the end."""
    for path, expected in ((sealed, None), (torn, 512)):
        file, starts = path / "00000000.seg", block_starts(path)
        data = file.read_bytes()
        file.write_bytes(data[: starts[2]] + data[starts[1] :])
        assert served(path, EVENTS, "00000000.seg") == expected


def test_a_block_after_an_unfinished_page(sealed: Path, tmp_path: Path) -> None:
    """Only the last block may end within a page: one behind it is not served."""
    following = EVENTS[600:856]
    page = ClosedPage(following[0], following[-1], msgspec.msgpack.encode(following), Progress())
    with (sealed / "00000000.seg").open("ab") as file:
        file.write(BlockPacker(BY_PAGE).pack([page]))
    shutil.copy(write(tmp_path / "open.run", [], seal=False) / "manifest.json", sealed)
    assert served(sealed, EVENTS, "00000000.seg") == 600
    assert "a block follows event 599, which ended an unfinished page" in (RecordReader.open(sealed).warning or "")


def test_blocks_whose_times_run_backwards(torn: Path, tmp_path: Path) -> None:
    """Whole blocks of another record that take up the sequence at an earlier time are not served."""
    earlier = [msgspec.structs.replace(event, at_ns=event.at_ns // 9) for event in EVENTS[:768]]
    other = write(tmp_path / "other.run", earlier, seal=False)
    data, tail = (torn / "00000000.seg").read_bytes(), (other / "00000000.seg").read_bytes()
    (torn / "00000000.seg").write_bytes(data[: block_starts(torn)[1]] + tail[block_starts(other)[1] :])
    assert served(torn, EVENTS, "00000000.seg") == 256
    assert "time runs backwards, from 85 to 9 to 18 ns" in (RecordReader.open(torn).warning or "")


def test_bytes_after_the_end(sealed: Path, torn: Path) -> None:
    """More bytes than were written: refused where sealed, and cut off as a torn tail where not."""
    for path, expected in ((sealed, None), (torn, 768)):
        with (path / "00000000.seg").open("ab") as file:
            file.write(b"DLVB and what follows is no block" * 9)
        assert served(path, EVENTS, "00000000.seg") == expected


def test_a_tail_of_zeros(torn: Path) -> None:
    """Blocks that the system gave room for and never filled are the torn tail, however many."""
    file, starts = torn / "00000000.seg", block_starts(torn)
    data = file.read_bytes()
    file.write_bytes(data[: starts[1] + 48] + bytes(len(data) - starts[1] - 48))
    assert served(torn, EVENTS, "00000000.seg") == 256


def test_two_bad_blocks_at_the_end(torn: Path) -> None:
    """Bad blocks with nothing good behind them are the torn tail, though their headers are right."""
    file, starts = torn / "00000000.seg", block_starts(torn)
    data = bytearray(file.read_bytes())
    data[starts[1] + 60] ^= 1
    data[starts[2] + 60] ^= 1
    file.write_bytes(data)
    assert served(torn, EVENTS, "00000000.seg") == 256


def test_a_short_segment_before_a_good_one(rolled: Path) -> None:
    """A segment that ends too early is the end of a record that was never sealed, also with a good one behind it."""
    file = rolled / "00000001.seg"
    os.truncate(file, file.stat().st_size - 1)
    assert served(rolled, EVENTS, "00000001.seg") == 768
    assert "2 whole blocks" not in (RecordReader.open(rolled).warning or "")
    assert ", 1 whole block of 256 events among them" in (RecordReader.open(rolled).warning or "")


def test_the_warning_says_where(torn: Path) -> None:
    """What a reader of a torn record is told names the file, the offset, what is served and what to do."""
    file, starts = torn / "00000000.seg", block_starts(torn)
    os.truncate(file, starts[2] + 100)
    warning = RecordReader.open(torn).warning or ""
    assert f"{file}: offset {starts[2]}: the block needs" in warning
    assert f"its first 512 events are served, `deleverage recover {torn}`" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_segment_that_is_missing(rolled: Path, number: int) -> None:
    """Of a record that was never sealed any file may be missing: it ends there, and the files behind are told of."""
    name = f"{number:08d}.seg"
    (rolled / name).unlink()
    assert served(rolled, EVENTS, name) == number * 512
    told = f"{rolled / name}: offset 0: the file is missing, and {number + 1:08d}.seg is there; not served:"
    assert (told in (RecordReader.open(rolled).warning or "")) == (number < 2)
    assert recover(rolled).count == number * 512
    assert len(list(rolled.glob("*.seg"))) == number


def test_segments_that_a_manifest_does_not_tell_of(tmp_path: Path) -> None:
    """A sealed record with a file too few or too many is refused by that file's name."""
    rolling = RecordSettings(pages_per_block=1, codec="none", segment_bytes=12_000)
    path = write(tmp_path / "a.run", EVENTS, rolling)
    shutil.copy(path / "00000002.seg", path / "00000003.seg")
    assert served(path, EVENTS, "00000003.seg") is None
    (path / "00000003.seg").unlink()
    (path / "00000002.seg").unlink()
    assert served(path, EVENTS, "00000002.seg") is None


def test_segments_in_the_wrong_place(rolled: Path) -> None:
    """A segment that is whole and not the one that is due is not served."""
    shutil.copy(rolled / "00000000.seg", rolled / "00000001.seg")
    assert served(rolled, EVENTS, "00000001.seg") == 512


def test_another_records_segments_under_a_manifest(tmp_path: Path) -> None:
    """A record of the same sizes with other events opens, and its head tells."""
    first, second = write(tmp_path / "a.run", EVENTS[:300]), write(tmp_path / "b.run", EVENTS[:300])
    other = [*EVENTS[:299], Event(299, EVENTS[299].at_ns, Origin.INPUT, None, (), None, MarkPriced(1, 101, 0, 100))]
    third = write(tmp_path / "c.run", other, RecordSettings(pages_per_block=1, codec="none"))
    shutil.copy(second / "00000000.seg", first / "00000000.seg")
    assert served(first, EVENTS[:300], "") == 300
    fourth = write(tmp_path / "d.run", EVENTS[:300], RecordSettings(pages_per_block=1, codec="none"))
    shutil.copy(third / "00000000.seg", fourth / "00000000.seg")
    reader = RecordReader.open(fourth)
    assert reader.recompute_head() == head_of(other) != reader.head
    with pytest.raises(RecordDamagedError, match=r"manifest\.json: offset 0: the head is"):
        recover(fourth)


def test_recovery_at_every_cut(torn: Path, tmp_path: Path) -> None:
    """Wherever an unsealed file ends, recovery keeps its whole blocks, says what it cut, and leaves a sound record."""
    data, starts = (torn / "00000000.seg").read_bytes(), block_starts(torn)
    for size in sorted({*range(0, len(data), 97), *starts}):
        path = tmp_path / f"{size}.run"
        shutil.copytree(torn, path)
        os.truncate(path / "00000000.seg", size)
        kept = max((start for start in starts if start <= size), default=0)
        kept = 0 if kept == starts[0] else kept
        recovery = recover(path)
        assert (recovery.recovered, recovery.cut_bytes) == (True, size - kept)
        assert recovery.cut_from == (None if recovery.cut_file is None else kept)
        reader = RecordReader.open(path)
        assert (reader.status, reader.torn, reader.count) == ("recovered", False, recovery.count)
        assert served(path, EVENTS[: recovery.count], "") == recovery.count == starts.index(kept or starts[0]) * 256
        assert recovery.head == reader.head
        assert sorted(entry.name for entry in path.iterdir()) == (["00000000.seg"] if kept else []) + ["manifest.json"]


def test_recovering_twice_is_recovering_once(torn: Path) -> None:
    """A second recovery finds a sound record and leaves every byte as it is."""
    os.truncate(torn / "00000000.seg", (torn / "00000000.seg").stat().st_size - 1)
    first = recover(torn)
    files = {file.name: file.read_bytes() for file in torn.iterdir()}
    second = recover(torn)
    assert (first.recovered, second.recovered, second.cut_bytes) == (True, False, 0)
    assert (first.count, first.head) == (second.count, second.head)
    assert {file.name: file.read_bytes() for file in torn.iterdir()} == files
    assert str(first).startswith(f"{torn}: cut ")
    assert str(second) == f"{torn}: sealed and sound, 512 events; nothing to do"


def test_recovery_of_a_sound_record(sealed: Path) -> None:
    """There is nothing to do for a sealed record, and it says so."""
    assert recover(sealed).recovered is False
    assert RecordReader.open(sealed).status == "complete"


def test_recovery_before_the_first_block(tmp_path: Path) -> None:
    """A writer that died before its first block leaves an empty record."""
    path = write(tmp_path / "a.run", EVENTS[:100], seal=False)
    recovery = recover(path)
    assert (recovery.count, recovery.cut_bytes, recovery.head) == (0, 0, head_of([]))
    assert served(path, [], "") == 0


def test_recovery_over_several_segments(rolled: Path) -> None:
    """A tail that is bad over two segments is cut from both, and a segment that is left with nothing goes."""
    entries = [entry for entry in RecordReader.open(rolled).blocks if entry.segment == 1]
    second, third = rolled / "00000001.seg", rolled / "00000002.seg"
    kept, sizes = entries[0].stop_offset, second.stat().st_size + third.stat().st_size
    second.write_bytes(second.read_bytes()[:kept] + bytes(second.stat().st_size - kept))
    third.write_bytes(bytes(third.stat().st_size))
    recovery = recover(rolled)
    assert (recovery.cut_file, recovery.cut_from, recovery.cut_bytes) == (second, kept, sizes - kept)
    assert sorted(file.name for file in rolled.glob("*.seg")) == ["00000000.seg", "00000001.seg"]
    assert served(rolled, EVENTS[:768], "") == 768


def with_a_bad_block(path: Path) -> tuple[Path, int]:
    """A record of which the second of three blocks is not what was written: its file, and where the block begins."""
    file, start = path / "00000000.seg", block_starts(path)[1]
    data = bytearray(file.read_bytes())
    data[start + 60] ^= 4
    file.write_bytes(data)
    return file, start


def test_recovery_refuses_damage_to_a_sealed_record(sealed: Path) -> None:
    """A bad block of it is nobody's torn tail: refused, and nothing is touched."""
    file, start = with_a_bad_block(sealed)
    before = {file.name: file.read_bytes() for file in sealed.iterdir()}
    with pytest.raises(RecordDamagedError, match=rf"{file}: offset {start}: the block's CRC is wrong"):
        recover(sealed)
    assert {file.name: file.read_bytes() for file in sealed.iterdir()} == before


def test_recovery_goes_up_to_the_first_bad_block(torn: Path) -> None:
    """Of a record that was never sealed what is behind a bad block is cut, and how much that was is said."""
    file, start = with_a_bad_block(torn)
    size = file.stat().st_size
    warning = RecordReader.open(torn).warning or ""
    assert f"not served: {size - start:,} bytes from there on, 1 whole block of 256 events among them" in warning
    recovery = recover(torn)
    assert (recovery.count, recovery.cut_from, recovery.cut_bytes) == (256, start, size - start)
    assert (recovery.cut_blocks, recovery.cut_events) == (1, 256)
    assert ", 1 whole block of 256 events behind the first bad one among them; sealed as" in str(recovery)
    assert served(torn, EVENTS[:256], "") == 256


def test_what_only_looks_like_blocks_is_given_up(torn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tail of many headers, each of a block as long as the file, is no reason to read the file for each of them."""
    file = torn / "00000000.seg"
    data, starts = file.read_bytes(), block_starts(torn)
    header = bytearray(data[starts[0] : starts[0] + 48])
    header[40:44] = (200_000).to_bytes(4, "little")
    with file.open("ab") as tail:
        tail.write(bytes(header) * 20_000)
    read_bytes, is_intact = [0], scan.block_is_intact

    def counted(data: bytes) -> bool:
        read_bytes[0] += len(data)
        return is_intact(data)

    monkeypatch.setattr(scan, "block_is_intact", counted)
    assert served(torn, EVENTS, "00000000.seg") == 768
    assert 0 < read_bytes[0] < 100 * file.stat().st_size


def test_recovery_that_is_stopped(rolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery that dies before its last step is done over, to the same end."""
    with (rolled / "00000002.seg").open("ab") as file:
        file.write(b"half a block")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[recover.__module__], "write_manifest", refuse)
        with pytest.raises(RecordError, match=r"cannot be recovered \(No space left on device\).* run this again"):
            recover(rolled)
    recovery = recover(rolled)
    assert (recovery.recovered, recovery.count, recovery.cut_bytes) == (True, 1280, 0)
    assert served(rolled, EVENTS[:1280], "") == 1280


def test_recovery_of_a_record_that_is_being_written(tmp_path: Path) -> None:
    """A record whose writer lives is left to it."""
    writer = RecordWriter(tmp_path / "a.run", settings=BY_PAGE)
    writer.append_many(EVENTS[:700])
    with pytest.raises(RecordError, match="still being written"):
        recover(tmp_path / "a.run")
    writer.seal()
    assert served(tmp_path / "a.run", EVENTS[:700], "") == 700


def test_recovery_where_there_is_nothing(tmp_path: Path) -> None:
    """There is no record to recover in a directory without a manifest."""
    for path in (tmp_path, tmp_path / "nowhere.run"):
        with pytest.raises(RecordNotFoundError, match="no record there"):
            recover(path)


def write_and_die(path: str, at: int) -> None:
    """What runs in the process that is killed: by itself, at an event of a number, or in the middle of a write."""
    settings = RecordSettings(pages_per_block=1, segment_bytes=15_000, interval_ms=2)
    writer = RecordWriter(path, settings=settings, disk=Deadly(at // 256) if at % 2 else DISK)
    for seq in count():
        writer.append(make_event(seq))
        if seq == at and not at % 2:
            os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Disk):
    """Kills its process half way through the n-th block."""

    def __init__(self, blocks: int) -> None:
        self._left = blocks

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        """Write, or die."""
        if str(file.name).endswith(".seg"):
            self._left -= 1
            if self._left < 0:
                super().write(file, data[: len(data) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
        super().write(file, data, offset)


KILLS = [random.Random(17).randrange(20_000) for _ in range(30)]


def kill_writers(directory: str) -> None:
    """Start writers one after the other, each of which is killed."""
    for number, at in enumerate(KILLS):
        child = os.fork()
        if child == 0:
            write_and_die(f"{directory}/{number}.run", at)
        os.waitpid(child, 0)


def test_kill_at_random_points(tmp_path: Path) -> None:
    """Thirty killed writers: each record is an exact prefix, is recovered as that prefix, and is sound from then on."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, __file__, str(tmp_path)], env=environment, check=True)
    for number, at in enumerate(KILLS):
        path = tmp_path / f"{number}.run"
        reader = RecordReader.open(path)
        assert reader.torn
        assert reader.count == (at + (at + 1) % 2) // 256 * 256
        assert list(reader.events()) == [make_event(seq) for seq in range(reader.count)]
        recovery = recover(path)
        assert recovery.count == reader.count
        sealed = RecordReader.open(path)
        assert list(sealed.events()) == [make_event(seq) for seq in range(reader.count)]
        assert (sealed.status, sealed.recompute_head()) == ("recovered", recovery.head)


if __name__ == "__main__":
    kill_writers(sys.argv[1])
