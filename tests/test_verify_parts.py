"""A record verified in parts, each from a snapshot to the next: the same verdict as in one go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.inputs import Deposited, PriceTicked
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.run import RunForked
from deleverage.events.bodies.venue import TimerFired
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.events.record.manifest import read_manifest, write_manifest
from deleverage.events.snapshots.snapshot import parts_of as taken_apart
from deleverage.events.snapshots.snapshot import read_snapshot
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.registry import SLOTS
from deleverage.replay.fork.changes import Changes, Deposit
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.comparison import Divergence
from deleverage.replay.verify.parts import PartsUnderWay, parts_of
from deleverage.replay.verify.reexecution import Part, reexecute, whole
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.crash import SMALL_CRASH, recorded
from .support.rewritten import BY_PAGE, changed, moved, written
from .support.snapshots import snapshots_closely

EVENTS = recorded()
_closely = pytest.fixture(scope="module", autouse=True)(snapshots_closely)
CALLED = next(event.body.account for event in EVENTS[4_000:] if isinstance(event.body, MarginCalled))
"""Somebody to whom more money than in the fork makes a difference."""
LATE = (
    "mark.latency_ns=1ms",
    "margin.latency_ns=50ms",
    "traders.latency_ns=3s",
    "liquidation.latency_ns=20ms",
    "market.latency_ns=7ms",
    "adl.latency_ns=30ms",
)
SLOW = ("mark.latency_ns=40s", "traders.latency_ns=11s", "prices.duration_ns=36m")
FORKS = {
    "child.run": Changes(
        ("adl.policy=profit-share", "margin.latency_ns=3s"), deposits=(Deposit(CALLED, 5), Deposit(21, 7))
    ),
    "grandchild.run": Changes(("liquidation.cooldown_ns=1s", "margin.latency_ns=50ms", "insurance_fund.balance=+1000")),
    "slower.run": Changes(("adl.latency_ns=50ms", "liquidation.latency_ns=20ms", "socialization.latency_ns=1s")),
    "faster.run": Changes(("mark.latency_ns=7ms", "traders.latency_ns=0")),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, the same with some of them late, and forks of these in which others are."""
    home = tmp_path_factory.mktemp("home")
    run(SMALL_CRASH, home / "small.run", settings=BY_PAGE)
    run(Scenario.load(SMALL_CRASH, LATE), home / "late.run", settings=BY_PAGE)
    run(Scenario.load(SMALL_CRASH, SLOW), home / "slow.run", settings=BY_PAGE)
    for name, parent, after in (
        ("child.run", "small.run", 3900),
        ("grandchild.run", "child.run", 4900),
        ("slower.run", "small.run", 3660),
        ("faster.run", "slow.run", 2900),
    ):
        fork(open_run(home / parent), after, FORKS[name], home / name, settings=BY_PAGE)
    return home


NAMES = ["small.run", "late.run", "child.run", "grandchild.run", "slower.run", "faster.run"]
of_each_run = pytest.mark.parametrize("name", NAMES)


def quiet(_done: int) -> None:
    """Nobody watches."""


def parts_at(run: Run, *cuts: int) -> list[Part]:
    """The whole record, cut there."""
    return [Part(first, stop) for first, stop in pairwise(sorted({0, *cuts, run.count}))]


@of_each_run
def test_parts_are_the_whole_cut_at_snapshots(home: Path, name: str) -> None:
    """Without a gap, at states that are kept, each of about as many events; one for one process."""
    run = open_run(home / name)
    seqs = run.kept.seqs
    assert parts_of(run, seqs, 1) == [whole(run)]
    assert parts_of(run, [], 4) == [whole(run)]
    for jobs in (2, 3, 40):
        parts = parts_of(run, seqs, jobs)
        assert [part.first_seq for part in parts] == [0, *(part.stop_seq for part in parts[:-1])]
        assert parts[-1].stop_seq == run.count
        assert {part.first_seq for part in parts[1:]} <= set(seqs)
        assert 2 < len(parts) <= jobs * 3


