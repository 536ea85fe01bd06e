"""A record followed while it is written: its events in order, as whole blocks of them reach the disk.

1. A record that was never sealed is opened anew whenever its files have grown, and served up to its last whole block:
   whatever is behind that may still be being written.
2. It ends when the record is sealed. A record that nobody writes any more and nobody sealed never ends.
3. Where its writer seals it, or begins a segment, in the very moment of looking, what is found may not fit together.
   That is looked at again; if it still does not fit, it is damage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ...events.envelope import Event
from ...events.errors import RecordDamagedError
from ...events.record.files import readable
from ...events.record.manifest import read_manifest
from ...events.record.scan import segment_files
from ..run import Run, open_run

__all__ = ["POLL_S", "followed", "has_grown", "is_torn", "settled"]

POLL_S = 0.5
"""How long nothing is looked at in between."""

_LOOKS_MOST = 3


def followed(
    path: Path, opened: Callable[[Path], Run] = open_run, wait: Callable[[float], None] = time.sleep
) -> Iterator[Event]:
    """Every event up to the end of a record, however long that takes.

    Each time the record has grown costs the reading of what there is of it, some 10 ms for 10 MB; an event is decoded
    once. Raises RecordNotFoundError where there is no record, RecordDamagedError where it is damaged.
    """
    seq = 0
    while True:
        run = settled(path, opened, wait)
        for event in run.events(seq):
            yield event
            seq = event.seq + 1
        if not run.torn:
            return
        seen_bytes = sum(file.size_bytes for file in run.reader.files)
        while not has_grown(path, seen_bytes):
            wait(POLL_S)


def has_grown(path: Path, seen_bytes: int) -> bool:
    """Whether there is more of a record than was seen, or it was sealed."""
    with readable(path):
        return sum(file.size_bytes for file in segment_files(path)) != seen_bytes or not is_torn(path)


def is_torn(path: Path) -> bool:
    """Whether a record was not sealed yet, by its manifest."""
    return read_manifest(path).status == "recording"


def settled(path: Path, opened: Callable[[Path], Run] = open_run, wait: Callable[[float], None] = time.sleep) -> Run:
    """The record, looked at again where it is just being sealed."""
    for _ in range(_LOOKS_MOST - 1):
        try:
            return opened(path)
        except RecordDamagedError:
            wait(POLL_S)
    return opened(path)
