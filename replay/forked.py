"""Children forked off this process, which have all that it holds and send what they make of it through a pipe.

1. A process is forked only on Linux, and not beside other threads, whose locks would stay locked in the child.
2. Ctrl-C is blocked in a child, and the parent ends it; other signals end it at once.
3. A child that meets an error, or dies, sends nothing: whoever waits does it in this process, and meets the error here.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from warnings import catch_warnings, simplefilter

from ..sim.signals import interrupts_held_back

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["Aside", "Forked", "can_fork"]

T = TypeVar("T")


def can_fork() -> bool:
    """Whether this process may be forked."""
    return sys.platform == "linux" and threading.active_count() == 1


class Forked:
    """A child that runs a function with its end of a pipe; `pipe` is ours."""

    def __init__(self, run: Callable[[Connection], None]) -> None:
        """Fork it. Where there is no process to be had none is started, and no answer comes."""
        from multiprocessing import get_context  # noqa: PLC0415 - 9 ms, which most answers need not wait for

        context = get_context("fork")
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_run, args=(run, self.pipe, theirs), daemon=True)
        with interrupts_held_back(), catch_warnings():
            simplefilter("ignore", DeprecationWarning)  # of numpy's idle threads, which hold nothing that is needed
            with suppress(OSError):
                self._process.start()
        theirs.close()

    def end(self) -> None:
        """Let no process and no open file be left of it, whatever it does."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self.pipe.close()


def _run(run: Callable[[Connection], None], others: Connection, pipe: Connection) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()  # what it would walk are pages shared with the parent
    others.close()  # or it would not see that the parent is gone
    with suppress(Exception):
        run(pipe)


class Aside(Generic[T]):
    """Something that a child makes while this process does something else; it can be pickled."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def result(self) -> T:
        """Wait for it. Raises what `make` does."""
        try:
            made: T = self._child.pipe.recv()
        except (EOFError, ConnectionError):
            return self._make()
        return made

    def __enter__(self) -> Self:
        """Begin to make it."""
        self._child = Forked(lambda pipe: pipe.send(self._make()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the child."""
        self._child.end()
