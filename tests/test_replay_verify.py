"""`deleverage verify`: what it finds in sound records, and in those that are not."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from deleverage import open_run
from deleverage.events.bodies.inputs import BalanceStated, InputRefused, Withdrawn
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet, MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordWriter
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.events.snapshots.snapshot import parts_of, read_snapshot
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.checks import Verification
from deleverage.replay.verify.verification import verify

from .support.command_line import call, small_record, tear
from .support.crash import recorded
from .support.rewritten import BY_PAGE, changed, moved, written
from .support.venue import Book

EVENTS = recorded()
NAMES = ["blocks", "head", "order", "fold", "laws", "beside", "decisions"]


def results(found: Verification) -> dict[str, bool | None]:
    """Each check with whether it held."""
    return {check.check: check.ok for check in found.checks}


def text_of(found: Verification, name: str) -> str:
    """What a check says."""
    return next(check.text for check in found.checks if check.check == name)


def with_anna(*bodies: object) -> list[Event]:
    """A small venue with one trader, and these events; only the first ones are folded to make them."""
    book = Book()
    book.put(AccountOpened(4, "anna", "test", "user", "cross", 0))
    book.put(BalanceStated(4, 100))
    last = book.events[-1]
    return [
        *book.events,
        *(msgspec.structs.replace(last, seq=last.seq + place, body=body) for place, body in enumerate(bodies, start=1)),
    ]


def test_a_sound_record(tmp_path: Path) -> None:
    """Everything holds: seven checks, the head, exit code 0, and it says that the decisions were executed again."""
    path = small_record(tmp_path)
    found = verify(path)
    assert results(found) == dict.fromkeys(NAMES, True)
    assert (found.sound, found.torn, found.events, found.reexecuted) == (True, False, len(EVENTS), True)
    assert found.head == read_manifest(path).head
    result = call("verify", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{len(EVENTS):,} events, executed again, are the same byte for byte" in " ".join(result.stdout.split())
    assert all(
        len(line) <= 60 for line in result.stdout.splitlines() if found.head not in line and str(path) not in line
    )


def test_the_document(tmp_path: Path) -> None:
    """`verify --json` is the same as data."""
    path = small_record(tmp_path)
    document = json.loads(call("verify", path, "--json").stdout)
    assert document == json.loads(msgspec.json.encode(verify(path)))
    assert [check["check"] for check in document["checks"]] == NAMES


def test_laws_are_tested_at_every_block_or_as_often_as_asked(tmp_path: Path) -> None:
    """After every block and at the end; with --every N after every N events instead."""
    path = small_record(tmp_path)
    blocks = -(-len(EVENTS) // 256)
    assert text_of(verify(path), "laws") == f"hold at {blocks + 1:,} points"
    assert text_of(verify(path, 1000), "laws") == f"hold at {len(EVENTS) // 1000 + 1:,} points"


def test_the_laws_hold_after_every_single_event(tmp_path: Path) -> None:
    """In a crash with every feature on no law is broken at any point, not even within an instant."""
    assert verify(small_record(tmp_path), 1).sound


def test_a_torn_record_is_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    """There is no head to compare with; the rest holds; exit code 3 with the warning."""
    path = small_record(tmp_path)
    tear(path)
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "head": None}
    assert (found.sound, found.torn, found.events) == (True, True, len(EVENTS) // 256 * 256)
    result = call("verify", path)
    assert result.exit_code == 3
    assert result.stderr.strip() == f"deleverage: {found.warning}"


def test_a_flipped_bit(tmp_path: Path) -> None:
    """A bad block is named with its offset; what comes after it is not judged; exit code 1."""
    path = small_record(tmp_path)
    segment = path / "00000000.seg"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    found = verify(path)
    assert (found.sound, found.head) == (False, None)
    unread = dict.fromkeys(("head", "beside", "decisions"))
    assert results(found) == {**dict.fromkeys(NAMES, True), "blocks": False, **unread}
    assert {text_of(found, name).removeprefix("not executed again: ") for name in unread} == {
        "not every event could be read"
    }
    assert 0 < found.events < len(EVENTS)
    assert found.events % 256 == 0
    assert call("verify", path, "--json").exit_code == 1


def test_a_record_that_cannot_be_opened(tmp_path: Path) -> None:
    """A shortened segment or a changed manifest is an answer too, with the file and the offset."""
    path = small_record(tmp_path)
    tear(path, 1)
    write_manifest(path, msgspec.structs.replace(read_manifest(path), status="complete"))
    found = verify(path)
    assert results(found) == {"blocks": False}
    assert "offset" in found.checks[0].text
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_another_head(tmp_path: Path) -> None:
    """A manifest that vouches for other events is found out, also if its own hash is right."""
    path = small_record(tmp_path)
    write_manifest(path, msgspec.structs.replace(read_manifest(path), head="00" * 32))
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "head": False, "beside": None, "decisions": None}
    assert not found.sound


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cause": 5000}, "event 3000 has a cause or a link that does not come before it"),
        ({"links": (1, 3000)}, "event 3000 has a cause or a link that does not come before it"),
        ({"seq": 3001}, "event 3001 stands where 3000 is due"),
        ({"at_ns": 1}, "event 3000 is at 1 ns, after one at"),
    ],
)
def test_events_out_of_order(tmp_path: Path, change: dict[str, object], text: str) -> None:
    """A gap, a step back in time, a cause from the future inside a page: written by whom it may be, it is found."""
    events = list(EVENTS)
    events[3000] = msgspec.structs.replace(events[3000], **change)
    found = verify(written(tmp_path / "a.run", events))
    checks = {check.check: check for check in found.checks}
    assert checks["blocks"].ok
    assert checks["head"].ok
    assert checks["order"].ok is False
    assert checks["order"].text.startswith(text)


def test_an_event_that_cannot_follow(tmp_path: Path) -> None:
    """A margin call that is met before it was made: the fold breaks there, and the rest is still read."""
    found = verify(written(tmp_path / "a.run", with_anna(MarginCallMet(4, 1, 1, 1), BalanceStated(4, 5))))
    assert results(found) == {**dict.fromkeys(NAMES, True), "fold": False, "decisions": None}
    assert not found.reexecuted
    assert "MarginCallMet cannot follow" in found.checks[3].text
    assert found.events == len(with_anna()) + 2


@pytest.mark.parametrize("account", [9999, 2**40])
def test_an_event_of_what_there_is_not(tmp_path: Path, account: int) -> None:
    """An account that was never opened, in a record long enough for snapshots: an answer, and the rest is read."""
    called = next(event for event in EVENTS if isinstance(event.body, MarginCalled))
    path = written(tmp_path / "a.run", changed(EVENTS, called.seq, account=account))
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "fold": False, "decisions": None}
    assert text_of(found, "fold").startswith(f"event {called.seq}: ")
    assert found.events == len(EVENTS)
    assert call("verify", path).exit_code == 1


def test_an_event_that_cannot_follow_in_a_long_record(tmp_path: Path) -> None:
    """Where snapshots would be made on first use, they are made up to there."""
    met = next(event for event in EVENTS[4000:] if isinstance(event.body, MarkPriced))
    found = verify(written(tmp_path / "a.run", moved(EVENTS, met.seq, body=MarginCallMet(200, 1, 1, 1))))
    assert (results(found)["fold"], results(found)["beside"], results(found)["decisions"]) == (False, True, None)
    assert "MarginCallMet cannot follow" in text_of(found, "fold")


def test_a_broken_law(tmp_path: Path) -> None:
    """A trader who is left with a debt: every event follows, and yet the books are wrong; exit code 1."""
    path = written(tmp_path / "a.run", with_anna(Withdrawn(4, 101)))
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "laws": False}
    assert "'anna' is left with -1 atoms" in found.checks[4].text
    result = call("verify", path)
    assert result.exit_code == 1
    assert "is not sound" in result.stderr
    assert "NOT SOUND" in result.stdout


def test_a_law_broken_and_mended_is_found_with_every(tmp_path: Path) -> None:
    """What is broken only between two block ends needs --every 1 to be seen."""
    path = written(tmp_path / "a.run", with_anna(Withdrawn(4, 101), BalanceStated(4, 5)))
    assert verify(path).sound
    assert not verify(path, 1).sound


def test_a_record_without_events(tmp_path: Path) -> None:
    """There is nothing to execute: sound if it was sealed so, and torn if it was not."""
    path = written(tmp_path / "a.run", [])
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "decisions": None}
    assert call("verify", path).exit_code == 0
    RecordWriter(tmp_path / "b.run", settings=BY_PAGE)
    assert call("verify", tmp_path / "b.run").exit_code == 3


def test_a_record_that_begins_elsewhere(tmp_path: Path) -> None:
    """Without a RunStarted nobody is declared who could decide: one line, exit code 2."""
    path = written(tmp_path / "a.run", [Event(0, 0, Origin.INPUT, None, (), None, InputRefused(None, "x", "y", 1))])
    result = call("verify", path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("forks", [(5,), (3000, 4000)])
def test_a_manifest_that_tells_of_other_forks(tmp_path: Path, forks: tuple[int, ...]) -> None:
    """Who decides is looked up where it says that the run was forked, so that must be so."""
    path = small_record(tmp_path)
    write_manifest(path, msgspec.structs.replace(read_manifest(path), forks=forks))
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "order": False, "decisions": None}
    assert f"the manifest tells of forks at {list(forks)}" in text_of(found, "order")


def test_snapshots_are_held_against_the_fold(tmp_path: Path) -> None:
    """One that lies, with every hash of its own right, is found; what is merely damaged is made again and reported."""
    path = small_record(tmp_path)
    [one] = path.glob("*.state.idx")
    sound = one.read_bytes()
    ledger = Ledger.of(EVENTS[: read_snapshot(one).seq])
    ledger.accounts[20].balance_atoms += 1
    lie = read_snapshot(one)._replace(payload=parts_of(ledger).payload(None), digest=bytes.fromhex(ledger.digest()))
    one.write_bytes(lie.pack())
    found = verify(path)
    assert results(found) == {**dict.fromkeys(NAMES, True), "beside": False, "decisions": False}
    assert f"the state kept after {lie.seq} events is not the one" in text_of(found, "beside")
    assert call("verify", path).exit_code == 1
    for wrong in (b"", lie._replace(digest=b"\1" * 32).pack(), read_snapshot(one)._replace(digest=b"\1" * 32).pack()):
        one.write_bytes(wrong)
        result = call("verify", path)
        assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
        assert f"{one}: a damaged snapshot" in result.stderr
        assert one.read_bytes() == sound
    assert call("verify", path).stderr == ""


def test_a_torn_record_is_held_against_its_snapshots_too(tmp_path: Path) -> None:
    """They are used for its past states, so they must be right; nothing is written."""
    path = small_record(tmp_path)
    tear(path)
    before = {one.name: one.read_bytes() for one in path.iterdir()}
    assert text_of(verify(path), "beside") == "the kept states (1) say what the events do"
    assert {one.name: one.read_bytes() for one in path.iterdir()} == before
    [one] = path.glob("*.state.idx")
    ledger = Ledger.of(EVENTS[: read_snapshot(one).seq])
    ledger.accounts[20].balance_atoms += 1
    lie = read_snapshot(one)._replace(payload=parts_of(ledger).payload(None), digest=bytes.fromhex(ledger.digest()))
    one.write_bytes(lie.pack())
    assert results(verify(path))["beside"] is False
    assert call("verify", path).exit_code == 1


def test_columns_are_held_against_the_record(tmp_path: Path) -> None:
    """A damaged one is made again and reported, in the text as in the document."""
    path = small_record(tmp_path)
    for name in ("parents.idx", "accounts.idx", "forced.idx", "roots.idx"):
        (path / name).write_bytes(b"no column")
        document = json.loads(call("verify", path, "--json").stdout)
        assert document["sound"]
        assert [name in report for report in document["beside"]] == [True]
        assert call("verify", path, "--json").stderr == ""


def test_a_fork_with_another_head_is_an_answer(tmp_path: Path) -> None:
    """Also where its past has to be looked up to execute it again."""
    parent = open_run(small_record(tmp_path))
    fork(parent, 3000, Changes(("adl.policy=profit-share",)), tmp_path / "c.run", settings=BY_PAGE)
    write_manifest(tmp_path / "c.run", msgspec.structs.replace(read_manifest(tmp_path / "c.run"), head="00" * 32))
    for options in ((), ("--jobs", "2")):
        result = call("verify", tmp_path / "c.run", *options)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].endswith("the manifest says " + "00" * 32)
    found = verify(tmp_path / "c.run")
    assert results(found) == {**dict.fromkeys(NAMES, True), "head": False, "beside": None, "decisions": None}
