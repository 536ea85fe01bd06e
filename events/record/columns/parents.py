"""parents.idx: for each event the distance back to its cause, 0 for none; 32 bits each.

Rules:
1. A step up a chain is one look-up. No event is decoded.
2. A record with a greater distance, or with a cause that does not come before its event, has no such column.
"""

from __future__ import annotations

from collections.abc import Sequence

from .column import Column
from .facts import PageFacts
from .layout import words_in, words_of

__all__ = ["ParentColumn"]


class ParentColumn(Column):
    """The cause of each event."""

    name, magic = "parents.idx", b"DLVP"

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Raises ValueError if it is not one distance an event."""
        super().__init__(body, first_seq, stop_seq)
        self._distances = words_in(body)
        if len(self._distances) != stop_seq - first_seq:
            message = f"it holds {len(self._distances)} events, the record {stop_seq - first_seq}"
            raise ValueError(message)

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """Each event's distance. Raises OverflowError for one below 0 or of more than 32 bits."""
        return words_of(*[page.distances for page in pages])

    def cause_of(self, seq: int) -> int | None:
        """The event that `seq`, which must be one of these, followed from; None for an input."""
        distance = self._distances[seq - self.first_seq]
        return seq - distance if distance else None

    def chain(self, seq: int) -> tuple[int, ...]:
        """The causes of `seq`, which must be one of these, from the first down to itself. Some 50 ns a hop.

        Begins with an input; or, below `first_seq`, with an event whose causes are in the parent's column.
        """
        distances, first_seq = self._distances, self.first_seq
        found, position = [seq], seq - first_seq
        while position >= 0:
            distance = distances[position]
            if not distance:
                break
            position -= distance
            found.append(first_seq + position)
        found.reverse()
        return tuple(found)
