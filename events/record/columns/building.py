"""Making the columns again: one pass over a record gives all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ..pages import PAGE_EVENTS, kinds_of, page_root
from .column import Column
from .facts import PageFacts, facts_of
from .kinds import KINDS

if TYPE_CHECKING:
    from ..reader import RecordReader

__all__ = ["build"]


def build(reader: RecordReader) -> dict[type[Column], bytes]:
    """The columns of what a record's own files hold, without those that cannot hold it.

    Reads, decodes and hashes all of it: about 1.5 us an event. What comes of it is what the record says if its page
    roots lead to the head. Raises RecordDamagedError at the first bad block.
    """
    bodies = {kind: bytearray() for kind in KINDS}
    for pages in _blocks(reader):
        for kind in list(bodies):
            try:
                bodies[kind] += kind.pack(pages)
            except OverflowError:
                del bodies[kind]
    return {kind: bytes(body) for kind, body in bodies.items()}


def _blocks(reader: RecordReader) -> Iterator[list[PageFacts]]:
    """The pages of each block."""
    pages, funds = reader.pages(reader.first_seq), set[int]()
    facts = (facts_of(events, page_root(events, data), kinds_of(events), funds) for events, data in pages)
    for entry in reader.blocks:
        yield list(islice(facts, -(-entry.header.count // PAGE_EVENTS)))
