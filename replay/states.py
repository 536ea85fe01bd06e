"""The state of a run after any of its events: the nearest snapshot, and the events from there on.

1. Only a snapshot that is known to be the record's is used. One of which that is not known is held against the fold
   where it passes, and is known from then on; if it is another state it is ignored and reported.
2. A record without snapshots gets them at the first question, if it is sealed, long enough and can be written beside;
   so does one that has a damaged one. Otherwise they are done without.
3. A fork uses those of its parents for the past that it shares with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from itertools import accumulate, pairwise

from ..events.envelope import Event
from ..events.ledger import Ledger
from ..events.record import PAGE_EVENTS, RecordReader, leaf_hash
from ..events.record.merkle import tree_roots
from ..events.snapshots import SnapshotKeeper, SnapshotShelf

__all__ = ["States"]

_BLOCKS_MIN = 8
"""A record of fewer blocks is folded sooner than snapshots are made."""


class States:
    """What `Run.at` asks."""

    def __init__(self, reader: RecordReader) -> None:
        """Nothing is read yet; what is found damaged is told in the reader's reports."""
        self._reader = reader
        self._mends = True

    def leave_as_they_are(self) -> None:
        """From now on nothing is written beside the record, whatever is found there."""
        self._mends = False

    def after(self, count: int) -> Ledger:
        """The state after so many events, not shared with anyone."""
        ledger = self._nearest(count) or Ledger()
        self._fold(ledger, count)
        return ledger

    def moving(self, counts: Iterable[int], ledger: Ledger | None = None) -> Iterator[Ledger]:
        """The states after so many events each, in rising order: one ledger, which jumps where that is shorter.

        A `ledger` that stands before them all is moved on, where that is given.
        """
        ledger = Ledger() if ledger is None else ledger
        for count in counts:
            assert count >= ledger.seq, "states are asked for in rising order"
            ledger = self._nearest(count, ledger.seq) or ledger
            self._fold(ledger, count)
            yield ledger

    def _fold(self, ledger: Ledger, count: int) -> None:
        """Move a ledger on, and hold the snapshots that it passes against it."""
        passed = [seq for shelf in self._shelves for seq in shelf.unheld(ledger.seq, count)]
        for stop in [*sorted(passed), count]:
            for event in self._reader.events(ledger.seq, stop):
                ledger.fold(event)
            for shelf in self._shelves if stop in passed else ():
                shelf.hold(ledger)
        self._tell()

    @property
    def seqs(self) -> list[int]:
        """After how many events states are kept."""
        return sorted({seq for shelf in self._shelves for seq in shelf.seqs})

    def digests(self) -> dict[int, str]:
        """The digests of the states that are kept, in hex, by number of events. Reads all of them."""
        told = self._told_digests()
        if self._tell():
            told = self._told_digests()
        return {seq: digest for seq, digest in told.items() if digest is not None}

    def note_all(self) -> None:
        """Note all that are kept as known: for who has held their digests against the fold."""
        for shelf in self._shelves:
            shelf.note_all()

    def _told_digests(self) -> dict[int, str | None]:
        return {seq: shelf.digest(seq) for shelf in self._shelves for seq in list(shelf.seqs)}

    def _nearest(self, count: int, beyond: int = 0) -> Ledger | None:
        """The latest state that is known of at most so many events; None where there is none beyond the other."""
        for shelf in reversed(self._shelves):
            ledger = shelf.nearest(count, beyond)
            self._tell()
            if ledger is not None:
                return ledger
        return None

    @cached_property
    def _shelves(self) -> list[SnapshotShelf]:
        """Those of each record that this one is made of, the oldest first, as far as the past is shared."""
        lineage = self._reader.certain_lineage()
        stops = [*(child.first_seq for child in lineage[1:]), self._reader.count]
        shelves = [_shelf(one, stop) for one, stop in zip(lineage, stops, strict=True)]
        if not shelves[-1].seqs and self._can_be_kept():
            self._make(shelves)
        return shelves

    def _can_be_kept(self) -> bool:
        reader = self._reader
        return self._mends and not reader.torn and len(reader.blocks) >= _BLOCKS_MIN and os.access(reader.path, os.W_OK)

    def _make(self, shelves: list[SnapshotShelf]) -> None:
        """One pass over the record's own blocks, with snapshots taken on the way."""
        reader, own = self._reader, shelves[-1]
        states = (shelf.nearest(reader.first_seq) for shelf in reversed(shelves[:-1]))
        ledger = next((state for state in states if state is not None), Ledger())
        if not _folded(ledger, reader.events(ledger.seq, reader.first_seq)):
            return
        keeper = SnapshotKeeper(reader.path, ledger)
        full_bytes = [0, *accumulate(file.size_bytes for file in reader.files)]
        stored = [full_bytes[block.segment] + block.stop_offset for block in reader.blocks]  # as the writer counts
        stops = [block.header.stop_seq for block in reader.blocks]
        heads = _heads(reader, (stop for stop in stops if not stop % PAGE_EVENTS))
        for (start, stop), stored_bytes in zip(pairwise([reader.first_seq, *stops]), stored, strict=True):
            if not _folded(ledger, reader.events(start, stop)):
                break
            keeper.block_written(stop, stored_bytes, lambda stop=stop: heads[stop])  # type: ignore[misc]
        reader.known.add(keeper.sealed(stored[-1]))
        own.seqs = keeper.taken

    def _tell(self) -> bool:
        """Pass on what was found damaged, and make the record's own snapshots again where one of them was."""
        shelves, own = self._shelves, self._shelves[-1]
        remake = bool(own.reports) and self._can_be_kept()
        if remake:
            own.discard()
            self._make(shelves)
        for shelf in shelves:
            again = "; all of them were made again" if shelf is own and remake and own.seqs else ""
            self._reader.reports.extend(report + again for report in shelf.reports)
            shelf.reports.clear()
        return remake


def _shelf(reader: RecordReader, stop_seq: int) -> SnapshotShelf:
    """The snapshots beside one record, up to where a child left it."""
    return SnapshotShelf(reader.path, stop_seq, None if reader.torn else partial(_heads, reader), reader.known)


def _heads(reader: RecordReader, counts: Iterable[int]) -> dict[int, bytes]:
    """The heads of a record as it was at the ends of these pages. Some 1 us a page of the record."""
    leaves = [leaf_hash(root) for root in reader.columns.page_roots]
    sizes = {count // PAGE_EVENTS for count in counts if not count % PAGE_EVENTS}
    roots = tree_roots(leaves, (size for size in sizes if 0 < size <= len(leaves)))
    return {size * PAGE_EVENTS: root for size, root in roots.items()}


def _folded(ledger: Ledger, events: Iterator[Event]) -> bool:
    """Fold events, or say that they cannot all be: what is wrong is for whoever asks for a state behind it."""
    try:
        for event in events:
            ledger.fold(event)
    except Exception:  # noqa: BLE001 - damage, or an event that no venue wrote
        return False
    return True
