"""`deleverage watch`: a record that grows, a scenario at speed, and what it answers to bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.envelope import Event
from deleverage.events.errors import RecordDamagedError
from deleverage.events.record import RecordSettings
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.replay.watch import feeds
from deleverage.replay.watch.follow import followed
from deleverage.replay.watch.text import panel
from deleverage.replay.watch.watcher import RunWatcher

from .support.command_line import call, spawn, tear
from .support.patience import PATIENCE_S
from .support.watching import WORLDS, events_of

LIVING, *CHANGES = WORLDS["living"]
SETTINGS = [part for change in CHANGES for part in ("--set", change)]


@cache
def recorded() -> Path:
    """The small living market on disk, in many blocks."""
    path = Path(mkdtemp(prefix="watched-")) / "living.run"
    run(Scenario.load(LIVING, CHANGES), path, settings=RecordSettings(pages_per_block=1, durability="none"))
    return path


def grown_to(path: Path, size_bytes: int) -> None:
    """Make a record look as it did when so much of it was written: not sealed, and its end may be half a block."""
    source = recorded() / "00000000.seg"
    (path / "00000000.seg").write_bytes(source.read_bytes()[:size_bytes])
    nothing = {"head": None, "sealed": None, "count": 0, "blocks": 0, "segments": ()}
    write_manifest(path, msgspec.structs.replace(read_manifest(recorded()), status="recording", **nothing))


def test_a_record_is_followed_as_it_grows(tmp_path: Path) -> None:
    """Whatever part of a block is there, every event comes once and in order, and the sealed end is the end."""
    path, sizes = tmp_path / "a.run", [5_000, 5_001, 9_999, 9_999, 30_000]
    path.mkdir()
    grown_to(path, 500)
    seen: list[int] = []

    def wait(_seconds: float) -> None:
        seen.append(len(events))
        if sizes:
            grown_to(path, sizes.pop(0))
        else:
            shutil.copytree(recorded(), path, dirs_exist_ok=True)

    events: list[Event] = []
    events.extend(followed(path, wait=wait))
    assert events == list(open_run(recorded()).events())
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_a_record_that_stays_damaged_is_refused(tmp_path: Path) -> None:
    """What does not fit together is looked at again, and then it is damage."""
    path = tmp_path / "a.run"
    shutil.copytree(recorded(), path)
    os.truncate(path / "00000000.seg", 4_000)
    with pytest.raises(RecordDamagedError):
        list(followed(path, wait=lambda _seconds: None))


def test_a_record_and_its_scenario_are_watched_alike() -> None:
    """The documents of a sealed record are those of the run that wrote it, one a reading."""
    of_record = call("watch", recorded(), "--every", "30s", "--json")
    of_run = call("watch", LIVING, *SETTINGS, "--speed", "0", "--every", "30s", "--json")
    assert (of_record.exit_code, of_run.exit_code) == (0, 0)
    assert of_record.stdout == of_run.stdout
    documents = [json.loads(line) for line in of_record.stdout.splitlines()]
    assert [one["at"][11:19] for one in documents[:2]] == ["21:00:30", "21:01:00"]
    assert {one["level"] for one in documents} > {"high"}
    assert all(
        one["level"] == max((s["level"] for s in one["signs"]), key=("calm", "raised", "high").index)
        for one in documents
    )


def test_a_line_a_reading_is_printed_into_a_pipe() -> None:
    """Each with its time and its level, up to the point that is asked for."""
    called = call("watch", recorded(), "--until", "+65s")
    lines = called.stdout.splitlines()
    assert [line[11:19] for line in lines[:6]] == [f"21:0{n // 6}:{n % 6}0" for n in range(1, 7)]
    assert len(lines) == 7
    assert all(", near " in line and "BTC-PERP" in line for line in lines)


def test_once_shows_the_last_reading() -> None:
    """The panel of the point that is asked for; it fits into 60 columns."""
    called = call("watch", recorded(), "--once", "--until", "+130s")
    assert called.exit_code == 0
    assert called.stdout.startswith("small-living 2025-10-10T21:02:10")
    assert all(len(line) <= 60 for line in called.stdout.splitlines())
    assert "due within 2%" in called.stdout


def test_once_makes_one_reading_and_it_is_the_last_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that one is worked out, and what it has of the readings before is the same."""
    every = call("watch", recorded(), "--json").output.splitlines()
    made: list[int] = []
    whole = RunWatcher.reading
    monkeypatch.setattr(RunWatcher, "reading", lambda self, at_ns=None: made.append(1) or whole(self, at_ns))
    once = call("watch", recorded(), "--once", "--json").output.splitlines()
    assert once == every[-1:]
    assert len(every) > len(made) == 1


