"""A block of a record: its events, decoded as far as they are asked for, and how much of it is proved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import msgspec

from ..codec import decode_events, decode_pages
from ..envelope import Event
from .pages import PAGE_EVENTS, split_list

__all__ = ["DecodedBlock", "Stretch"]

_WHOLE_FROM = 2
"""Whoever asks for more than one in so many pages has the block decoded in one go."""


class Stretch(NamedTuple):
    """The events from `first_seq` to before `stop_seq`, of a block that has those from `block_seq` to `block_stop`."""

    payload: bytes
    block_seq: int
    block_stop: int
    first_seq: int
    stop_seq: int

    @property
    def events(self) -> int:
        """How many events."""
        return self.stop_seq - self.first_seq

    def cut(self, most: int) -> Iterator[Stretch]:
        """Itself in parts of so many events, of which the last may have fewer."""
        for first_seq in range(self.first_seq, self.stop_seq, most):
            yield self._replace(first_seq=first_seq, stop_seq=min(first_seq + most, self.stop_seq))


class DecodedBlock:
    """A block that was read and found right.

    Its `pages` are given where they had to be decoded to tell. Those of a block that is known, because it was told once
    before, are decoded one by one. `unproved` are the places of pages not yet held against the head.
    """

    def __init__(self, count: int, payload: bytes, pages: Sequence[list[Event]] | None = None) -> None:
        self.count, self.payload = count, payload
        self._pages: list[list[Event] | None] = [None] * -(-count // PAGE_EVENTS) if pages is None else [*pages]
        self.unproved = set[int]()

    def prove_pages(self) -> None:
        """From now on each page is held against the head before it is given."""
        self.unproved = set(range(len(self._pages)))

    @property
    def pages(self) -> list[list[Event]]:
        """The events of all pages."""
        return self.pages_between(0, len(self._pages))

    def events(self, first: int, stop: int) -> list[Event]:
        """The events at these places."""
        first_page, stop_page = first // PAGE_EVENTS, -(-stop // PAGE_EVENTS)
        pages, start = self.pages_between(first_page, stop_page), first_page * PAGE_EVENTS
        events = pages[0] if len(pages) == 1 else list(chain.from_iterable(pages))
        return events[first - start : stop - start]

    def pages_between(self, first: int, stop: int) -> list[list[Event]]:
        """The events of these pages."""
        missing = [place for place in range(first, stop) if self._pages[place] is None]
        if len(missing) * _WHOLE_FROM > len(self._pages):
            pages = decode_pages(self.payload)
            for place in missing:
                self._pages[place] = pages[place]
        else:
            for place in missing:
                self._pages[place] = decode_events(self._views[place])
        return [page for page in self._pages[first:stop] if page is not None]

    @cached_property
    def _views(self) -> list[msgspec.Raw]:
        return split_list(self.payload)

    @cached_property
    def data(self) -> list[bytes]:
        """The pages as recorded."""
        return list(map(bytes, self._views))
