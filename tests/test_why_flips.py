"""What would have flipped it: what is told is true, and can be seen by the command that is told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from deleverage import Run, open_run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.replay.fork.changes import Changes, Deposit, Trade
from deleverage.replay.fork.fork import fork
from deleverage.replay.why import flips
from deleverage.replay.why.answer import Flip, Flips
from deleverage.replay.why.flips import flips_of
from deleverage.replay.why.trial import Subject, is_spared

from .support.command_line import call, small_record

_STEPS = 32
"""An amount is halved in on five times, so a step of the grid is at least so small a part of it."""


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
        assert [flip.varied for flip in found] == ["fund", "collateral", "size", "moment"]
        assert sum(flip.confirmed for flip in found) >= 2
        for flip in found:
            if flip.confirmed:
                child = see(flip, tmp_path / str(number))
                first_seq = child.forks[0]
                had = taken_lots(run, reduction, first_seq, reduction.seq)
                assert taken_lots(child, reduction, first_seq) <= had


def test_a_step_less_is_not_enough(run: Run) -> None:
    """One step of the grid below what is told, the position is reduced as before."""
    for reduction in reductions(run):
        subject = Subject(reduction, run.chain(reduction.seq)[0])
        account, body = subject.body.account, subject.body
        after = subject.root_seq - 1
        ledger = run.at(seq=after)
        held = ledger.accounts[account].positions[body.instrument, body.leg].size_lots
        told = {flip.varied: flip.amount for flip in flips_of(run, reduction.seq).found if flip.confirmed}
        for varied, payee in (("fund", ledger.fund(0)), ("collateral", account)):
            amount = told.get(varied)
            if amount is not None:
                less = Deposit(payee, amount - amount // _STEPS - 1)
                assert not is_spared(run, subject, after, Changes(deposits=(less,)))
        size = told.get("size")
        if size is not None and size > abs(held) // 16:
            less_lots = (size - -(-abs(held) // 16)) * (-1 if held > 0 else 1)
            changes = (
                Changes(trades=(Trade(account, (body.instrument, body.leg), less_lots),)) if less_lots else Changes()
            )
            assert not is_spared(run, subject, after, changes)


def test_in_a_fork_what_is_shared_is_asked_of_the_parent(run: Run, tmp_path: Path) -> None:
    """A reduction before the fork is the parent's; one after it is varied from the fork on, though it began before."""
    first, later = reductions(run)
    fork(run, later.seq, Changes(("insurance_fund.floor=0",)), tmp_path / "late.run")
    late = open_run(tmp_path / "late.run")
    assert flips_of(late, first.seq) == flips_of(run, first.seq)
    fork(run, first.seq - 30, Changes(("insurance_fund.floor=0",)), tmp_path / "early.run")
    early = open_run(tmp_path / "early.run")
    mine = next(event for event in early.events(early.forks[0]) if isinstance(event.body, PositionDeleveraged))
    assert early.chain(mine.seq)[0] < early.forks[0]
    (fund, *_) = flips_of(early, mine.seq).found
    assert f"just after event {early.forks[0]}" in fund.text
    child = see(fund, tmp_path)
    assert child.forks[:1] == early.forks
    assert taken_lots(child, mine, child.forks[1]) == 0


def test_the_search_is_for_the_event_that_is_asked_about(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found goes into the answer about that event; of another event nothing is executed again."""
    asked: list[int] = []

    def searched(_: Run, seq: int, tried: Callable[[str], None]) -> Flips:
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
