"""Pages: 256 consecutive events, encoded and hashed together. Everything that makes a head goes through here.

Rules:
1. A page is 256 consecutive events counted from seq 0; only the last one of a record may hold fewer.
2. An event that names an account is a leaf of its own. A maximal run of consecutive events that name none is one leaf,
   and ends with the page.
3. Leaves hash the encoded bytes as recorded. Compression, blocks, segments and the disk have no part in it.
4. The head is the tree over page roots, each hashed as an entry.

The writer, the sinks without a file and the reader share this code, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256
from typing import NamedTuple

import msgspec

from ...core import hashing
from ..codec import encode_event, list_header
from ..envelope import Event
from ..errors import RecordError, RecordOverflowError
from ..vocabulary import PUBLIC_TYPES, Body
from .merkle import EMPTY_ROOT, LEAF_PREFIX, Frontier, leaf_hash, tree_root

__all__ = [
    "PAGE_EVENTS",
    "ClosedPage",
    "Progress",
    "close_page",
    "encodable",
    "kinds_of",
    "leaf_spans",
    "leaves_of_page",
    "page_root",
    "split_list",
]

PAGE_EVENTS = 256

_UNFIT = (OverflowError, TypeError, UnicodeEncodeError)
"""What the encoder raises for a number of more than 64 bits, a value of no type it knows, a lone surrogate."""

_encode_list = encode_event  # the same encoder: a list of events is its header and then each event's own bytes
_list_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])

split_list = _list_decoder.decode
"""The encoded items of a msgpack list, not decoded further: each is a view into the bytes given."""


def leaf_spans(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Where each leaf of a page starts and stops: positions within the page, the stop excluded."""
    spans, reached = [], 0
    for start, stop in _public_runs(events):
        spans += [(position, position + 1) for position in range(reached, start)]
        spans.append((start, stop))
        reached = stop
    return spans + [(position, position + 1) for position in range(reached, len(events))]


def _public_runs(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Where each maximal run of events that name no account starts and stops; most pages have few."""
    runs: list[tuple[int, int]] = []
    for position in [position for position, event in enumerate(events) if type(event.body) in PUBLIC_TYPES]:
        if runs and runs[-1][1] == position:
            runs[-1] = runs[-1][0], position + 1
        else:
            runs.append((position, position + 1))
    return runs


def leaves_of_page(events: Sequence[Event], page: bytes, salt: bytes = b"") -> list[bytes]:
    """The leaf hashes of one page, from its events and their msgpack list as recorded."""
    return _leaves(events, page, kinds_of(events), salt)


def kinds_of(events: Sequence[Event]) -> set[type[Body]]:
    """The types of the bodies."""
    return {type(event.body) for event in events}


def _leaves(events: Sequence[Event], page: bytes, kinds: AbstractSet[type[Body]], salt: bytes) -> list[bytes]:
    """The leaf hashes of a page whose types are known."""
    if kinds <= PUBLIC_TYPES:
        # The common page of ticks and marks is one leaf, and need not be taken apart.
        return [leaf_hash(page[len(list_header(len(events))) :], salt)] if events else []
    pieces: list[bytes | msgspec.Raw] = [*split_list(page)]
    if not kinds.isdisjoint(PUBLIC_TYPES):
        for start, stop in reversed(_public_runs(events)):
            if stop - start > 1:
                pieces[start:stop] = [b"".join(pieces[start:stop])]
    prefix = LEAF_PREFIX + salt
    return [sha256(prefix + piece).digest() for piece in pieces]


def page_root(events: Sequence[Event], page: bytes) -> bytes:
    """The root over the leaves of one page."""
    return _root(events, page, kinds_of(events))


def _root(events: Sequence[Event], page: bytes, kinds: AbstractSet[type[Body]]) -> bytes:
    """The same where the types are known; the leaves are not wanted, so that C may do all of it in one call."""
    if hashing is not None and not kinds <= PUBLIC_TYPES:
        root = hashing.page_root(page, bytes([type(event.body) in PUBLIC_TYPES for event in events]))
        if root is not None:
            return root
    return tree_root(_leaves(events, page, kinds, b""))


class Progress(msgspec.Struct, frozen=True):
    """How far a record has come. Never changed, only replaced: an interrupt finds the old one or the new one, whole."""

    tree: Frontier = Frontier()
    first: Event | None = None
    last: Event | None = None

    @property
    def count(self) -> int:
        """How many events."""
        return 0 if self.last is None else self.last.seq + 1

    @property
    def head(self) -> bytes:
        """The head of the record that ends here."""
        return self.tree.root()

    def after(self, events: Sequence[Event], root: bytes) -> Progress:
        """Progress with one more page."""
        return Progress(self.tree.add(leaf_hash(root)), self.first or events[0], events[-1])


class ClosedPage(NamedTuple):
    """A page as blocks store it, how far the record has come with it, and what was found on the way."""

    first: Event
    last: Event
    data: bytes
    progress: Progress
    root: bytes = EMPTY_ROOT
    kinds: AbstractSet[type[Body]] = frozenset()


def close_page(events: Sequence[Event], before: Progress) -> ClosedPage:
    """Encode and hash a page of 1 to 256 events that follow `before`.

    Raises RecordError if they do not follow, RecordOverflowError if one of them holds what no bytes stand for.

    Cost: about 0.1 us an event in a page without accounts, 0.8 us otherwise, most of it two hashes; 0.3 us in C.
    """
    _check_follows(events, before)
    data = _encoded(events)
    kinds = kinds_of(events)
    root = _root(events, data, kinds)
    return ClosedPage(events[0], events[-1], data, before.after(events, root), root, kinds)


def encodable(events: Sequence[Event]) -> int:
    """How many of these events, from the first on, can be encoded."""
    for place, event in enumerate(events):
        try:
            encode_event(event)
        except _UNFIT:
            return place
    return len(events)


def _encoded(events: Sequence[Event]) -> bytes:
    """The page's msgpack list."""
    try:
        return _encode_list(events)
    except _UNFIT as error:
        event = events[encodable(events)]
        message = (
            f"event {event.seq} ({type(event.body).__name__}) holds a figure of more than 64 bits or a text that is no "
            f"Unicode ({error}); the record ends before it: use smaller figures or fewer decimals"
        )
        raise RecordOverflowError(message) from error


def _check_follows(events: Sequence[Event], before: Progress) -> None:
    """The pair of the reader's check; the ends of the page stand for what is between them, which keeps this free."""
    first, last, due = events[0], events[-1], before.count
    if before.tree.size * PAGE_EVENTS != due or len(events) > PAGE_EVENTS:
        message = f"seq {first.seq}: {len(events)} events cannot follow {due}: pages before the last hold {PAGE_EVENTS}"
        raise RecordError(message)
    if first.seq != due or last.seq != due + len(events) - 1:
        message = f"seq {first.seq}: a page from {first.seq} to {last.seq} came where {len(events)} from {due} are due"
        raise RecordError(message)
    at_ns = before.last.at_ns if before.last else first.at_ns
    if not at_ns <= first.at_ns <= last.at_ns:
        message = f"seq {first.seq}: time runs backwards, from {at_ns} to {first.at_ns} to {last.at_ns} ns"
        raise RecordError(message)
