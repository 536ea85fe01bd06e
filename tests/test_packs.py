"""A record in one file: it is read as the record is, the same wherever it is made, and nothing leads out of it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from deleverage import open_run, verify
from deleverage.events.errors import RecordDamagedError, RecordExistsError, RecordNotFoundError
from deleverage.events.record import RecordReader, RecordSettings
from deleverage.events.record.known import VARIABLE
from deleverage.events.record.packs import PACK_NAME, is_pack, pack, unpacked
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork

from .support.command_line import call, small_record, tear

SMALL = RecordSettings(pages_per_block=1, durability="none")


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash."""
    return small_record(tmp_path_factory.mktemp("parent"))


@pytest.fixture(scope="module")
def child(parent: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fork of a fork of it."""
    run, folder = open_run(parent), tmp_path_factory.mktemp("children")
    fork(run, run.count // 2, Changes(("funding.rate_ppb=1",)), folder / "one.run", settings=SMALL)
    one = open_run(folder / "one.run")
    fork(one, one.count * 3 // 4, Changes(("funding.rate_ppb=2",)), folder / "two.run", settings=SMALL)
    return folder / "two.run"


def packed(record: Path, path: Path) -> Path:
    """A record's pack."""
    assert pack(RecordReader.open(record), path) == path.stat().st_size
    return path


def test_a_pack_is_read_as_the_record(child: Path, tmp_path: Path) -> None:
    """Events, head, states and decisions are the record's; a fork's parents are in it."""
    run, sent = open_run(child), open_run(packed(child, tmp_path / "two.pack"))
    assert (sent.head, sent.count) == (run.head, run.count)
    assert list(sent.events()) == list(run.events())
    assert sent.at().digest() == run.at().digest()
    assert verify(tmp_path / "two.pack").sound
    assert sent.reader.packed_in == tmp_path / "two.pack"


def test_the_same_record_gives_the_same_bytes(child: Path, tmp_path: Path) -> None:
    """Also from a copy elsewhere, and from what an unzip gives."""
    one = packed(child, tmp_path / "one.pack").read_bytes()
    for read in (child.parents[1], child.parent):
        assert read.is_dir()
    with zipfile.ZipFile(tmp_path / "one.pack") as archive:
        archive.extractall(tmp_path / "apart")
    assert packed(tmp_path / "apart" / "two.run", tmp_path / "two.pack").read_bytes() == one


def test_commands_read_a_pack(child: Path, tmp_path: Path) -> None:
    """`info` says that it is one; `log` prints what it prints of the record."""
    path = tmp_path / "two.pack"
    written = call("pack", child, "-o", path, "--json")
    assert json.loads(written.stdout)["bytes"] == path.stat().st_size
    told = json.loads(call("info", path, "--json").stdout)
    assert (told["packed"], told["run"], told["head"]) == (True, str(path), open_run(child).head)
    assert [one["run"] for one in told["lineage"]] == ["small.run", "one.run", "two.run"]
    assert call("log", path).stdout == call("log", child).stdout


def test_a_fork_of_a_pack_is_refused(child: Path, tmp_path: Path) -> None:
    """Its parent would be in the reader's cache; in memory it can be forked."""
    path = packed(child, tmp_path / "two.pack")
    last = str(open_run(child).count - 1)
    refused = call("fork", path, "--at", last, "-o", tmp_path / "x.run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "unzip" in refused.stderr
    assert not (tmp_path / "x.run").exists()
    assert call("fork", path, "--at", last).exit_code == 0


def test_nothing_is_written_over(child: Path, tmp_path: Path) -> None:
    """A file of that name stays, and a torn record is not packed."""
    path = packed(child, tmp_path / "two.pack")
    before = path.read_bytes()
    with pytest.raises(RecordExistsError, match="nothing is written over"):
        pack(RecordReader.open(child), path)
    assert path.read_bytes() == before
    shutil.copytree(child.parent, tmp_path / "torn")
    shutil.copytree(RecordReader.open(child).lineage[0].path, tmp_path / "torn" / "small.run")
    tear(tmp_path / "torn" / "two.run")
    refused = call("pack", tmp_path / "torn" / "two.run", "-o", tmp_path / "torn.pack")
    assert refused.exit_code == 2
    assert "recover" in refused.stderr
    assert [entry.name for entry in tmp_path.iterdir() if "part" in entry.name or entry.name == "torn.pack"] == []


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8, 0.999])
def test_a_damaged_pack_is_refused(child: Path, tmp_path: Path, place: float) -> None:
    """Whichever byte was altered, nothing else than the record is read of it, and nothing is left in the cache."""
    path = packed(child, tmp_path / "two.pack")
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0xFF
    path.write_bytes(data)
    try:
        events = list(open_run(path).events())
    except (RecordDamagedError, RecordNotFoundError):
        return
    assert events == list(open_run(child).events())  # a byte that says when or by whom it was packed


@pytest.mark.parametrize(
    "name", ["../two.run/manifest.json", "/two.run/manifest.json", "two.run/../x", "two.run/x.py", "a/b/manifest.json"]
)
def test_nothing_leads_out_of_a_pack(tmp_path: Path, name: str) -> None:
    """Names that are no file of a record in a folder are refused before anything is written."""
    path = tmp_path / "bad.pack"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(PACK_NAME, json.dumps({"format": 1, "run": "two.run", "head": "00" * 32}))
        archive.writestr("two.run/manifest.json", "{}")
        archive.writestr(name, "{}")
    assert is_pack(path)
    with pytest.raises(RecordDamagedError, match="no pack of a record"):
        unpacked(path)


def test_what_is_no_pack_is_told(tmp_path: Path) -> None:
    """Compressed members, another zip, a later format, no record where it says one is."""
    first = json.dumps({"format": 1, "run": "two.run", "head": "00" * 32})
    cases = {
        "compressed": [(PACK_NAME, first), ("two.run/manifest.json", "{}" * 1000)],
        "other": [("hello.txt", "hello")],
        "later": [(PACK_NAME, first.replace('"format": 1', '"format": 9')), ("two.run/manifest.json", "{}")],
        "absent": [(PACK_NAME, first), ("one.run/manifest.json", "{}")],
    }
    for case, members in cases.items():
        path = tmp_path / f"{case}.pack"
        kind = zipfile.ZIP_DEFLATED if case == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as archive:
            for name, data in members:
                archive.writestr(name, data)
        told = call("info", path)
        assert told.exit_code in (1, 2), case
        assert told.stderr.count("\n") == 1, case


def test_a_pack_is_read_where_nothing_is_kept(child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder of its own the reader unpacks it for this process; with one it is used again."""
    path = packed(child, tmp_path / "two.pack")
    monkeypatch.setenv(VARIABLE, "")
    assert open_run(path).head == open_run(child).head
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    place = unpacked(path)
    assert place.is_relative_to(tmp_path / "cache")
    assert unpacked(path) == place


def test_two_parents_of_one_name_are_refused(parent: Path, tmp_path: Path) -> None:
    """Beside each other they could not both stand."""
    run = open_run(parent)
    (tmp_path / "a").mkdir()
    fork(run, run.count // 2, Changes(("funding.rate_ppb=1",)), tmp_path / "a" / parent.name, settings=SMALL)
    one = open_run(tmp_path / "a" / parent.name)
    fork(one, one.count - 9, Changes(("funding.rate_ppb=2",)), tmp_path / "last.run", settings=SMALL)
    with pytest.raises(RecordDamagedError, match="rename one"):
        pack(RecordReader.open(tmp_path / "last.run"), tmp_path / "x.pack")
