"""Where a run's events go: what every sink can do, and the part they share.

Rules:
1. `append` is the hot path: a list append and a length check. The work is done a page at a time.
2. What is taken for certain changes in one step. An interrupt (Ctrl-C) may come between any two: a page that was taken
   and not yet let go of is known by its last event, and is not taken twice.
3. A sealed sink takes no more. Sealing again changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from ..envelope import Event
from ..errors import RecordError, RecordOverflowError
from .manifest import RunStatus, SealedStatus
from .pages import PAGE_EVENTS, ClosedPage, Progress, close_page, encodable

if TYPE_CHECKING:
    from ..quiet_ticks import EncodedTicks
    from .columns.facts import PageFacts

__all__ = ["EventSink", "HeadOnly", "PageSink"]


_ANY_NUMBER = 1 << 62


class EventSink(Protocol):
    """What the bus appends to."""

    def append(self, event: Event, /) -> None:
        """Take the next event."""

    def append_many(self, events: Iterable[Event], /) -> None:
        """Take the next events, in their order."""

    def seal(self, status: SealedStatus = "complete", error: str | None = None) -> None:
        """Say how the run ended; `error` is for "failed". Nothing can be appended after this."""

    @property
    def count(self) -> int:
        """How many events were taken."""

    @property
    def head(self) -> bytes:
        """The head of the record that ends here, 32 bytes."""

    @property
    def status(self) -> RunStatus:
        """How it was sealed, or "recording"."""


class PageSink(ABC):
    """Collects events into pages and hands each closed page to `_take`."""

    def __init__(self) -> None:
        self._page: list[Event] = []
        self._room = PAGE_EVENTS  # 0 once sealed, so that the hot path notices without a test of its own
        self._status: RunStatus = "recording"

    def append(self, event: Event) -> None:
        """Take the next event. About 50 ns, and each 256th closes the page. Raises RecordError once sealed."""
        page = self._page
        page.append(event)
        if len(page) >= self._room:
            self._close_page()

    def append_many(self, events: Iterable[Event]) -> None:
        """Take the next events, in their order. Raises RecordError once sealed."""
        remaining = iter(events)
        while True:
            self._page.extend(islice(remaining, self._room - len(self._page)))
            if len(self._page) < self._room:
                return
            self._close_page()

    def append_ticks(self, encoded: EncodedTicks) -> None:
        """Take a run of quiet ticks, which are the next events: 0.1 us an event. Raises RecordError once sealed."""
        from .quiet_pages import closed_pages  # noqa: PLC0415 - numpy is only for whoever has columns

        seq, stop_seq = encoded.first_seq, encoded.stop_seq
        filling = min(seq + (self._room - len(self._page)) % PAGE_EVENTS, stop_seq)
        self.append_many(encoded.events(seq, filling))
        seq = filling
        for page, facts in closed_pages(encoded, seq, self._progress):
            self._take_ticks(page, facts)
            seq = facts.stop_seq
        self.append_many(encoded.events(seq, stop_seq))

    def unwatched(self, page_bytes_most: int) -> int:
        """How many events it takes, in pages that are no longer than this, before anybody looks at the state."""
        return _ANY_NUMBER

    def seal(self, status: SealedStatus = "complete", error: str | None = None) -> None:
        """Close the unfinished page and say how the run ended. Sealing again changes nothing.

        Where no bytes stand for an event of that page, it is sealed as failed before it, and that is raised.
        """
        if self._status != "recording":
            return
        try:
            if self._page:
                self._close_page()
        except RecordOverflowError as failure:
            self.seal("failed", str(failure))
            raise
        self._finish(status, error)
        self._room, self._status = 0, status

    @property
    def status(self) -> RunStatus:
        """How it was sealed, or "recording"."""
        return self._status

    @property
    def count(self) -> int:
        """How many events were taken."""
        return self._progress.count + len(self._unfinished())

    @property
    def head(self) -> bytes:
        """The head of the record that ends here, 32 bytes. An unfinished page is hashed anew each time."""
        page = self._unfinished()
        progress = close_page(page, self._progress).progress if page else self._progress
        return progress.head

    @property
    @abstractmethod
    def _progress(self) -> Progress:
        """How far the closed pages go."""

    @abstractmethod
    def _take(self, page: ClosedPage, events: Sequence[Event]) -> None:
        """Keep a closed page of these events; `_progress` includes it from one single step on."""

    @abstractmethod
    def _take_ticks(self, page: ClosedPage, facts: PageFacts) -> None:
        """The same of a page that was closed from columns, with what the columns of the record keep of it."""

    @abstractmethod
    def _finish(self, status: SealedStatus, error: str | None) -> None:
        """Put away what was taken; nothing comes after it."""

    def _unfinished(self) -> list[Event]:
        """The events not yet in a closed page."""
        return [] if self._page and self._page[-1] is self._progress.last else self._page

    def _close_page(self) -> None:
        if self._status != "recording":
            self._page = []
            message = f"the record is sealed ({self._status}); nothing can be appended to it"
            raise RecordError(message)
        page = self._unfinished()
        if page:
            self._take(self._closed_page(page), page)
        self._page = []

    def _closed_page(self, page: list[Event]) -> ClosedPage:
        """The page closed. Of one with an event that no bytes stand for, what is before it is kept, to be sealed."""
        try:
            return close_page(page, self._progress)
        except RecordOverflowError:
            self._page = page[: encodable(page)]
            raise


class HeadOnly(PageSink):
    """Counts and hashes what a run produces and stores none of it. Flat in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._closed = Progress()

    @property
    def _progress(self) -> Progress:
        return self._closed

    def _take(self, page: ClosedPage, events: Sequence[Event]) -> None:
        self._closed = page.progress

    def _take_ticks(self, page: ClosedPage, facts: PageFacts) -> None:
        self._closed = page.progress

    def _finish(self, status: SealedStatus, error: str | None) -> None:
        """Nothing is put away."""
