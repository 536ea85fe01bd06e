"""What would have flipped it: what is told is true, and can be seen by the command that is told."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage import run as run_scenario
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError
from deleverage.handlers import adl_engine
from deleverage.handlers.column_ranking import ColumnKeeper
from deleverage.handlers.policies.ranking import allocates, allocates_in, reads_ledger
from deleverage.replay.fork.changes import Changes, Deposit, OutsideTrade
from deleverage.replay.fork.fork import fork
from deleverage.replay.forked import can_fork
from deleverage.replay.rankings import policy_at
from deleverage.replay.why import commands
from deleverage.replay.why.again import flips, scores, searches, trials
from deleverage.replay.why.again.flips import flips_of
from deleverage.replay.why.again.trials import ForkTrial, Subject, TrialOutcome, one_by_one, side_by_side
from deleverage.replay.why.answer import Flip, Flips
from deleverage.sim.progress import bar
from deleverage.sim.quantities import SECONDS, Quantity
from deleverage.sim.scenario import Scenario

from .support.command_line import call, small_record, spawn
from .support.crash import SMALL_CRASH
from .support.patience import PATIENCE_S

OWN = ["collateral", "size", "moment"]
VARIED = [*OWN, "fund", "loser_collateral", "loser_size"]
RULES = {
    "plain": (),
    "late": ("adl.latency_ns=30ms", "insurance_fund.latency_ns=20ms", "margin.latency_ns=50ms"),
    "shared": ("adl.policy=profit-share",),
    "bybit": ("venue=bybit",),
}

forks = pytest.mark.skipif(not can_fork(), reason="processes are not forked here")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash on disk, in a folder that a shell would take apart."""
    return open_run(small_record(tmp_path_factory.mktemp("a folder")))


def reductions(run: Run) -> list[Event]:
    """The first, and the last of the second round."""
    found = [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]
    second = [event for event in found if event.body.round == found[0].body.round + 1]  # type: ignore[union-attr]
    return [found[0], second[-1]]


def taken_lots(run: Run, reduction: Event, first_seq: int, stop_seq: int | None = None) -> int:
    """What auto-deleveraging took of the position from an event on, up to the end of the reduction's instant."""
    body = reduction.body
    assert isinstance(body, PositionDeleveraged)
    return sum(
        abs(event.body.size_lots)
        for event in run.events(first_seq, stop_seq)
        if isinstance(event.body, PositionDeleveraged)
        and (event.body.account, event.body.instrument) == (body.account, body.instrument)
        and event.at_ns <= reduction.at_ns
    )


def see(flip: Flip, folder: Path) -> Run:
    """The run that the told command makes."""
    assert flip.command is not None
    _, *arguments = shlex.split(flip.command)
    path = folder / f"{flip.varied}.run"
    result = call(*arguments, "-o", path)
    assert result.exit_code == 0, result.stderr
    return open_run(path)


def test_the_told_commands_spare_it(run: Run, tmp_path: Path) -> None:
    """Each command, typed as told, makes a run in which the position is left alone."""
    for number, reduction in enumerate(reductions(run)):
        (tmp_path / str(number)).mkdir()
        found = flips_of(run, reduction.seq).found
        assert [flip.varied for flip in found] == VARIED
        assert sum(flip.confirmed for flip in found) >= (3 if number else 6)
        for flip in found:
            if flip.confirmed:
                child = see(flip, tmp_path / str(number))
                first_seq = child.forks[0]
                had = taken_lots(run, reduction, first_seq, reduction.seq)
                assert taken_lots(child, reduction, first_seq) <= had


