"""A record read once for two purposes: its inputs, in order, and its pages, to hold what comes out against.

Whoever is ahead pulls the next page in; what the other has not taken yet waits. So memory is that of the few pages
between the input that is published next and the event that it leads to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from ...events.envelope import Event, Origin
from ..run import Run

__all__ = ["Page", "Tape"]

_INPUT = Origin.INPUT


class Page(NamedTuple):
    """The events of a page from the tape's first on, and the page as recorded, None where it is not whole here."""

    events: list[Event]
    data: bytes | None


class Tape:
    """The events of a run from `first_seq` up to `stop_seq`."""

    def __init__(self, run: Run, first_seq: int, stop_seq: int) -> None:
        self._first_seq, self._stop_seq = first_seq, stop_seq
        self._source = run.reader.pages(first_seq) if first_seq < stop_seq else iter(())
        self._inputs: deque[Event] = deque()
        self._pages: deque[Page] = deque()

    def inputs(self) -> Iterator[Event]:
        """The inputs, as they are asked for."""
        while self._inputs or self._read():
            while self._inputs:
                yield self._inputs.popleft()

    def page(self) -> Page | None:
        """The next page; None behind the last one."""
        while not self._pages:
            if not self._read():
                return None
        return self._pages.popleft()

    def _read(self) -> bool:
        """One more page, if there is one."""
        events, data = next(self._source, (None, b""))
        if events is None or events[0].seq >= self._stop_seq:
            self._source = iter(())
            return False
        if events[0].seq >= self._first_seq and events[-1].seq < self._stop_seq:
            self._pages.append(Page(events, data))
        else:
            events = [event for event in events if self._first_seq <= event.seq < self._stop_seq]
            self._pages.append(Page(events, None))
        self._inputs.extend([event for event in events if event.origin is _INPUT])
        return True
