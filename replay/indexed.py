"""A run of which very many questions are asked: the events that name an account are found at once, blocks are kept.

The index costs one reading of the record and some 20 bytes for each account that an event names.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from ..events.envelope import Event
from ..events.vocabulary import accounts_named
from .chunks import CHUNK_EVENTS, Chunks
from .run import Run

__all__ = ["IndexedRun"]

_CACHED_BLOCKS = 64
"""Of 4,096 events each: some 150 MB."""

_BLOCK_CHUNKS = 4096 // CHUNK_EVENTS


class IndexedRun(Run):
    """The same run, with an index of its accounts in memory."""

    def keep_blocks(self) -> None:
        """Keep many decoded blocks in memory from now on, of what the record was forked from as well."""
        for reader in self.reader.lineage:
            reader.cached_blocks = _CACHED_BLOCKS

    @cached_property
    def chunks(self) -> Chunks:
        """Its chunks, for all who look back in it; as many are kept as blocks."""
        return Chunks(self, _CACHED_BLOCKS * _BLOCK_CHUNKS)

    @cached_property
    def _named(self) -> dict[int, array[int]]:
        """The numbers of the events that name each account."""
        found: dict[int, array[int]] = defaultdict(lambda: array("q"))
        for event in self.events():
            for account in set(accounts_named(event.body)):
                found[account].append(event.seq)
        return dict(found)

    def events_naming(self, account: int, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events of a span that name an account, in their order."""
        seqs = self._named.get(account, array("q"))
        stop = len(seqs) if stop_seq is None else bisect_left(seqs, stop_seq)
        return map(self.event, seqs[bisect_left(seqs, first_seq) : stop])