@of_each_run
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_every_part_of_a_sound_record_is_sound(home: Path, name: str, data: st.DataObject) -> None:
    """Wherever it begins and ends: inside one delivery's products, among what is late, in the instant of a fork."""
    run = open_run(home / name)
    around = [seq + step for seq in run.forks for step in range(-3, 12)]
    points = st.integers(0, run.count) | st.sampled_from(around or [0])
    first, stop = sorted(data.draw(st.tuples(points, points)))
    assert reexecute(run, Part(first, min(stop, first + 1500)), run.kept.digests()) is None


@pytest.mark.parametrize("name", ["slower.run", "faster.run"])
def test_what_was_undelivered_at_a_fork_is_so_behind_it(home: Path, name: str) -> None:
    """Whoever is slower or faster from there on: it comes when it was due, and a part that begins before then waits."""
    run = open_run(home / name)
    [seq] = run.forks
    before, after = run.producers_at(seq - 1), run.producers_at(seq)
    slowest_ns = max(producer.latency_ns for producer in (*before, *after))
    behind = [event for event in run.events(seq) if event.at_ns <= run.event(seq).at_ns + slowest_ns]
    assert any(event.cause is not None and event.cause < seq for event in behind)
    cuts = range(seq, behind[-1].seq, max(len(behind) // 30, 1))
    assert len(cuts) > 20
    for cut in cuts:
        assert reexecute(run, Part(cut, behind[-1].seq)) is None


def inside(events: list[Event]) -> list[int]:
    """The numbers of events that are not the first of what their delivery produced."""
    return [
        later.seq
        for earlier, later in pairwise(events)
        if later.origin is Origin.DECIDED
        and not isinstance(later.body, TimerFired)
        and (earlier.cause, earlier.producer) == (later.cause, later.producer)
    ]


@of_each_run
def test_parts_that_begin_inside_a_deliverys_products(home: Path, name: str) -> None:
    """What one delivery produced stays together: the part before takes all of it, the part behind none."""
    run = open_run(home / name)
    cuts = inside(list(run.events()))[5::100]
    assert len(cuts) > 10
    for part in parts_at(run, *cuts):
        assert reexecute(run, part) is None


@of_each_run
def test_what_is_tampered_with_is_found_by_its_part_and_by_none_before(home: Path, tmp_path: Path, name: str) -> None:
    """With the same divergence as in one go, for a cut anywhere near it."""
    sound = open_run(home / name)
    events = list(sound.events())
    seq = [event.seq for event in events if isinstance(event.body, MarginCalled)][-20]
    path = written(tmp_path / "a.run", changed(events, seq, equity_atoms=1), forks=sound.forks)
    run = open_run(path)
    due = reexecute(run, whole(run))
    assert due is not None
    assert (due.seq, due.got) == (seq, events[seq])
    for cut in (seq - 300, seq, seq + 1, seq + 300):
        found = [reexecute(run, part) for part in parts_at(run, cut)]
        assert next(one for one in found if one is not None) == due
        assert (found[0] is None) == (cut < seq - 200) or abs(cut - seq) < 200


def reexecute_all(run: Run, digests: Mapping[int, str], jobs: int, watch: Callable[[int], None]) -> Divergence | None:
    """The first divergence of a record in its parts."""
    with PartsUnderWay(run, digests, jobs) as parts:
        return parts.first_divergence(watch)


@of_each_run
def test_in_two_processes_the_verdict_is_the_same(home: Path, name: str) -> None:
    """A sound record is sound, however it is cut; a child and a grandchild in parts as well."""
    told: list[int] = []
    run = open_run(home / name)
    assert len(parts_of(run, run.kept.seqs, 2)) > 2
    assert reexecute_all(run, run.kept.digests(), 2, told.append) is None
    assert told[-1] == run.count
    assert told == sorted(told)


def tampered(path: Path) -> Path:
    """A record with two changes, and the snapshots that follow from what is written there."""
    calls = [event.seq for event in EVENTS if isinstance(event.body, MarginCalled)]
    events = changed(changed(EVENTS, calls[70], equity_atoms=1), calls[30], requirement_atoms=1)
    written(path, events)
    open_run(path).at()
    return path


def test_the_first_divergence_of_several_processes_counts(tmp_path: Path) -> None:
    """Whichever of them ends first, and whatever those behind it say; text, data and exit code are the same."""
    path = tampered(tmp_path / "a.run")
    one, two = verify(path), verify(path, jobs=2)
    assert len(parts_of(open_run(path), open_run(path).kept.seqs, 2)) > 3
    assert one == two
    assert one.divergence is not None
    assert isinstance(one.divergence.expected and one.divergence.expected.body, MarginCalled)
    results = [call("verify", path, *options) for options in ((), ("--jobs", "2"))]
    assert [(result.exit_code, result.stdout, result.stderr) for result in results] == [
        (1, results[0].stdout, results[0].stderr)
    ] * 2


def test_a_part_that_begins_in_disorder_does_not_hide_what_came_before(tmp_path: Path) -> None:
    """Where a decision is said to be of another handler, the instant cannot be told delivery by delivery.

    What such a part would have decided instead rests on what was tampered with, so only the event itself is the same.
    """
    seq = [event.seq for event in EVENTS if isinstance(event.body, PositionDeleveraged)][40]
    run = open_run(written(tmp_path / "a.run", moved(EVENTS, seq, producer=0)))
    due = reexecute(run, whole(run))
    assert due is not None
    assert due.seq == seq
    behind = [reexecute(run, Part(cut, run.count)) for cut in range(seq, seq + 12)]
    disordered = [one for one in behind if one is not None and one.error is not None]
    assert disordered
    assert "follows from nothing that was due at its instant" in str(disordered[0].error)
    for cut in range(seq - 2, seq + 12):
        found = next(one for one in (reexecute(run, part) for part in parts_at(run, cut)) if one is not None)
        assert (found.seq, found.expected) == (due.seq, due.expected)


@pytest.mark.parametrize("missing", ["cause", "producer"])
def test_a_decision_of_nobody_is_disorder_and_no_crash(tmp_path: Path, missing: str) -> None:
    """Nor one that follows from nothing: wherever a part begins or ends, the answer is the same."""
    seq = [event.seq for event in EVENTS if isinstance(event.body, PositionDeleveraged)][40]
    run = open_run(written(tmp_path / "a.run", moved(EVENTS, seq, **{missing: None})))
    for cut in range(seq - 2, seq + 4):
        found = next(one for one in (reexecute(run, part) for part in parts_at(run, cut)) if one is not None)
        assert found.seq == seq


def test_each_part_must_meet_the_next_ones_state(home: Path) -> None:
    """A digest that is not that of the fold is found by the part that comes to it, at its own end included."""
    run = open_run(home / "small.run")
    digests = run.kept.digests()
    for seq in sorted(digests)[1:4]:
        lied = {**digests, seq: "00" * 32}
        found = reexecute(run, Part(seq - 700, seq), lied)
        assert isinstance(found, Divergence)
        assert (found.seq, found.expected, found.got) == (seq, None, None)
        assert found.state == f"the snapshot has {'00' * 32}, the fold gives {digests[seq]}"
        assert reexecute(run, Part(seq - 700, seq), digests) is None
        assert reexecute(run, Part(seq, seq + 100), lied) is None
        assert reexecute_all(run, lied, 2, quiet) == reexecute_all(run, lied, 1, quiet) == found


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_snapshot_that_lies_with_right_hashes_is_found(tmp_path: Path, jobs: str) -> None:
    """Of a state that never was, hash and digest can be made to agree with each other, but not with the record."""
    path = tmp_path / "a.run"
    run(SMALL_CRASH, path, settings=BY_PAGE)
    kept = [(one, read_snapshot(one)) for one in sorted(path.glob("*.state.idx"))]
    place, snapshot = [(one, snapshot) for one, snapshot in kept if snapshot.base_seq][-1]
    state, base = Ledger.of(EVENTS[: snapshot.seq]), Ledger.of(EVENTS[: snapshot.base_seq])
    state.accounts[20].balance_atoms += 10**6
    state.accounts[0].balance_atoms -= 10**6
    payload = taken_apart(state).payload(taken_apart(base))
    place.write_bytes(snapshot._replace(payload=payload, digest=bytes.fromhex(state.digest())).pack())
    found = verify(path, jobs=int(jobs))
    assert [check.check for check in found.checks if not check.ok] == ["beside", "decisions"]
    assert found.divergence is not None
    assert found.divergence.seq == snapshot.seq
    result = call("verify", path, "--jobs", jobs)
    assert result.exit_code == 1
    assert f"the state kept after {snapshot.seq} events is not the one" in result.stderr


def test_a_fork_is_verified_by_who_decided_on_each_side(home: Path, tmp_path: Path) -> None:
    """A decision of the parent's handlers behind the fork is found, as is one of the child's before it."""
    child = open_run(home / "child.run")
    events = list(child.events())
    [seq] = child.forks
    assert isinstance(events[seq].body, RunForked)
    for place, name in ((-1, "before"), (1, "behind")):
        rounds = [
            one.seq for one in events if isinstance(one.body, PositionDeleveraged) and (one.seq - seq) * place > 0
        ]
        path = written(tmp_path / f"{name}.run", changed(events, rounds[2], score=1), forks=child.forks)
        found = verify(path)
        assert found.divergence is not None
        assert found.divergence.seq == rounds[2]
        policy = "profit-leverage" if place < 0 else "profit-share"
        assert f"adl:{policy} version {ProfitLeverage.version}" in found.checks[-1].text


def test_the_inputs_of_a_fork_are_its_own(home: Path, tmp_path: Path) -> None:
    """The record goes on from them, and not from the parent's: a tampered one shows in what follows."""
    child = open_run(home / "child.run")
    events = list(child.events())
    own = events[child.forks[0] + 1]
    assert isinstance(own.body, Deposited)
    found = verify(written(tmp_path / "a.run", changed(events, own.seq, amount_atoms=10**12), forks=child.forks))
    assert found.divergence is not None
    assert found.divergence.seq > own.seq


def test_the_code_that_made_a_forks_past_counts_as_well(home: Path, tmp_path: Path) -> None:
    """A child of a parent that other code recorded is refused like the parent itself, unless forced."""
    copies = Path(shutil.copytree(home, tmp_path / "copies"))
    parent = copies / "small.run"
    write_manifest(parent, msgspec.structs.replace(read_manifest(parent), code_sha256="ab" * 32))
    result = call("verify", copies / "grandchild.run")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "code abababab, and installed is" in result.stderr
    assert call("verify", copies / "grandchild.run", "--force", "--jobs", "2").exit_code == 0


def test_a_policy_that_is_not_installed_in_the_processes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a part's process raises reaches whoever asked: one error, not a broken pool."""
    monkeypatch.setattr("deleverage.replay.workers.can_fork", lambda: False)  # or it would have what is put here
    monkeypatch.setitem(SLOTS["adl"], "elsewhere", SLOTS["adl"]["profit-leverage"])  # type: ignore[arg-type]
    path = home.parent / "elsewhere.run"
    run(Scenario.load(SMALL_CRASH, ["adl.policy=elsewhere"]), path, settings=BY_PAGE)
    with pytest.raises(ScenarioError, match="policy adl:elsewhere is not installed"):
        verify(path, jobs=2)


def test_a_price_between_parts(home: Path) -> None:
    """A part that ends with an input leaves what follows from it to the next, and one that begins there takes it."""
    run = open_run(home / "late.run")
    ticks = [event.seq for event in run.events() if isinstance(event.body, PriceTicked)]
    for cut in (*ticks[100:200:9], *(tick + 1 for tick in ticks[100:200:9])):
        for part in (Part(cut - 120, cut), Part(cut, cut + 120)):
            assert reexecute(run, part) is None
