"""`deleverage verify`: what it finds in sound records, and in those that are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.inputs import BalanceStated, Withdrawn
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarginCallMet
from deleverage.events.envelope import Event
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.replay.verify.verification import Verification, verify

from .support.command_line import call, small_record, tear
from .support.crash import recorded
from .support.venue import Book

EVENTS = recorded()
NAMES = ["blocks", "head", "order", "fold", "laws"]


def written(path: Path, events: Sequence[Event]) -> Path:
    """A record of these events, in blocks of one page."""
    writer = RecordWriter(path, settings=RecordSettings(pages_per_block=1, durability="none"))
    writer.append_many(events)
    writer.seal()
    return path


def results(found: Verification) -> dict[str, bool | None]:
    """Each check with whether it held."""
    return {check.check: check.ok for check in found.checks}


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
    """Everything holds: five checks, the head, exit code 0, and it says that nothing was executed again."""
    path = small_record(tmp_path)
    found = verify(path)
    assert results(found) == dict.fromkeys(NAMES, True)
    assert (found.sound, found.torn, found.events, found.reexecuted) == (True, False, len(EVENTS), False)
    assert found.head == read_manifest(path).head
    result = call("verify", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "not executed again" in result.stdout
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
    assert verify(path).checks[-1].text == f"hold at {blocks + 1:,} points"
    assert verify(path, 1000).checks[-1].text == f"hold at {len(EVENTS) // 1000 + 1:,} points"


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
    assert (results(found)["blocks"], results(found)["head"]) == (False, None)
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
    assert results(found) == {**dict.fromkeys(NAMES, True), "head": False}
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
    assert results(found) == {**dict.fromkeys(NAMES, True), "fold": False}
    assert "MarginCallMet cannot follow" in found.checks[3].text
    assert found.events == len(with_anna()) + 2


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
