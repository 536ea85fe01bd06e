"""Whether the files of a sealed record are those that its manifest tells of: how many, how long, what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from .files import damaged, segment_name
from .manifest import MANIFEST_NAME, Manifest
from .scan import BlockEntry, SegmentFile, first_bad_block

__all__ = ["Totals", "check_sizes", "check_totals"]

Totals = tuple[int, int, int | None, int | None]
"""Blocks, events, the times of the first and the last event."""


def check_sizes(directory: Path, manifest: Manifest, files: list[SegmentFile]) -> None:
    """Hold the files against the manifest's segments. Raises RecordDamagedError."""
    if manifest.head is None:
        raise damaged(
            directory / MANIFEST_NAME, 0, f"it says that the record was sealed ({manifest.status}), and no head"
        )
    for number, file in enumerate(files):
        due = directory / segment_name(number)
        if file.path != due:
            raise damaged(due, 0, f"the file is missing, and {file.path.name} is there")
    for file, figures in zip(files, manifest.segments, strict=False):
        if file.size_bytes != figures.size_bytes:
            what = f"the file ends at {file.size_bytes}, the manifest says at {figures.size_bytes}"
            raise damaged(file.path, min(file.size_bytes, figures.size_bytes), what)
    if len(files) < len(manifest.segments):
        raise damaged(directory / segment_name(len(files)), 0, "the manifest names this file and it is missing")
    if len(files) > len(manifest.segments):
        raise damaged(files[len(manifest.segments)].path, 0, "the manifest does not name this file")


def check_totals(
    directory: Path, manifest: Manifest, files: list[SegmentFile], entries: list[BlockEntry], found: Totals
) -> None:
    """Hold what the blocks' headers say against the manifest. Raises RecordDamagedError."""
    told = manifest.blocks, manifest.count, manifest.first_at_ns, manifest.last_at_ns
    segments = [(figures.first_seq, figures.blocks) for figures in manifest.segments]
    found_segments = [_first_and_number(own) for _, own in groupby(entries, key=_segment)]
    if (found, found_segments) == (told, segments):
        return
    bad = first_bad_block(files, entries)
    if bad:
        raise damaged(files[bad.segment].path, bad.offset, "the block's CRC is wrong")
    what = f"blocks, events, first and last at_ns are {told} and the blocks' headers say {found}"
    if found == told:
        what = f"first event and blocks of each segment are {segments} and the blocks' headers say {found_segments}"
    raise damaged(directory / MANIFEST_NAME, 0, what)


def _segment(entry: BlockEntry) -> int:
    return entry.segment


def _first_and_number(entries: Iterable[BlockEntry]) -> tuple[int, int]:
    first, *others = entries
    return first.header.first_seq, 1 + len(others)
