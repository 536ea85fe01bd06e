"""What every column can do: pack the pages of a block, and be opened again from what was packed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from .facts import PageFacts

__all__ = ["Column"]


class Column(ABC):
    """One column of the events from `first_seq` up to but without `stop_seq`."""

    name: ClassVar[str]
    """The name of its file in the record's directory."""
    magic: ClassVar[bytes]

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Open what was packed of these events. Raises ValueError if it does not fit them."""
        self.first_seq = first_seq
        self.stop_seq = stop_seq

    @staticmethod
    @abstractmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The column of one block's pages. Raises OverflowError where it holds no such number."""
