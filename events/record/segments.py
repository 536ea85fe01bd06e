"""Writing segment files: where the next block goes, when a file is full, when the disk is made to keep it.

Rules:
1. A block is written at the offset where the last good one ends, and counts only from the one step in which `stored` is
   replaced. Whatever fails or interrupts before that leaves bytes that the next write covers or `close` cuts off.
2. A segment's header is written together with its first block.
3. A file that is left for the next one is forced to the disk first, unless durability is "none".
"""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from time import monotonic_ns
from typing import NamedTuple

from .blocks import pack_segment_header
from .files import segment_name, sync, write_at
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

    def __init__(self, directory: Path, settings: RecordSettings, base: Progress | None = None) -> None:
        self.stored = Stored(base or Progress())
        self._directory = directory
        self._settings = settings
        self._open: tuple[int, FileIO] | None = None
        self._synced_ns = monotonic_ns()

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
        descriptor = self._file(len(full)).fileno()
        write_at(descriptor, data, figures.size_bytes)
        self._sync_if_due(descriptor)
        grown = SegmentFigures(figures.first_seq, figures.blocks + 1, figures.size_bytes + len(data))
        self.stored = Stored(progress, (*full, grown))

    def close(self) -> None:
        """Cut off what is not part of a good block, and force the rest to the disk."""
        segments = self.stored.segments
        if self._open is not None:
            self._open[1].close()
        self._path(len(segments)).unlink(missing_ok=True)
        if segments:
            with self.path.open("r+b", buffering=0) as file:
                file.truncate(segments[-1].size_bytes)
                if self._settings.durability != "none":
                    os.fsync(file.fileno())

    def _path(self, number: int) -> Path:
        return self._directory / segment_name(number)

    def _file(self, number: int) -> FileIO:
        """The file of a segment, opened when the one before it is full."""
        if self._open is not None and self._open[0] == number and not self._open[1].closed:
            return self._open[1]
        durable = self._settings.durability != "none"
        if self._open is not None and not self._open[1].closed:
            if durable:
                os.fsync(self._open[1].fileno())
            self._open[1].close()
        # A new file takes the place of one that an interrupt left before its first block counted.
        file = FileIO(self._path(number), "w" if number == len(self.stored.segments) else "r+")
        self._open = number, file
        if durable:
            sync(self._directory)
        return file

    def _sync_if_due(self, descriptor: int) -> None:
        """Group commit, by the settings. The clock decides only when the disk is asked; it enters no event."""
        settings, now_ns = self._settings, monotonic_ns()
        if settings.durability == "none":
            return
        if settings.durability == "block" or now_ns - self._synced_ns >= settings.interval_ms * _NS_PER_MS:
            os.fsync(descriptor)
            self._synced_ns = now_ns
