"""A limit of time for one decision: whoever takes longer is named, and the run ends.

1. It is there only for whoever asks (`--patience`): handlers are then watched call by call. Without it nothing is.
2. The clock decides nothing. A call that ends in time gives what it gives; one that does not ends the run, and the
   record is sealed up to the event before.
3. The system's alarm interrupts what runs in Python. What waits in a library that never returns to it is not stopped.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from ..events.envelope import Event
from ..events.errors import PatienceError
from ..handlers.plugins.complaints import own_line
from ..handlers.protocol import Handler
from .signals import taken

__all__ = ["in_time", "is_limited", "patient", "watched"]

T = TypeVar("T")

_CALLS = ("handle", "gate", "observe", "observe_ticks", "quiet_span", "prime", "prepare")
"""What a handler is asked."""


class _Overdue(BaseException):
    """The time is up; no plug-in that catches every `Exception` keeps it."""


class _Patience:
    """So many seconds for each call, one at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._waiting = seconds, False

    def wait(self, who: str, call: Callable[[], T]) -> T:
        """The call's result. Raises PatienceError that names `who`. A call within another is part of that."""
        if self._waiting:
            return call()
        try:
            try:
                self._waiting = True
                signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)
                return call()
            finally:
                self._waiting = False
                signal.setitimer(signal.ITIMER_REAL, 0)
        except _Overdue as error:
            message = f"{who} took longer than the {self._seconds:g} s of --patience{own_line(error)}"
            raise PatienceError(message) from None

    def alarm(self, _number: int, _frame: FrameType | None) -> None:
        """The time of a call is up; if it is over by now, nothing is."""
        if self._waiting:
            raise _Overdue


_asked: list[_Patience] = []
"""The limit that holds, if any."""


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Have no call of a handler or of a plug-in that gives inputs take longer; in the main thread of a process."""
    patience = _Patience(seconds)
    with taken([signal.SIGALRM], patience.alarm):
        _asked.append(patience)
        try:
            yield
        finally:
            _asked.remove(patience)


def is_limited() -> bool:
    """Whether that was asked for."""
    return bool(_asked)


def watched(handler: Handler, policy: str) -> Handler:
    """The handler that follows this policy, each call of which is limited if that was asked for."""
    if _asked:
        who = f"handler {handler.name!r}, {'plug-in' if handler.plugin else 'policy'} {policy}"
        for name in _CALLS:
            setattr(handler, name, _limited(who, name, getattr(handler, name), _asked[-1]))
    return handler


def in_time(who: str, call: Callable[[], T]) -> T:
    """The call's result, limited if that was asked for."""
    return _asked[-1].wait(who, call) if _asked else call()


def _limited(who: str, name: str, call: Callable[..., Any], patience: _Patience) -> Callable[..., Any]:
    def answered(*given: Any) -> Any:
        found = call(*given)
        return found if name != "handle" or type(found) is list or not found else tuple(found)

    def limited(*given: Any) -> Any:
        heard = given[0] if given else None
        event = f" on event {heard.seq} ({type(heard.body).__name__})" if isinstance(heard, Event) else ""
        return patience.wait(f"{who}: {name}(){event}", lambda: answered(*given))

    return limited