def test_a_map_is_drawn_of_the_last_reading(tmp_path: Path) -> None:
    """The same bytes each time; without --once there is no last reading, and nothing is written."""
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for chart in (first, second):
        assert call("watch", recorded(), "--once", "--chart", chart).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert b"<svg" in first.read_bytes()
    refused = call("watch", recorded(), "--chart", tmp_path / "c.svg")
    assert refused.exit_code == 2
    assert "give --once with it" in refused.stderr
    assert not (tmp_path / "c.svg").exists()


def test_a_panel_fits_where_it_stands() -> None:
    """No line is longer than a terminal of 60 columns or more is wide, and the maps are as high as there is room."""
    watcher = RunWatcher(60 * 10**9)
    for event in events_of("crash"):
        reading = watcher.take(event)
        for width in (60, 72, 120) if reading else ():
            lines = panel(reading, watcher.ledger, width).plain.splitlines()
            assert max(map(len, lines)) <= width
            assert len(panel(reading, watcher.ledger, width, height=50).plain.splitlines()) <= 50


def test_a_torn_record_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    """Once: its last reading, a warning, and exit code 3."""
    path = tmp_path / "a.run"
    shutil.copytree(recorded(), path)
    tear(path)
    called = call("watch", path, "--once")
    assert called.exit_code == 3
    assert "open interest" in called.stdout
    assert "torn, it was never sealed" in called.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "'nowhere' is neither a record nor a scenario"),
        ((".",), "no record there"),
        (("calm", "--every", "0s"), "an interval of no time"),
        (("calm", "--every", "often"), "is not a duration"),
        (("calm", "--speed", "-1"), "-1.0 is not in the range"),
        (("calm", "--until", "soon", "--speed", "0"), "is no point in a record"),
        (("calm", "--set", "calm=1"), "calm"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    """It says what is wrong, and nothing is shown."""
    called = call("watch", *arguments)
    assert called.exit_code == 2
    assert not called.stdout
    assert said in called.stderr
    assert called.stderr.count("\n") == 1


def test_a_pace_is_kept_by_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 simulated seconds a second the reading of the tenth second comes a sixth of a second after the start."""
    now_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(feeds.time, "sleep", sleep)
    monkeypatch.setattr(feeds.time, "monotonic", lambda: now_s)
    shown: list[float] = []
    feed = feeds.Feed(RunWatcher(10 * 10**9), 60.0, "+45s")
    for event in events_of("crash"):
        feed.take(event, lambda _reading: shown.append(now_s))
    assert feed.done
    assert shown == pytest.approx([1 / 6, 2 / 6, 3 / 6])


def test_settings_are_refused_for_a_record() -> None:
    """A record's settings are what they were."""
    called = call("watch", recorded(), "--seed", "3")
    assert called.exit_code == 2
    assert "--set and --seed are for a SCENARIO" in called.stderr


def test_ctrl_c_leaves_a_record_that_nobody_seals(tmp_path: Path) -> None:
    """What there is is shown; then it waits, and leaves with 130 and one line."""
    path = tmp_path / "a.run"
    shutil.copytree(recorded(), path)
    tear(path)
    process = spawn("watch", path, "--every", "60s")
    assert process.stdout is not None
    assert "BTC-PERP" in process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors.count("\n")) == (130, 1)
