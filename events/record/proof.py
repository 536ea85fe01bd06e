"""What proves events of a record under its head, to someone who does not have the record.

Rules:
1. An event is proved by the bytes of its whole leaf as recorded. A leaf of public events shows them all: they name
   nobody.
2. What else a tree needs is `others`: the roots of its widest subtrees in which nothing is shown, left to right. One
   such list leads from the leaves shown of a page to the page's root, another from the pages shown to the head, so that
   what several events share is there once. The trees are those of RFC 6962, as `merkle.py` has them.
3. Nothing that a proof says about itself is believed. Its leaves must lead to the head, an event's page and place must
   be those of its own number, and a leaf must hold what `pages.py` puts into one.
4. What a proof does not show: how many events there are (`count` gives the tree its shape, and more than one count can
   fit), and that anything is not in the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated

import msgspec

from ..codec import decode_pages, list_header
from ..envelope import Event
from ..errors import RecordDamagedError, RecordNotFoundError
from .merkle import leaf_hash, node_hash, tree_root
from .pages import PAGE_EVENTS, leaf_spans, leaves_of_page, split_list
from .reader import RecordReader

__all__ = [
    "LeafProof",
    "PageProof",
    "RecordProof",
    "prove_events",
    "proved_events",
    "root_with",
    "roots_beside",
]

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_AtMostAPage = Annotated[int, msgspec.Meta(ge=1, le=PAGE_EVENTS)]
_Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class LeafProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One leaf, whole: its place among those of its page, how many events it holds, their bytes one after another."""

    place: _Number
    first_seq: _Number
    events: _AtMostAPage
    data: bytes


class PageProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The leaves shown of one page, in their order, of `leaves` that it has; `others` lead from them to its root."""

    page: _Number
    leaves: _AtMostAPage
    shown: tuple[LeafProof, ...]
    others: tuple[_Hash, ...]


class RecordProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pages shown of a record of `count` events, in their order; `others` lead from their roots to the head."""

    count: _Number
    pages: tuple[PageProof, ...]
    others: tuple[_Hash, ...]


def prove_events(reader: RecordReader, seqs: Iterable[int], roots: Sequence[bytes]) -> RecordProof:
    """What proves these events under the head of a sealed record, of which `roots` are all page roots.

    Reads the pages that hold the events, and hashes a node for each page of the record. Raises QueryError if there is
    no such event, RecordDamagedError if the record's bytes do not give its head.
    """
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for seq in sorted(set(seqs)):
        reader.existing(seq)
        wanted[seq // PAGE_EVENTS].append(seq % PAGE_EVENTS)
    entries = [leaf_hash(root) for root in roots]
    pages = tuple(_prove_page(reader, page, positions) for page, positions in wanted.items())
    proof = RecordProof(reader.count, pages, tuple(roots_beside(entries, list(wanted))))
    if _head_of(proof) != reader.head:
        message = f"{reader.path}: its pages do not lead to its head; `deleverage verify {reader.path}` says where"
        raise RecordDamagedError(message)
    return proof


def _prove_page(reader: RecordReader, number: int, positions: Iterable[int]) -> PageProof:
    """The leaves of one page that hold the events at these positions."""
    events, data = next(reader.pages(number * PAGE_EVENTS))
    spans, leaves, pieces = leaf_spans(events), leaves_of_page(events, data), split_list(data)
    place_of = {position: place for place, span in enumerate(spans) for position in range(*span)}
    places = sorted({place_of[position] for position in positions})
    shown = tuple(_leaf(place, events[spans[place][0]].seq, pieces[slice(*spans[place])]) for place in places)
    return PageProof(number, len(leaves), shown, tuple(roots_beside(leaves, places)))


def _leaf(place: int, first_seq: int, pieces: Sequence[msgspec.Raw]) -> LeafProof:
    return LeafProof(place, first_seq, len(pieces), b"".join(map(bytes, pieces)))


def proved_events(proof: RecordProof, head: bytes) -> dict[int, Event]:
    """All events that the proof shows, by number.

    Raises RecordDamagedError if it does not lead to `head`, RecordNotFoundError if it does and yet holds an event that
    this version does not know.
    """
    if _head_of(proof) != head:
        message = f"its events do not lead to the head {head.hex()}"
        raise RecordDamagedError(message)
    events = {event.seq: event for page in proof.pages for leaf in page.shown for event in _events_of(leaf, page.page)}
    if list(events) != sorted(events) or (events and max(events) >= proof.count):
        message = f"its events are out of order, or more than the {proof.count} that it speaks of"
        raise RecordDamagedError(message)
    return events


def _head_of(proof: RecordProof) -> bytes | None:
    """The head that the leaves shown lead to, None if they lead nowhere."""
    entries: dict[int, bytes] = {}
    for page in proof.pages:
        root = root_with(page.leaves, {leaf.place: leaf_hash(leaf.data) for leaf in page.shown}, page.others)
        if root is None or not _rises(leaf.place for leaf in page.shown):
            return None
        entries[page.page] = leaf_hash(root)
    if not _rises(page.page for page in proof.pages):
        return None
    return root_with(-(-proof.count // PAGE_EVENTS), entries, proof.others)


def _rises(numbers: Iterable[int]) -> bool:
    return all(earlier < later for earlier, later in pairwise(numbers))


def _events_of(leaf: LeafProof, page: int) -> list[Event]:
    """The events of a leaf that lies under the head. Raises RecordDamagedError if they do not belong there."""
    try:
        (events,) = decode_pages(list_header(1) + list_header(leaf.events) + leaf.data)
    except msgspec.ValidationError as error:
        message = f"event {leaf.first_seq} or one after it is of a kind that this version does not know ({error})"
        raise RecordNotFoundError(message) from error
    except msgspec.DecodeError:
        events = []
    stop_seq = leaf.first_seq + leaf.events
    numbered = [event.seq for event in events] == list(range(leaf.first_seq, stop_seq))
    placed = leaf.first_seq // PAGE_EVENTS == page == (stop_seq - 1) // PAGE_EVENTS
    if not numbered or not placed or len(leaf_spans(events)) != 1:
        message = f"what it shows as event {leaf.first_seq} is not the leaf of that event"
        raise RecordDamagedError(message)
    return events


def roots_beside(leaves: Sequence[bytes], shown: Sequence[int]) -> list[bytes]:
    """The roots of the widest subtrees that hold none of the leaf hashes shown, left to right. O(n log n) copies."""
    if not shown:
        return [tree_root(leaves)]
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    left, right = [n for n in shown if n < split], [n - split for n in shown if n >= split]
    return roots_beside(leaves[:split], left) + roots_beside(leaves[split:], right)


def root_with(size: int, shown: Mapping[int, bytes], others: Iterable[bytes]) -> bytes | None:
    """The root over `size` leaves, of which these are shown by their place and the others stand for the rest.

    None if it does not work out. Never raises, whatever it is given.
    """
    if not shown or not all(0 <= place < size for place in shown):
        return None
    remaining = iter(others)
    try:
        root = _root_with(size, shown, remaining)
    except StopIteration:
        return None
    return root if next(remaining, None) is None else None


def _root_with(size: int, shown: Mapping[int, bytes], others: Iterator[bytes]) -> bytes:
    if not shown:
        return next(others)
    if size == 1:
        return shown[0]
    split = _split(size)
    left = _root_with(split, {n: leaf for n, leaf in shown.items() if n < split}, others)
    right = _root_with(size - split, {n - split: leaf for n, leaf in shown.items() if n >= split}, others)
    return node_hash(left, right)


def _split(size: int) -> int:
    """Where a tree of two or more leaves splits: at the greatest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1
