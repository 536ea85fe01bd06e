"""forks.idx: the numbers of the `RunForked` events, where who decides may change; 64 bits each. Most have none."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from .column import Column
from .facts import PageFacts

__all__ = ["ForkColumn"]

_SEQ = Struct("<Q")


class ForkColumn(Column):
    """Where the run was forked."""

    name, magic = "forks.idx", b"DLVK"

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Raises ValueError if it is not numbers of these events, rising."""
        super().__init__(body, first_seq, stop_seq)
        if len(body) % _SEQ.size:
            message = f"it holds {len(body)} bytes, which are no whole numbers of 64 bits"
            raise ValueError(message)
        self.seqs = [seq for (seq,) in _SEQ.iter_unpack(body)]
        if self.seqs != sorted(set(self.seqs)) or not all(first_seq <= seq < stop_seq for seq in self.seqs):
            message = f"it holds {self.seqs}, which are no events from {first_seq} up to {stop_seq}, rising"
            raise ValueError(message)

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The block's forks."""
        return b"".join([_SEQ.pack(seq) for page in pages for seq in page.forks])
