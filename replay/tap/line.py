"""The connection to a venue: subscribed, kept, and made anew whenever it breaks.

1. The first connection has to come about: a wrong URL is said at once. Later ones are tried again after `backoff_s`,
   the last of which is repeated; there is no chance in it. What is heard on a connection starts the row afresh.
2. A silence of `heartbeat_s` is broken with the venue's heartbeat, if it has one; after one of `silence_s` the line
   counts as broken.
3. Ctrl-C, SIGTERM and SIGHUP are heard between two messages, and end it in order.

`websockets` (extra `tap`) speaks the protocol, answers pings and is imported only here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any, NamedTuple

from ...events.errors import QueryError
from ...sim.signals import STOPPING, is_heard, taken
from .heard import Venue

__all__ = ["Line", "LinePace", "Stop", "stop_on_signals"]


class LinePace(NamedTuple):
    """How long a line waits for what, in seconds."""

    poll_s: float = 0.25
    open_s: float = 10.0
    heartbeat_s: float = 30.0
    silence_s: float = 60.0
    backoff_s: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class Stop:
    """Whether somebody wants it to end. A signal handler may say so at any moment."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """End it."""
        self.asked = True

    def wait(self, seconds: float, pace: LinePace) -> None:
        """Sleep so long, or until it is to end."""
        until_s = time.monotonic() + seconds
        while not self.asked and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, pace.poll_s))


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """What is set by the signals that ask a process to stop."""
    stop = Stop()
    with taken([number for number in STOPPING if is_heard(number)], stop):
        yield stop


class Line:
    """The messages of a venue. `connections` counts how often it was connected."""

    def __init__(
        self,
        url: str,
        venue: Venue,
        instruments: tuple[str, ...],
        stop: Stop,
        tell: Callable[[str], object],
        pace: LinePace | None = None,
    ) -> None:
        """Raises QueryError where websockets is not installed, or an instrument cannot be one."""
        if find_spec("websockets") is None:
            message = "tap: websockets is not installed; pip install 'deleverage[tap]'"
            raise QueryError(message)
        self._client, self._errors = import_module("websockets.sync.client"), import_module("websockets.exceptions")
        self._url, self._heartbeat, self._asks = url, venue.heartbeat, venue.asks(instruments)
        self._stop, self._tell, self._pace = stop, tell, pace or LinePace()
        self.connections = 0
        self._failures = 0

    def messages(self) -> Generator[str | bytes | None, None, None]:
        """Each message as it comes, and None whenever the line was connected anew. Raises QueryError by rule 1."""
        while not self._stop.asked:
            try:
                with self._client.connect(self._url, open_timeout=self._pace.open_s, close_timeout=1) as socket:
                    yield from self._heard(socket)
            except (OSError, self._errors.WebSocketException) as error:
                if not self.connections:
                    message = f"{self._url}: nobody answers there ({_reason(error)}); look at --url"
                    raise QueryError(message) from error
                self._rest(error)

    def _heard(self, socket: Any) -> Iterator[str | bytes | None]:
        self.connections += 1
        if self.connections > 1:
            yield None
        for ask in self._asks:
            socket.send(ask)
        silent_s, beats = 0.0, 0
        while not self._stop.asked:
            try:
                message = socket.recv(timeout=self._pace.poll_s)
            except TimeoutError:
                silent_s += self._pace.poll_s
                beats = self._keep(socket, silent_s, beats)
            else:
                silent_s, beats, self._failures = 0.0, 0, 0
                yield message

    def _keep(self, socket: Any, silent_s: float, beats: int) -> int:
        """Break a silence, or take it for a broken line; returns how often it was broken."""
        if silent_s >= self._pace.silence_s:
            message = f"nothing came for {silent_s:.0f} s"
            raise TimeoutError(message)
        if self._heartbeat is not None and silent_s >= self._pace.heartbeat_s * (beats + 1):
            socket.send(self._heartbeat)
            return beats + 1
        return beats

    def _rest(self, error: Exception) -> None:
        """Say that the line broke, and wait before the next attempt."""
        waits = self._pace.backoff_s
        seconds = waits[min(self._failures, len(waits) - 1)]
        self._failures += 1
        self._tell(f"the line broke ({_reason(error)}); connecting anew in {seconds:g} s")
        self._stop.wait(seconds, self._pace)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
