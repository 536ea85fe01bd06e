"""The later part of a file: what it has before an instant is read and left out, so that a run can begin in the middle.

The first price from that instant on is what the run opens at. Other instruments that move with the file's are anchored
at its first price all the same, so they open where they would have stood. What is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from .base import PriceSource

__all__ = ["ClippedSource", "clipped"]

_REASON = "before the start that is asked for"


class ClippedSource:
    """A source of prices from an instant on; name, layout and hash are the whole file's."""

    def __init__(self, whole: PriceSource, since_ns: int) -> None:
        """Read up to the first price that counts. Raises ScenarioError where there is none."""
        self._whole, self._since_ns = whole, since_ns
        self._rows = 0, 0
        self.name, self.layout, self.sha256 = whole.name, whole.layout, whole.sha256
        first = next(self.inputs(0), None)
        if first is None:
            message = f"no price of {self.name} is that late; give a time before its end"
            raise ScenarioError(message)
        self.start_ns, self.opening = first[0], first[1].prices

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """The prices from the instant on, as they are in the file."""
        first = count = last = 0
        begun = False
        for at_ns, body in self._whole.inputs(number):
            assert isinstance(body, PriceTicked)
            row = 0 if body.provenance is None else body.provenance.row
            if at_ns < self._since_ns:
                first, count, last = first or row, count + (row != last), row
                continue
            if not begun:
                # A bar has several prices: its row is left out only if all of them are.
                self._rows, begun = (first, count - (row == last)), True
            yield at_ns, body

    def tally(self, number: int) -> SourceTally:
        """That of the file, and how many rows were left out."""
        tally, (first, count) = self._whole.tally(number), self._rows
        return replace(tally, left_out=(*tally.left_out, (_REASON, count, first))) if count else tally


def clipped(sources: Sequence[PriceSource], since_ns: int) -> tuple[PriceSource, ...]:
    """The sources from an instant on. Raises ScenarioError if one of them ends before."""
    return tuple(ClippedSource(source, since_ns) for source in sources)
