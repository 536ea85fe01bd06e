"""A receipt on the disk: written whole to a name that was free, or not at all; read within a bound."""

from __future__ import annotations

import os
from pathlib import Path

from ...events.errors import QueryError, RecordExistsError
from ...events.regular import read_regular

__all__ = ["check_new", "read_bytes", "write_new"]

_BYTES_MAX = 1 << 28
"""256 MiB: the largest receipts, of a round of a million candidates, have 80 MB of rows, a third more in base64."""


def check_new(path: Path) -> None:
    """Raise RecordExistsError if there is something of that name."""
    if os.path.lexists(path):
        message = f"{path}: it is already there and a receipt is never written over; give another file"
        raise RecordExistsError(message)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises RecordExistsError, QueryError where nothing can be written."""
    check_new(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        message = f"{path}: it cannot be written there ({error.strerror}); give another file"
        raise QueryError(message) from error
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _name(temporary: Path, path: Path) -> None:
    """Give a finished file its name, unless that has been taken meanwhile."""
    try:
        path.hardlink_to(temporary)
    except OSError:
        check_new(path)
        temporary.rename(path)  # a file system without hard links


def read_bytes(path: Path) -> bytes:
    """The whole of a file. Raises QueryError if it cannot be read or is too large for a receipt."""
    try:
        return read_regular(path, _BYTES_MAX, follow=True)
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror}); give a file that `deleverage receipt` has written"
        raise QueryError(message) from error
