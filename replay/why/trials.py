"""Several searches under way at once, each of which asks one trial after the other.

1. A search is a generator: it yields a trial, is sent the outcome, and returns what it found. No search knows of
   another, so what they find is the same in whatever order their trials are executed.
2. The plain way executes one trial after the other in this process: state and handlers anew for each.
3. Where a process can be forked safely, the handlers are built and primed once for each point that trials begin at.
   Each trial is a child, forked off there, that applies its change, goes on, and sends its outcome through a pipe.
4. A child whose change spared the position waits, until another of its search has: it may be asked to go on.
5. A trial that two searches ask is executed once. Whoever asks first to go on with it is given the child that waits.
6. A child that meets an error, or dies, sends nothing. Its trial is then executed in the plain way, which meets the
   error itself; raised is that of the first search that met one, as if the searches had gone one by one.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import NamedTuple, Self, TypeVar
from warnings import catch_warnings, simplefilter

from msgspec.structs import replace

from ...sim.signals import interrupts_held_back
from ..run import Run
from .trial import Outcome, Standing, Subject, Trial, outcome_of

__all__ = ["Search", "can_fork", "one_by_one", "side_by_side", "watched"]

T = TypeVar("T")
Search = Generator[Trial, Outcome, T]

_STANDING_MOST = 4
"""So many points are kept primed at once, those that were used last."""


def can_fork() -> bool:
    """Whether this process may be forked: on Linux, and not beside other threads, whose locks would stay locked."""
    return sys.platform == "linux" and threading.active_count() == 1


def watched(search: Search[T], watch: Callable[[str], None]) -> Search[T]:
    """The same search; `watch` is told what is tried before each trial."""
    try:
        trial = next(search)
        while True:
            watch(trial.told)
            trial = search.send((yield trial))
    except StopIteration as done:
        found: T = done.value
        return found


def one_by_one(run: Run, subject: Subject, searches: Sequence[Search[T]]) -> list[T]:
    """What the searches find, in the plain way. The oracle of the other."""
    found = []
    for search in searches:
        try:
            trial = next(search)
            while True:
                trial = search.send(outcome_of(run, subject, trial))
        except StopIteration as done:
            found.append(done.value)
    return found


def side_by_side(run: Run, subject: Subject, searches: Sequence[Search[T]], jobs: int | None = None) -> list[T]:
    """The same with so many children at once, by default one for each processor."""
    jobs = jobs or len(os.sched_getaffinity(0))
    found: dict[int, T] = {}
    errors: dict[int, Exception] = {}
    asking = deque[tuple[int, Outcome | None]]((number, None) for number in range(len(searches)))
    asked = _Asked()
    with _Children(run, subject) as children:
        while asking or children.busy:
            if asking and len(children.busy) < jobs:
                number, outcome = asking.popleft()
                if number > min(errors, default=number):
                    continue
                search = searches[number]
                try:
                    trial = next(search) if outcome is None else search.send(outcome)
                    if not asked.before(number, trial, asking):
                        children.begin(number, trial)
                except StopIteration as done:
                    found[number] = done.value
                except Exception as error:  # noqa: BLE001 - raised below
                    errors[number] = error
            else:
                for number, outcome in children.ended(errors):
                    asked.answered(number, outcome, asking)
    if errors:
        raise errors[min(errors)]
    return [found[number] for number in range(len(searches))]


class _Asked:
    """The trials that were asked, by what they change and how far they go, so that none is executed twice."""

    def __init__(self) -> None:
        """None yet."""
        self._outcomes: dict[Trial, Outcome] = {}
        self._asking: dict[Trial, list[int]] = {}
        self._current: dict[int, Trial] = {}

    def before(self, number: int, trial: Trial, asking: deque[tuple[int, Outcome | None]]) -> bool:
        """Whether another search has asked this: the outcome comes when that is there."""
        key = replace(trial, told="")
        if key in self._outcomes:
            asking.appendleft((number, self._outcomes[key]))
            return True
        self._current[number] = key
        self._asking.setdefault(key, []).append(number)
        return self._asking[key][0] != number

    def answered(self, number: int, outcome: Outcome, asking: deque[tuple[int, Outcome | None]]) -> None:
        """Let all who asked go on; the one that executed it last, as it lets go of the child that waits."""
        key = self._current[number]
        self._outcomes[key] = outcome
        asking.extend((one, outcome) for one in reversed(self._asking.pop(key)))


class _Child(NamedTuple):
    """A process that executes a trial of a search."""

    number: int
    trial: Trial
    process: BaseProcess


class _Children:
    """The trials that are executed now, ended on the way out of the context."""

    def __init__(self, run: Run, subject: Subject) -> None:
        """Nobody yet."""
        self._run, self._subject = run, subject
        self._standings: dict[int, Standing] = {}
        self.busy: dict[Connection, _Child] = {}
        self._waiting: dict[Connection, _Child] = {}

    def begin(self, number: int, trial: Trial) -> None:
        """Execute a trial in a child: in one that has executed the first part of it already, or in a new one."""
        for pipe, child in self._waiting.items():
            if child.trial == replace(trial, told=child.trial.told, until_ns=0):
                self.busy[pipe] = self._waiting.pop(pipe)._replace(number=number, trial=trial)
                with suppress(ConnectionError):  # of one that died it is found out when it should answer
                    pipe.send(trial.until_ns)
                return
        context = get_context("fork")
        ours, theirs = context.Pipe()
        given = self._standing(trial.after_seq), self._subject, trial, ours, theirs
        process = context.Process(target=_execute, args=given, daemon=True)
        with interrupts_held_back(), catch_warnings():
            simplefilter("ignore", DeprecationWarning)  # of numpy's idle threads, which hold nothing that is needed
            with suppress(OSError):  # no process to be had, so no answer comes
                process.start()
            self.busy[ours] = _Child(number, trial, process)
        theirs.close()

    def ended(self, errors: dict[int, Exception]) -> list[tuple[int, Outcome]]:
        """Wait for children; their outcomes by the number of their search. What a trial raises goes to `errors`."""
        outcomes = []
        for pipe in wait(list(self.busy)):
            assert isinstance(pipe, Connection)
            child = self.busy[pipe]
            try:
                outcome = self._outcome(pipe, child)
            except Exception as error:  # noqa: BLE001 - as if the trial had been executed here
                errors[child.number] = error
            else:
                outcomes.append((child.number, outcome))
            if pipe in self.busy:
                self._end(pipe)
        return outcomes

    def _outcome(self, pipe: Connection, child: _Child) -> Outcome:
        """What a child sends, which then waits in place of an earlier one of its search; else that of the plain way."""
        try:
            outcome: Outcome = pipe.recv()
        except (EOFError, ConnectionError):
            return outcome_of(self._run, self._subject, child.trial)
        if outcome.spared and not child.trial.until_ns:
            for earlier in [one for one, other in self._waiting.items() if other.number == child.number]:
                self._end(earlier)
            self._waiting[pipe] = self.busy.pop(pipe)
        return outcome

    def _standing(self, after_seq: int) -> Standing:
        standing = self._standings.pop(after_seq, None)
        if standing is None:
            if len(self._standings) == _STANDING_MOST:
                del self._standings[next(iter(self._standings))]
            standing = Standing(self._run, after_seq)
            standing.prepare()
        self._standings[after_seq] = standing  # the last one in the order
        return standing

    def _end(self, pipe: Connection) -> None:
        """Let no process and no open file be left of a child."""
        child = self.busy.get(pipe) or self._waiting[pipe]
        if child.process.pid is not None:
            child.process.kill()
            child.process.join()
        self.busy.pop(pipe, None)
        self._waiting.pop(pipe, None)
        pipe.close()

    def __enter__(self) -> Self:
        """Children are forked when there is something to execute."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End those that are left, whatever they do."""
        for pipe in [*self.busy, *self._waiting]:
            self._end(pipe)


def _execute(standing: Standing, subject: Subject, trial: Trial, others: Connection, pipe: Connection) -> None:
    """What a child does. Ctrl-C is blocked in it, and the parent ends it; other signals end it at once."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()  # what it would walk are pages shared with the parent
    others.close()  # or it would not see that the parent is gone
    with suppress(Exception):
        standing.change(trial.changes)
        outcome = standing.execute(subject, trial.until_ns)
        pipe.send(outcome)
        if outcome.spared and not trial.until_ns:
            pipe.send(standing.go_on(pipe.recv()))
