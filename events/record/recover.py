"""Making a torn record whole: cut it to its last good block and seal it. The only command that changes a record.

Rules:
1. Everything is read first. What is kept are the blocks before the first that is not intact: all that was forced to the
   disk is among them.
2. Files are cut from the last towards the first, and the manifest is replaced last: stopped at any point and run again,
   it ends the same.
3. A sealed record is checked and left alone. Damage to one is refused, and nothing is touched.
"""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path

import msgspec

from ..errors import RecordError
from .columns.stored import drop_columns
from .disk import DISK, Disk
from .files import damaged, exclusive
from .known import Known
from .manifest import MANIFEST_NAME, RESERVE_NAME, SegmentFigures, read_manifest, write_manifest
from .reader import RecordReader
from .scan import BlockEntry, whole_blocks
from .segments import Stored
from .writer import sealed_manifest

__all__ = ["Recovery", "recover"]


class Recovery(msgspec.Struct, frozen=True):
    """What was done to a record: cut in `cut_file` from offset `cut_from` on, `cut_bytes` over all files.

    Among those bytes were so many whole blocks, behind the first that was not.
    """

    path: Path
    recovered: bool
    count: int
    head: bytes
    cut_bytes: int = 0
    cut_file: Path | None = None
    cut_from: int | None = None
    cut_blocks: int = 0
    cut_events: int = 0

    def __str__(self) -> str:
        """What was done, in one line."""
        if not self.recovered:
            return f"{self.path}: sealed and sound, {self.count} events; nothing to do"
        cut = "nothing cut"
        if self.cut_file:
            cut = f"cut {self.cut_bytes} bytes from {self.cut_file} offset {self.cut_from} on"
        if self.cut_blocks:
            cut += f", {whole_blocks(self.cut_blocks, self.cut_events)} behind the first bad one among them"
        return f"{self.path}: {cut}; sealed as recovered with {self.count} events, head {self.head.hex()}"


def recover(path: str | os.PathLike[str], disk: Disk = DISK) -> Recovery:
    """Cut a torn record to its last good block and seal it as "recovered"; leave a sound one alone. Reads all of it.

    Raises RecordDamagedError if a sealed record is not what was written, RecordNotFoundError if there is no record,
    RecordError if its run is still going on.
    """
    directory = Path(path)
    read_manifest(directory)  # no record there is the first thing to say
    try:
        with exclusive(directory):
            reader = RecordReader.open(directory)
            return _seal_torn(reader, disk) if reader.torn else _check_sealed(reader)
    except OSError as error:
        message = f"{directory}: it cannot be recovered ({error.strerror}); it is as readable as before, run this again"
        raise RecordError(message) from error


def _check_sealed(reader: RecordReader) -> Recovery:
    """Nothing to do, provided that it is so."""
    head = reader.recompute_head()
    if head != reader.head:
        what = f"the head is {reader.head.hex()}, its events give {head.hex()}"
        raise damaged(reader.path / MANIFEST_NAME, 0, what)
    reader.note_all()
    return Recovery(reader.path, recovered=False, count=reader.count, head=head)


def _seal_torn(reader: RecordReader, disk: Disk) -> Recovery:
    stored = Stored(reader.measure(), _figures(reader.blocks))
    recovery = _cut(reader, stored, disk)
    disk.remove(reader.path / RESERVE_NAME)
    drop_columns(reader.path)
    disk.force(reader.path)
    write_manifest(reader.path, sealed_manifest(reader.manifest, stored, "recovered", None), disk)
    reader.note_all(Known(stored.progress.head))
    return recovery


def _figures(blocks: list[BlockEntry]) -> tuple[SegmentFigures, ...]:
    """The segments that have good blocks."""
    segments = [list(entries) for _, entries in groupby(blocks, key=_segment)]
    return tuple(
        SegmentFigures(entries[0].header.first_seq, len(entries), entries[-1].stop_offset) for entries in segments
    )


def _segment(entry: BlockEntry) -> int:
    return entry.segment


def _cut(reader: RecordReader, stored: Stored, disk: Disk) -> Recovery:
    """Leave of each file what its good blocks take, and make it certain: the run may have died before it did.

    A file without any goes.
    """
    kept = [figures.size_bytes for figures in stored.segments]
    kept += [0] * (len(reader.files) - len(kept))
    cuts = [(file, size) for file, size in zip(reader.files, kept, strict=True) if size < file.size_bytes or not size]
    for file, size in reversed(cuts):
        if size:
            disk.cut(file.path, size)
        else:
            disk.remove(file.path)
    for file in reader.files[: len(stored.segments)]:
        disk.force(file.path)
    return Recovery(
        reader.path,
        recovered=True,
        count=stored.progress.count,
        head=stored.progress.head,
        cut_bytes=sum(file.size_bytes - size for file, size in cuts),
        cut_file=cuts[0][0].path if cuts else None,
        cut_from=cuts[0][1] if cuts else None,
        cut_blocks=reader.behind.blocks,
        cut_events=reader.behind.events,
    )
