"""Packed files for tests: every packing that is read, files that lie about themselves, and bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from struct import pack_into, unpack_from

import lz4.frame
import zstandard

__all__ = ["PACKERS", "STREAMED", "packed_bomb", "zipped", "zstd_frame"]


def _bzip2(data: bytes) -> bytes:
    return bz2.compress(data, 1)


def _lzma_alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED, names: Iterable[str] = ("fills",)) -> bytes:
    """An archive with the data under each name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in names:
            archive.writestr(name, data)
    return target.getvalue()


def _zip_of(method: int, pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """An archive by a method that `zipfile` cannot write: stored, and told otherwise in both headers."""

    def packed(data: bytes) -> bytes:
        archive = bytearray(zipped(pack(data), zipfile.ZIP_STORED))
        directory = archive.rindex(b"PK\x01\x02")
        for at in (8, directory + 10):
            pack_into("<H", archive, at, method)
        for at in (14, directory + 16):
            pack_into("<L", archive, at, zlib.crc32(data))
        for at in (22, directory + 24):
            pack_into("<L", archive, at, len(data))
        return bytes(archive)

    return packed


def zstd_frame(*blocks: tuple[int, bytes], window_log: int = 17) -> bytes:
    """A frame of blocks as (how many bytes a raw one has, or a run is long; its bytes): one byte is a run."""
    frame = b"\x28\xb5\x2f\xfd\0" + bytes([window_log - 10 << 3])
    for place, (length, data) in enumerate(blocks):
        kind = 1 if len(data) == 1 else 0
        frame += (length << 3 | kind << 1 | (place == len(blocks) - 1)).to_bytes(3, "little") + data
    return frame


STREAMED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": _bzip2,
    "xz": lzma.compress,
    "lzma": _lzma_alone,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}
"""Packings of which several can stand one behind the other."""

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    **STREAMED,
    "zip stored": lambda data: zipped(data, zipfile.ZIP_STORED),
    "zip deflated": zipped,
    "zip bzip2": lambda data: zipped(data, zipfile.ZIP_BZIP2),
    "zip lzma": lambda data: zipped(data, zipfile.ZIP_LZMA),
    "zip xz": _zip_of(95, lzma.compress),
    "zip zstd": _zip_of(93, zstandard.ZstdCompressor().compress),
}
"""Every packing that is read, by name."""


def packed_bomb(kind: str, piece: bytes, times: int) -> bytes:
    """What unpacks to so many times the piece, itself small."""
    if kind in STREAMED and kind != "lzma":
        return STREAMED[kind](piece * times)
    return PACKERS[kind](piece * times)


def central_size(archive: bytes) -> int:
    """How long an archive's directory says that it is."""
    return int(unpack_from("<L", archive, archive.rindex(b"PK\x05\x06") + 12)[0])
