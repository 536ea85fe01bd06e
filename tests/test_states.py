"""Any past state of a run by way of its snapshots: the same as the plain fold, whatever is beside the record."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage import run as record
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings, recover
from deleverage.events.record.columns import stored
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.events.snapshots import keeper
from deleverage.events.snapshots.snapshot import name_of, read_snapshot
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork

from .support.command_line import call, small_record, tear
from .support.crash import SMALL_CRASH, recorded
from .support.rewritten import BY_PAGE
from .support.snapshots import snapshots_closely

EVENTS = recorded()
_closely = pytest.fixture(scope="module", autouse=True)(snapshots_closely)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash and two generations of forks of it, side by side."""
    home = tmp_path_factory.mktemp("home")
    parent = open_run(small_record(home))
    fork(parent, 3000, Changes(("adl.policy=profit-share",)), home / "child.run", settings=BY_PAGE)
    fork(
        open_run(home / "child.run"),
        4500,
        Changes(("liquidation.cooldown_ns=1s",)),
        home / "grandchild.run",
        settings=BY_PAGE,
    )
    return home


@pytest.fixture
def path(home: Path, tmp_path: Path) -> Path:
    """A copy of the small crash to be hurt."""
    return Path(shutil.copytree(home / "small.run", tmp_path / "small.run"))


def kept(path: Path) -> dict[str, bytes]:
    """The snapshots beside a record."""
    return {one.name: one.read_bytes() for one in sorted(path.glob("*.state.idx*"))}


def seqs(path: Path) -> list[int]:
    """After how many events they are."""
    return [int(name[:12]) for name in kept(path)]


def everything(path: Path) -> dict[str, bytes]:
    """All bytes of a record's directory."""
    return {one.name: one.read_bytes() for one in path.iterdir()}


def folded(run: Run, count: int) -> bytes:
    """The state after so many events, the plain way."""
    return Ledger.of(run.events(0, count)).encode()


def test_there_are_some(home: Path) -> None:
    """Recording alone made them, in the record and in its forks; each of those begins anew, with a whole one."""
    for name, first in (("small.run", 0), ("child.run", 3000), ("grandchild.run", 4500)):
        assert len(seqs(home / name)) > 3
        assert min(seqs(home / name)) > first
        assert read_snapshot(home / name / name_of(min(seqs(home / name)))).base_seq == 0


