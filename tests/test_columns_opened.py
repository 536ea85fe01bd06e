"""The columns of an opened record: whatever is in the directory, the answers are the record's, and damage is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import google_crc32c
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.errors import QueryError, RecordDamagedError
from deleverage.events.record import RecordReader, RecordWriter, recover
from deleverage.events.record.columns import stored, verify_columns
from deleverage.events.record.columns.layout import Span, file_bytes
from deleverage.events.record.files import exclusive
from deleverage.events.record.manifest import read_manifest, write_manifest

from .support.columns import BY_PAGE, COLUMN_FILES, answers_rightly, files_of, made_events, written

EVENTS = made_events(900, seed=5)
OTHER = made_events(900, seed=6)

Damage = Callable[[bytes, bytes], bytes]

DAMAGES: dict[str, Damage] = {
    "emptied": lambda data, other: b"",
    "cut in the header": lambda data, other: data[:10],
    "cut in the body": lambda data, other: data[: len(data) // 2],
    "cut by a byte": lambda data, other: data[:-1],
    "without its trailer": lambda data, other: data[:-44],
    "longer": lambda data, other: data + b"\0",
    "zeros": lambda data, other: bytes(len(data)),
    "a flipped magic": lambda data, other: flipped(data, 0),
    "a flipped first seq": lambda data, other: flipped(data, 8),
    "a flipped body": lambda data, other: flipped(data, 20),
    "a flipped trailer": lambda data, other: flipped(data, len(data) - 1),
    "another record's": lambda data, other: other,
    "text": lambda data, other: b"to do: buy milk\n" * 20,
}


def flipped(data: bytes, place: int) -> bytes:
    """The bytes with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sealed records of as many events, not to be changed."""
    folder = tmp_path_factory.mktemp("masters")
    return written(folder / "a.run", EVENTS), written(folder / "b.run", OTHER)


@pytest.fixture
def sealed(masters: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the first one."""
    return Path(shutil.copytree(masters[0], tmp_path / "a.run"))


