"""`deleverage log`: which events, as JSON Lines and as lines for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordReader
from deleverage.events.vocabulary import BODY_TYPES, accounts_named
from deleverage.replay.directory import Directory
from deleverage.replay.log.selection import event_fields
from deleverage.replay.log.text import event_line

from .support.command_line import call, small_record
from .support.crash import recorded
from .support.examples import EXAMPLES

EVENTS = recorded()
NAMES = {event.body.account: event.body.name for event in EVENTS if isinstance(event.body, AccountOpened)}
ENVELOPE = ["seq", "at_ns", "origin", "cause", "producer", "type", "links"]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def seqs(*arguments: str | Path) -> list[int]:
    """The numbers of the events that `log --json` prints."""
    result = call("log", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line)["seq"] for line in result.stdout.splitlines()]


def test_every_line_is_an_event(record: Path) -> None:
    """Each line is one JSON document: the envelope's names, then the body's, with the event's own values."""
    lines = call("log", record, "--json").stdout.splitlines()
    assert len(lines) == len(EVENTS)
    for line, event in zip(lines, EVENTS, strict=True):
        fields = json.loads(line)
        assert list(fields) == [*ENVELOPE, *event.body.__struct_fields__, "at", "values"]
        assert (fields["seq"], fields["at_ns"], fields["cause"]) == (event.seq, event.at_ns, event.cause)
        assert (fields["producer"], fields["links"]) == (event.producer, list(event.links))
        assert fields["origin"] == event.origin.name.lower()
        assert fields["type"] == type(event.body).__name__


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)
def test_every_type_has_a_line(body: object) -> None:
    """Every type of event there is can be shown: as JSON with bytes in hex and named parts, and as one line of text."""
    event = Event(7, 10**18, Origin.DECIDED, 5, (3, 4), 2, body)  # type: ignore[arg-type]
    fields = event_fields(event)
    assert list(fields)[: len(ENVELOPE)] == ENVELOPE
    assert len(fields) == len(ENVELOPE) + len(body.__struct_fields__)  # type: ignore[attr-defined]
    assert json.loads(json.dumps(fields)) == json.loads(json.dumps(fields, sort_keys=True))
    line = event_line(event, Directory([]))
    assert line.startswith(f"7 2001-09-09T01:46:40Z {type(body).__name__} ")
    assert line.endswith(" <- 5")
    assert line.isprintable()


def test_no_body_field_hides_the_envelope() -> None:
    """No type of event has a field of the name of an envelope's field."""
    for body_type in BODY_TYPES:
        assert not set(ENVELOPE) & set(body_type.__struct_fields__)


def test_parts_of_a_body_are_named(record: Path) -> None:
    """Tiers and tallies are objects with the names of their fields, hashes are hex."""
    lines = [
        json.loads(line) for line in call("log", record, "--json", "--type", "InstrumentListed").stdout.splitlines()
    ]
    assert lines[0]["tiers"][0] == {"floor_atoms": 0, "rate_ppm": 5000, "amount_microatoms": 0}
    (started,) = [
        json.loads(line) for line in call("log", record, "--json", "--type", "RunStarted").stdout.splitlines()
    ]
    assert len(bytes.fromhex(started["scenario_sha256"])) == 32
    assert started["producers"][0]["handler"] == "mark"


def test_types_and_accounts_choose(record: Path) -> None:
    """`--type` may be given several times; `--account` takes a name or a number; together they narrow."""
    both = [e.seq for e in EVENTS if type(e.body).__name__ in ("MarginCalled", "LiquidationStarted")]
    assert seqs(record, "--type", "MarginCalled", "--type", "LiquidationStarted") == both
    named = [e.seq for e in EVENTS if 10 in accounts_named(e.body)]
    assert seqs(record, "--account", NAMES[10]) == seqs(record, "--account", "10") == named
    assert seqs(record, "--account", "10", "--type", "AccountOpened") == named[:1]


def test_points_choose(record: Path) -> None:
    """`--from` and `--to` include what they name: an event, or all events of an instant."""
    assert seqs(record, "--from", "100", "--to", "110") == list(range(100, 111))
    minute = EVENTS[0].at_ns + 60 * 10**9
    within = [e.seq for e in EVENTS if minute <= e.at_ns <= 2 * minute - EVENTS[0].at_ns]
    assert seqs(record, "--from", "+00:01:00", "--to", "+00:02:00") == within
    assert seqs(record, "--from", "2025-10-10T20:41:00Z", "--to", "+00:02:00") == within
    nothing = call("log", record, "--from", "+00:00:01", "--to", "+00:00:01.5", "--json")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == "deleverage: there is no such event among the 0 that were looked at\n"


def test_reading_starts_at_the_block(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--from` does not decode what comes before, but for the declarations that names are known from."""
    read: list[int] = []
    original = RecordReader._read

    def counted(self: RecordReader, index: int) -> object:
        read.append(index)
        return original(self, index)

    monkeypatch.setattr(RecordReader, "_read", counted)
    last = len(EVENTS) - 1
    assert seqs(record, "--from", str(last)) == [last]
    *declaring, block = read
    assert block == len(open_run(record).reader.blocks) - 1
    assert declaring == list(range(len(declaring)))
    assert len(declaring) < block // 4


def test_lines_for_people(record: Path) -> None:
    """A line has number, time, type, names in place of numbers, real units, and the cause."""
    lines = call("log", record).stdout.splitlines()
    assert len(lines) == len(EVENTS)
    event = next(e for e in EVENTS if type(e.body).__name__ == "PositionDeleveraged")
    line, body = lines[event.seq], event.body
    assert line.startswith(f"{event.seq} 2025-10-10T20:")
    assert line.endswith(f" <- {event.cause}")
    assert f" account={NAMES[body.account]} " in line  # type: ignore[union-attr]
    assert f" value={body.value_atoms / 10**6:,.6f} " in line  # type: ignore[union-attr]
    assert f" rank={body.rank} " in line  # type: ignore[union-attr]
    assert "None" not in line


def test_names_are_known_from_the_middle_on(record: Path) -> None:
    """With --from in the middle of the record names stand where numbers would, as from its start."""
    whole = call("log", record).stdout.splitlines()
    assert call("log", record, "--from", "5000").stdout.splitlines() == whole[5000:]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--type", "MarkPrice"], "the nearest are MarkPriced"),
        (["--account", "nobody at all"], "there is no account 'nobody at all'"),
        (["--from", "999999"], "there is no event 999999"),
        (["--from", "soon"], "no point in a record"),
        (["--from", "10", "--to", "5"], "put the earlier point first"),
        (["--to", "1999-01-01T00:00:00Z"], "is before the run"),
    ],
)
def test_a_choice_that_cannot_be_made(record: Path, arguments: list[str], part: str) -> None:
    """A mistyped type or account, a point that is not there: one line and exit code 2."""
    result = call("log", record, *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert part in result.stderr
