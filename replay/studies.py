"""What a question finds that takes many executions of a record: kept in a file beside it, and worked out in processes.

1. The file is `RECORD.KIND-KEY.jsonl`, beside the record and never in it; KEY is of what was asked, of the head of the
   record and of the code that decides. Its first line says all three; each other line is what came of one task.
2. A line is written whole before the next task counts as done. What a kill left of one is dropped, and that task is
   done again; so a question that was interrupted goes on where it stood.
3. Once everything is done the file is written anew, the tasks in their order and the answer in the last line: the same
   question gives the same bytes, however many processes there were.
4. Two at once of one question would write into one file, so the second is refused.
5. `executed` does tasks in processes that open the record themselves. `executed_from` does them from one state that is
   prepared in this process: a child forked off for each finds it as it is, and what it does to it is gone with the
   child. Where no process can be forked it is prepared anew for each, with the same outcome. A cluster prepares it in a
   process of each of its workers, and forks its children off there.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from glob import escape
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeVar

import msgspec

from ..events.errors import DeleverageError, HandlerError, QueryError
from ..events.record.fingerprint import code_sha256
from ..events.regular import read_regular, write_whole
from .forked import Forked, can_fork
from .jobs import Jobs, working
from .run import Run

__all__ = ["Once", "Study", "answers_beside", "executed", "executed_from", "studies_beside", "study_path"]

_BYTES_MOST = 1 << 30
_KEY_DIGITS = 10

State = TypeVar("State")
Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def study_path(run: Run, kind: str, asked: msgspec.Struct) -> Path:
    """Where what was asked of a record is kept."""
    described = msgspec.json.encode(_asked(run, kind, asked), order="deterministic")
    record = run.path.resolve()
    return record.with_name(f"{record.name}.{kind}-{sha256(described).hexdigest()[:_KEY_DIGITS]}.jsonl")


def _asked(run: Run, kind: str, asked: msgspec.Struct) -> dict[str, Any]:
    return {"study": kind, "head": run.head, "program": code_sha256(), "asked": asked}


class Study(Generic[Outcome]):
    """The file of one question while it is worked on: `done` has what came of each task so far, by its number."""

    def __init__(self, run: Run, kind: str, asked: msgspec.Struct, outcome: type[Outcome]) -> None:
        """Open it, or begin it. Raises QueryError where another process is at it, or it cannot be read or written."""
        self.path = study_path(run, kind, asked)
        self.done: dict[int, Outcome] = {}
        self._first = msgspec.json.encode(_asked(run, kind, asked), order="deterministic")
        self._file = _opened(self.path)
        try:
            _lock(self._file, self.path)
            self._take_up(outcome)
        except BaseException:
            self._file.close()
            raise
        self.resumed = len(self.done)

    def __enter__(self) -> Self:
        """It is locked since it was opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let others in; a file in which nothing was done is taken away."""
        if not self.done:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _take_up(self, outcome: type[Outcome]) -> None:
        """Read what is there, and let go of what follows the last whole line."""
        held = read_regular(self.path, _BYTES_MOST)
        whole = held[: held.rfind(b"\n") + 1]
        first, *lines = whole.splitlines() or [b""]
        if first != self._first:
            lines, whole = [], b""
        for line in lines:
            with suppress(msgspec.DecodeError):  # the answer's line is one of none
                number, found = msgspec.json.decode(line, type=tuple[int, outcome])  # type: ignore[valid-type]
                self.done[number] = found
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._write(self._first + b"\n")

    def left(self, tasks: int) -> list[int]:
        """The numbers of the tasks, of so many, that are not done."""
        return [number for number in range(tasks) if number not in self.done]

    def keep(self, number: int, outcome: Outcome) -> None:
        """Write down what came of a task."""
        self.done[number] = outcome
        self._write(msgspec.json.encode((number, outcome)) + b"\n")

    def conclude(self, answer: Any) -> None:
        """Put the file anew in its place, with the answer as its last line: what `--json` prints."""
        lines = [self._first, *(msgspec.json.encode((number, self.done[number])) for number in sorted(self.done))]
        lines.append(msgspec.json.encode({"answer": answer}))
        try:
            write_whole(self.path, b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise self._unwritten(error) from error

    def _write(self, text: bytes) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> QueryError:
        return QueryError(f"{self.path}: it cannot be written ({error.strerror}); what was done up to here is kept")


def _opened(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "r+b")
    except OSError as error:
        message = f"{path}: what is found cannot be kept there ({error.strerror}); copy the record to where it can"
        raise QueryError(message) from error


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        message = f"another process is at the same question ({path}); wait for it"
        raise QueryError(message) from None


def studies_beside(run: Run) -> list[Path]:
    """The files of what was asked of a record of that name, by anyone, done or not."""
    record = run.path.resolve()
    return sorted(record.parent.glob(f"{escape(record.name)}.*-*.jsonl"))


def answers_beside(run: Run) -> dict[str, list[dict[str, Any]]]:
    """What was asked of a record and is answered beside it, by kind: each `asked` with its `answer`, by file name.

    Left out are questions that are not done, of another head, and by other code than decides here.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in studies_beside(run):
        with suppress(OSError, msgspec.DecodeError, IndexError, KeyError, TypeError, AttributeError):
            lines = read_regular(path, _BYTES_MOST).splitlines()
            first, last = msgspec.json.decode(lines[0]), msgspec.json.decode(lines[-1])
            if (first["head"], first["program"]) == (run.head, code_sha256()):
                told = {"asked": first["asked"], "answer": last["answer"]}
                found.setdefault(first["study"], []).append(told)
    return found


