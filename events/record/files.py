"""Small things done to files: reading and writing at a place, keeping others out, saying what is wrong and where."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import RecordDamagedError, RecordError, RecordNotFoundError
from ..regular import IrregularFileError, kind_of, open_regular, read_regular

__all__ = [
    "damaged",
    "exclusive",
    "read_at",
    "readable",
    "refuse_irregular",
    "regular",
    "segment_name",
    "whole",
    "write_at",
]


_SUFFIXES = (".seg", ".idx", ".json", ".tmp")
"""How the names of a record's files end, all but that of the room to seal."""


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
    except IrregularFileError as error:
        raise _irregular(Path(str(error.filename or path)), error.kind) from error
    except OSError as error:
        message = f"{error.filename or path}: it cannot be read ({error.strerror}); check the disk and its permissions"
        raise RecordNotFoundError(message) from error


def refuse_irregular(directory: Path) -> None:
    """Refuse a record in which a pipe, a device, a socket or a link has the name of one of its files; O(files).

    A directory of such a name is refused when it is opened, or ignored where it stands for a derived file. Raises
    RecordDamagedError; nothing where there is no directory.
    """
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            named = entry.name == "seal.reserve" or entry.name.endswith(_SUFFIXES)
            if named and not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
                kind = "symbolic link" if entry.is_symlink() else kind_of(Path(entry.path)) or "device"
                raise _irregular(Path(entry.path), kind)


@contextmanager
def regular(path: Path) -> Iterator[BinaryIO]:
    """One of a record's files, open for reading.

    Raises RecordDamagedError where a pipe, a device or a link stands in its place, OSError where the disk does.
    """
    try:
        file = open_regular(path)
    except IrregularFileError as error:
        raise _irregular(path, error.kind) from error
    with file:
        yield file


def whole(path: Path, bytes_most: int) -> bytes:
    """The whole of one of a record's files. Raises as `regular` does, and OSError for one of more bytes."""
    try:
        return read_regular(path, bytes_most)
    except IrregularFileError as error:
        raise _irregular(path, error.kind) from error


def _irregular(path: Path, kind: str) -> RecordDamagedError:
    message = f"{path}: it is a {kind}, and a record holds nothing but files; take it away, or restore the record"
    return RecordDamagedError(message)


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
