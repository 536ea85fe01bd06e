"""The files of an import: found, hashed, and read line by line as bytes, unpacked on the way.

1. How a file is packed is told by its first bytes: gzip, zstd, lz4 frames or nothing; several packed one behind the
   other count as one. lz4 needs the package of that name (`pip install 'deleverage[lz4]'`).
2. A file that ends within a packed stream, or does not unpack, is refused with the line that it was read up to.
3. Rows are lines, counted from 1.
4. Memory does not grow with a file: one chunk and one line are held, and a line is at most `LINE_BYTES_MOST` long.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple

import zstandard

from ...events.errors import ScenarioError
from ...sim.sources.files import content_sha256, find_data_file

__all__ = ["LINE_BYTES_MOST", "Source", "open_sources", "read_rows"]

LINE_BYTES_MOST = 1 << 28
"""A line that is longer is no line of text: 256 MiB."""

_GZIP, _ZSTD, _LZ4 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
_MAGIC_BYTES = 4
_CHUNK_BYTES = 1 << 20

Watch = Callable[[int], None]
"""Told now and then how many more bytes of a file, as it is on the disk, were read."""


class Source(NamedTuple):
    """A file to read: its number in the record, its name there, what it holds, its content's hash and its size."""

    number: int
    path: Path
    layout: str
    sha256: bytes
    size_bytes: int


def open_sources(files: tuple[tuple[str, str], ...]) -> tuple[Source, ...]:
    """Find and hash (name, layout) pairs, numbered in their order; a bare name is sought in DELEVERAGE_DATA as well.

    The same content twice is refused, whatever its names. Raises ScenarioError; O(bytes).
    """
    sources: list[Source] = []
    for name, layout in files:
        path = find_data_file(name, "FILES")
        source = Source(len(sources), path, layout, content_sha256(path), path.stat().st_size)
        twin = next((other for other in sources if other.sha256 == source.sha256), None)
        if twin is not None:
            message = f"{path}: it holds the same bytes as {twin.path}; name each file once"
            raise ScenarioError(message)
        sources.append(source)
    return tuple(sources)


def read_rows(source: Source, watch: Watch = lambda _bytes: None) -> Iterator[tuple[int, bytes]]:
    """(row, line without its end) of each line that is not empty. Raises ScenarioError where reading stops."""
    row, rest = 0, b""
    try:
        with source.path.open("rb") as packed, _unpacked(source, packed) as stream:
            seen = 0
            while chunk := stream.read(_CHUNK_BYTES):
                lines = (rest + chunk if rest else chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    row += 1
                    if line:
                        yield row, line
                if len(rest) > LINE_BYTES_MOST:
                    raise _stopped(source, row + 1, f"a line of more than {LINE_BYTES_MOST:,} bytes")
                seen, before = packed.tell(), seen
                watch(seen - before)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError, RuntimeError) as error:
        raise _stopped(source, row + 1, " ".join(str(error).split()) or type(error).__name__) from error
    if rest:
        yield row + 1, rest


def _stopped(source: Source, row: int, reason: str) -> ScenarioError:
    told = f"{source.path}:{row}: reading stops here ({reason}); the file is cut off or damaged, fetch it again"
    return ScenarioError(told)


def _unpacked(source: Source, packed: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    magic = packed.read(_MAGIC_BYTES)
    packed.seek(0)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed, mode="rb")
    if magic == _ZSTD:
        return io.BufferedReader(_Frames(packed))
    if magic == _LZ4:
        return _lz4(source, packed)
    return packed


class _Frames(io.RawIOBase):
    """The zstd frames of a file, one behind the other. Unlike the package's own reader it refuses a cut off one."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed, self._frame, self._ready = packed, zstandard.ZstdDecompressor().decompressobj(), b""
        self._begun = False

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; 0 at the end. Raises EOFError where the last frame is not whole."""
        while not self._ready:
            chunk = self._frame.unused_data if self._frame.eof else b""
            chunk = chunk or self._packed.read(_CHUNK_BYTES)
            if not chunk:
                if self._begun and not self._frame.eof:
                    message = "the last zstd frame is not whole"
                    raise EOFError(message)
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._begun = True
            self._ready = self._frame.decompress(chunk)
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _lz4(source: Source, packed: IO[bytes]) -> IO[bytes]:
    try:
        frames = import_module("lz4.frame")
    except ImportError:
        message = f"{source.path}: it is packed with lz4, which needs `pip install 'deleverage[lz4]'`, or unpack it"
        raise ScenarioError(message) from None
    opened: IO[bytes] = frames.LZ4FrameFile(packed, mode="rb")
    return opened