@pytest.mark.parametrize("name", COLUMN_FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_ignored_made_good_and_told(masters: tuple[Path, Path], sealed: Path, name: str, damage: str) -> None:
    """Whatever became of a file, the answers are right, one line tells of it, and afterwards the file is whole."""
    good, foreign = files_of(sealed), (masters[1] / name).read_bytes()
    (sealed / name).write_bytes(DAMAGES[damage](good[name], foreign))
    (fault,) = verify_columns(RecordReader.open(sealed))
    columns = answers_rightly(sealed, EVENTS)
    (report,) = columns.reports
    assert report == f"{fault}; ignored, made again from the record"
    assert report.startswith(f"{sealed / name}: it ")
    assert "\n" not in report
    assert files_of(sealed) == good
    assert answers_rightly(sealed, EVENTS).reports == []


@pytest.mark.parametrize("name", COLUMN_FILES)
def test_every_bit_of_a_small_file(tmp_path: Path, name: str) -> None:
    """Each of all bits flipped alone is found."""
    path = written(tmp_path / "a.run", EVENTS[:3])
    good = (path / name).read_bytes()
    for bit in range(8 * len(good)):
        (path / name).write_bytes(good[: bit // 8] + bytes([good[bit // 8] ^ 1 << bit % 8]) + good[bit // 8 + 1 :])
        assert len(verify_columns(RecordReader.open(path))) == 1


def test_a_missing_file_is_no_damage(sealed: Path) -> None:
    """Files that were deleted come back the same, in one pass for all, and nothing is told."""
    good = files_of(sealed)
    for name in COLUMN_FILES:
        (sealed / name).unlink()
    assert verify_columns(RecordReader.open(sealed)) == []
    columns = RecordReader.open(sealed).columns
    assert columns.cause_of(77) == EVENTS[77].cause
    assert (columns.reports, files_of(sealed)) == ([], good)


def test_all_damage_is_told_when_one_is_asked_for(sealed: Path) -> None:
    """Making one again puts all right, so each file that was damaged is told then, and not once more."""
    for name in COLUMN_FILES:
        (sealed / name).write_bytes(b"")
    columns = RecordReader.open(sealed).columns
    columns.spans_naming(3)
    assert sorted(report.partition(": ")[0] for report in columns.reports) == [
        str(sealed / name) for name in COLUMN_FILES
    ]
    answers_rightly(sealed, EVENTS, columns)
    assert len(columns.reports) == len(COLUMN_FILES)


def test_a_directory_in_the_place_of_a_file(sealed: Path) -> None:
    """What cannot be read or replaced is told, stays, and troubles nobody; nothing is left beside it."""
    (sealed / "parents.idx").unlink()
    (sealed / "parents.idx").mkdir()
    before = sorted(file.name for file in sealed.iterdir())
    (report,) = answers_rightly(sealed, EVENTS).reports
    assert "parents.idx: it cannot be read (it is a directory, not a file)" in report
    assert sorted(file.name for file in sealed.iterdir()) == before


@pytest.mark.parametrize("step", [(stored, "open_new"), (Path, "replace")])
def test_a_directory_that_cannot_be_written(
    sealed: Path, monkeypatch: pytest.MonkeyPatch, step: tuple[object, str]
) -> None:
    """Where the file cannot be put back, the answers come from memory, and the directory stays as it is."""

    def refuse(path: Path, *_: object) -> None:
        raise OSError(30, "Read-only file system", path)

    (sealed / "roots.idx").unlink()
    (sealed / "accounts.idx").write_bytes(b"junk")
    before = {file.name: file.read_bytes() for file in sealed.iterdir()}
    monkeypatch.setattr(*step, refuse)
    assert len(answers_rightly(sealed, EVENTS).reports) == 1
    assert {file.name: file.read_bytes() for file in sealed.iterdir()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="whoever runs this may write everywhere")
def test_a_directory_of_somebody_else(sealed: Path) -> None:
    """Without the right to write there, missing files stay missing."""
    (sealed / "roots.idx").unlink()
    sealed.chmod(0o555)
    try:
        answers_rightly(sealed, EVENTS)
        assert not (sealed / "roots.idx").exists()
    finally:
        sealed.chmod(0o755)


def test_somebody_else_at_the_record(sealed: Path) -> None:
    """While another process holds the record's lock nothing is written; the next one to ask writes it."""
    (sealed / "parents.idx").unlink()
    with exclusive(sealed):
        answers_rightly(sealed, EVENTS)
        assert not (sealed / "parents.idx").exists()
    answers_rightly(sealed, EVENTS)
    assert (sealed / "parents.idx").exists()


@given(st.integers(0, 1600), st.integers(0, 400))
@settings(max_examples=15, deadline=None)
def test_a_live_writer_is_left_alone(tmp_path_factory: pytest.TempPathFactory, first: int, more: int) -> None:
    """Beside a writer the columns are those of what reached the files; its own files are untouched and end whole."""
    path, events = tmp_path_factory.mktemp("live") / "a.run", made_events(first + more, seed=more)
    writer = RecordWriter(path, settings=BY_PAGE)
    writer.append_many(events[:first])
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()}
    assert answers_rightly(path, events[: first - first % 256]).reports == []
    assert verify_columns(RecordReader.open(path)) == []
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()} == before
    writer.append_many(events[first:])
    writer.seal()
    assert answers_rightly(path, events).reports == []


@pytest.mark.parametrize("cut", [0, 1, 20_000])
def test_a_torn_record(tmp_path: Path, cut: int) -> None:
    """Columns that run ahead of the good blocks, or behind them, are neither used nor touched; recovery drops them."""
    path = written(tmp_path / "a.run", EVENTS, seal=False)
    segment = path / "00000000.seg"
    os.truncate(segment, segment.stat().st_size - min(cut, segment.stat().st_size // 2))
    os.truncate(path / "parents.idx", 100)
    before = files_of(path)
    count = RecordReader.open(path).count
    assert answers_rightly(path, EVENTS[:count]).reports == []
    assert files_of(path) == before
    recover(path)
    assert files_of(path) == {}
    assert answers_rightly(path, EVENTS[:count]).reports == []
    assert sorted(files_of(path)) == sorted(COLUMN_FILES)
    assert files_of(path) == files_of(written(tmp_path / "b.run", EVENTS[:count]))


def test_a_column_that_recovery_could_not_drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dead writer left is not taken for whole by whoever reads the recovered record."""
    path = written(tmp_path / "a.run", EVENTS, seal=False)
    left = files_of(path)
    recover(path)
    for name, data in left.items():
        (path / name).write_bytes(data)
    columns = answers_rightly(path, EVENTS[:768])
    assert len(columns.reports) == len(COLUMN_FILES)
    never = ("it was never finished, or its CRC is wrong", "too few for a column")
    assert all(any(told in report for told in never) for report in columns.reports)


def test_a_record_without_events(tmp_path: Path) -> None:
    """There is nothing to write, nothing to find and nothing to report."""
    path = written(tmp_path / "a.run", [])
    assert answers_rightly(path, []).reports == []
    assert (files_of(path), verify_columns(RecordReader.open(path))) == ({}, [])


def forged(path: Path, name: str, place: int) -> bytes:
    """A column's file with one bit of its body changed and every CRC right."""
    reader = RecordReader.open(path)
    data = (path / name).read_bytes()
    body = flipped(data[16:-44], place)
    return file_bytes(data[:4], body, Span(0, reader.count, reader.head))


def test_a_column_of_another_format(sealed: Path) -> None:
    """A file that is laid out differently, and for the rest is right, is made again."""
    data = (sealed / "roots.idx").read_bytes()
    later = data[:4] + b"\2" + data[5:-4]
    (sealed / "roots.idx").write_bytes(later + google_crc32c.value(later).to_bytes(4, "little"))
    (report,) = answers_rightly(sealed, EVENTS).reports
    assert "roots.idx: it does not begin as this column does from event 0 on; ignored" in report
    assert (sealed / "roots.idx").read_bytes() == data


def test_roots_prove_themselves(sealed: Path) -> None:
    """Page roots that do not lead to the head are not used, even with their CRC right."""
    good = files_of(sealed)
    (sealed / "roots.idx").write_bytes(forged(sealed, "roots.idx", 40))
    (report,) = answers_rightly(sealed, EVENTS).reports
    assert "roots.idx: its page roots do not give the record's head; ignored" in report
    assert files_of(sealed) == good


def test_a_record_that_does_not_give_its_head(sealed: Path) -> None:
    """Where the record's own events do not lead to its head, there is nothing to be had."""
    write_manifest(sealed, msgspec.structs.replace(read_manifest(sealed), head="ab" * 32))
    columns = RecordReader.open(sealed).columns
    told = r"manifest\.json: offset 0: the head is abab.*events do not give it"
    for ask in (lambda: columns.cause_of(77), lambda: columns.spans_naming(3), lambda: columns.roots):
        with pytest.raises(RecordDamagedError, match=told):
            ask()


@pytest.mark.parametrize(("name", "place", "block"), [("parents.idx", 4 * 300, 1), ("roots.idx", 70, 2)])
def test_verifying_finds_what_a_crc_does_not(sealed: Path, name: str, place: int, block: int) -> None:
    """A column that says something else than the record is named, with the events that it is wrong about."""
    (sealed / name).write_bytes(forged(sealed, name, place))
    first, last = 256 * block, 256 * block + 255
    (fault,) = verify_columns(RecordReader.open(sealed))
    told = f"it is not what the record says of events {first} to {last}; delete it, it is made again"
    assert fault == f"{sealed / name}: {told}"


def test_verifying_finds_a_wrong_account(sealed: Path) -> None:
    """A wrong account is found as well."""
    (sealed / "accounts.idx").write_bytes(forged(sealed, "accounts.idx", 8))
    (fault,) = verify_columns(RecordReader.open(sealed))
    assert "accounts.idx: it is not what the record says of events 0 to 255" in fault


@pytest.mark.parametrize(
    ("name", "excess", "said"),
    [
        ("parents.idx", bytes(4), "it holds 901 events, the record 900"),
        ("parents.idx", bytes(1), "it holds 3601 bytes, which are no whole numbers of 32 bits"),
        ("roots.idx", bytes(32), "it holds 160 bytes of page roots, the record 4 pages"),
        ("accounts.idx", b"\1" + bytes(7), "its blocks end at event 901, the record at 900"),
        ("accounts.idx", bytes(4), "its blocks end at event 900, the record at 900"),
    ],
)
def test_a_column_with_too_much(sealed: Path, name: str, excess: bytes, said: str) -> None:
    """A file of the wrong length is refused, even with every CRC right."""
    reader, data = RecordReader.open(sealed), (sealed / name).read_bytes()
    (sealed / name).write_bytes(file_bytes(data[:4], data[16:-44] + excess, Span(0, reader.count, reader.head)))
    assert verify_columns(reader) == [f"{sealed / name}: {said}"]
    (report,) = answers_rightly(sealed, EVENTS).reports
    assert said in report


def test_a_span_is_cut_to_what_is_asked_for(sealed: Path) -> None:
    """Spans begin and end where the question does, and a question that begins below 0 is refused."""
    columns = RecordReader.open(sealed).columns
    whole = columns.spans_naming(5)
    for first, stop in ((0, 1), (100, 300), (255, 257), (256, 512), (700, None), (899, 5000), (900, 901), (300, 200)):
        cut = [(max(a, first), min(b, 900 if stop is None else stop)) for a, b in whole]
        assert columns.spans_naming(5, first, stop) == [(a, b) for a, b in cut if a < b]
    with pytest.raises(QueryError, match="events from -1: an event's number is counted from 0"):
        columns.spans_naming(5, -1)
