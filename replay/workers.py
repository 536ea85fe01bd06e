"""Worker processes, each with one task at a time.

1. Processes are forked where that can be, which takes some milliseconds and not half a second of loading code; else
   spawned. What they do depends on nothing but what they are sent.
2. Ctrl-C reaches only the parent, which ends them; and they end themselves when the parent is gone.
3. A process that dies takes its own task down and no other: that task's outcome says so, and another takes its place.
4. What is sent, the function that performs tasks included, can be pickled. That function never raises.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from threading import Thread
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from warnings import catch_warnings, simplefilter

from ..sim.signals import interrupts_held_back
from .forked import can_fork

__all__ = ["Workers"]

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


class _Worker(Generic[Task, Outcome]):
    """A process at the other end of a pipe, and what it is busy with."""

    def __init__(self, perform: Callable[[Task], Outcome]) -> None:
        forks = can_fork()
        context: ForkContext | SpawnContext = get_context("fork") if forks else get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, perform), daemon=True)
        if not forks:
            resource_tracker.ensure_running()  # where it starts it would let Ctrl-C through to the process below
        with interrupts_held_back(), catch_warnings():
            simplefilter("ignore", DeprecationWarning)  # of numpy's idle threads, which hold nothing that is needed
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


class Workers(Generic[Task, Outcome]):
    """So many processes, ended on the way out of the context."""

    def __init__(self, jobs: int, perform: Callable[[Task], Outcome], lost: Callable[[str], Outcome]) -> None:
        """Tasks are done by `perform`; `lost` makes the outcome of one whose process died, from what is told of it.

        Nothing is started before the context is entered.
        """
        self._jobs, self._perform, self._lost = jobs, perform, lost
        self._workers: list[_Worker[Task, Outcome]] = []

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

    def outcomes(self, tasks: deque[Task], patience_s: float | None = None) -> Iterator[tuple[Task, Outcome]]:
        """Each task with its outcome, as they are done. Tasks may be added meanwhile.

        With `patience_s` only those that are done within so many seconds of the one before; the others go on.
        """
        while True:
            self._hand_out(tasks)
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            done = wait(list(busy), patience_s) if busy else []
            if not done:
                return
            for pipe in done:
                assert isinstance(pipe, Connection)
                yield self._finished(busy[pipe])

    def _hand_out(self, tasks: deque[Task]) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        while tasks and (idle or len(self._workers) < self._jobs):
            if not idle:
                self._workers.append(_Worker(self._perform))
                idle.append(self._workers[-1])
            idle.pop().begin(tasks.popleft())

    def _finished(self, worker: _Worker[Task, Outcome]) -> tuple[Task, Outcome]:
        task = worker.task
        assert task is not None
        try:
            return worker.finish()
        except (EOFError, ConnectionError):
            self._workers.remove(worker)
            worker.end()
            ended = worker.process.exitcode
            told = f"its process ended with exit code {ended}; if memory ran out, give fewer --jobs"
            return task, self._lost(told)


def _serve(pipe: Connection, perform: Callable[[Any], object]) -> None:
    """Perform one task after the other, until the parent goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    gc.freeze()  # what was inherited is shared with the parent as long as nobody walks over it
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
