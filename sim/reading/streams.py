"""gzip, bzip2, xz and lz4: streams that unpack step by step, each step bounded.

1. Several streams one behind the other count as one. Zeros between and behind them are padding.
2. A step takes a piece of what is packed and gives at most `PIECE_BYTES`; what is left of the piece waits.
3. xz is given a memory limit, so that a dictionary is refused before it is allocated.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Protocol

from .limits import PACKED_BYTES, PIECE_BYTES, WINDOW_BYTES_MOST, CutOffError, Read, UnpackingError

__all__ = ["Begin", "begin_bzip2", "begin_deflate", "begin_gzip", "begin_lz4", "begin_xz", "unpacked_streams"]

_GZIP_WINDOW_BITS, _RAW_WINDOW_BITS = 31, -15
_XZ_OVERHEAD_BYTES = 1 << 20
_ENDS_WITHIN = "it ends within a packed stream"


class _Stream(Protocol):
    """What `bz2`, `lzma` and `lz4` have for a stream that is unpacked step by step."""

    @property
    def eof(self) -> bool:
        """Whether this stream is whole."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had from what was given so far."""

    @property
    def unused_data(self) -> bytes:
        """What came after it."""

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """The next so many bytes at most."""


Begin = Callable[[], _Stream]


class _Deflated:
    """zlib's decompressor with the same manners."""

    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.decompressobj(window_bits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether this stream is whole."""
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        """What came after it."""
        return self._stream.unused_data

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """The next so many bytes at most."""
        piece = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = len(piece) < max_length and not self._stream.unconsumed_tail
        return piece


def begin_gzip() -> _Stream:
    """A gzip member."""
    return _Deflated(_GZIP_WINDOW_BITS)


def begin_deflate() -> _Stream:
    """Deflated bytes without a header, as zip has them."""
    return _Deflated(_RAW_WINDOW_BITS)


def begin_bzip2() -> _Stream:
    """A bzip2 stream."""
    return bz2.BZ2Decompressor()


def begin_xz() -> _Stream:
    """An xz stream, or one of the older .lzma."""
    return lzma.LZMADecompressor(memlimit=WINDOW_BYTES_MOST + _XZ_OVERHEAD_BYTES)


def begin_lz4() -> _Stream:
    """An lz4 frame. Raises UnpackingError where the package is not installed."""
    try:
        frames = import_module("lz4.frame")
    except ImportError:
        message = "it is packed with lz4, which needs `pip install 'deleverage[lz4]'`, or unpack it"
        raise UnpackingError(message) from None
    stream: _Stream = frames.LZ4FrameDecompressor()
    return stream


def unpacked_streams(read: Read, begin: Begin) -> Iterator[bytes]:
    """The content of streams one behind the other, all before a cut included. Raises CutOffError or UnpackingError."""
    stream: _Stream | None = None
    data = b""
    while True:
        if not data and (stream is None or stream.eof or stream.needs_input):
            data = read(PACKED_BYTES)
            if not data:
                break
        if stream is None or stream.eof:
            data = data.lstrip(b"\0")
            if not data:
                continue
            stream = begin()
        piece = _step(stream, data)
        data = stream.unused_data if stream.eof else b""
        if piece:
            yield piece
    if stream is not None and not stream.eof:
        raise CutOffError(_ENDS_WITHIN)


def _step(stream: _Stream, data: bytes) -> bytes:
    try:
        return stream.decompress(data, max_length=PIECE_BYTES)
    except lzma.LZMAError as error:
        if "limit" not in str(error):
            raise CutOffError(str(error)) from error
        message = f"its dictionary is larger than the {WINDOW_BYTES_MOST:,} bytes that are taken; unpack it first"
        raise UnpackingError(message) from error
    except (EOFError, OSError, ValueError, RuntimeError, zlib.error) as error:
        raise CutOffError(" ".join(str(error).split()) or type(error).__name__) from error