@pytest.mark.parametrize("whole", [False, True], ids=["some way on", "to the end"])
def test_what_becomes_of_it_afterwards_is_as_the_commands_show(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    """What is told of the time after the instant is what the fork's record has; the record's own lots stand beside."""
    monkeypatch.setattr(searches, "AHEAD_EVENTS", 400)
    reduction = reductions(run)[0]
    found = flips_of(run, reduction.seq, whole=whole).found
    assert [flip.confirmed for flip in found] == [flip.afterwards is not None for flip in found]
    until_ns = run.end_ns if whole else run.event(reduction.seq + 400).at_ns
    assert {flip.afterwards.spared for flip in found if flip.afterwards} == {True, False}, "one of each is to be seen"
    for flip in found:
        if flip.afterwards is None:
            continue
        told = flip.afterwards
        assert (told.whole, told.until_ns) == (whole, until_ns)
        later = [
            event for event in reduced(see(flip, tmp_path), reduction) if reduction.at_ns < event.at_ns <= until_ns
        ]
        assert told.later.number == lots_of(later)
        assert told.later_at_ns == (later[0].at_ns if later else None)
        assert told.spared == (not later)
        assert told.recorded.number == lots_of(
            [event for event in reduced(run, reduction) if event.seq >= reduction.seq and event.at_ns <= until_ns]
        )
        assert ("In the whole run" in told.text) == whole
        assert ("after all" in told.text) == (not told.spared)


def reduced(run: Run, reduction: Event) -> list[Event]:
    """The reductions of the same position."""
    return [event for event in run.events() if is_of(event, reduction)]


def lots_of(events: list[Event]) -> int:
    """What they take in all."""
    return sum(abs(event.body.size_lots) for event in events if isinstance(event.body, PositionDeleveraged))


def is_of(event: Event, reduction: Event) -> bool:
    """Whether an event is a reduction of the same position."""
    body, asked = event.body, reduction.body
    assert isinstance(asked, PositionDeleveraged)
    return isinstance(body, PositionDeleveraged) and (body.account, body.instrument) == (
        asked.account,
        asked.instrument,
    )


def test_the_page_says_how_far_it_was_executed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What spared means, that it was executed some way on, and how to have it executed to the end; then that it was."""
    monkeypatch.setattr(searches, "AHEAD_EVENTS", 400)
    seq = str(reductions(run)[0].seq)
    for layout in ("text", "md"):
        near, whole = (
            " ".join(call("why", run.path, seq, option, "--format", layout).stdout.split())
            for option in ("--flips", "--flips-whole")
        )
        assert "Spared: from the change to the end of this event's instant" in near
        assert "as far as this was executed" in near
        assert "In the whole run" not in near
        assert "In the whole run" in whole
        assert "as far as this was executed" not in whole
    told = json.loads(call("why", run.path, seq, "--flips-whole", "--json").stdout)["flips"]
    assert [flip["afterwards"] is not None and flip["afterwards"]["whole"] for flip in told["found"]] == [
        flip["confirmed"] for flip in told["found"]
    ]


def test_what_is_told_is_a_bracket(run: Run) -> None:
    """What is told to spare it does, what is told not to does not, and nothing was tried between."""
    for reduction in reductions(run):
        tried: dict[tuple[int, Changes], bool] = {}

        def note(searched: trials.Search[Flip], tried: dict[tuple[int, Changes], bool] = tried) -> trials.Search[Flip]:
            try:
                trial = next(searched)
                while True:
                    outcome = yield trial
                    tried[trial.after_seq, trial.changes] = outcome.spared
                    trial = searched.send(outcome)
            except StopIteration as done:
                flip: Flip = done.value
                return flip

        subject = subject_of(run, reduction)
        asked = [note(one) for one in searches.Searches(run, subject, 0, whole=False).all()]
        for flip in one_by_one(run, subject, asked):
            if not flip.confirmed or flip.varied == "moment":
                continue
            assert flip.amount is not None
            assert flip.not_at is not None
            sparing, failing = flip.amount.number, flip.not_at.number
            assert 0 <= failing < sparing
            amounts = {
                abs(amount_of(changes)): spared
                for (after_seq, changes), spared in tried.items()
                if after_seq == flip.after_seq and whose(changes) == payee(run, subject, flip)
            }
            assert amounts[sparing]
            assert not amounts.get(failing, False)
            assert not [amount for amount in amounts if failing < amount < sparing]


def subject_of(run: Run, reduction: Event) -> Subject:
    """The question of the searches."""
    return Subject(reduction, flips._begin_seq(run, reduction.seq))


def amount_of(changes: Changes) -> int:
    """What one change is about: atoms or lots."""
    return changes.trades[0].size_lots if changes.trades else changes.deposits[0].amount_atoms


def whose(changes: Changes) -> tuple[str, int]:
    """Whose balance or position is changed."""
    return ("size", changes.trades[0].account) if changes.trades else ("money", changes.deposits[0].account)


def payee(run: Run, subject: Subject, flip: Flip) -> tuple[str, int]:
    """The same, of what is told."""
    kind = "size" if flip.varied.endswith("size") else "money"
    if flip.varied == "fund":
        return kind, run.at().fund_of(subject.body.instrument)
    if not flip.varied.startswith("loser"):
        return kind, subject.body.account
    liquidation = run.before(subject.reduction.seq).liquidations[subject.body.liquidation_id]
    return kind, liquidation.account


def test_the_moment_is_the_last_at_which_it_could_be_closed(run: Run) -> None:
    """Closing is told for the last instant with a price, unless a halt or a liquidation was in the way."""
    for reduction in reductions(run):
        moment = next(flip for flip in flips_of(run, reduction.seq).found if flip.varied == "moment")
        assert moment.confirmed
        assert moment.after_seq is not None
        at_ns = run.event(moment.after_seq).at_ns
        assert moment.amount == Quantity(reduction.at_ns - at_ns, SECONDS)
        assert moment.not_at == Quantity(0, SECONDS)
        begin_seq = run.first_at(reduction.at_ns)
        instrument = reduction.body.instrument  # type: ignore[union-attr]
        if run.at(seq=begin_seq - 1).markets[instrument].halted_until_ns is None:
            assert moment.after_seq == begin_seq - 1
            assert "that was the last instant before it" in moment.text
        else:
            assert "was halted" in moment.text
        assert run.at(seq=moment.after_seq).markets[instrument].halted_until_ns is None


def test_the_change_is_made_before_its_own_round(run: Run) -> None:
    """Not before the timer that began the chain, but at the instant in which this round was called for."""
    found = [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]
    reduction = next(event for event in found if run.event(run.chain(event.seq)[0]).at_ns < event.at_ns)
    begin_seq = subject_of(run, reduction).begin_seq
    assert run.event(begin_seq).at_ns == reduction.at_ns > run.event(begin_seq - 1).at_ns
    told = {flip.varied: flip.after_seq for flip in flips_of(run, reduction.seq).found if flip.confirmed}
    assert {told[varied] for varied in ("collateral", "fund") if varied in told} == {begin_seq - 1}


def test_in_a_fork_what_is_shared_is_asked_of_the_parent(run: Run, tmp_path: Path) -> None:
    """A reduction before the fork is the parent's; one after it is varied from the fork on."""
    first, later = reductions(run)
    fork(run, later.seq, Changes(("insurance_fund.floor=0",)), tmp_path / "late.run")
    late = open_run(tmp_path / "late.run")
    assert flips_of(late, first.seq) == flips_of(run, first.seq)
    fork(run, first.seq - 6, Changes(("insurance_fund.floor=0",)), tmp_path / "early.run")
    early = open_run(tmp_path / "early.run")
    mine = next(event for event in early.events(early.forks[0]) if isinstance(event.body, PositionDeleveraged))
    assert early.chain(mine.seq)[0] < early.forks[0]
    fund = next(flip for flip in flips_of(early, mine.seq).found if flip.varied == "fund")
    assert f"just after event {early.forks[0]}" in fund.text
    child = see(fund, tmp_path)
    assert child.forks[:1] == early.forks
    assert taken_lots(child, mine, child.forks[1]) == 0


def test_the_search_is_for_the_event_that_is_asked_about(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found goes into the answer about that event; of another event nothing is executed again."""
    asked: list[int] = []

    def searched(_: Run, seq: int, tried: Callable[[str], None], *, whole: bool) -> Flips:
        assert not whole
        asked.append(seq)
        tried("once")
        return Flips((), "what was searched", "what was not")

    monkeypatch.setattr(flips, "flips_of", searched)
    reduction = reductions(run)[-1]
    told = json.loads(call("why", run.path, str(reduction.seq), "--flips", "--json").stdout)
    assert asked == [reduction.seq]
    assert (told["flips"]["searched"], told["flips"]["found"]) == ("what was searched", [])
    assert json.loads(call("why", run.path, str(reduction.seq), "--json").stdout)["flips"] is None
    assert asked == [reduction.seq]


@pytest.fixture(scope="module", params=RULES.values(), ids=RULES)
def under(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash under some rules."""
    path = tmp_path_factory.mktemp("rules") / "a.run"
    run_scenario(Scenario.load(SMALL_CRASH, request.param), path)
    return open_run(path)


@forks
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), whole=st.booleans())
def test_side_by_side_is_as_one_by_one(under: Run, place: float, *, whole: bool) -> None:
    """In processes forked from a primed one the answer is the plain way's, whatever the rules and the reduction."""
    found = [event.seq for event in under.events() if isinstance(event.body, PositionDeleveraged)]
    seq = found[int(place * len(found))]
    assert flips_of(under, seq, whole=whole) == flips_of(under, seq, whole=whole, plain=True)


