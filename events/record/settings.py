"""How a record is put on disk. None of it is part of a record's identity."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..errors import RecordError

__all__ = ["Codec", "Durability", "RecordSettings"]

Codec = Literal["zstd", "none"]
Durability = Literal["block", "interval", "none"]
"""When blocks are forced to the disk: each one; at the first block after `interval_ms`; or left to the system."""

_ZSTD_LEVELS = range(1, 23)


class RecordSettings(msgspec.Struct, frozen=True):
    """Compression, sizes and durability.

    A block closes at `pages_per_block` pages or `block_bytes` before compression, whichever comes first; a segment file
    before it would pass `segment_bytes`. `reserve_bytes` is the room kept to seal on a full disk.
    """

    codec: Codec = "zstd"
    level: int = 1
    pages_per_block: int = 16
    block_bytes: int = 1 << 20
    segment_bytes: int = 256 << 20
    durability: Durability = "interval"
    interval_ms: int = 1000
    reserve_bytes: int = 64 << 10

    def __post_init__(self) -> None:
        """Refuse what could not be written. Raises RecordError."""
        if self.level not in _ZSTD_LEVELS:
            message = f"settings: level is {self.level}; zstd takes {_ZSTD_LEVELS.start} to {_ZSTD_LEVELS.stop - 1}"
            raise RecordError(message)
        for name in ("pages_per_block", "block_bytes", "segment_bytes"):
            if getattr(self, name) < 1:
                message = f"settings: {name} is {getattr(self, name)}; it must be 1 or more"
                raise RecordError(message)
        for name in ("interval_ms", "reserve_bytes"):
            if getattr(self, name) < 0:
                message = f"settings: {name} is {getattr(self, name)}; it must not be negative"
                raise RecordError(message)
