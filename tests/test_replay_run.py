"""A record opened again: its events, its state at any point, points as people write them, names."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError, RecordDamagedError, RecordNotFoundError
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordReader, RecordSettings, RecordWriter
from deleverage.replay.directory import Directory
from deleverage.replay.points import Point, parse_point
from deleverage.replay.run import Run
from deleverage.sim.units import format_time_ns

from .support.command_line import small_record, tear
from .support.crash import recorded
from .support.venue import Book

EVENTS = recorded()
TIMES = [event.at_ns for event in EVENTS]
START_NS = TIMES[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


def test_it_is_what_was_recorded(run: Run) -> None:
    """Count, head, times and events are those of the run."""
    assert list(run.events()) == list(EVENTS)
    assert (run.count, run.start_ns, run.end_ns) == (len(EVENTS), TIMES[0], TIMES[-1])
    assert run.head == run.manifest.head == run.reader.recompute_head().hex()
    assert (run.torn, run.warning) == (False, None)
    assert run.event(77) == EVENTS[77]
    assert list(run.events(70, 75)) == list(EVENTS[70:75])


@given(st.integers(0, len(EVENTS) - 1))
@settings(max_examples=15, deadline=None)
def test_a_state_is_the_fold_up_to_its_event(run: Run, seq: int) -> None:
    """`at(seq=n)` is the state after event n, whichever n is asked for."""
    assert run.at(seq=seq).digest() == Ledger.of(EVENTS[: seq + 1]).digest()


@given(st.integers(START_NS, TIMES[-1] + 10**9))
@settings(max_examples=15, deadline=None)
def test_a_time_means_the_last_event_at_or_before_it(run: Run, at_ns: int) -> None:
    """`at(time=t)` is the state after the last event whose time is not later than t."""
    assert run.at(time=at_ns).seq == bisect_right(TIMES, at_ns)


def test_an_instant_is_taken_whole(run: Run) -> None:
    """At the time of an event all events of its instant have happened, one nanosecond before none of them."""
    for at_ns in sorted(set(TIMES))[1:400:40]:
        assert run.at(time=at_ns).seq == bisect_right(TIMES, at_ns)
        assert run.at(time=at_ns - 1).seq == TIMES.index(at_ns)


def test_without_a_point_it_is_the_end(run: Run) -> None:
    """`at()` is the state after the last event."""
    assert run.at().digest() == run.at(seq=run.count - 1).digest() == run.at(time=TIMES[-1]).digest()
    assert run.at().ended


def test_text_is_taken_for_a_time(run: Run) -> None:
    """A time may be given as ISO 8601 or as an offset from the start."""
    minute = START_NS + 60 * 10**9
    assert run.at(time="+00:01:00").seq == run.at(time="2025-10-10T20:41:00Z").seq == run.at(time=minute).seq


def test_what_cannot_be_asked(run: Run) -> None:
    """A number out of range, a time before the run, two points at once: QueryError, in one line."""
    for wrong in ({"seq": -1}, {"seq": run.count}, {"time": START_NS - 1}, {"seq": 1, "time": START_NS}):
        with pytest.raises(QueryError) as raised:
            run.at(**wrong)
        assert "\n" not in str(raised.value)
    with pytest.raises(QueryError):
        run.event(run.count)


def test_first_and_last_of_a_point(run: Run) -> None:
    """A number is both its first and its last event; a time reaches from the first at it to the last at it."""
    assert (run.first_seq("77"), run.last_seq("77")) == (77, 77)
    at_ns = next(later for earlier, later in pairwise(TIMES) if earlier < later)
    minutes, seconds = divmod((at_ns - START_NS) // 10**9, 60)
    text = f"+00:{minutes:02d}:{seconds:02d}.{(at_ns - START_NS) % 10**9:09d}"
    assert (run.first_seq(text), run.last_seq(text)) == (TIMES.index(at_ns), bisect_right(TIMES, at_ns) - 1)
    assert run.first_seq("1999-01-01T00:00:00Z") == 0
    assert run.first_seq("2199-01-01T00:00:00Z") == run.count
    assert run.last_seq("2199-01-01T00:00:00Z") == run.count - 1


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("0", Point("seq", 0)),
        ("77241", Point("seq", 77241)),
        ("2025-10-10T21:16:04.831Z", Point("at_ns", 1_760_130_964_831_000_000)),
        ("2025-10-10T21:16:04.8310Z", Point("at_ns", 1_760_130_964_831_000_000)),
        ("2025-10-10 21:16:04", Point("at_ns", 1_760_130_964_000_000_000, 10**9)),
        ("2025-10-10 21:16:04 UTC", Point("at_ns", 1_760_130_964_000_000_000, 10**9)),
        ("2025-10-10T23:16+02:00", Point("at_ns", 1_760_130_960_000_000_000, 60 * 10**9)),
        ("2025-10-10 9:05", Point("at_ns", 1_760_087_100_000_000_000, 60 * 10**9)),
        ("event 77,241", Point("seq", 77241)),
        (" 5 ", Point("seq", 5)),
        ("0:16", Point("at_ns", 16 * 60 * 10**9, 60 * 10**9)),
        ("00:00", Point("at_ns", 1_000, 60 * 10**9)),
        ("23:59:59.5", Point("at_ns", 86_399_500_000_000)),
        ("+10m", Point("at_ns", 1_000 + 600 * 10**9)),
        ("+1h30m", Point("at_ns", 1_000 + 5_400 * 10**9)),
        ("+1.5s", Point("at_ns", 1_000 + 1_500_000_000)),
        ("+00:12", Point("at_ns", 1_000 + 720 * 10**9)),
        ("+00:12:03.5", Point("at_ns", 1_000 + 723_500_000_000)),
        ("+100:00:00", Point("at_ns", 1_000 + 360_000 * 10**9)),
        ("+0:00:00.000000001", Point("at_ns", 1_001)),
    ],
)
def test_points_as_people_write_them(text: str, point: Point) -> None:
    """A number, a time and an offset are told apart by how they look; a short time names all of its minute."""
    assert parse_point(text, 1_000) == point


WRONG = ("", "-1", "+5", "+00:60:00", "+00:00:61", "noon", "1e3", "٣", "9" * 20, "+1:2", "24:00", "21:1", "1,23", "+5x")


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_point(text: str) -> None:
    """Anything else is refused, with an example of each kind."""
    with pytest.raises(
        QueryError, match=r"no point in a record; give .*77241.*21:16.*2025-10-10 21:16:04.831.*\+00:12:03.5"
    ):
        parse_point(text, 1_000)


def test_a_time_of_day_is_that_of_the_record() -> None:
    """Of a record over midnight the day is the one on which it has that clock; of a longer one it must be said."""
    evening, day_ns = 1_760_133_600_000_000_000, 86_400 * 10**9  # 2025-10-10T22:00:00Z
    assert parse_point("23:00", evening) == Point("at_ns", evening + 3_600 * 10**9, 60 * 10**9)
    assert parse_point("01:00", evening) == Point("at_ns", evening + 3 * 3_600 * 10**9, 60 * 10**9)
    assert parse_point("21:59", evening, evening + day_ns).value == evening + day_ns - 60 * 10**9
    assert parse_point("22:00", evening, evening + day_ns - 1).value == evening
    with pytest.raises(QueryError, match=r"'22:00' comes more than once .* such as 2025-10-10 22:00"):
        parse_point("22:00", evening, evening + day_ns)


def test_a_span_includes_all_that_its_points_name(run: Run) -> None:
    """A minute ends with its last event, a second with its last, an event with itself."""
    minute_ns = 60 * 10**9
    first_ns = START_NS // minute_ns * minute_ns + minute_ns
    clock = format_time_ns(first_ns)[11:16]
    within = [seq for seq, at_ns in enumerate(TIMES) if first_ns <= at_ns < first_ns + minute_ns]
    assert run.span(clock, clock) == (within[0], within[-1] + 1)
    second = [seq for seq in within if TIMES[seq] < first_ns + 10**9]
    assert run.span(f"{clock}:00", f"{clock}:00") == (within[0], (second or within[:0])[-1] + 1)
    assert run.span("77", "77") == (77, 78)


def test_a_torn_record_answers_up_to_its_end(tmp_path: Path) -> None:
    """What reached the disk whole is served, and the warning says what to do."""
    path = small_record(tmp_path)
    whole = open_run(path)
    blocks = len(whole.reader.blocks)
    tear(path)
    torn = open_run(path)
    assert torn.torn
    assert "deleverage recover" in str(torn.warning)
    assert torn.count == whole.reader.blocks[blocks - 1].header.first_seq
    assert list(torn.events()) == list(EVENTS[: torn.count])
    assert torn.at().digest() == Ledger.of(EVENTS[: torn.count]).digest()
    assert torn.head != whole.head


def test_a_record_without_events_says_so(tmp_path: Path) -> None:
    """A record whose run died before its first block has no state to show."""
    RecordWriter(tmp_path / "a.run", settings=RecordSettings(durability="none"))
    run = open_run(tmp_path / "a.run")
    assert (run.count, run.torn) == (0, True)
    for question in (run.at, lambda: run.start_ns, lambda: run.end_ns, lambda: run.last_seq("0")):
        with pytest.raises(QueryError):
            question()


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """No record, and a record that is not what was written, are refused on opening."""
    with pytest.raises(RecordNotFoundError):
        open_run(tmp_path / "nowhere.run")
    path = small_record(tmp_path)
    tear(path)
    (path / "manifest.json").write_text("{}")
    with pytest.raises(RecordDamagedError):
        open_run(path)


def test_opening_decodes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late event is read without the blocks before it."""
    read: list[int] = []
    original = RecordReader._read

    def counted(self: RecordReader, index: int) -> object:
        read.append(index)
        return original(self, index)

    monkeypatch.setattr(RecordReader, "_read", counted)
    fresh = open_run(run.path)
    assert (fresh.count, read) == (run.count, [])
    assert next(fresh.events(run.count - 1)).seq == run.count - 1
    assert read == [len(run.reader.blocks) - 1]


