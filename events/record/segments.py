"""Writing segment files: where the next block goes, when a file is full, when the disk is made to keep it.

Rules:
1. A block is written at the offset where the last good one ends, and counts only from the one step in which `stored` is
   replaced. Whatever fails or interrupts before that leaves bytes that the next write covers or `close` cuts off.
2. A segment's header is written together with its first block.
3. A file that is left for the next one is forced to the disk first, unless durability is "none". So all that was
   written before a block that is certain is certain, too.
4. `close` makes all of it certain, whatever the durability: a manifest is about to vouch for it.
"""

from __future__ import annotations

from hashlib import sha256
from io import FileIO
from pathlib import Path
from time import monotonic_ns
from typing import NamedTuple

from .blocks import pack_segment_header
from .disk import DISK, Disk
from .files import segment_name
from .manifest import FORMAT, SegmentFigures
from .pages import Progress
from .settings import RecordSettings

__all__ = ["SegmentFiles", "Stored"]

_NS_PER_MS = 1_000_000


class Stored(NamedTuple):
    """What is in the files for certain."""

    progress: Progress = Progress()
    segments: tuple[SegmentFigures, ...] = ()


class SegmentFiles:
    """The segment files of a record that is being written. Raises OSError where the disk does."""

    def __init__(
        self, directory: Path, settings: RecordSettings, base: Progress | None = None, disk: Disk = DISK
    ) -> None:
        self.stored = Stored(base or Progress())
        self.digests: list[bytes] = []
        """What each block hashes to."""
        self._directory = directory
        self._settings = settings
        self._disk = disk
        self._open: tuple[int, FileIO] | None = None
        self._forced_ns = monotonic_ns()

    @property
    def path(self) -> Path:
        """The file that the last good block is in, or that the first would be in."""
        return self._path(max(len(self.stored.segments) - 1, 0))

    def write_block(self, block: bytes, progress: Progress) -> None:
        """Write one block, after which the record has come as far as `progress`."""
        segments = self.stored.segments
        if segments and segments[-1].size_bytes + len(block) <= self._settings.segment_bytes:
            full, figures, data = segments[:-1], segments[-1], block
        else:
            full, figures = segments, SegmentFigures(self.stored.progress.count, 0, 0)
            data = pack_segment_header(FORMAT, len(full), figures.first_seq) + block
        file = self._file(len(full))
        self._disk.write(file, data, figures.size_bytes)
        self._force_if_due(file)
        grown = SegmentFigures(figures.first_seq, figures.blocks + 1, figures.size_bytes + len(data))
        self.digests[sum(figures.blocks for figures in segments) :] = [sha256(block).digest()]
        self.stored = Stored(progress, (*full, grown))

    def close(self) -> None:
        """Cut off what is not part of a good block, and make the rest certain."""
        segments, disk = self.stored.segments, self._disk
        if self._open is not None:
            self._open[1].close()
        disk.remove(self._path(len(segments)))
        if segments:
            disk.cut(self.path, segments[-1].size_bytes)
        first = 0 if self._settings.durability == "none" else len(segments) - 1
        for number in range(max(first, 0), len(segments)):
            disk.force(self._path(number))
        disk.force(self._directory)

    def _path(self, number: int) -> Path:
        return self._directory / segment_name(number)

    def _file(self, number: int) -> FileIO:
        """The file of a segment, opened when the one before it is full."""
        if self._open is not None and self._open[0] == number and not self._open[1].closed:
            return self._open[1]
        durable = self._settings.durability != "none"
        if self._open is not None and not self._open[1].closed:
            if durable:
                self._disk.force(self._open[1])
            self._open[1].close()
        # A new file takes the place of one that an interrupt left before its first block counted.
        path = self._path(number)
        file = self._disk.new_file(path) if number == len(self.stored.segments) else FileIO(path, "r+")
        self._open = number, file
        if durable:
            self._disk.force(self._directory)
        return file

    def _force_if_due(self, file: FileIO) -> None:
        """Group commit, by the settings. The clock decides only when the disk is asked; it enters no event."""
        settings, now_ns = self._settings, monotonic_ns()
        if settings.durability == "none":
            return
        if settings.durability == "block" or now_ns - self._forced_ns >= settings.interval_ms * _NS_PER_MS:
            self._disk.force(file)
            self._forced_ns = now_ns
