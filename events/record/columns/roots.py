"""roots.idx: the root of each page, 32 bytes; the record's head is the tree over them, so they prove themselves."""

from __future__ import annotations

from collections.abc import Sequence

from ..pages import PAGE_EVENTS
from .column import Column
from .facts import PageFacts

__all__ = ["RootColumn"]

_ROOT_BYTES = 32


class RootColumn(Column):
    """The page roots, in their order."""

    name, magic = "roots.idx", b"DLVR"

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Raises ValueError if it is not one root a page."""
        super().__init__(body, first_seq, stop_seq)
        due = -(-(stop_seq - first_seq) // PAGE_EVENTS)
        if len(body) != due * _ROOT_BYTES:
            message = f"it holds {len(body)} bytes of page roots, the record {due} pages"
            raise ValueError(message)
        self.roots = [body[start : start + _ROOT_BYTES] for start in range(0, len(body), _ROOT_BYTES)]

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """Each page's root."""
        return b"".join([page.root for page in pages])
