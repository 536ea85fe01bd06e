"""The files of an import: found, hashed, and read line by line as bytes, unpacked on the way.

1. How a file is packed is told by its first bytes: gzip, zstd, lz4 frames, zip (of one file) or nothing; several packed
   one behind the other count as one. lz4 needs the package of that name (`pip install 'deleverage[lz4]'`).
2. A file that ends within a packed stream, or does not unpack, is refused with the line that it was read up to.
3. Rows are lines, counted from 1.
4. Memory does not grow with a file: one piece and one line are held, and a line is at most `LINE_BYTES_MOST` long.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import zstandard

from ...events.errors import ScenarioError
from ...sim.sources.files import content_sha256, find_data_file

__all__ = ["LINE_BYTES_MOST", "Source", "open_sources", "read_rows"]

LINE_BYTES_MOST = 1 << 28
"""A line that is longer is no line of text: 256 MiB."""

_GZIP, _ZSTD, _LZ4, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"PK\x03\x04"
_MAGIC_BYTES = 4
_GZIP_WINDOW = 31
_PIECE_BYTES = 1 << 17

Watch = Callable[[int], None]
"""Told now and then how many more bytes of a file, as it is on the disk, were read."""

Cut = Callable[[int, str], None]
"""Told the row in which reading stops, and why."""


class Source(NamedTuple):
    """A file to read: its number in the record, its name there, what it holds, its content's hash and its size."""

    number: int
    path: Path
    layout: str
    sha256: bytes
    size_bytes: int


def open_sources(files: tuple[tuple[str, str], ...], *, by_name: bool = False) -> tuple[Source, ...]:
    """Find and hash (name, layout) pairs, numbered in their order; a bare name is sought in DELEVERAGE_DATA as well.

    With `by_name` they are numbered by file name, then by content, whatever the order in which they are given. The same
    content twice is refused, whatever its names. Raises ScenarioError; O(bytes).
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
    if by_name:
        sources.sort(key=lambda source: (source.path.name, source.sha256))
        return tuple(source._replace(number=number) for number, source in enumerate(sources))
    return tuple(sources)


def read_rows(
    source: Source, watch: Watch = lambda _bytes: None, cut: Cut | None = None
) -> Iterator[tuple[int, bytes]]:
    """(row, line without its end) of each line that is not empty.

    Where reading stops before the end, `cut` is told, and what was read so far is all; without it that is a
    ScenarioError.
    """
    row, seen = 0, 0
    begun: list[bytes] = []
    try:
        with source.path.open("rb") as packed:
            for piece in _unpacked(source, packed):
                begun.append(piece)
                if b"\n" in piece:
                    lines = b"".join(begun).split(b"\n")
                    begun = [lines.pop()]
                    for line in lines:
                        row += 1
                        if line:
                            yield row, line
                else:
                    _check_length(sum(map(len, begun)))
                seen, before = packed.tell(), seen
                watch(seen - before)
            watch(source.size_bytes - seen)
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        told = f"reading stops here ({reason}); the file is cut off or damaged, fetch it again"
        if cut is None:
            message = f"{source.path}:{row + 1}: {told}"
            raise ScenarioError(message) from error
        cut(row + 1, told)
        return
    last = b"".join(begun)
    if last:
        yield row + 1, last


def _check_length(line_bytes: int) -> None:
    if line_bytes > LINE_BYTES_MOST:
        message = f"a line of more than {LINE_BYTES_MOST:,} bytes"
        raise EOFError(message)


class _Unpacking(Protocol):
    """What the standard library and both packages have for a stream that comes in pieces."""

    @property
    def eof(self) -> bool:
        """Whether this stream is whole."""

    @property
    def unused_data(self) -> bytes:
        """What came after it."""

    def decompress(self, data: bytes, /) -> bytes:
        """What a piece unpacks to."""


def _unpacked(source: Source, packed: IO[bytes]) -> Iterator[bytes]:
    magic = packed.read(_MAGIC_BYTES)
    packed.seek(0)
    if magic.startswith(_GZIP):
        return _streams(packed, lambda: zlib.decompressobj(_GZIP_WINDOW))
    if magic == _ZSTD:
        return _streams(packed, lambda: zstandard.ZstdDecompressor().decompressobj())
    if magic == _LZ4:
        return _streams(packed, _lz4(source))
    if magic == _ZIP:
        return _zipped(source, packed)
    return _pieces(packed)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def _streams(packed: IO[bytes], begin: Callable[[], _Unpacking]) -> Iterator[bytes]:
    """Streams one behind the other, piece by piece, so that all before a cut is had. Raises EOFError for a cut."""
    stream: _Unpacking | None = None
    rest = b""
    while piece := rest or packed.read(_PIECE_BYTES):
        if stream is None or stream.eof:
            stream = begin()
        yield stream.decompress(piece)
        rest = stream.unused_data if stream.eof else b""
    if stream is not None and not stream.eof:
        message = "the packed stream is not whole"
        raise EOFError(message)


def _zipped(source: Source, packed: IO[bytes]) -> Iterator[bytes]:
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        if len(names) != 1:
            message = f"{source.path}: a zip archive of {len(names)} files; unpack it and name those that are meant"
            raise ScenarioError(message)
        with archive.open(names[0]) as stream:
            yield from _pieces(stream)


def _lz4(source: Source) -> Callable[[], _Unpacking]:
    try:
        frames = import_module("lz4.frame")
    except ImportError:
        message = f"{source.path}: it is packed with lz4, which needs `pip install 'deleverage[lz4]'`, or unpack it"
        raise ScenarioError(message) from None
    begin: Callable[[], _Unpacking] = frames.LZ4FrameDecompressor
    return begin