def opened(*names: str) -> list[Event]:
    """A venue with these traders, a price, and one more trader."""
    book = Book()
    for number, name in enumerate(names[:-1], start=4):
        book.put(AccountOpened(number, name, "test", "user", "cross", 0))
    book.put(PriceTicked(((0, 100),)))
    book.put(AccountOpened(3 + len(names), names[-1], "test", "user", "cross", 0))
    return book.events


def test_a_name_wins_over_a_number() -> None:
    """An account named "5" is meant by "5", and account number 5 where no name says otherwise."""
    assert Directory(opened("5", "anna", "late")).find_account("5") == 4
    assert Directory(opened("bert", "anna", "late")).find_account("5") == 5


def test_an_account_opened_later_is_found_when_asked_for() -> None:
    """Only declarations before the first price are read at once; what comes later is sought when it is named."""
    directory = Directory(opened("bert", "anna", "late"))
    assert directory.account_name(6) == "account 6"
    assert directory.find_account("late") == 6
    assert directory.account_name(6) == "late"


@pytest.mark.parametrize(
    ("text", "part"), [("trader-33x", "the nearest are trader-33"), ("9999", "the record has 254")]
)
def test_an_unknown_account_is_answered_with_the_nearest(run: Run, text: str, part: str) -> None:
    """A mistyped name is refused with what it may have meant."""
    with pytest.raises(QueryError, match=part):
        Directory(run.events()).find_account(text)
