"""How loud each figure is: `calm`, `raised` or `high`, by the limits below. They are this program's own, not a rule's.

A figure that cannot be told is calm, but for notional near liquidation without any depth near the mark: that is high.
The limits of Herfindahl's index are those of the Horizontal Merger Guidelines (US Department of Justice, 2010, 5.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

from .warning import InstrumentFigures
from .watcher import WarningReading

__all__ = ["LEVELS", "LIMITS", "Level", "Sign", "signs_of", "worst"]

Level = Literal["calm", "raised", "high"]
LEVELS: tuple[Level, ...] = ("calm", "raised", "high")


class LevelLimits(NamedTuple):
    """From where on a figure is raised, and high; where `falling`, down from there."""

    raised: Fraction
    high: Fraction
    falling: bool = False

    def level(self, value: Fraction | int | None) -> Level:
        """How loud a value is."""
        if value is None:
            return "calm"
        passed = [value <= one if self.falling else value >= one for one in (self.high, self.raised)]
        return "high" if passed[0] else "raised" if passed[1] else "calm"


LIMITS = {
    "stress": LevelLimits(Fraction(800), Fraction(300), falling=True),
    "overhang": LevelLimits(Fraction(1), Fraction(3)),
    "concentration": LevelLimits(Fraction(15, 100), Fraction(25, 100)),
    "largest": LevelLimits(Fraction(1), Fraction(3)),
    "fund": LevelLimits(Fraction(50, 100), Fraction(20, 100), falling=True),
    "correlation": LevelLimits(Fraction(20, 100), Fraction(40, 100)),
}
"""Stress in basis points; overhang and largest over the depth near the mark; the fund over its high; the rise."""


class Sign(NamedTuple):
    """A figure with its level, and whose it is: an asset, an instrument, a fund (its account), or nobody's."""

    name: str
    level: Level
    of: int | None = None


def signs_of(reading: WarningReading) -> Iterator[Sign]:
    """Every figure of a reading that has a level."""
    for asset, vector in reading.warning.stress.items():
        yield Sign("stress", LIMITS["stress"].level(vector.nearest_bps), asset)
    for one in reading.warning.instruments:
        yield Sign("overhang", _overhang(one), one.instrument)
        yield Sign(
            "concentration", LIMITS["concentration"].level(Fraction(one.concentration_ppm, 10**6)), one.instrument
        )
        largest = None if one.largest_bps is None else Fraction(one.largest_bps, 10**4)
        yield Sign("largest", LIMITS["largest"].level(largest), one.instrument)
    for fund in reading.warning.funds:
        high = reading.fund_highs_atoms.get(fund.account, 0)
        left = None if fund.left_atoms is None or high <= 0 else Fraction(fund.left_atoms, high)
        yield Sign("fund", LIMITS["fund"].level(left), fund.account)
    rise = reading.movement.correlation_rise_ppm
    yield Sign("correlation", LIMITS["correlation"].level(None if rise is None else Fraction(rise, 10**6)))


def worst(levels: Iterator[Level]) -> Level:
    """The loudest; calm where there is none."""
    return max(levels, key=LEVELS.index, default="calm")


def _overhang(one: InstrumentFigures) -> Level:
    if one.against_depth is None:
        return "high" if one.near_atoms else "calm"
    return LIMITS["overhang"].level(one.against_depth)
