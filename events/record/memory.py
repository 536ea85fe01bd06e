"""A record in memory: for tests, and for runs whose events are looked at and not kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from ..envelope import Event
from ..errors import QueryError, RecordError
from .manifest import RunStatus, SealedStatus
from .numbers import existing_seq
from .pages import PAGE_EVENTS, Progress, close_page

__all__ = ["MemoryRecord"]


class MemoryRecord:
    """Keeps every event, and reads them back as a record on disk does. The head is computed when it is asked for."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._closed = Progress()
        self.status: RunStatus = "recording"
        self.error: str | None = None
        self.append: Callable[[Event], None] = self._events.append
        self.append_many: Callable[[Iterable[Event]], None] = self._events.extend

    def seal(self, status: SealedStatus = "complete", error: str | None = None) -> None:
        """Say how the run ended. Nothing can be appended after this; sealing again changes nothing."""
        if self.status == "recording":
            self.status, self.error = status, error
            self.append = self.append_many = self._refuse

    def _refuse(self, _: object) -> None:
        message = f"the record is sealed ({self.status}); nothing can be appended to it"
        raise RecordError(message)

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self._events)

    @property
    def head(self) -> bytes:
        """The head, 32 bytes. Hashes what was appended since it was last asked for.

        Raises RecordError if the events do not follow one another.
        """
        full = self.count - self.count % PAGE_EVENTS
        for start in range(self._closed.count, full, PAGE_EVENTS):
            self._closed = close_page(self._events[start : start + PAGE_EVENTS], self._closed).progress
        rest = self._events[full:]
        progress = close_page(rest, self._closed).progress if rest else self._closed
        return progress.head

    def events(self, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events from `first_seq` up to but without `stop_seq`, or to the end."""
        if first_seq < 0:
            message = f"events from {first_seq}: an event's number is counted from 0"
            raise QueryError(message)
        stop = self.count if stop_seq is None else min(stop_seq, self.count)
        return map(self._events.__getitem__, range(first_seq, stop))

    def existing(self, seq: int) -> int:
        """The number itself, if there is such an event. Raises QueryError if there is none."""
        return existing_seq(seq, self.count, "the record")

    def event(self, seq: int) -> Event:
        """One event. Raises QueryError if there is none."""
        return self._events[self.existing(seq)]

    def seq_at_time(self, at_ns: int) -> int:
        """How many events had happened by `at_ns`, it included: the seq of the first one after. O(log n)."""
        return bisect_right(self._events, at_ns, key=_at_ns)


def _at_ns(event: Event) -> int:
    return event.at_ns
