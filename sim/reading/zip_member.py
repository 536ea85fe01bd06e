"""zip: the one file of an archive, unpacked by the same bounded steps, and held against what its directory says.

1. An archive of several files is refused: which of them is meant cannot be told. Its directory is not read then.
2. The size and CRC-32 that the directory gives must come out. One that unpacks to more is refused as soon as it does.
3. Stored, deflated, bzip2, LZMA, xz and zstd members are read; encrypted ones are not.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

from .limits import PIECE_BYTES, CutOffError, Read, UnpackingError
from .streams import Begin, begin_bzip2, begin_deflate, begin_xz, unpacked_streams
from .zstd_frames import unpacked_frames

__all__ = ["MAGIC", "unpacked_member"]

MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = Struct("<4s22x2H")
_ENTRY_BYTES_MOST = 46 + 3 * 0xFFFF
"""What the directory has of one file: fixed fields, then name, extra field and comment, each as long as can be."""

_ENCRYPTED, _ENDS_WITH_MARKER = 0x1, 0x2
_STORED, _LZMA, _ZSTD = zipfile.ZIP_STORED, zipfile.ZIP_LZMA, 93
_STREAMS: dict[int, Begin] = {zipfile.ZIP_DEFLATED: begin_deflate, zipfile.ZIP_BZIP2: begin_bzip2, 95: begin_xz}
_LZMA_HEADER_BYTES, _LZMA_PROPERTIES_BYTES = 4, 5
_UNKNOWN_SIZE = (1 << 64) - 1


class _DirectoryTooLongError(Exception):
    """The archive's directory is that of more than one file."""


class _Archive(io.RawIOBase):
    """The archive as `zipfile` sees it, which reads a directory in one go, however long it is."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As in the file."""
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        """As from the file, unless that is more than a directory of one file can take."""
        if size > _ENTRY_BYTES_MOST:
            raise _DirectoryTooLongError
        return self._file.read(size)


def unpacked_member(file: BinaryIO) -> Iterator[bytes]:
    """The content of the archive's one file, all before a fault included. Raises CutOffError or UnpackingError."""
    member = _only_member(file)
    size = crc = 0
    for piece in _pieces(file, member):
        size += len(piece)
        if size > member.file_size:
            message = f"it unpacks to more than the {member.file_size:,} bytes that the archive's directory says"
            raise CutOffError(message)
        crc = zlib.crc32(piece, crc)
        yield piece
    if (size, crc) != (member.file_size, member.CRC):
        message = f"its {size:,} bytes or their CRC-32 are not what the archive's directory says"
        raise CutOffError(message)


def _only_member(file: BinaryIO) -> zipfile.ZipInfo:
    try:
        members = zipfile.ZipFile(_Archive(file)).infolist()
    except _DirectoryTooLongError:
        message = "a zip archive of many files; unpack it and name those that are meant"
        raise UnpackingError(message) from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise CutOffError(" ".join(str(error).split())) from error
    if len(members) != 1:
        message = f"a zip archive of {len(members):,} files; unpack it and name those that are meant"
        raise UnpackingError(message)
    if members[0].flag_bits & _ENCRYPTED:
        message = "its file is encrypted; unpack it first"
        raise UnpackingError(message)
    return members[0]


def _pieces(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    read = _reader(file, member)
    method = member.compress_type
    if method == _STORED:
        return _as_they_are(read)
    if method in _STREAMS:
        return unpacked_streams(read, _STREAMS[method])
    if method == _LZMA:
        return unpacked_streams(_as_lzma_file(read, member), begin_xz)
    if method == _ZSTD:
        return unpacked_frames(read)
    message = f"its file is packed by zip's method {method}, which is not read here; unpack it first"
    raise UnpackingError(message)


def _reader(file: BinaryIO, member: zipfile.ZipInfo) -> Read:
    """Reads what is packed of the member, and nothing behind it."""
    file.seek(max(member.header_offset, 0))
    header = file.read(_LOCAL_HEADER.size)
    if not header.startswith(MAGIC) or len(header) < _LOCAL_HEADER.size:
        message = "no file begins where the archive's directory says"
        raise CutOffError(message)
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    file.seek(name_bytes + extra_bytes, io.SEEK_CUR)
    left = member.compress_size

    def read(size: int) -> bytes:
        nonlocal left
        data = file.read(min(size, left))
        left -= len(data)
        return data

    return read


def _as_they_are(read: Read) -> Iterator[bytes]:
    while piece := read(PIECE_BYTES):
        yield piece


def _as_lzma_file(read: Read, member: zipfile.ZipInfo) -> Read:
    """The same bytes under the header of a .lzma file, which can be unpacked under a memory limit."""
    properties = read(_LZMA_HEADER_BYTES + _LZMA_PROPERTIES_BYTES)[_LZMA_HEADER_BYTES:]
    size = _UNKNOWN_SIZE if member.flag_bits & _ENDS_WITH_MARKER else member.file_size
    header = properties + size.to_bytes(8, "little")

    def read_behind_header(length: int) -> bytes:
        nonlocal header
        data, header = header + read(length), b""
        return data

    return read_behind_header
