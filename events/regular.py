"""Opening what must be a file: a pipe, a device or a socket in its place is refused before anything is read from it.

A pipe would hang whoever opens it, a device gives bytes without end, and a link inside a record leads out of it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter, FileIO
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from .errors import QueryError, RecordExistsError

__all__ = [
    "IrregularFileError",
    "check_new",
    "kind_of",
    "make_folder",
    "must_be_free",
    "new_file",
    "new_whole_file",
    "open_new",
    "open_regular",
    "plain_name",
    "read_regular",
    "whole_folder",
    "write_new",
    "write_whole",
]

_LINK = "symbolic link"
_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, _LINK),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)
_OTHER = "device"

_NAME_MOST = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class IrregularFileError(OSError):
    """Something stands where a file is expected; `kind` says what."""

    def __init__(self, kind: str, path: Path) -> None:
        super().__init__(errno.EINVAL, f"it is a {kind}, not a file", str(path))
        self.kind = kind


def kind_of(path: Path) -> str | None:
    """What a path leads to, links followed: file, directory, pipe, socket or device; None where there is nothing."""
    try:
        return _kind(path.stat().st_mode)
    except (OSError, ValueError):  # a name with a zero byte, or longer than the system takes, is nobody's
        return None


def open_regular(path: Path, *, follow: bool = False) -> BinaryIO:
    """A file, open for reading from its start. A link is followed only where `follow` says so.

    Raises IrregularFileError for what is no file, OSError where the system does not give it. Never waits for a writer.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except ValueError as error:
        raise OSError(errno.ENOENT, str(error), str(path)) from error
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise IrregularFileError(_LINK, path) from error
        if error.errno == errno.ENXIO:
            raise IrregularFileError(kind_of(path) or _OTHER, path) from error
        raise
    kind = _kind(os.fstat(descriptor).st_mode)
    if kind != "file":
        os.close(descriptor)
        raise IrregularFileError(kind, path)
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, bytes_most: int, *, follow: bool = False) -> bytes:
    """The whole of a file. Raises OSError as `open_regular` does, and for one of more than `bytes_most` bytes."""
    with open_regular(path, follow=follow) as file:
        data = file.read(bytes_most + 1)
    if len(data) > bytes_most:
        raise OSError(errno.EFBIG, f"it has more than {bytes_most:,} bytes", str(path))
    return data


def make_folder(path: Path, asked: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises QueryError naming what was `asked` for."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{asked}: it cannot be made a folder ({error.strerror}); give another one with -o"
        raise QueryError(message) from error


def new_file(path: Path) -> FileIO:
    """A new file, open for writing. A left-over of that name, or a link, is taken away first, and never written to."""
    path.unlink(missing_ok=True)
    return FileIO(path, "x")


def open_new(path: Path) -> BinaryIO:
    """The same with a buffer, so that a write is of all its bytes."""
    return BufferedWriter(new_file(path))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file through another name, so that a reader finds all of it or what was there before."""
    beside = path.with_suffix(".part")
    with open_new(beside) as file:
        file.write(data)
    os.replace(beside, path)  # noqa: PTH105 - its being atomic is the point


def plain_name(number: int, name: str) -> str:
    """What a file about somebody is called: the number, and what is plain of the name, which so leads nowhere else."""
    plain = _UNSAFE.sub("_", name)[:_NAME_MOST].strip("_")
    return f"{number}-{plain}" if plain else str(number)


def must_be_free(path: Path) -> None:
    """Raise RecordExistsError if there is something of that name but an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        message = f"{path}: it is there and not an empty folder, and nothing is written over; give another folder"
        raise RecordExistsError(message)


def check_new(path: Path) -> None:
    """Raise RecordExistsError if there is something of that name."""
    if os.path.lexists(path):
        message = f"{path}: it is already there and nothing is written over; give another file"
        raise RecordExistsError(message)


@contextmanager
def new_whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path`, which gets that name at the end, or is taken away.

    Raises RecordExistsError where the name is taken, QueryError where nothing can be written there.
    """
    check_new(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        file = beside.open("xb")
    except OSError as error:
        message = f"{path}: it cannot be written there ({error.strerror}); give another file"
        raise QueryError(message) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises as `new_whole_file`."""
    with new_whole_file(path) as file:
        file.write(data)


def _name(beside: Path, path: Path) -> None:
    """Give a finished file its name, unless that has been taken meanwhile."""
    try:
        path.hardlink_to(beside)
    except OSError:
        check_new(path)
        beside.rename(path)  # a file system without hard links


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, which gets that name at the end, or is taken away with all that is in it.

    Raises RecordExistsError where the name is taken, QueryError where nothing can be written there.
    """
    beside = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}.part")
    try:
        beside.mkdir()
    except OSError as error:
        message = f"{path}: it cannot be written there ({error.strerror}); give another folder"
        raise QueryError(message) from error
    try:
        yield beside
        must_be_free(path)
        try:
            beside.rename(path.absolute())
        except OSError as error:
            message = f"{path}: what is finished cannot take that name ({error.strerror}); give another folder"
            raise QueryError(message) from error
    finally:
        rmtree(beside, ignore_errors=True)


def _kind(mode: int) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), _OTHER)
