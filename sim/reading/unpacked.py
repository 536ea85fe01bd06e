"""How a file is packed, told by its first bytes, and its content in pieces.

1. gzip, bzip2, xz (and the older .lzma), zstd, lz4, zip of one file, or not packed at all. lz4 needs the package of
   that name (`pip install 'deleverage[lz4]'`).
2. A piece has at most `PIECE_BYTES`, whatever it was unpacked from. One step of a decoder never gives more.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from .limits import PIECE_BYTES
from .streams import Begin, begin_bzip2, begin_gzip, begin_lz4, begin_xz, unpacked_streams
from .zip_member import MAGIC as ZIP
from .zip_member import unpacked_member
from .zstd_frames import MAGIC as ZSTD
from .zstd_frames import is_skippable, skip_frame, unpacked_frames

__all__ = ["unpacked"]

_MAGIC_BYTES = 6
_LZ4 = b"\x04\x22\x4d\x18"
_BZIP2_MAGICS = tuple(b"BZh%d%s" % (level, begins) for level in range(1, 10) for begins in (b"1A", b"\x17\x72"))
_STREAMS: tuple[tuple[bytes | tuple[bytes, ...], Begin], ...] = (
    (b"\x1f\x8b", begin_gzip),
    (_BZIP2_MAGICS, begin_bzip2),
    (b"\xfd7zXZ\0", begin_xz),
    (b"\x5d\0\0", begin_xz),
    (_LZ4, begin_lz4),
)


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file that stands at its start, all before a fault included.

    Raises CutOffError, UnpackingError, and OSError where the disk does.
    """
    magic = _magic(file)
    begin = next((begin for known, begin in _STREAMS if magic.startswith(known)), None)
    if begin is not None:
        return unpacked_streams(file.read, begin)
    if magic.startswith(ZSTD):
        return unpacked_frames(file.read)
    if magic.startswith(ZIP):
        return unpacked_member(file)
    return iter(partial(file.read, PIECE_BYTES), b"")


def _magic(file: BinaryIO) -> bytes:
    """The bytes that tell how a file is packed, at which it stands afterwards: those behind what zstd and lz4 skip."""
    begins = 0
    while True:
        magic = file.read(_MAGIC_BYTES)
        file.seek(begins)
        if not is_skippable(magic[:4]):
            return magic
        file.seek(4, 1)
        skip_frame(file.read)
        begins = file.tell()
