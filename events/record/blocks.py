"""The bytes of a segment file: its header, then blocks.

    segment header   magic "DLVS", format, number, first seq, CRC-32C over the header
    block            magic "DLVB", codec, first seq, count, first and last at_ns, raw and stored length, CRC-32C
                     payload: one msgpack list of whole pages, each a msgpack list of events, compressed

Rules:
1. Everything is little-endian. The CRC-32C of a block covers its header up to the CRC, and the stored payload.
2. A block begins with a page. Only the last block of a record may end within one.
3. Nothing is decompressed before the CRC is right and the length it announces is the header's and within the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import google_crc32c
import msgspec
import zstandard

from ..codec import decode_pages, list_header
from ..envelope import Event
from ..errors import RecordError
from .pages import PAGE_EVENTS, ClosedPage
from .settings import RecordSettings

__all__ = [
    "BLOCK_HEADER_BYTES",
    "BLOCK_MAGIC",
    "CODECS",
    "RAW_BYTES_MAX",
    "SEGMENT_HEADER_BYTES",
    "STORED_BYTES_MAX",
    "BlockHeader",
    "BlockPacker",
    "SegmentHeader",
    "block_is_intact",
    "block_pages",
    "block_payload",
    "pack_segment_header",
    "unpack_block_header",
    "unpack_segment_header",
]

SEGMENT_MAGIC = b"DLVS"
BLOCK_MAGIC = b"DLVB"
CODECS = {"none": 0, "zstd": 1}
RAW_BYTES_MAX = 256 << 20
"""No block is larger than this before compression: the writer refuses it and so does the reader."""

STORED_BYTES_MAX = RAW_BYTES_MAX + (RAW_BYTES_MAX >> 7)
"""Nor than this after it: what does not compress grows by less than a hundredth."""

_SEGMENT = Struct("<4sHxxIQI")
_BLOCK = Struct("<4sB3xQIqqIII")
_CRC = Struct("<I")
SEGMENT_HEADER_BYTES = _SEGMENT.size
BLOCK_HEADER_BYTES = _BLOCK.size


class SegmentHeader(msgspec.Struct, frozen=True, gc=False):
    """The first bytes of a segment file."""

    magic: bytes
    format: int
    number: int
    first_seq: int
    crc32c: int


class BlockHeader(msgspec.Struct, frozen=True, gc=False):
    """What a block says of itself. True only once the block's CRC is found right."""

    magic: bytes
    codec: int
    first_seq: int
    count: int
    first_at_ns: int
    last_at_ns: int
    raw_bytes: int
    stored_bytes: int
    crc32c: int

    @property
    def stop_seq(self) -> int:
        """The seq of the event after the last."""
        return self.first_seq + self.count


def pack_segment_header(format_number: int, number: int, first_seq: int) -> bytes:
    """The header of a segment file."""
    body = _SEGMENT.pack(SEGMENT_MAGIC, format_number, number, first_seq, 0)[: -_CRC.size]
    return body + _CRC.pack(google_crc32c.value(body))


def unpack_segment_header(data: bytes) -> SegmentHeader | None:
    """The header of a segment file, None if these bytes are not one."""
    if len(data) < _SEGMENT.size or not data.startswith(SEGMENT_MAGIC):
        return None
    header = SegmentHeader(*_SEGMENT.unpack_from(data))
    return header if google_crc32c.value(data[: _SEGMENT.size - _CRC.size]) == header.crc32c else None


class BlockPacker:
    """Makes blocks of pages, with one compressor for all of them."""

    def __init__(self, settings: RecordSettings) -> None:
        self._codec = CODECS[settings.codec]
        self._compressor = zstandard.ZstdCompressor(level=settings.level)

    def pack(self, pages: Sequence[ClosedPage]) -> bytes:
        """One block: header and payload. Raises RecordError if it would be larger than any reader takes."""
        raw = list_header(len(pages)) + b"".join([page.data for page in pages])
        first, last = pages[0].first, pages[-1].last
        if len(raw) > RAW_BYTES_MAX:
            message = f"events {first.seq} to {last.seq} take {len(raw)} bytes; a block holds up to {RAW_BYTES_MAX}"
            raise RecordError(message)
        stored = self._compressor.compress(raw) if self._codec else raw
        count = last.seq - first.seq + 1
        times = first.at_ns, last.at_ns
        header = _BLOCK.pack(BLOCK_MAGIC, self._codec, first.seq, count, *times, len(raw), len(stored), 0)
        body = header[: -_CRC.size]
        return body + _CRC.pack(_crc32c(body, stored)) + stored


def _crc32c(body: bytes, stored: bytes) -> int:
    """CRC-32C over a header without its CRC, and the stored payload."""
    return int(google_crc32c.extend(google_crc32c.value(body), stored))


def unpack_block_header(data: bytes) -> BlockHeader | None:
    """The header of a block, not yet checked against its CRC; None if no block begins here."""
    if len(data) < _BLOCK.size or not data.startswith(BLOCK_MAGIC):
        return None
    return BlockHeader(*_BLOCK.unpack_from(data))


def block_is_intact(data: bytes) -> bool:
    """Whether these bytes are a whole block, header and payload, with the right CRC."""
    header = unpack_block_header(data)
    if header is None or len(data) != _BLOCK.size + header.stored_bytes:
        return False
    return _crc32c(data[: _BLOCK.size - _CRC.size], data[_BLOCK.size :]) == header.crc32c


def block_payload(header: BlockHeader, stored: bytes) -> bytes:
    """The payload of an intact block, decompressed. Raises ValueError if it is not of the announced length."""
    if header.raw_bytes > RAW_BYTES_MAX:
        message = f"it announces {header.raw_bytes} bytes; a block holds up to {RAW_BYTES_MAX}"
        raise ValueError(message)
    try:
        size = zstandard.frame_content_size(stored) if header.codec else len(stored)
        if size != header.raw_bytes:
            message = f"it announces {header.raw_bytes} bytes and holds {size}"
            raise ValueError(message)
        return zstandard.ZstdDecompressor().decompress(stored) if header.codec else stored
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def block_pages(header: BlockHeader, payload: bytes) -> list[list[Event]]:
    """The pages of a block. Raises ValueError if they are not what the header says.

    Raises msgspec.ValidationError for an event that is not in today's vocabulary.
    """
    try:
        pages = decode_pages(payload)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    counts = [PAGE_EVENTS] * (header.count // PAGE_EVENTS) + [header.count % PAGE_EVENTS]
    if [len(page) for page in pages] != [count for count in counts if count]:
        message = f"it announces {header.count} events and holds pages of {[len(page) for page in pages]}"
        raise ValueError(message)
    first, last = pages[0][0], pages[-1][-1]
    held = first.seq, last.seq + 1, first.at_ns, last.at_ns
    announced = header.first_seq, header.stop_seq, header.first_at_ns, header.last_at_ns
    if held != announced:
        message = f"it announces (first and stop seq, first and last at_ns) {announced} and holds {held}"
        raise ValueError(message)
    return pages