@pytest.mark.parametrize("name", ["small.run", "child.run", "grandchild.run"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_a_state_is_the_fold_byte_for_byte(home: Path, name: str, data: st.DataObject) -> None:
    """Whatever event is asked for, in a record as in its forks."""
    run = open_run(home / name)
    seq = data.draw(st.integers(0, run.count - 1))
    assert run.at(seq=seq).encode() == folded(run, seq + 1)
    assert run.reports == []


@pytest.mark.parametrize("name", ["small.run", "grandchild.run"])
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_states_jump_and_are_the_folds_all_the_same(home: Path, name: str, data: st.DataObject) -> None:
    """Near points and far ones, the same one twice, the beginning and the end."""
    run = open_run(home / name)
    points = data.draw(st.lists(st.integers(0, run.count), min_size=1, max_size=8).map(sorted))
    states = run.states(points)
    assert [next(states).encode() for _ in points] == [folded(run, point) for point in points]
    assert next(states, None) is None


def folds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The events that are folded from here on."""
    told, plain = list[int](), Ledger.fold

    def fold_and_tell(ledger: Ledger, event: Event) -> None:
        told.append(event.seq)
        plain(ledger, event)

    monkeypatch.setattr(Ledger, "fold", fold_and_tell)
    return told


@pytest.mark.parametrize("name", ["small.run", "child.run", "grandchild.run"])
def test_only_what_follows_the_nearest_snapshot_is_folded(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork goes on from its parent's where its own do not reach; `states` jumps over what is between."""
    run = open_run(home / name)
    lineage = [(one.path, one.first_seq) for one in run.reader.lineage]
    stops = [*(first for _, first in lineage[1:]), run.count]
    there = sorted(seq for (path, _), stop in zip(lineage, stops, strict=True) for seq in seqs(path) if seq <= stop)
    told = folds(monkeypatch)
    for seq in (there[0], there[1] - 1, 3100, 4600, run.count - 1):
        told.clear()
        run.at(seq=seq)
        assert told == list(range(max(one for one in there if one <= seq + 1), seq + 1))
    told.clear()
    for _ in run.states([there[0] + 3, there[-1] + 2]):
        pass
    assert told == [*range(there[0], there[0] + 3), *range(there[-1], there[-1] + 2)]


@pytest.mark.parametrize("name", ["small.run", "child.run", "grandchild.run"])
@pytest.mark.parametrize("spacing_bytes", [1, 500, 2_000, 9_000, 20_000])
def test_made_on_first_use_they_are_what_recording_makes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, spacing_bytes: int
) -> None:
    """The same ones, of the same bytes, wherever the spacing happens to fall."""
    monkeypatch.setattr(keeper, "_SPACING_BYTES", spacing_bytes)
    copies = Path(shutil.copytree(home, tmp_path / "copies"))
    shutil.rmtree(copies / name)
    if name == "small.run":
        small_record(copies)
    else:
        parent, after, setting = {
            "child.run": ("small.run", 3000, "adl.policy=profit-share"),
            "grandchild.run": ("child.run", 4500, "liquidation.cooldown_ns=1s"),
        }[name]
        fork(open_run(copies / parent), after, Changes((setting,)), copies / name, settings=BY_PAGE)
    recording = kept(copies / name)
    for one in recording:
        (copies / name / one).unlink()
    run = open_run(copies / name)
    assert run.at(seq=run.count - 1).encode() == folded(run, run.count)
    assert kept(copies / name) == recording != {}
    assert run.reports == []


def test_a_record_of_several_segments(tmp_path: Path) -> None:
    """Headers of files count as well: on first use they are where recording has them."""
    settings = RecordSettings(pages_per_block=1, durability="none", segment_bytes=20_000)
    path = tmp_path / "small.run"
    record(SMALL_CRASH, path, settings=settings)
    recording = kept(path)
    assert len(list(path.glob("*.seg"))) > 4
    assert len(recording) > 3
    for one in recording:
        (path / one).unlink()
    open_run(path).at()
    assert kept(path) == recording


def hurt(path: Path, how: str) -> int:
    """Hurt a snapshot of a record; how many are then to be reported when the last state is asked for."""
    names = list(kept(path))
    last = path / names[-1]
    data = last.read_bytes()
    if how == "flipped":
        last.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif how == "cut":
        last.write_bytes(data[:-1])
    elif how == "base":
        whole = [name for name in names if not read_snapshot(path / name).base_seq]
        (path / whole[-1]).write_bytes(b"")
    elif how == "misnamed":
        last.rename(path / name_of(seqs(path)[-1] + 17))
    elif how == "foreign":
        for one in names:
            (path / one).write_bytes(read_snapshot(path / one)._replace(head=b"\5" * 32).pack())
        return len(names)
    return 1


@pytest.mark.parametrize("how", ["flipped", "cut", "base", "misnamed", "foreign"])
def test_a_damaged_one_is_ignored_reported_and_made_again(path: Path, how: str) -> None:
    """The answer is right, one line says what was wrong, and whoever comes next finds everything in order."""
    before = kept(path)
    due = hurt(path, how)
    run = open_run(path)
    for _ in range(2):
        assert run.at().encode() == folded(run, run.count)
    assert len(run.reports) == due
    assert all(" is ignored; all of them were made again" in report and "\n" not in report for report in run.reports)
    assert kept(path) == before
    again = open_run(path)
    again.at()
    assert again.reports == []


def test_states_are_right_across_a_damaged_one(path: Path) -> None:
    """Where a jump finds the snapshot damaged, it goes on from wherever it can."""
    first, *_, last = seqs(path)
    hurt(path, "flipped")
    run = open_run(path)
    points = [first + 1, last - 1, last + 1, run.count]
    assert [one.encode() for one in run.states(points)] == [folded(run, point) for point in points]
    assert len(run.reports) == 1


def test_the_command_says_so_in_one_line(path: Path) -> None:
    """On stderr, with exit code 0; the answer is the one of a sound record."""
    sound = call("state", path)
    assert (sound.exit_code, sound.stderr) == (0, "")
    hurt(path, "flipped")
    result = call("state", path)
    assert (result.exit_code, result.stdout) == (0, sound.stdout)
    assert result.stderr.startswith("deleverage: ")
    assert result.stderr.count("\n") == 1
    assert "damaged snapshot" in result.stderr
    assert call("state", path).stderr == ""


def test_a_damaged_column_is_told_as_well(path: Path) -> None:
    """What else is kept beside the record is ignored, made again and reported in the same place."""
    (path / "parents.idx").write_bytes(b"no column")
    result = call("log", path, "--to", "3")
    assert result.exit_code == 0
    run = open_run(path)
    assert run.cause_of(3000) == EVENTS[3000].cause
    assert len(run.reports) == 1
    assert "parents.idx" in run.reports[0]


@pytest.mark.parametrize("how", ["flipped", "base", "foreign", "none"])
def test_where_nothing_can_be_written_they_are_done_without(
    path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is only read stays as it is, and every state is right; what is damaged is told each time."""
    due = hurt(path, how) if how != "none" else 0
    if how == "none":
        for one in kept(path):
            (path / one).unlink()
    before = everything(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    for _ in range(2):
        run = open_run(path)
        assert run.at().encode() == folded(run, run.count)
        assert len(run.reports) == due
        assert all(report.endswith("is ignored") for report in run.reports)
    assert everything(path) == before


def test_a_disk_that_takes_nothing_is_no_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that gives nothing back: the state is right, and nothing is said to have been made."""
    hurt(path, "cut")
    before = everything(path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(keeper, "open_new", refused)
    monkeypatch.setattr(stored, "open_new", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    run = open_run(path)
    assert run.at().encode() == folded(run, run.count)
    assert len(run.reports) == 1
    assert "made again" not in run.reports[0]
    assert everything(path) == before


def test_a_run_goes_on_where_the_disk_takes_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends complete and with the same head, only without them."""

    def refused(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(keeper, "open_new", refused)
        path = small_record(tmp_path)
    assert kept(path) == {}
    run = open_run(path)
    assert (run.manifest.status, list(run.events())) == ("complete", list(EVENTS))
    run.at()
    assert kept(path)


def test_a_torn_record_is_folded_and_writes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no head that its snapshots could be known under, so that they are of use only once the fold came to them.

    Snapshots of what was lost are of none, and none is deleted or made; damaged ones are only reported.
    """
    last = open_run(path).reader.blocks[-1].header
    beyond = seqs(path)[-1]
    cut_bytes = sum(
        entry.stop_offset - entry.offset for entry in open_run(path).reader.blocks if entry.header.stop_seq >= beyond
    )
    tear(path, cut_bytes - last.stored_bytes // 2)
    before = everything(path)
    run = open_run(path)
    assert run.count == beyond - 256
    told = folds(monkeypatch)
    state = run.at()
    assert told == list(range(run.count))
    told.clear()
    assert run.at(seq=run.count - 2).seq == run.count - 1
    assert told[0] == max(seq for seq in seqs(path) if seq < run.count)
    assert state.encode() == folded(run, run.count)
    assert run.reports == []
    assert everything(path) == before
    (path / name_of(seqs(path)[-2])).write_bytes(b"")
    again = open_run(path)
    assert again.at().encode() == state.encode()
    assert len(again.reports) == 1
    assert seqs(path)[-1] == beyond


def test_a_recovered_record_goes_on_with_what_is_within(path: Path) -> None:
    """After the cut its snapshots are still its own."""
    tear(path)
    recover(path)
    run = open_run(path)
    assert run.at().encode() == folded(run, run.count)
    assert run.reports == []


def test_a_fork_tells_of_its_parents_damage_and_leaves_it(home: Path, tmp_path: Path) -> None:
    """The parent's directory is another record's: a question to the child writes nothing there."""
    copies = Path(shutil.copytree(home, tmp_path / "copies"))
    shared = max(seq for seq in seqs(copies / "small.run") if seq <= 3000)
    (copies / "small.run" / name_of(shared)).write_bytes(b"")
    before = everything(copies / "small.run")
    child = open_run(copies / "child.run")
    assert child.at(seq=3050).encode() == folded(child, 3051)
    assert len(child.reports) == 1
    assert everything(copies / "small.run") == before


def test_those_of_another_run_are_not_used(home: Path, path: Path, tmp_path: Path) -> None:
    """The child's snapshots put beside the parent: of the shared past they are right, of the rest they are not."""
    for one in (home / "child.run").glob("*.state.idx"):
        shutil.copy(one, path)
    run = open_run(path)
    for seq in seqs(home / "child.run"):
        assert run.at(seq=seq).encode() == folded(run, seq + 1)
    assert run.reports
    assert all("it is of another record" in report for report in run.reports)
    assert kept(path) == kept(home / "small.run")


def test_a_short_record_is_simply_folded(tmp_path: Path) -> None:
    """One of few blocks gets none at the first question."""
    path = tmp_path / "small.run"
    record(SMALL_CRASH, path, settings=RecordSettings(durability="none"))
    for one in kept(path):
        (path / one).unlink()
    run = open_run(path)
    assert run.at().encode() == folded(run, run.count)
    assert kept(path) == {}


def test_another_head_is_found_before_a_state_is_given(path: Path) -> None:
    """Snapshots are told by the record's head: where that is not what the events give, it is damage."""
    write_manifest(path, msgspec.structs.replace(read_manifest(path), head="00" * 32))
    result = call("state", path)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
