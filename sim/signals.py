"""Signals that ask a process to stop: Ctrl-C, SIGTERM of a supervisor, SIGHUP of a terminal that is gone.

1. While a record is being written each of them ends it in order: it is an exception, and the record is sealed.
2. While it is sealed none of them is heard: that is what they ask for, and it takes no longer than the disk does.
3. The exit code is then 128 and the signal's number: 130, 143, 129. A signal that is ignored (nohup) stays so.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from time import monotonic
from types import FrameType

__all__ = [
    "STOPPING",
    "Raising",
    "Stopped",
    "ended_by_interrupt",
    "held_back",
    "interrupts_held_back",
    "is_heard",
    "stoppable",
    "taken",
]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

QUIET_S = 2.0

Handler = Callable[[int, FrameType | None], None]


class Stopped(KeyboardInterrupt):
    """A signal came that is to stop the process, like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Raising:
    """A handler that raises `Stopped`, and then is quiet for a while: the process is on its way to seal its record.

    What was raised may have been lost (in what the collector calls), so it is not quiet for ever.
    """

    def __init__(self) -> None:
        self._again_s = 0.0

    def __call__(self, number: int, _frame: FrameType | None = None) -> None:
        """One came."""
        now_s = monotonic()
        if now_s >= self._again_s:
            self._again_s = now_s + QUIET_S
            raise Stopped(number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Make exceptions of the signals, but for those that somebody takes, or that are ignored."""
    plain = (signal.SIG_DFL, signal.default_int_handler)
    with taken([number for number in STOPPING if signal.getsignal(number) in plain], Raising()):
        yield


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process without a word, where nothing is begun yet and nobody could put it into words."""
    plain = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with taken([signal.SIGINT] if plain else [], signal.SIG_DFL):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Let no signal interrupt what is done here. Those that come are dropped."""
    with taken([number for number in STOPPING if is_heard(number)], lambda _number, _frame: None):
        yield


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """A signal waits until the process is started, which never hears of Ctrl-C: what is blocked here is blocked there.

    It is blocked in this thread only. Where another thread takes it, the handler would still raise here, halfway
    through starting; so that is put off as well.
    """
    came = list[int]()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with taken([number for number in STOPPING if is_heard(number)], lambda number, _frame: came.append(number)):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for number in came[:1]:
        signal.raise_signal(number)


def is_heard(number: int) -> bool:
    """Whether a signal does anything, as far as Python can tell and change it."""
    return signal.getsignal(number) not in (signal.SIG_IGN, None)


@contextmanager
def taken(numbers: Iterable[int], handler: Handler | signal.Handlers) -> Iterator[None]:
    """Handle these signals so; Python lets only the main thread do that, and in any other nothing is changed."""
    before = {}
    try:
        for number in numbers if current_thread() is main_thread() else ():
            before[number] = signal.getsignal(number)
            signal.signal(number, handler)
        yield
    finally:
        _give_back(before)


def _give_back(before: dict[int, Callable[[int, FrameType | None], object] | int | signal.Handlers | None]) -> None:
    """Put handlers back, all of them, though one that is back may raise before the next one is."""
    stopped = None
    while before:
        number, handler = next(iter(before.items()))
        try:
            signal.signal(number, handler)
            del before[number]
        except KeyboardInterrupt as error:
            stopped = error
    if stopped is not None:
        raise stopped
