"""Questions of many executions: kept beside the record, taken up again, the same bytes however they were done."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deleverage import open_run
from deleverage.events.errors import HandlerError, QueryError
from deleverage.replay.run import Run
from deleverage.replay.studies import Study, executed, executed_from, study_path
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.crash import SMALL_CRASH


class Asked(msgspec.Struct, frozen=True):
    """A question."""

    squares: int


class Square(msgspec.Struct, frozen=True):
    """What comes of a task."""

    square: int


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short record."""
    path = tmp_path_factory.mktemp("studies") / "short.run"
    run_scenario(Scenario.load(SMALL_CRASH, ("population.accounts=20",)), path)
    return open_run(path)


def squared(number: int) -> Square:
    """A task; of seven it cannot be done."""
    if number == 7:
        message = "seven has no square"
        raise QueryError(message)
    return Square(number * number)


def counted(state: list[int], number: int) -> Square:
    """A task that spoils the state that it begins from."""
    state.append(number)
    return Square(sum(state))


def answered(run: Run, jobs: int, tasks: int = 5) -> bytes:
    """Ask for squares, and what the file holds then."""
    with Study(run, "squares", Asked(tasks), Square) as study:
        for number, outcome in executed([(n, n) for n in study.left(tasks)], squared, jobs):
            study.keep(number, outcome)
        study.conclude([study.done[number].square for number in range(tasks)])
    return study.path.read_bytes()


def test_one_process_and_two_leave_the_same_bytes_beside_the_record(run: Run) -> None:
    """Tasks in their order, the answer last."""
    before = sorted(path.name for path in run.path.iterdir())
    one, path = answered(run, 1), study_path(run, "squares", Asked(5))
    path.unlink()
    assert answered(run, 2) == one
    assert msgspec.json.decode(one.splitlines()[-1]) == {"answer": [0, 1, 4, 9, 16]}
    assert path.parent == run.path.parent
    assert sorted(path.name for path in run.path.iterdir()) == before
    path.unlink()


@pytest.mark.parametrize("kept", range(0, 200, 7))
def test_whatever_a_kill_left_is_taken_up(run: Run, kept: int) -> None:
    """A file cut at any byte: what is whole is done, and the rest is done again."""
    whole = answered(run, 1)
    path = study_path(run, "squares", Asked(5))
    path.write_bytes(whole[:kept])
    with Study(run, "squares", Asked(5), Square) as study:
        lines = whole[:kept].count(b"\n")
        assert len(study.left(5)) == 5 - max(0, lines - 1)
    assert answered(run, 1) == whole
    path.unlink()


def test_two_at_once_are_refused(run: Run) -> None:
    """The second is told where the first is at work; nothing is left of one that did nothing."""
    with (
        Study(run, "squares", Asked(2), Square) as study,
        pytest.raises(QueryError, match="another process is at the same question"),
    ):
        Study(run, "squares", Asked(2), Square)
    assert not study.path.exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_task_is_met_here(run: Run, jobs: int) -> None:
    """And what was done before it is kept."""
    with pytest.raises(QueryError, match="seven has no square"):
        list(executed([(n, n) for n in (1, 7)], squared, jobs))


def test_each_task_begins_from_the_state_as_prepared() -> None:
    """Forked or plain, with any number of processes."""
    tasks = [(number, number) for number in range(9)]
    plain = dict(executed_from(lambda: [100], tasks, counted, 1, plain=True))
    assert plain == {number: Square(100 + number) for number in range(9)}
    for jobs in (1, 3):
        assert dict(executed_from(lambda: [100], tasks, counted, jobs)) == plain
    assert not list(executed_from(lambda: [100], [], counted, 2))


def test_errors_of_forked_tasks_are_met_here() -> None:
    """Ours as they are, any other as a handler's."""

    def failing(_state: None, number: int) -> Square:
        return squared(number) if number else Square(1 // number)

    with pytest.raises(QueryError, match="seven"):
        list(executed_from(lambda: None, [(0, 7)], failing, 2))
    with pytest.raises(HandlerError, match="ZeroDivisionError"):
        list(executed_from(lambda: None, [(0, 0)], failing, 2))


def test_a_place_that_cannot_be_written_is_refused_in_one_line(run: Run) -> None:
    """With what to do."""
    path = Path(study_path(run, "squares", Asked(3)))
    path.mkdir()
    with pytest.raises(QueryError, match=r"cannot be kept there.*copy the record"):
        Study(run, "squares", Asked(3), Square)
    path.rmdir()