def test_where_a_search_begins_changes_only_how_soon_it_ends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the scores in the record the answer is the one of a search from the guess, for fewer trials."""
    for reduction in reductions(run):
        begun, plainly = list[str](), list[str]()
        found = flips_of(run, reduction.seq, begun.append)
        with monkeypatch.context() as patched:
            patched.setattr(scores.ScoreBars, "first_below", lambda *_: None)
            assert flips_of(run, reduction.seq, plainly.append) == found
        assert len(begun) < len(plainly)


def test_where_scores_are_no_queue_they_tell_no_beginning(under: Run) -> None:
    """A policy that shares out takes from everybody: only of a queue is told where a search begins."""
    seq = next(event.seq for event in under.events() if isinstance(event.body, PositionDeleveraged))
    subject = subject_of(under, under.event(seq))
    grid = list(range(1, 10**6, 10**5))
    place = scores.ScoreBars(under, subject).first_below(grid, lambda account, atoms: None)
    policy = policy_at(under, seq)
    if allocates(policy) or allocates_in(policy) or reads_ledger(policy):
        assert place is None
    else:
        assert place in {None, 0}  # what changes nothing is below from the first on, or never


@forks
def test_a_ranking_in_columns_that_was_prepared_is_the_plain_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where holders are many their columns are made once, before processes are forked; the answer is the same."""
    monkeypatch.setattr(adl_engine, "_MANY", 1)
    made: list[int] = []
    prepare = ColumnKeeper.prepare
    monkeypatch.setattr(ColumnKeeper, "prepare", lambda *given: (made.append(os.getpid()), prepare(*given)))
    for reduction in reductions(run):
        assert flips_of(run, reduction.seq) == flips_of(run, reduction.seq, plain=True)
    assert set(made) == {os.getpid()}


