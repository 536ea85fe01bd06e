"""The first law: a fill starts at the position that the fill before it ended at.

1. Per account, instrument and leg; perpetuals and spot apart. On a spot market what a buyer is charged, and what a
   seller is paid back, is in the token and changes the position too.
2. Two figures that differ by what a float leaves behind, 10^-9 or the last bits of a double, are the same: an artefact,
   counted. A value that was snapped and then follows exactly is one as well.
3. Where the record says that fills may be missing in between, a difference is a gap and not a break.
"""

from __future__ import annotations

from collections.abc import Iterable

from .fills import FINE, ReportedFill
from .tally import LawTally, units

__all__ = ["Positions", "is_artefact"]

_ARTEFACT = FINE // 10**9
_DOUBLE_BITS = 51

_RULE = "a fill starts at the position that the one before it ended at"


class Positions:
    """The position of everyone, as the venue told it last."""

    def __init__(self) -> None:
        self.perpetual = LawTally("position", "perpetual", _RULE)
        self.spot = LawTally("position", "spot", f"{_RULE}, fees in the token included")
        self._last: dict[tuple[int, int, int], tuple[int, int]] = {}

    @property
    def tallies(self) -> Iterable[LawTally]:
        """One for each kind of market."""
        return self.perpetual, self.spot

    def take(self, fill: ReportedFill) -> bool:
        """Check the next fill; whether what is known of the position before it still holds."""
        tally = self.spot if fill.scales.kind == "spot" else self.perpetual
        key = fill.account, fill.instrument, fill.leg
        last, start, end = self._last.get(key), fill.start, fill.end
        if start is None or end is None:
            tally.skip("the venue does not say where it started")
            self._last.pop(key, None)
            return False
        self._last[key] = end, fill.missed
        if last is None:
            tally.skip("the first fill of its account and instrument")
            return True
        return self._follows(tally, fill, start, *last)

    def _follows(self, tally: LawTally, fill: ReportedFill, start: int, expected: int, missed: int) -> bool:
        if start == expected:
            tally.hold(artefact="start_lots" in fill.said and fill.scales.kind == "perpetual")
        elif is_artefact(start, expected):
            tally.hold(artefact=True)
        else:
            text = (
                f"starts at {units(start)} where the fill before it ended at {units(expected)}: "
                f"{units(start - expected)} in between"
            )
            if fill.missed != missed:
                tally.gap(fill, text)
            else:
                tally.breaks(fill, text)
            return False
        return True


def is_artefact(one: int, other: int) -> bool:
    """Whether two figures of 10^-12 are the same but for what a float leaves behind."""
    apart = abs(one - other)
    return apart <= _ARTEFACT or apart << _DOUBLE_BITS <= max(abs(one), abs(other))
