"""A block of a record, decoded, and how much of it is proved."""

from __future__ import annotations

from functools import cached_property
from itertools import chain

from ..envelope import Event
from .pages import split_list

__all__ = ["DecodedBlock"]


class DecodedBlock:
    """A block that was read and found right; `unproved` are the places of its pages not yet held against the head.

    Of a `known` block all pages are proved.
    """

    def __init__(self, pages: list[list[Event]], payload: bytes, *, known: bool) -> None:
        self.pages, self._payload = pages, payload
        self.unproved = set[int]() if known else set(range(len(pages)))

    @cached_property
    def events(self) -> list[Event]:
        """The events of all pages."""
        return list(chain.from_iterable(self.pages))

    @cached_property
    def data(self) -> list[bytes]:
        """The pages as recorded."""
        return list(map(bytes, split_list(self._payload)))
