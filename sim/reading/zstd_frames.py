"""zstd: frames one behind the other, unpacked block by block.

A frame is a header and blocks, each of which says how long it is and unpacks to 128 KiB at most. So the decoder is
given one block at a time, and one block is all that it gives: 160 KB that unpack to 5 GB are 40,000 small steps.

1. A frame that needs a larger window than `WINDOW_BYTES_MOST`, or a dictionary, is refused before anything is unpacked.
2. Skippable frames are passed over. Zeros between and behind frames are padding.
"""

from __future__ import annotations

from collections.abc import Iterator

import zstandard

from .limits import PACKED_BYTES, WINDOW_BYTES_MOST, CutOffError, Read, UnpackingError

__all__ = ["MAGIC", "is_skippable", "skip_frame", "unpacked_frames"]

MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES, _LENGTH_BYTES, _BLOCK_HEADER_BYTES, _CHECKSUM_BYTES = 4, 4, 3, 4
_SKIPPABLE, _SKIPPABLE_END = range(0x50, 0x60), b"\x2a\x4d\x18"
_RUN_LENGTH = 1
_BLOCK_BYTES_MOST = 1 << 17


def is_skippable(magic: bytes) -> bool:
    """Whether these four bytes begin a frame of a user's own, which zstd and lz4 pass over."""
    return magic[1:] == _SKIPPABLE_END and magic[0] in _SKIPPABLE


def skip_frame(read: Read) -> None:
    """Go behind a skippable frame whose first four bytes were read. Raises CutOffError where it ends within."""
    left = int.from_bytes(_exactly(read, _LENGTH_BYTES), "little")
    while left:
        left -= len(_exactly(read, min(left, PACKED_BYTES)))


def unpacked_frames(read: Read) -> Iterator[bytes]:
    """The content of the frames, all before a cut included. Raises CutOffError or UnpackingError."""
    while magic := _behind_padding(read):
        if is_skippable(magic):
            skip_frame(read)
        elif magic == MAGIC:
            yield from _frame(read)
        else:
            message = "no frame begins where the one before it ends"
            raise CutOffError(message)


def _behind_padding(read: Read) -> bytes:
    """The next four bytes behind zeros; none at the end."""
    magic = read(_MAGIC_BYTES)
    while magic.startswith(b"\0"):
        magic = magic.lstrip(b"\0")
        magic += read(_MAGIC_BYTES - len(magic))
    return magic


def _frame(read: Read) -> Iterator[bytes]:
    try:
        stream, has_checksum = _begin(read)
        is_last = False
        while not is_last:
            header = _exactly(read, _BLOCK_HEADER_BYTES)
            told = int.from_bytes(header, "little")
            is_last, kind, length = bool(told & 1), told >> 1 & 3, told >> 3
            if length > _BLOCK_BYTES_MOST:
                message = f"a block of {length:,} bytes, where zstd has {_BLOCK_BYTES_MOST:,} at most"
                raise CutOffError(message)
            piece = stream.decompress(header + _exactly(read, 1 if kind == _RUN_LENGTH else length))
            if piece:
                yield piece
        if has_checksum:
            stream.decompress(_exactly(read, _CHECKSUM_BYTES))
    except zstandard.ZstdError as error:
        raise CutOffError(str(error)) from error
    if not stream.eof:
        message = "a frame does not end where its last block does"
        raise CutOffError(message)


def _begin(read: Read) -> tuple[zstandard.ZstdDecompressionObj, bool]:
    """A decoder that was given the frame's header, and whether a checksum ends the frame."""
    head = MAGIC + _exactly(read, 1)
    head += _exactly(read, zstandard.frame_header_size(head) - len(head))
    try:
        parameters = zstandard.get_frame_parameters(head)
    except zstandard.ZstdError as error:
        raise (_too_large(1 << 32) if "memory" in str(error) else CutOffError(str(error))) from error
    if parameters.dict_id:
        message = f"it needs the zstd dictionary {parameters.dict_id}; unpack it first"
        raise UnpackingError(message)
    if parameters.window_size > WINDOW_BYTES_MOST:
        raise _too_large(parameters.window_size)
    stream = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MOST).decompressobj()
    stream.decompress(head)
    return stream, bool(parameters.has_checksum)


def _too_large(window_bytes: int) -> UnpackingError:
    """The refusal of a frame that needs a window of at least so many bytes."""
    message = (
        f"its zstd window has {window_bytes:,} bytes or more, and {WINDOW_BYTES_MOST:,} are taken; unpack it first"
    )
    return UnpackingError(message)


def _exactly(read: Read, size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        message = "it ends within a packed frame"
        raise CutOffError(message)
    return data
