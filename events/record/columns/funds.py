"""funds.idx: the events that name an insurance fund, once more.

A fund is named all along a record, and its books are folded from every event that names it. Here these stand together,
so that they are read without the blocks between them.

Rules:
1. For each block that has such events: the length of what follows in 4 bytes, and the events as a msgpack list.
2. A fund is known from the event on that opens it. What names it before that is read from the record, and so is, in a
   fork, whatever names a fund that was opened in the parent's part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter

from ...codec import decode_events, encode_event
from ...envelope import Event
from .column import Column
from .facts import PageFacts, names_one_of, opened_funds
from .layout import words_in, words_of

__all__ = ["FundColumn"]

_LENGTH_BYTES = 4
_seq = attrgetter("seq")


class FundColumn(Column):
    """The events that name a fund opened in them."""

    name, magic = "funds.idx", b"DLVI"

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Raises ValueError if it does not end with a list."""
        super().__init__(body, first_seq, stop_seq)
        self._lists: list[memoryview] = []
        view, place = memoryview(body), 0
        while place < len(body):
            start = place + _LENGTH_BYTES
            (length,) = words_in(body[place:start])
            self._lists.append(view[start : start + length])
            place = start + length
        if place != len(body):
            message = f"it holds {len(body)} bytes, and its last list ends at {place}"
            raise ValueError(message)

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The block's events."""
        events = [event for page in pages for event in page.of_funds]
        data = encode_event(events) if events else b""
        return words_of([len(data)]) + data if events else b""

    def opened_seq(self, account: int) -> int | None:
        """The event that opens a fund, from which on all that name it are here; None where it is none of these."""
        return self._opened.get(account)

    def naming(self, account: int, first_seq: int, stop_seq: int) -> Iterator[Event]:
        """The events of a span that name a fund, none before the one that opens it. The first call decodes them all."""
        start, stop = (bisect_left(self._events, seq, key=_seq) for seq in (first_seq, stop_seq))
        events, wanted = self._events[start:stop], {account}
        return iter(events) if len(self._opened) == 1 else (one for one in events if names_one_of(wanted, one))

    @cached_property
    def _events(self) -> list[Event]:
        return [event for data in self._lists for event in decode_events(data)]

    @cached_property
    def _opened(self) -> dict[int, int]:
        return opened_funds(self._events)
