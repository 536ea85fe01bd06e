"""Whether the columns' files say what the record says, in a pass that is made over it anyway.

Only files are judged, and none is made. One that is missing has no fault, nor have those of a record never sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...envelope import Event
from ..pages import kinds_of, page_root
from .column import Column
from .facts import PageFacts, facts_of
from .kinds import KINDS
from .stored import body_of, stored_file

if TYPE_CHECKING:
    from ..reader import RecordReader

__all__ = ["ColumnsCheck", "verify_columns"]


class ColumnsCheck:
    """Takes the pages of a record in their order, and tells the faults of the columns beside it.

    Pages that a fork shares with its parent may be among them; they are the parent's columns' business. Cost: 0.1 us an
    event at most.
    """

    def __init__(self, reader: RecordReader) -> None:
        self._path, self._first_seq, self._count = reader.path, reader.first_seq, reader.count
        self._taken_seq = reader.first_seq
        self._stops = {entry.header.stop_seq for entry in reader.blocks}
        self._block: list[PageFacts] = []
        self._funds = set[int]()
        self._remaining: dict[type[Column], memoryview] = {}
        self._faults: dict[type[Column], str] = {}
        for kind in KINDS:
            try:
                data = stored_file(reader, kind)
                if data is not None:
                    body = body_of(reader, kind, data)
                    kind(body, reader.first_seq, reader.count)
                    self._remaining[kind] = memoryview(body)
            except ValueError as error:
                self._faults[kind] = str(error)

    def take(self, events: Sequence[Event], root: bytes) -> None:
        """The next page, and its root."""
        if not self._remaining or events[0].seq < self._first_seq:
            return
        self._block.append(facts_of(events, root, kinds_of(events), self._funds))
        self._taken_seq = self._block[-1].stop_seq
        if self._taken_seq in self._stops:
            for kind in list(self._remaining):
                self._compare(kind)
            self._block = []

    def faults(self) -> list[str]:
        """What is wrong with the columns, a line each; nothing, where they say what the pages taken say."""
        if self._taken_seq == self._count:
            self._faults |= {kind: "it goes on beyond the record" for kind, left in self._remaining.items() if left}
        return [f"{self._path / kind.name}: {self._faults[kind]}" for kind in KINDS if kind in self._faults]

    def _compare(self, kind: type[Column]) -> None:
        """Hold a block against what is left of a column."""
        left = self._remaining[kind]
        try:
            due: bytes | None = kind.pack(self._block)
        except OverflowError:
            due = None
        if due is not None and left[: len(due)] == due:
            self._remaining[kind] = left[len(due) :]
            return
        del self._remaining[kind]
        first, last = self._block[0].first_seq, self._block[-1].stop_seq - 1
        self._faults[kind] = f"it is not what the record says of events {first} to {last}; delete it, it is made again"


def verify_columns(reader: RecordReader) -> list[str]:
    """The faults of the columns beside a record, in a pass of its own over all of it."""
    check = ColumnsCheck(reader)
    for events, data in reader.pages(reader.first_seq):
        check.take(events, page_root(events, data))
    return check.faults()
