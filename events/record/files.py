"""Small things done to files: reading and writing at a place, keeping others out, saying what is wrong and where."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RecordDamagedError, RecordError, RecordNotFoundError

__all__ = [
    "damaged",
    "exclusive",
    "read_at",
    "readable",
    "segment_name",
    "write_at",
]


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number:08d}.seg"


def damaged(path: Path, offset: int, what: str) -> RecordDamagedError:
    """The one wording for bytes that are not what was written."""
    return RecordDamagedError(f"{path}: offset {offset}: {what}; restore this file from a copy")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in one line which file the system does not give."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or path}: it cannot be read ({error.strerror}); check the disk and its permissions"
        raise RecordNotFoundError(message) from error


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Up to `size` bytes from `offset`, fewer only at the end of the file."""
    pieces = []
    while size:
        piece = os.pread(descriptor, size, offset)
        if not piece:
            break
        pieces.append(piece)
        size, offset = size - len(piece), offset + len(piece)
    return b"".join(pieces)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """All of `data` at `offset`. Writing it again is harmless, which appending to a file would not be."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Keep other writers off a record. The lock ends with the process, however it ends. Raises RecordError if taken."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{directory}: the record is still being written; wait for its run to end"
            raise RecordError(message) from None
        except OSError:
            pass  # a file system without locks: better to go on without one than not at all
        yield
    finally:
        os.close(descriptor)
