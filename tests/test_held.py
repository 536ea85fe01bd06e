"""What a record says of itself is held against its events, and its head against the one that the reader has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from deleverage import open_run
from deleverage.events.bodies.inputs import Withdrawn
from deleverage.events.bodies.run import RunEnded
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.record.columns import Columns
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.verification import verify

from .support.command_line import call, small_record, tear
from .support.crash import recorded
from .support.rewritten import BY_PAGE, changed, written
from .support.venue import Book

EVENTS = recorded()
REDUCTION = next(event for event in EVENTS if isinstance(event.body, PositionDeleveraged))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, a fork of it, and a record in which one figure is another: sound in itself."""
    home = tmp_path_factory.mktemp("home")
    parent = open_run(small_record(home))
    fork(parent, 3000, Changes(("adl.policy=profit-share",)), home / "child.run", settings=BY_PAGE)
    written(home / "other.run", changed(EVENTS, REDUCTION.seq, rank=7))
    return home


def commands(path: Path, folder: Path) -> list[list[str | Path]]:
    """Every command that reads a record and takes the head that it must have."""
    return [
        ["log", path, "--to", "3"],
        ["state", path],
        ["history", path, "--account", "5"],
        ["why", path, str(REDUCTION.seq)],
        ["why", path, "--account", "5"],
        ["receipt", path, str(REDUCTION.seq), "-o", folder / "receipt.json"],
        ["fork", path, "--at", "7000"],
        ["verify", path],
    ]


def test_the_head_that_is_asked_for(home: Path, tmp_path: Path) -> None:
    """With the right one, in whatever case, the answer is the same; with another none is given, by any command."""
    head = open_run(home / "small.run").head
    for command in commands(home / "small.run", tmp_path):
        plain = call(*command)
        (tmp_path / "receipt.json").unlink(missing_ok=True)
        for given in (head, head.upper()):
            asked = call(*command, "--head", given)
            (tmp_path / "receipt.json").unlink(missing_ok=True)
            assert (asked.exit_code, asked.stdout) == (plain.exit_code, plain.stdout)
        refused = call(*command, "--head", "ab" * 32)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert "ab" * 32 in refused.stderr
        assert command[0] == "verify" or refused.stdout == ""
        assert call(*command, "--head", "ab").exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_record_that_is_sound_in_itself_is_not_the_one_that_is_asked_for(home: Path, tmp_path: Path) -> None:
    """Whoever writes all of it anew has made another record: only the head from elsewhere tells, and it does."""
    head = open_run(home / "small.run").head
    for command in commands(home / "other.run", tmp_path):
        assert call(*command, "--head", head).exit_code == 1
    assert call("log", home / "other.run").exit_code == 0


def test_the_heads_of_a_comparison(home: Path) -> None:
    """One for each record, in their order."""
    records = home / "small.run", home / "child.run"
    heads = [open_run(path).head for path in records]
    assert call("diff", *records, "--heads", *heads).exit_code == 0
    refused = call("diff", *records, "--heads", *heads[::-1])
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert call("diff", *records, "--heads", heads[0], "x").exit_code == 2


def test_a_torn_record_has_no_head(home: Path, tmp_path: Path) -> None:
    """Whoever asks for one is told so."""
    torn = Path(shutil.copytree(home / "small.run", tmp_path / "torn.run"))
    tear(torn)
    head = open_run(home / "small.run").head
    for command in ("log", "verify"):
        refused = call(command, torn, "--head", head)
        assert refused.exit_code == 1
        assert "it was never sealed" in refused.stderr


