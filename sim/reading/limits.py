"""What all packings share: how much unpacking may hold in memory, and the errors for what does not unpack."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["PACKED_BYTES", "PIECE_BYTES", "WINDOW_BYTES_MOST", "CutOffError", "Read", "UnpackingError"]

PACKED_BYTES = 1 << 16
"""How much of a packed file is read at a time."""

PIECE_BYTES = 1 << 17
"""The most that one step of unpacking gives."""

WINDOW_BYTES_MOST = 1 << 27
"""The largest window or dictionary of a decoder, 128 MiB: what the tools of zstd and xz use at their highest levels.

A file that was packed with more must be unpacked, or packed anew, before it is read here.
"""

Read = Callable[[int], bytes]
"""Gives the next so many bytes of what is packed, fewer only at its end."""


class UnpackingError(Exception):
    """Why a file is not read any further, and what to do. Whoever reads it puts file and line in front."""


class CutOffError(UnpackingError):
    """The file is not whole; what was read before is good, and may be kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"reading stops here ({reason}); the file is cut off or damaged, fetch it again")