def asking(*asked: ForkTrial) -> trials.Search[list[TrialOutcome]]:
    """A search that asks some trials and gives back what came of them."""
    outcomes = list[TrialOutcome]()
    for trial in asked:
        outcomes += [(yield trial)]
    return outcomes


def deposits(run: Run, *amounts: int) -> tuple[Subject, list[ForkTrial]]:
    """Trials for the first reduction: so much more for the account just before."""
    subject = subject_of(run, reductions(run)[0])
    account, after_seq = subject.body.account, subject.begin_seq - 1
    deposits = [Deposit(account, amount) for amount in amounts]
    return subject, [ForkTrial(str(one.amount_atoms), after_seq, Changes(deposits=(one,))) for one in deposits]


@forks
def test_an_error_is_the_one_of_the_plain_way(run: Run) -> None:
    """Of several searches that fail the first one's error is raised, as when they go one after the other."""
    subject, (fine, *_) = deposits(run, 1)
    account, key = subject.body.account, (subject.body.instrument, 0)
    bad = ForkTrial("nothing", fine.after_seq, Changes(trades=(OutsideTrade(account, key, 0),)))
    nobody = ForkTrial("nobody", fine.after_seq, Changes(deposits=(Deposit(10**6, 1),)))
    for asked in ([fine], [bad]), ([fine, nobody], [bad]), ([bad], [nobody]), ([nobody, fine], [fine]):
        with pytest.raises(QueryError) as plain:
            one_by_one(run, subject, [asking(*one) for one in asked])
        for jobs in (1, 3):
            with pytest.raises(QueryError) as forked:
                side_by_side(run, subject, [asking(*one) for one in asked], jobs)
            assert str(forked.value) == str(plain.value)
    assert multiprocessing.active_children() == []


@forks
def test_a_child_that_dies_changes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is killed, as where memory runs out, leaves its trial to the plain way."""
    subject, asked = deposits(run, 1, 10**9, 10**12)
    due = one_by_one(run, subject, [asking(*asked), asking(*asked[::-1])])
    assert {outcome.spared for outcome in due[0]} == {True, False}
    monkeypatch.setattr(trials, "_execute", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert side_by_side(run, subject, [asking(*asked), asking(*asked[::-1])], 2) == due
    assert multiprocessing.active_children() == []


@forks
def test_nothing_is_left_running_when_it_is_interrupted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the children, and does not wait for them; they do not hear of it themselves."""
    subject, asked = deposits(run, 1, 2)
    heard = []

    def busy(*_: object) -> None:
        time.sleep(60)
        (tmp_path / "waited for").touch()

    def interrupt(*_: object) -> None:
        heard.append([child.pid for child in multiprocessing.active_children()])
        for pid in heard[0]:
            os.kill(pid or 0, signal.SIGINT)
        time.sleep(0.1)
        heard.append([child.pid for child in multiprocessing.active_children()])
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "_execute", busy)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            side_by_side(run, subject, [asking(one) for one in asked], 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert list(tmp_path.iterdir()) == []
    assert len(heard[0]) == 2
    assert heard[1] == heard[0], "Ctrl-C reached a child"
    assert multiprocessing.active_children() == []


def test_beside_other_threads_nothing_is_forked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another thread holds would stay locked in a child; the plain way is taken, with the same answer."""
    seq = reductions(run)[0].seq
    due, ended = flips_of(run, seq), threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert not can_fork()
        monkeypatch.setattr(flips, "side_by_side", None)
        assert flips_of(run, seq) == due
    finally:
        ended.set()
        other.join()


def test_a_trial_that_two_searches_ask_is_executed_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when closing the whole position is asked by the size and by the moment: one child executes it for both."""
    subject, asked = deposits(run, 1, 10**9, 10**12)
    begun, begin = list[ForkTrial](), trials._Children.begin

    def noted(children: trials._Children, number: int, trial: ForkTrial) -> None:
        begun.append(msgspec.structs.replace(trial, told=""))
        begin(children, number, trial)

    monkeypatch.setattr(trials._Children, "begin", noted)
    due = one_by_one(run, subject, [asking(*asked), asking(*asked[::-1])])
    for jobs in (1, 2, 3):
        begun.clear()
        assert side_by_side(run, subject, [asking(*asked), asking(*asked[::-1])], jobs) == due
        assert len(begun) == len(set(begun)) == len(asked)


def test_what_children_inherit_is_printed_once(run: Run) -> None:
    """As a command of its own, with its output in a pipe, it prints the page once and nothing on stderr."""
    seq = str(reductions(run)[0].seq)
    due = call("why", run.path, seq, "--flips")
    process = spawn("why", run.path, seq, "--flips")
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stdout, stderr) == (0, due.stdout, "")


