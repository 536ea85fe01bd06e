"""The columns' files in a record's directory: read if they are whole, put in place of those that are not right.

The files beside a record that was never sealed are its writer's: they are neither read nor touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import RecordError
from ...regular import open_new, read_regular
from ..files import exclusive, write_at
from .column import Column
from .kinds import KINDS
from .layout import Span, body_in, file_bytes

if TYPE_CHECKING:
    from ..reader import RecordReader

__all__ = ["body_of", "drop_columns", "file_of", "put_back", "stored_file"]

_FIXED_BYTES_MOST, _EVENT_BYTES_MOST = 1 << 20, 64
"""No column has more bytes than this, and this for each event: a file that has is not read into memory."""


def stored_file(reader: RecordReader, kind: type[Column]) -> bytes | None:
    """The bytes of a column's file, None where there is none. Raises ValueError if it cannot be read."""
    if reader.torn or not reader.blocks:
        return None
    try:
        return read_regular(reader.path / kind.name, _FIXED_BYTES_MOST + _EVENT_BYTES_MOST * reader.count)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"it cannot be read ({error.strerror})"
        raise ValueError(message) from error


def body_of(reader: RecordReader, kind: type[Column], data: bytes) -> bytes:
    """What such a file holds. Raises ValueError if it is not whole, or not of this record."""
    return body_in(data, kind.magic, _span(reader))


def file_of(reader: RecordReader, kind: type[Column], body: bytes) -> bytes:
    """The bytes of a column's file."""
    return file_bytes(kind.magic, body, _span(reader))


def put_back(reader: RecordReader, files: Mapping[type[Column], bytes]) -> None:
    """Write these columns, one step each; where that cannot be, or someone else is at this record, it is left."""
    if reader.torn or not reader.blocks:
        return
    with suppress(OSError, RecordError), exclusive(reader.path):
        for kind, data in files.items():
            _replace(reader.path / kind.name, data)


def drop_columns(directory: Path) -> None:
    """Delete the columns of a record that is being cut; one that cannot be is not used, as it lacks the new trailer."""
    for kind in KINDS:
        with suppress(OSError):
            (directory / kind.name).unlink(missing_ok=True)


def _span(reader: RecordReader) -> Span:
    return Span(reader.first_seq, reader.count, reader.head)


def _replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file. Not forced to the disk, as whoever reads it checks it."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open_new(temporary) as file:
            write_at(file.fileno(), data, 0)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