class _Failure(msgspec.Struct, frozen=True):
    """An error on its way from a process."""

    error: DeleverageError


class _Attempt(Generic[Task, Outcome]):
    """Does a task and never raises."""

    def __init__(self, perform: Callable[[Task], Outcome]) -> None:
        self.perform = perform

    def __call__(self, task: tuple[int, Task]) -> Outcome | _Failure:
        try:
            return self.perform(task[1])
        except DeleverageError as error:
            return _Failure(error)
        except Exception as error:  # noqa: BLE001 - the process must answer
            return _Failure(HandlerError(f"{type(error).__name__}: {error}"))


def _lost(told: str) -> _Failure:
    return _Failure(HandlerError(f"an execution was lost: {told}"))


def executed(
    tasks: Sequence[tuple[int, Task]], perform: Callable[[Task], Outcome], jobs: Jobs
) -> Iterator[tuple[int, Outcome]]:
    """Each numbered task with what came of it, as they are done by so many processes; with one job in this process.

    Raises the first error that is met; what was done before it has been told.
    """
    if isinstance(jobs, int) and (jobs <= 1 or len(tasks) <= 1):
        yield from ((number, perform(task)) for number, task in tasks)
        return
    yield from _worked(tasks, _Attempt(perform), jobs)


def _worked(
    tasks: Sequence[tuple[int, Task]], attempt: Callable[[tuple[int, Task]], Outcome | _Failure], jobs: Jobs
) -> Iterator[tuple[int, Outcome]]:
    with working(jobs, attempt, _lost) as workers:
        for (number, _task), outcome in workers.outcomes(deque(tasks)):
            yield number, _passed(outcome)


class Once(Generic[State]):
    """A state that is prepared when it is first asked for: for children forked off, who leave it as it is.

    Another process prepares it for itself: what is sent to it is `prepare`.
    """

    def __init__(self, prepare: Callable[[], State]) -> None:
        self._prepare = prepare
        self._prepared = list[State]()

    def __call__(self) -> State:
        """The state."""
        if not self._prepared:
            self._prepared.append(self._prepare())
        return self._prepared[0]

    def __reduce__(self) -> tuple[object, ...]:
        """As `prepare`."""
        return _itself, (self._prepare,)


def _itself(prepare: Callable[[], State]) -> Callable[[], State]:
    return prepare


class _FromPrepared(_Attempt[Task, Outcome], Generic[State, Task, Outcome]):
    """Does a task from a state that a process of a cluster prepares before it forks children off."""

    def __init__(self, prepare: Callable[[], State], perform: Callable[[State, Task], Outcome]) -> None:
        super().__init__(self._perform_from)
        self._prepare, self._from = prepare, perform
        self._standing = list[State]()

    def prepare(self) -> None:
        """Prepare the state, for what is then forked off."""
        self._standing.append(self._prepare())

    def _perform_from(self, task: Task) -> Outcome:
        return self._from(self._standing[0] if self._standing else self._prepare(), task)


def executed_from(
    prepare: Callable[[], State],
    tasks: Sequence[tuple[int, Task]],
    perform: Callable[[State, Task], Outcome],
    jobs: Jobs,
    *,
    plain: bool = False,
) -> Iterator[tuple[int, Outcome]]:
    """The same from one prepared state, of which a child forked off for each task has a copy; so many at once.

    `plain` prepares it for each task and does one after the other in this process, as where no process can be forked.
    A fork costs a few milliseconds for 100 MB of state.
    """
    if not isinstance(jobs, int):
        yield from _worked(tasks, _FromPrepared(prepare, perform), jobs)
        return
    if plain or not can_fork():
        yield from ((number, perform(prepare(), task)) for number, task in tasks)
        return
    if not tasks:
        return
    state, left, busy = prepare(), deque(tasks), dict[Connection, tuple[int, Forked]]()
    attempt = _Attempt(partial(perform, state))
    try:
        while left or busy:
            while left and len(busy) < max(1, jobs):
                task = left.popleft()
                child = Forked(partial(_sent, attempt, task))
                busy[child.pipe] = (task[0], child)
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                number, child = busy.pop(pipe)
                yield number, _passed(_received(child))
    finally:
        for _number, child in busy.values():
            child.end()


def _sent(attempt: _Attempt[Task, Outcome], task: tuple[int, Task], pipe: Connection) -> None:
    pipe.send(attempt(task))


def _received(child: Forked) -> Any:
    try:
        return child.pipe.recv()
    except (EOFError, ConnectionError):
        return _lost("its process ended without an answer; if memory ran out, give fewer --jobs")
    finally:
        child.end()


def _passed(outcome: Outcome | _Failure) -> Outcome:
    if isinstance(outcome, _Failure):
        raise outcome.error
    return outcome
