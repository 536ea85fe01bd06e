"""Worker processes, each with one task at a time.

1. Processes are spawned, so that they inherit nothing but what they are sent.
2. Ctrl-C reaches only the parent, which ends them; and they end themselves when the parent is gone.
3. A process that dies takes its own task down and no other: that task's outcome says so, and another takes its place.

What a worker process is asked to do, and what it answers. Whatever goes wrong in a cell is an answer too.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import msgspec

from ...events.errors import DeleverageError
from .definition import Cell
from .meter import Figures
from .past import forked, run_whole

__all__ = ["Outcome", "Task", "Workers", "perform"]

_SPAWN = get_context("spawn")


class _Worker:
    """A process at the other end of a pipe, and what it is busy with."""

    def __init__(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        with _interrupts_held_back():
            self.process.start()
        theirs.close()
        self.task: Task | None = None

    def begin(self, task: Task) -> None:
        self.task = task
        with suppress(ConnectionError):  # one that died while it was idle is found out when it should answer
            self.pipe.send(task)

    def finish(self) -> tuple[Task, Outcome]:
        """What became of the task. Raises EOFError where the process died."""
        assert self.task is not None
        outcome: Outcome = self.pipe.recv()
        task, self.task = self.task, None
        return task, outcome

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Workers:
    """So many processes, ended on the way out of the context."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        """Processes are started when there is work for them."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End all of them, whatever they do."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def outcomes(self, tasks: deque[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Each task with its outcome, as they are done. Tasks may be added meanwhile."""
        while True:
            self._hand_out(tasks)
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                yield self._finished(busy[pipe])

    def _hand_out(self, tasks: deque[Task]) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        while tasks and (idle or len(self._workers) < self._jobs):
            if not idle:
                self._workers.append(_Worker())
                idle.append(self._workers[-1])
            idle.pop().begin(tasks.popleft())

    def _finished(self, worker: _Worker) -> tuple[Task, Outcome]:
        task = worker.task
        assert task is not None
        try:
            return worker.finish()
        except (EOFError, ConnectionError):
            self._workers.remove(worker)
            worker.end()
            ended = worker.process.exitcode
            told = f"its process ended with exit code {ended}; if memory ran out, give fewer --jobs"
            return task, Outcome(error=told)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits until the process is started, which never hears of it: what is blocked here is blocked there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """Perform one task after the other, until the parent goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        while True:
            pipe.send(perform(pipe.recv()))
    except (EOFError, ConnectionError):
        return


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class Task(msgspec.Struct, frozen=True):
    """A cell to be measured: run whole, recorded at `record` if given; or forked from a record (and whose it is)."""

    cell: Cell
    record: Path | None = None
    past: tuple[Path, Cell] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The figures of a cell, or the one line that says why there are none."""

    figures: Figures | None = None
    error: str | None = None


def perform(task: Task) -> Outcome:
    """Do it. Never raises: an error is the outcome's."""
    try:
        figures = run_whole(task.cell, task.record) if task.past is None else forked(task.cell, *task.past)
    except DeleverageError as error:
        return Outcome(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - one cell's fault is no other's
        return Outcome(error=" ".join(f"{type(error).__name__}: {error}".split()))
    return Outcome(figures)
