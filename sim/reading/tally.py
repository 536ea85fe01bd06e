"""What came of a source's rows: how many there were, how many were merged, what was left out and why.

Nothing is left out silently: a row that is not used is counted under a reason here, reported at the end and recorded
in `RunEnded`.
"""

from __future__ import annotations

from ...events.bodies.run import SourceTally

__all__ = ["Tally"]


class Tally:
    """Counts one reading of a source, from its first row to its last.

    `left_out` holds, by reason and in the order in which reasons first came up, how many rows and the first of them.
    """

    __slots__ = ("left_out", "merged", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.merged = 0
        self.left_out: dict[str, tuple[int, int]] = {}

    def leave_out(self, reason: str, row: int, rows: int = 1) -> None:
        """Count `rows` that are not used, the first of them `row`."""
        before, first = self.left_out.get(reason, (0, row))
        self.left_out[reason] = (before + rows, first)

    def closed(self, source: int) -> SourceTally:
        """The tally as it is recorded."""
        left_out = tuple((reason, rows, first) for reason, (rows, first) in self.left_out.items())
        return SourceTally(source, self.rows, self.merged, left_out)
