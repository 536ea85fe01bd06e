"""Reading a record: by its headers first, a block's events only when they are asked for.

Rules:
1. Reading never writes.
2. A block is used only after its CRC, its length and its sequence numbers are found right; a wrong one is refused with
   file and offset, never skipped.
3. A torn record (never sealed) is served up to its last good block, and says so: `torn` and `warning`.
4. A sealed record must be as long as its manifest says, or it is not opened. Whether its bytes still give its head only
   `recompute_head` tells, which reads them all.
5. A fork's files begin at `first_seq`; what is before is read from its parent (`ancestry.py`). Whoever asks need not
   know: events, times and pages are of the whole run. `blocks` and `files` are the record's own.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..envelope import Event
from ..errors import QueryError, RecordNotFoundError
from .ancestry import check_parent, parent_directory
from .blocks import BLOCK_HEADER_BYTES, block_is_intact, block_pages, block_payload
from .files import damaged, readable, refuse_irregular, segment_name
from .manifest import MANIFEST_NAME, Manifest, RunStatus, read_manifest
from .merkle import Frontier, leaf_hash
from .numbers import existing_seq
from .pages import PAGE_EVENTS, Progress, page_root, split_list
from .scan import BlockEntry, Fault, Scan, SegmentFile, first_bad_block, read_block, scan_blocks, segment_files

__all__ = ["RecordReader"]

_CACHED_BLOCKS = 4


class _Block(NamedTuple):
    """A block that was read and found right."""

    payload: bytes
    pages: list[list[Event]]


class RecordReader:
    """A record on disk, opened for reading. Holds no file open, and a few decoded blocks in memory."""

    def __init__(
        self, path: Path, manifest: Manifest, files: list[SegmentFile], scan: Scan, parent: RecordReader | None = None
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.parent = parent
        self.first_seq = 0 if parent is None or manifest.parent is None else manifest.parent.first_seq
        self.files = files
        self.blocks: list[BlockEntry] = scan.entries
        self.fault: Fault | None = scan.fault
        self._first_seqs = [entry.header.first_seq for entry in scan.entries]
        self._last_at_ns = [entry.header.last_at_ns for entry in scan.entries]
        self._cache: OrderedDict[int, list[Event]] = OrderedDict()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RecordReader:
        """Open a record: the manifest, and the headers of its blocks. Some 4 us a block; no event is decoded.

        Raises RecordNotFoundError if there is none (or, for a fork, no parent where it should be) or a later version
        wrote it, RecordDamagedError if it is not what was written.
        """
        return cls._open(Path(path), ())

    @classmethod
    def _open(cls, directory: Path, children: tuple[Path, ...]) -> RecordReader:
        """The record in a directory, and its parents; `children` are those that led here."""
        refuse_irregular(directory)
        manifest = read_manifest(directory)
        fork = manifest.parent
        parent = None
        if fork is not None and fork.first_seq:
            parent = cls._open(parent_directory(directory, fork, children), (*children, directory))
            check_parent(directory, fork, parent.manifest)
        torn = manifest.status == "recording"
        with readable(directory):
            files = segment_files(directory)
            if not torn:
                _check_sizes(directory, manifest, files)
            first_seq = 0 if fork is None else fork.first_seq
            scan = scan_blocks(files, tail_may_be_torn=torn, first_seq=first_seq)
        reader = cls(directory, manifest, files, scan, parent)
        if not torn:
            _check_totals(reader)
        return reader

    @property
    def status(self) -> RunStatus:
        """How the record was sealed; "recording" if it never was."""
        return self.manifest.status

    @property
    def torn(self) -> bool:
        """Whether the record was never sealed, so that only what reached the disk whole is served."""
        return self.status == "recording"

    @property
    def warning(self) -> str | None:
        """What a reader of a torn record must be told, in one line. None for a sealed one."""
        if not self.torn:
            return None
        end = f"; {self._path_of(self.fault)}: offset {self.fault.offset}: {self.fault.reason}" if self.fault else ""
        return (
            f"{self.path}: torn, it was never sealed{end}; its first {self.count} events are served, "
            f"`deleverage recover {self.path}` cuts and seals it"
        )

    @property
    def count(self) -> int:
        """How many events can be read, those of a fork's parent included."""
        return self.blocks[-1].header.stop_seq if self.blocks else self.first_seq

    @property
    def first_at_ns(self) -> int:
        """The time of the run's first event. Raises IndexError where there is none."""
        return self.blocks[0].header.first_at_ns if self.parent is None else self.parent.first_at_ns

    @property
    def last_at_ns(self) -> int:
        """The time of the last event. Raises IndexError where there is none."""
        if self.blocks or self.parent is None:
            return self.blocks[-1].header.last_at_ns
        return self.parent.event(self.first_seq - 1).at_ns

    @property
    def lineage(self) -> list[RecordReader]:
        """The records that this one is made of, the oldest first, itself last."""
        return [self] if self.parent is None else [*self.parent.lineage, self]

    @cached_property
    def head(self) -> bytes:
        """The head, 32 bytes: as the manifest has it, or computed from all events where a torn record has none."""
        return bytes.fromhex(self.manifest.head) if self.manifest.head else self.recompute_head()

    def recompute_head(self) -> bytes:
        """The head of what is on the disk, from every byte of it. Raises RecordDamagedError at the first bad block."""
        return self.measure().head

    def progress_at(self, seq: int, page_roots: Sequence[bytes]) -> Progress:
        """How far the record had come at the end of a page, `seq` being the event after it, from the roots of pages."""
        tree = Frontier()
        for root in page_roots[: seq // PAGE_EVENTS]:
            tree = tree.add(leaf_hash(root))
        return Progress(tree, self.event(0), self.event(seq - 1)) if seq else Progress()

    def measure(self) -> Progress:
        """How far the record comes, from every byte of it. Raises RecordDamagedError at the first bad block."""
        progress = Progress()
        for events, data in self.pages():
            progress = progress.after(events, page_root(events, data))
        return progress

    def pages(self, first_seq: int = 0) -> Iterator[tuple[list[Event], bytes]]:
        """Each page: its events, and their msgpack list as recorded, which is what hashes are over.

        From the page on that holds `first_seq`.
        """
        if self.parent is not None and first_seq < self.first_seq:
            shared = self.first_seq // PAGE_EVENTS - first_seq // PAGE_EVENTS
            yield from islice(self.parent.pages(first_seq), shared)
        for index in range(max(bisect_right(self._first_seqs, first_seq) - 1, 0), len(self.blocks)):
            block = self._read(index)
            pages = zip(block.pages, map(bytes, split_list(block.payload)), strict=True)
            skipped = max(first_seq - self._first_seqs[index], 0) // PAGE_EVENTS
            yield from islice(pages, skipped, None)

    def events(self, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events from `first_seq` up to but without `stop_seq`, or to the end. Blocks are decoded on the way."""
        if first_seq < 0:
            message = f"events from {first_seq}: an event's number is counted from 0"
            raise QueryError(message)
        stop = self.count if stop_seq is None else min(stop_seq, self.count)
        own = chain.from_iterable(self._slices(max(first_seq, self.first_seq), stop))
        if self.parent is None or first_seq >= self.first_seq:
            return own
        return chain(self.parent.events(first_seq, min(stop, self.first_seq)), own)

    def existing(self, seq: int) -> int:
        """The number itself, if there is such an event. Raises QueryError if there is none."""
        return existing_seq(seq, self.count, self.path)

    def event(self, seq: int) -> Event:
        """One event. Raises QueryError if there is none. Decodes its block, unless it was among the last few."""
        self.existing(seq)
        if self.parent is not None and seq < self.first_seq:
            return self.parent.event(seq)
        index = bisect_right(self._first_seqs, seq) - 1
        return self._events_of(index)[seq - self._first_seqs[index]]

    def seq_at_time(self, at_ns: int) -> int:
        """How many events had happened by `at_ns`, it included: the seq of the first one after.

        Finds the block by the headers' times and then reads it and the one before, so that both times that decided are
        certain. At most two blocks are decoded.
        """
        index = bisect_right(self._last_at_ns, at_ns)
        if index > 0:
            self._events_of(index - 1)
        if index == len(self.blocks):
            found = self.count
        else:
            found = self._first_seqs[index] + bisect_right(self._events_of(index), at_ns, key=_at_ns)
        if self.parent is None or found > self.first_seq:
            return found
        return min(self.parent.seq_at_time(at_ns), self.first_seq)

    def _slices(self, first_seq: int, stop_seq: int) -> Iterator[list[Event]]:
        """The events asked for, a block at a time."""
        first_index = max(bisect_right(self._first_seqs, first_seq) - 1, 0)
        for index in range(first_index, len(self.blocks)):
            start = self._first_seqs[index]
            if start >= stop_seq:
                return
            yield self._events_of(index)[max(first_seq - start, 0) : stop_seq - start]

    def _events_of(self, index: int) -> list[Event]:
        """The events of one block, from the few that are kept or from the disk."""
        events = self._cache.get(index)
        if events is None:
            events = self._cache[index] = list(chain.from_iterable(self._read(index).pages))
            if len(self._cache) > _CACHED_BLOCKS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(index)
        return events

    def _read(self, index: int) -> _Block:
        """One block from the disk, checked."""
        entry = self.blocks[index]
        path = self._path_of(entry)
        with readable(path):
            data = read_block(path, entry)
        if not block_is_intact(data):
            raise damaged(path, entry.offset, "the block's CRC is wrong")
        try:
            payload = block_payload(entry.header, data[BLOCK_HEADER_BYTES:])
            return _Block(payload, block_pages(entry.header, payload))
        except msgspec.ValidationError as error:
            # The CRC is right, so this is what was written: by a version that knows more.
            message = (
                f"{path}: offset {entry.offset}: it holds an event that this version does not know ({error}); "
                f"read it with the version that wrote it (deleverage {self.manifest.deleverage}) or a later one"
            )
            raise RecordNotFoundError(message) from error
        except ValueError as error:
            raise damaged(path, entry.offset, str(error)) from error

    def _path_of(self, place: BlockEntry | Fault) -> Path:
        return self.files[place.segment].path


def _at_ns(event: Event) -> int:
    return event.at_ns


def _check_sizes(directory: Path, manifest: Manifest, files: list[SegmentFile]) -> None:
    """Hold the files against the manifest's segments. Raises RecordDamagedError."""
    for file, figures in zip(files, manifest.segments, strict=False):
        if file.size_bytes != figures.size_bytes:
            what = f"the file ends at {file.size_bytes}, the manifest says at {figures.size_bytes}"
            raise damaged(file.path, min(file.size_bytes, figures.size_bytes), what)
    if len(files) < len(manifest.segments):
        raise damaged(directory / segment_name(len(files)), 0, "the manifest names this file and it is missing")
    if len(files) > len(manifest.segments):
        raise damaged(files[len(manifest.segments)].path, 0, "the manifest does not name this file")


def _check_totals(reader: RecordReader) -> None:
    """Hold the blocks' headers against the manifest's totals. Raises RecordDamagedError."""
    manifest, entries = reader.manifest, reader.blocks
    told = manifest.blocks, manifest.count, manifest.first_at_ns, manifest.last_at_ns
    found: tuple[int, int, int | None, int | None] = (0, 0, None, None)
    if reader.count:
        found = len(entries), reader.count, reader.first_at_ns, reader.last_at_ns
    if found == told:
        return
    bad = first_bad_block(reader.files, entries)
    if bad:
        raise damaged(reader.files[bad.segment].path, bad.offset, "the block's CRC is wrong")
    what = f"blocks, events, first and last at_ns are {told} and the blocks' headers say {found}"
    raise damaged(reader.path / MANIFEST_NAME, 0, what)