def test_a_complete_record_ends(tmp_path: Path) -> None:
    """Its last block dropped, and its manifest worked out anew, head and all: it says complete and does not end."""
    path = tmp_path / "a.run"
    for events in (EVENTS[:-1], EVENTS[: len(EVENTS) // 256 * 256], EVENTS[:1], []):
        written(path, events, "complete")
        found = verify(path)
        assert not found.sound
        assert [check.check for check in found.checks if check.ok is False] == ["head"]
        assert "it says that the run is complete, and " in found.checks[1].text
        assert call("verify", path).exit_code == 1
        for command in ("log", "state"):
            refused = call(command, path)
            assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
            assert "not RunEnded" in refused.stderr
        shutil.rmtree(path)


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("small.run", {"scenario": "another"}, "it tells of scenario, seed and schema ('another', 1, "),
        ("small.run", {"seed": None}, "it tells of scenario, seed and schema ('small-crash', None, "),
        ("small.run", {"seed": 2}, "it tells of scenario, seed and schema ('small-crash', 2, "),
        ("small.run", {"schema": 0}, "it tells of scenario, seed and schema ('small-crash', 1, 0)"),
        ("child.run", {"scenario": "another"}, "it tells of scenario, seed and schema"),
        ("child.run", {"parent.at_seq": 3002}, "it tells of a fork of "),
        ("child.run", {"parent.at_seq": 2999}, "it tells of a fork of "),
        ("child.run", {"forks": ()}, "tells of forks at []"),
        ("child.run", {"forks": (3001, 4000)}, "tells of forks at [3001, 4000]"),
    ],
)
def test_a_manifest_that_tells_of_another_run(
    home: Path, tmp_path: Path, name: str, fields: dict[str, object], told: str
) -> None:
    """Each field is held against RunStarted, RunForked and the rest of the events; verify and every question say so."""
    copies = Path(shutil.copytree(home, tmp_path / "copies"))
    manifest = read_manifest(copies / name)
    for field, value in fields.items():
        if field.startswith("parent."):
            assert manifest.parent is not None
            value = msgspec.structs.replace(manifest.parent, **{field.removeprefix("parent."): value})  # noqa: PLW2901
        manifest = msgspec.structs.replace(manifest, **{field.partition(".")[0]: value})
    write_manifest(copies / name, manifest)
    refused = call("why", copies / name, str(REDUCTION.seq))
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    result = call("verify", copies / name)
    assert result.exit_code == 1
    assert told in refused.stderr
    assert told in result.stderr


def test_how_it_broke_off_is_the_manifests_word(tmp_path: Path) -> None:
    """What no event tells is told as that; of a record that has its end as well."""
    path = written(tmp_path / "a.run", EVENTS[:3000], "failed", "something")
    told = call("log", path, "--to", "1").stderr
    assert told == f"deleverage: {path}: it stops before the run's end; its manifest says: failed\n"
    path = written(tmp_path / "b.run", EVENTS, "interrupted")
    told = call("log", path, "--to", "1").stderr
    assert told == f"deleverage: {path}: it has the run's end; its manifest says: interrupted\n"
    document = json.loads(call("diff", tmp_path / "a.run", path, "--json").stdout)
    assert (document["a"]["status"], document["b"]["status"]) == ("broken off", "complete")


def test_causes_are_told_by_the_events(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain is that of the events, whatever the column beside the record says."""
    run = open_run(home / "small.run")
    chain = run.chain(REDUCTION.seq)
    monkeypatch.setattr(Columns, "chain", lambda _columns, _seq: (*chain[:-2], chain[-1]))
    assert [event.seq for event in run.causes(REDUCTION.seq)] == list(chain)


def test_a_broken_law_is_no_success(tmp_path: Path) -> None:
    """`state` says which law, of an account's state as well, and ends with 1, also where the record is torn."""
    book = Book()
    trader = book.user(100)
    book.put(Withdrawn(trader, 101))
    book.put(RunEnded())
    path = written(tmp_path / "a.run", book.events)
    for options in ((), ("--json",), ("--account", str(trader))):
        result = call("state", path, *options)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert result.stdout
        told = (
            f"{path}: a law is broken after event {len(book.events) - 1}: account 'user{trader}' is left with -1 atoms"
        )
        assert told in result.stderr
    assert call("state", path, "--at", str(len(book.events) - 3)).exit_code == 0
