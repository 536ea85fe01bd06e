"""Finding the blocks of a record by their headers, and where it stops being good.

Theory of operation: headers are read one after the other, each saying how long its block is, so that opening a sealed
record costs one small read a block. A header that cannot follow the one before ends the walk: that is the *fault*.
Since it may be the block before it that lied about its length, blocks at the end are then checked whole and let go of
until one is intact.

A record that was never sealed is read whole. Of what was not forced to the disk any part may be missing, and what came
after it may be there all the same: so its end is the first block that is not intact, whatever is behind that. All that
was forced comes before it.

Rules:
1. Whatever a header says is held against the size of its file before it is believed.
2. In a record that was sealed a fault is damage. In one that was not it is the end, and what is behind it is told.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .blocks import (
    BLOCK_HEADER_BYTES,
    BLOCK_MAGIC,
    CODECS,
    RAW_BYTES_MAX,
    SEGMENT_HEADER_BYTES,
    STORED_BYTES_MAX,
    BlockHeader,
    block_is_intact,
    unpack_block_header,
    unpack_segment_header,
)
from .files import damaged, read_at, regular, segment_name
from .manifest import FORMAT
from .pages import PAGE_EVENTS

__all__ = [
    "Behind",
    "BlockEntry",
    "Fault",
    "Scan",
    "SegmentFile",
    "first_bad_block",
    "read_block",
    "scan_blocks",
    "segment_files",
    "whole_blocks",
]


_WRONG_CRC = "the block's CRC is wrong"
_READINGS_MOST = 4


class BlockEntry(NamedTuple):
    """Where a block is and what its header says, which is certain only once the block has been read."""

    segment: int
    offset: int
    header: BlockHeader

    @property
    def stop_offset(self) -> int:
        """Where the next block begins."""
        return self.offset + BLOCK_HEADER_BYTES + self.header.stored_bytes


class Fault(NamedTuple):
    """Where a record stops being good, and what is wrong there."""

    path: Path
    offset: int
    reason: str


class Behind(NamedTuple):
    """What is behind the first fault of a record that was never sealed, as far as it is whole blocks."""

    size_bytes: int = 0
    blocks: int = 0
    events: int = 0

    def __str__(self) -> str:
        """In words; empty if nothing is there."""
        whole = f", {whole_blocks(self.blocks, self.events)} among them" if self.blocks else ""
        return f"{self.size_bytes:,} bytes from there on{whole}" if self.size_bytes else ""


def whole_blocks(blocks: int, events: int) -> str:
    """So many blocks of so many events in all, in words."""
    return f"{blocks:,} whole block{'s' if blocks > 1 else ''} of {events:,} events"


class Scan(NamedTuple):
    """The blocks that follow one another from the start, and the fault that ended the walk, if one did."""

    entries: list[BlockEntry]
    fault: Fault | None
    behind: Behind = Behind()


class SegmentFile(NamedTuple):
    """A segment file and its size when the scan began: what a live writer adds to it afterwards is left alone."""

    path: Path
    size_bytes: int


def segment_files(directory: Path) -> list[SegmentFile]:
    """The segment files that are there, in order."""
    names = sorted(path.name for path in directory.iterdir() if re.fullmatch(r"\d{8}\.seg", path.name))
    return [SegmentFile(directory / name, _size_of(directory / name)) for name in names]


def _size_of(path: Path) -> int:
    with regular(path) as file:
        return os.fstat(file.fileno()).st_size


def scan_blocks(files: list[SegmentFile], *, sealed: bool, first_seq: int = 0) -> Scan:
    """The blocks of a record whose first event is `first_seq`: 0, or where a fork left its parent.

    A fault of a sealed record is raised as RecordDamagedError. Cost: about 4 us a block where it was sealed, and all
    its bytes where it was not.
    """
    scan = _walk(files, first_seq, whole=not sealed)
    if scan.fault is None:
        return scan
    if sealed:
        fault = _without_bad_tail(files, scan).fault
        assert fault is not None, "there is one, or the block before it is bad"
        raise damaged(*fault)
    return scan._replace(behind=_behind(files, scan.fault))


def read_block(path: Path, entry: BlockEntry) -> bytes:
    """Header and payload of a block, fewer bytes if the file has become shorter."""
    with regular(path) as file:
        return read_at(file.fileno(), entry.stop_offset - entry.offset, entry.offset)


def _walk(files: list[SegmentFile], first_seq: int, *, whole: bool) -> Scan:
    entries: list[BlockEntry] = []
    for number, file in enumerate(files):
        due = file.path.with_name(segment_name(number))
        if file.path != due:
            return Scan(entries, Fault(due, 0, f"the file is missing, and {file.path.name} is there"))
        with regular(file.path) as opened:
            fault = _walk_segment(opened.fileno(), file, number, entries, first_seq, whole=whole)
        if fault:
            return Scan(entries, fault)
    return Scan(entries, None)


def _walk_segment(
    descriptor: int, file: SegmentFile, number: int, entries: list[BlockEntry], first_seq: int, *, whole: bool
) -> Fault | None:
    """Add the blocks of one segment to the entries, only those that are intact if it is read `whole`."""
    path, size = file
    due = entries[-1].header.stop_seq if entries else first_seq
    problem = _segment_problem(read_at(descriptor, SEGMENT_HEADER_BYTES, 0), number, due)
    if problem:
        return Fault(path, 0, problem)
    offset = SEGMENT_HEADER_BYTES
    while offset < size:
        header = unpack_block_header(read_at(descriptor, BLOCK_HEADER_BYTES, offset))
        if header is None:
            return Fault(path, offset, "no block begins here")
        entry = BlockEntry(number, offset, header)
        problem = _block_problem(entry, size, entries[-1].header if entries else None, first_seq)
        if problem:
            return Fault(path, offset, problem)
        if whole and not block_is_intact(read_at(descriptor, entry.stop_offset - offset, offset)):
            return Fault(path, offset, _WRONG_CRC)
        entries.append(entry)
        offset = entry.stop_offset
    return None


def _segment_problem(data: bytes, number: int, due: int) -> str | None:
    """Why these bytes cannot be the header of the next segment."""
    header = unpack_segment_header(data)
    if header is None:
        return "the segment's header is incomplete or its CRC is wrong"
    if (header.format, header.number, header.first_seq) != (FORMAT, number, due):
        return (
            f"the header is of format {header.format}, segment {header.number} from event {header.first_seq}; "
            f"due are format {FORMAT}, segment {number} from event {due}"
        )
    return None


def _block_problem(entry: BlockEntry, size: int, before: BlockHeader | None, first_seq: int) -> str | None:
    """Why this header cannot follow the one before it, in a file of this size."""
    header = entry.header
    due, at_ns = (before.stop_seq, before.last_at_ns) if before else (first_seq, header.first_at_ns)
    if entry.stop_offset > size:
        return f"the block needs {entry.stop_offset} bytes and the file ends at {size}"
    if not _is_possible(header):
        sizes = f"{header.count} events, {header.raw_bytes} bytes, {header.stored_bytes} stored"
        return f"the header is impossible: codec {header.codec}, {sizes}"
    if header.first_seq != due:
        return f"the block begins at event {header.first_seq} where {due} is due"
    if due % PAGE_EVENTS:
        return f"a block follows event {due - 1}, which ended an unfinished page"
    if not at_ns <= header.first_at_ns <= header.last_at_ns:
        return f"time runs backwards, from {at_ns} to {header.first_at_ns} to {header.last_at_ns} ns"
    return None


def _is_possible(header: BlockHeader) -> bool:
    """Whether a block can have been packed so, and is unpacked within bounds."""
    fits = 0 < header.count <= header.raw_bytes <= RAW_BYTES_MAX and header.stored_bytes <= STORED_BYTES_MAX
    return fits and header.codec in CODECS.values()


def first_bad_block(files: list[SegmentFile], entries: list[BlockEntry]) -> BlockEntry | None:
    """The first block whose bytes are not what was written. Reads everything up to it."""
    return next((entry for entry in entries if not _is_intact(files, entry)), None)


def _is_intact(files: list[SegmentFile], entry: BlockEntry) -> bool:
    return block_is_intact(read_block(files[entry.segment].path, entry))


def _without_bad_tail(files: list[SegmentFile], scan: Scan) -> Scan:
    """The scan without the blocks at its end whose bytes are not what was written."""
    entries, fault = list(scan.entries), scan.fault
    while entries and not _is_intact(files, entries[-1]):
        bad = entries.pop()
        fault = Fault(files[bad.segment].path, bad.offset, _WRONG_CRC)
    return Scan(entries, fault)


def _behind(files: list[SegmentFile], fault: Fault) -> Behind:
    """What is at a fault and behind it."""
    starts = [(file, fault.offset if file.path == fault.path else 0) for file in files if file.path >= fault.path]
    headers = [header for file, start in starts for header in _intact_blocks(file, start)]
    size_bytes = sum(file.size_bytes - start for file, start in starts)
    return Behind(size_bytes, len(headers), sum(header.count for header in headers))


def _intact_blocks(file: SegmentFile, start: int) -> Iterator[BlockHeader]:
    """The intact blocks that begin anywhere from `start` on, one behind the other.

    What only looks like blocks costs no more than reading the file a few times; then the search is given up.
    """
    path, size = file
    if size <= start:
        return
    with regular(path) as handle, mmap.mmap(handle.fileno(), size, access=mmap.ACCESS_READ) as view:
        left_bytes = _READINGS_MOST * size
        offset = view.find(BLOCK_MAGIC, start)
        while offset >= 0 and left_bytes > 0:
            header = unpack_block_header(view[offset : offset + BLOCK_HEADER_BYTES])
            stop = offset + BLOCK_HEADER_BYTES + header.stored_bytes if header else size + 1
            after = offset + 1
            if header and stop <= size and _is_possible(header):
                left_bytes -= stop - offset
                if block_is_intact(view[offset:stop]):
                    yield header
                    after = stop
            offset = view.find(BLOCK_MAGIC, after)