@forks
def test_the_page_is_made_beside_the_search(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is the same where no process is forked, and where the child that explains dies."""
    seq = reductions(run)[0].seq
    due = json.loads(call("why", run.path, str(seq), "--flips", "--json").stdout)
    explained, explain = list[int](), commands.explain

    def noted(run: Run, seq: int, **given: object) -> object:
        explained.append(os.getpid())
        return explain(run, seq, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(commands, "explain", noted)
    assert json.loads(call("why", run.path, str(seq), "--flips", "--json").stdout) == due
    assert explained == []  # but in a child
    with monkeypatch.context() as patched:
        patched.setattr(commands, "can_fork", lambda: False)
        assert json.loads(call("why", run.path, str(seq), "--flips", "--json").stdout) == due
    assert explained == [os.getpid()]

    def killed(run: Run, seq: int, **given: object) -> object:
        if os.getpid() != explained[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return noted(run, seq, **given)

    monkeypatch.setattr(commands, "explain", killed)
    assert json.loads(call("why", run.path, str(seq), "--flips", "--json").stdout) == due
    assert explained == [os.getpid()] * 2
    assert multiprocessing.active_children() == []


def test_an_error_of_the_page_comes_before_any_search(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is executed again where the question has no answer: of nobody, of an input, of what is not there."""
    monkeypatch.setattr(flips, "flips_of", lambda *_, **__: pytest.fail("it was searched"))
    seq = reductions(run)[0].seq
    for asked in [str(seq), "--not", "nobody"], ["0"], [str(run.count)]:
        told = call("why", run.path, *asked, "--flips")
        plain = call("why", run.path, *asked)
        assert (told.exit_code, told.stderr) == (plain.exit_code, plain.stderr)
        assert told.exit_code


@forks
def test_what_the_child_found_damaged_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage beside the record is reported once, whichever process met it, the one that explains included."""
    explain = commands.explain

    def damaged_for(run: Run, seq: int, **given: object) -> object:
        run.reports.append("page.idx is only asked for here")
        return explain(run, seq, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(commands, "explain", damaged_for)
    found = list[set[str]]()
    for name, options in ("plain", ()), ("flips", ("--flips",)):
        path = tmp_path / name
        shutil.copytree(run.path, path)
        for damaged in [*path.glob("*.state.idx"), path / "accounts.idx"]:
            damaged.write_bytes(damaged.read_bytes()[:-9])
        stderr = call("why", path, str(reductions(run)[0].seq), *options).stderr
        lines = [line.replace(str(path), "") for line in stderr.splitlines() if ".idx" in line]
        assert len(lines) == len(set(lines))
        found.append(set(lines))
    assert found[0] == found[1]
    for name in ("state.idx", "accounts.idx", "page.idx"):
        assert [line for line in found[0] if name in line]


def test_a_bar_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar that is shown while processes are forked starts no thread, and still draws what it is told."""
    drawn = Terminal()
    monkeypatch.setattr("sys.stderr", drawn)
    before = threading.active_count()
    with bar(3, "first", threaded=False) as advance:
        assert threading.active_count() == before
        advance(1, "second thing")
    assert "second thing" in drawn.getvalue()


class Terminal(io.StringIO):
    """What takes itself for a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True
