"""A process beside each worker of a cluster that does its tasks: each in a child forked off it.

1. It is a plain process of its own, without the threads of the cluster's worker: so it may be forked.
2. What the tasks have in common is opened, and the state that they begin from prepared, before a child is forked off;
   both stay for the tasks that follow, until there is other work.
3. It ends with its child where the worker is gone. Where the child dies it ends, too: the worker starts another.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NamedTuple

from ...events.errors import DeleverageError, HandlerError
from ..forked import Forked, can_fork
from .parcels import Parcel, RecordAt, opened

__all__ = ["Attendant", "AttendantLostError", "answer_of", "serve"]

_SERVE = "import sys; from deleverage.replay.cluster.attendant import serve; serve(int(sys.argv[1]))"

Places = Mapping[RecordAt, str]


class AttendantLostError(Exception):
    """The process that did a task ended without an answer: it is done again."""


class _Sent(NamedTuple):
    """What is to be done with which task, and where their records are here; no `perform` for the one there was."""

    perform: bytes | None
    task: bytes
    places: Places


class Attendant:
    """The process, as its worker sees it."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        number = theirs.fileno()
        told = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(  # noqa: S603 - it is this program
            [sys.executable, "-c", _SERVE, str(number)], pass_fds=[number], env=told, stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._standing = ""

    def answer(self, perform: Parcel, task: Parcel, places: Places) -> bytes:
        """What came of a task, for `answer_of`. Raises AttendantLostError where the process died; it is ended then."""
        known = self._standing == perform.digest
        try:
            self._pipe.send(_Sent(None if known else perform.data, task.data, places))
            found: bytes = self._pipe.recv_bytes()
        except (EOFError, ConnectionError):
            self.end()
            message = f"its process ended with exit code {self._process.returncode}"
            raise AttendantLostError(message) from None
        self._standing = perform.digest
        return found

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def answer_of(perform: Callable[[], Any]) -> bytes:
    """What comes of something, or the error that does, as bytes; never raises."""
    found: tuple[Any, DeleverageError | None]
    try:
        found = (perform(), None)
    except DeleverageError as error:
        found = (None, error)
    except Exception as error:  # noqa: BLE001 - the process must answer
        found = (None, HandlerError(f"{type(error).__name__}: {error}"))
    return pickle.dumps(found)


class _ForkedOff:
    """What is done with each task, opened once, and prepared once where it has something to prepare."""

    def __init__(self, perform: bytes, places: Places) -> None:
        self._data, self._places = perform, places

    @cached_property
    def _perform(self) -> Callable[[Any], Any]:
        perform: Callable[[Any], Any] = opened(self._data, self._places)
        return perform

    @cached_property
    def _prepared(self) -> bool:
        prepare = getattr(self._perform, "prepare", None)
        if prepare is not None:
            prepare()
        return prepare is not None

    def answer(self, task: bytes, places: Places, worker: Connection) -> bytes:
        """What comes of a task in a child. Raises EOFError where that dies or the worker is gone."""
        done = partial(answer_of, lambda: self._perform(opened(task, places)))
        if not can_fork():
            return done()
        with suppress(Exception):  # the child meets it again, and answers
            _ = self._prepared
        child = Forked(partial(self._send, done, worker))
        try:
            if child.pipe not in wait([child.pipe, worker]):
                raise EOFError
            return child.pipe.recv_bytes()
        finally:
            child.end()

    def _send(self, done: Callable[[], bytes], worker: Connection, pipe: Connection) -> None:
        worker.close()  # or the worker would not see that this child's parent is gone
        if not self.__dict__.get("_prepared", False):
            gc.enable()  # little is shared with the parent, and much may be made
        pipe.send_bytes(done())


def serve(number: int) -> None:
    """Do one task after the other, as they come through an inherited socket, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe, standing = Connection(number), _ForkedOff(b"", {})
    with suppress(EOFError, ConnectionError):
        while True:
            sent: _Sent = pipe.recv()
            if sent.perform is not None:
                standing = _ForkedOff(sent.perform, sent.places)
            pipe.send_bytes(standing.answer(sent.task, sent.places, pipe))
