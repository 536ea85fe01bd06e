"""The bytes of a column's file: a header, the column itself, and a trailer once the record is sealed.

    header    magic, format, first seq
    body      whole numbers of 32 bits or hashes of 32 bytes, see each column
    trailer   the seq after the last event, the record's head, CRC-32C over everything before it

Rules:
1. Everything is little-endian.
2. A file without its trailer, or with that of another record, is not used. So one that a dying process left, that was
   cut short, or that lies in the wrong directory is told from a whole one without reading the record.
"""

from __future__ import annotations

import sys
from array import array
from struct import Struct
from typing import NamedTuple

import google_crc32c

__all__ = ["FORMAT", "Span", "body_in", "file_bytes", "pack_header", "pack_trailer", "words_in", "words_of"]

FORMAT = 1
"""Raised when a column is laid out differently. Files of another format are made again."""

_HEADER = Struct("<4sHxxQ")
_FIGURES = Struct("<Q32s")
_CRC = Struct("<I")
_TRAILER_BYTES = _FIGURES.size + _CRC.size


class Span(NamedTuple):
    """The events that a record's own files hold: the first, the one after the last, and the record's head."""

    first_seq: int
    stop_seq: int
    head: bytes


def pack_header(magic: bytes, first_seq: int) -> bytes:
    """The header of a column's file."""
    return _HEADER.pack(magic, FORMAT, first_seq)


def pack_trailer(stop_seq: int, head: bytes, crc32c: int) -> bytes:
    """The trailer of a column's file; `crc32c` is that of everything before it."""
    figures = _FIGURES.pack(stop_seq, head)
    return figures + _CRC.pack(google_crc32c.extend(crc32c, figures))


def file_bytes(magic: bytes, body: bytes, span: Span) -> bytes:
    """A column's whole file."""
    data = pack_header(magic, span.first_seq) + body
    return data + pack_trailer(span.stop_seq, span.head, google_crc32c.value(data))


def body_in(data: bytes, magic: bytes, span: Span) -> bytes:
    """The column in a whole file of it. Raises ValueError if it is not that, or is of another record."""
    if len(data) < _HEADER.size + _TRAILER_BYTES:
        message = f"it has {len(data)} bytes, too few for a column"
        raise ValueError(message)
    if data[: _HEADER.size] != pack_header(magic, span.first_seq):
        message = f"it does not begin as this column does from event {span.first_seq} on"
        raise ValueError(message)
    if _CRC.unpack_from(data, len(data) - _CRC.size) != (google_crc32c.value(data[: -_CRC.size]),):
        message = "it was never finished, or its CRC is wrong"
        raise ValueError(message)
    if _FIGURES.unpack_from(data, len(data) - _TRAILER_BYTES) != (span.stop_seq, span.head):
        message = "it belongs to another record"
        raise ValueError(message)
    return data[_HEADER.size : -_TRAILER_BYTES]


def words_of(*lists: list[int]) -> bytes:
    """Whole numbers as 32 bits each. Raises OverflowError for one that does not fit."""
    words = array("I")
    for numbers in lists:
        words.fromlist(numbers)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def words_in(body: bytes) -> array[int]:
    """The whole numbers that `words_of` packed. Raises ValueError if there is part of one."""
    words = array("I")
    if len(body) % words.itemsize:
        message = f"it holds {len(body)} bytes, which are no whole numbers of 32 bits"
        raise ValueError(message)
    words.frombytes(body)
    if sys.byteorder == "big":
        words.byteswap()
    return words
