"""Finding the blocks of a record by their headers, and where it stops being good.

Theory of operation: headers are read one after the other, each saying how long its block is, so that opening a record
costs one small read a block. A header that cannot follow the one before ends the walk: that is the *fault*. Since it
may be the block before it that lied about its length, blocks at the end are checked whole and let go of until one is
intact.

Rules:
1. Whatever a header says is held against the size of its file before it is believed.
2. A fault is the end of a torn record only if nothing intact comes after it. With an intact block behind it, it is
   damage.
"""

from __future__ import annotations

import mmap
import os
import re
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
    "BlockEntry",
    "Fault",
    "Scan",
    "SegmentFile",
    "first_bad_block",
    "read_block",
    "scan_blocks",
    "segment_files",
]


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

    segment: int
    offset: int
    reason: str


class Scan(NamedTuple):
    """The blocks that follow one another from the start, and the fault that ended the walk, if one did."""

    entries: list[BlockEntry]
    fault: Fault | None


class SegmentFile(NamedTuple):
    """A segment file and its size when the scan began: what a live writer adds to it afterwards is left alone."""

    path: Path
    size_bytes: int


def segment_files(directory: Path) -> list[SegmentFile]:
    """The segment files in order. Raises RecordDamagedError if one in between is missing."""
    names = sorted(path.name for path in directory.iterdir() if re.fullmatch(r"\d{8}\.seg", path.name))
    for number, name in enumerate(names):
        if name != segment_name(number):
            raise damaged(directory / segment_name(number), 0, f"the file is missing, and {name} is there")
    return [SegmentFile(directory / name, _size_of(directory / name)) for name in names]


def _size_of(path: Path) -> int:
    with regular(path) as file:
        return os.fstat(file.fileno()).st_size


def scan_blocks(files: list[SegmentFile], *, tail_may_be_torn: bool, first_seq: int = 0) -> Scan:
    """The blocks of a record whose first event is `first_seq`: 0, or where a fork left its parent.

    A fault is returned only where `tail_may_be_torn` and nothing intact is behind it; otherwise it is raised as
    RecordDamagedError. Cost: about 4 us a block; where the tail may be torn, the last block is read as well.
    """
    scan = _walk(files, first_seq)
    if scan.fault or tail_may_be_torn:
        scan = _without_bad_tail(files, scan)
    if scan.fault and not (tail_may_be_torn and _nothing_intact_from(files, scan.fault)):
        raise damaged(files[scan.fault.segment].path, scan.fault.offset, scan.fault.reason)
    return scan


def read_block(path: Path, entry: BlockEntry) -> bytes:
    """Header and payload of a block, fewer bytes if the file has become shorter."""
    with regular(path) as file:
        return read_at(file.fileno(), entry.stop_offset - entry.offset, entry.offset)


def _walk(files: list[SegmentFile], first_seq: int) -> Scan:
    entries: list[BlockEntry] = []
    for number, (path, size) in enumerate(files):
        with regular(path) as file:
            fault = _walk_segment(file.fileno(), size, number, entries, first_seq)
        if fault:
            return Scan(entries, fault)
    return Scan(entries, None)


def _walk_segment(descriptor: int, size: int, number: int, entries: list[BlockEntry], first_seq: int) -> Fault | None:
    """Add the blocks of one segment to the entries."""
    due = entries[-1].header.stop_seq if entries else first_seq
    problem = _segment_problem(read_at(descriptor, SEGMENT_HEADER_BYTES, 0), number, due)
    if problem:
        return Fault(number, 0, problem)
    offset = SEGMENT_HEADER_BYTES
    while offset < size:
        header = unpack_block_header(read_at(descriptor, BLOCK_HEADER_BYTES, offset))
        if header is None:
            return Fault(number, offset, "no block begins here")
        entry = BlockEntry(number, offset, header)
        problem = _block_problem(entry, size, entries[-1].header if entries else None, first_seq)
        if problem:
            return Fault(number, offset, problem)
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
    fits = 0 < header.count <= header.raw_bytes <= RAW_BYTES_MAX and header.stored_bytes <= STORED_BYTES_MAX
    if header.codec not in CODECS.values() or not fits:
        sizes = f"{header.count} events, {header.raw_bytes} bytes, {header.stored_bytes} stored"
        return f"the header is impossible: codec {header.codec}, {sizes}"
    if header.first_seq != due:
        return f"the block begins at event {header.first_seq} where {due} is due"
    if due % PAGE_EVENTS:
        return f"a block follows event {due - 1}, which ended an unfinished page"
    if not at_ns <= header.first_at_ns <= header.last_at_ns:
        return f"time runs backwards, from {at_ns} to {header.first_at_ns} to {header.last_at_ns} ns"
    return None


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
        fault = Fault(bad.segment, bad.offset, "the block's CRC is wrong")
    return Scan(entries, fault)


def _nothing_intact_from(files: list[SegmentFile], fault: Fault) -> bool:
    """Whether no intact block is at the fault or behind it."""
    if _holds_intact_block(files[fault.segment], fault.offset):
        return False
    return not any(_holds_intact_block(file, 0) for file in files[fault.segment + 1 :])


def _holds_intact_block(file: SegmentFile, start: int) -> bool:
    """Whether an intact block begins anywhere from `start` on."""
    path, size = file
    if size <= start:
        return False
    with regular(path) as handle, mmap.mmap(handle.fileno(), size, access=mmap.ACCESS_READ) as view:
        offset = view.find(BLOCK_MAGIC, start)
        while offset >= 0:
            header = unpack_block_header(view[offset : offset + BLOCK_HEADER_BYTES])
            fits = header is not None and header.stored_bytes <= STORED_BYTES_MAX
            stop = offset + BLOCK_HEADER_BYTES + header.stored_bytes if header and fits else size + 1
            if stop <= size and block_is_intact(view[offset:stop]):
                return True
            offset = view.find(BLOCK_MAGIC, offset + 1)
    return False
