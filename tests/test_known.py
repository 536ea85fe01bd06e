"""What a reader notes of a record: where, of what, and when it is believed."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.record import Known, RecordReader, known
from deleverage.events.record.known import VARIABLE
from deleverage.replay.verify.verification import verify

from .support.command_line import small_record, tear
from .support.snapshots import snapshots_closely

HEAD, OTHER = sha256(b"head").digest(), sha256(b"other").digest()
ONE, TWO = sha256(b"one").digest(), sha256(b"two").digest()
_closely = pytest.fixture(scope="module", autouse=True)(snapshots_closely)


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of notes of its own for each test, that is not there yet."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "deep" / "notes"))
    return tmp_path / "deep" / "notes"


def test_what_is_noted_is_known_from_then_on(notes: Path) -> None:
    """By this reader and by those that come after, of the record with that head and of no other."""
    reader = Known(HEAD)
    assert ONE not in reader
    reader.add([ONE])
    Known(HEAD).add([TWO])
    assert ONE in reader
    assert all(one in Known(HEAD) for one in (ONE, TWO))
    assert ONE not in Known(OTHER)
    assert [path.name for path in notes.iterdir()] == [f"{HEAD.hex()}.known"]
    assert (notes.stat().st_mode & 0o777, len(list(notes.iterdir()))) == (0o700, 1)


def test_of_a_record_without_a_head_nothing_is_kept(notes: Path) -> None:
    """It is known to this reader alone."""
    reader = Known(None)
    reader.add([ONE])
    assert ONE in reader
    assert ONE not in Known(None)
    assert not notes.exists()


def test_notes_of_other_code_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another fold made of a record is not what this one makes of it."""
    Known(HEAD).add([ONE])
    with monkeypatch.context() as patch:
        patch.setattr(known, "reading_sha256", lambda: bytes(32))
        assert ONE not in Known(HEAD)
        Known(HEAD).add([TWO])
        assert (ONE in Known(HEAD), TWO in Known(HEAD)) == (False, True)
    assert (ONE in Known(HEAD), TWO in Known(HEAD)) == (False, False)


@pytest.mark.parametrize("how", ["cut", "text", "longer", "a directory"])
def test_notes_that_are_damaged_are_none(notes: Path, how: str) -> None:
    """They are made anew."""
    Known(HEAD).add([ONE])
    path = notes / f"{HEAD.hex()}.known"
    data = path.read_bytes()
    if how == "a directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"cut": data[:-1], "text": b"to do: buy milk\n", "longer": data + b"\0"}[how])
    assert ONE not in Known(HEAD)
    Known(HEAD).add([TWO])
    assert (TWO in Known(HEAD)) == (how != "a directory")


def test_a_directory_that_others_can_write_is_not_believed(notes: Path) -> None:
    """Nor is anything noted there."""
    Known(HEAD).add([ONE])
    notes.chmod(0o777)
    assert ONE not in Known(HEAD)
    Known(OTHER).add([TWO])
    notes.chmod(0o700)
    assert (ONE in Known(HEAD), TWO in Known(OTHER)) == (True, False)


@pytest.mark.parametrize("place", ["", "/dev/null/notes"])
def test_where_nothing_can_be_noted(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """It is known as long as the process lives, and that is no trouble."""
    monkeypatch.setenv(VARIABLE, place)
    reader = Known(HEAD)
    reader.add([ONE])
    assert (ONE in reader, ONE in Known(HEAD)) == (True, False)


def test_where_the_notes_are_if_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's own cache; where there is none, nowhere."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Known(HEAD).add([ONE])
    assert (tmp_path / "cache" / "deleverage" / f"{HEAD.hex()}.known").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", "not absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Known(HEAD).add([ONE])
    assert (tmp_path / "home" / ".cache" / "deleverage" / f"{HEAD.hex()}.known").exists()


def test_of_many_records_the_oldest_are_forgotten(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the notes go when they are too many."""
    monkeypatch.setattr(known, "_RECORDS_MOST", 9)
    heads = [sha256(bytes([number])).digest() for number in range(10)]
    for age, head in enumerate(heads):
        Known(head).add([ONE])
        path = notes / f"{head.hex()}.known"
        if path.exists():
            os.utime(path, ns=(age, age))
    assert [ONE in Known(head) for head in heads] == [False] * 5 + [True] * 5


def blocks_unproved(path: Path) -> int:
    """How many blocks of a record would have to be held against the head if they were read."""
    reader = RecordReader.open(path)
    return sum(bool(reader._read(index).unproved) for index in range(len(reader.blocks)))


def test_what_is_recorded_here_is_known_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was written beside it too; by another reader nothing is, until all of it was read."""
    path = small_record(tmp_path)
    run = open_run(path)
    states = run.kept._shelves[0]
    assert (blocks_unproved(path), states.unheld(0, run.count)) == (0, [])
    assert all(run.columns._look(kind).true for kind in run.columns._found)
    for read in ("state", "columns", "verify"):
        monkeypatch.setenv(VARIABLE, str(tmp_path / read))
        blocks = len(RecordReader.open(path).blocks)
        assert blocks_unproved(path) == blocks
        if read == "state":
            open_run(path).at()
            assert open_run(path).kept._shelves[0].unheld(0, run.count) == []
            assert blocks_unproved(path) == blocks
        elif read == "columns":
            open_run(path).chain(3000)
            assert blocks_unproved(path) == 0
        else:
            assert verify(path).sound
            assert (blocks_unproved(path), open_run(path).kept._shelves[0].unheld(0, run.count)) == (0, [])
            with monkeypatch.context() as patch:
                patch.delattr(RecordReader, "_read")
                assert open_run(path).chain(3000)[-1] == 3000


def test_copies_are_known_as_well(tmp_path: Path) -> None:
    """What is known is known of a head, wherever the record lies."""
    path = small_record(tmp_path)
    copy = Path(shutil.copytree(path, tmp_path / "copy.run"))
    shutil.rmtree(path)
    assert blocks_unproved(copy) == 0
    assert open_run(copy).kept._shelves[0].unheld(0, 9999) == []


def test_a_torn_record_is_not_known(tmp_path: Path) -> None:
    """It has no head."""
    path = small_record(tmp_path)
    tear(path)
    run = open_run(path)
    assert run.kept._shelves[0].nearest(run.count) is None


def test_as_many_notes_as_there_may_be_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forgotten before there is one too many."""
    monkeypatch.setattr(known, "_RECORDS_MOST", 9)
    heads = [sha256(bytes([number])).digest() for number in range(9)]
    for head in heads:
        Known(head).add([ONE])
    assert all(ONE in Known(head) for head in heads)
