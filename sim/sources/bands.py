"""Bands of resting depth, and when the bands of one instant are a quote.

1. A band says how much rests within a percentage of the price: bids where that is negative, asks where positive. It is
   cumulative: what rests nearer is included.
2. A quote has as many bids as asks, at the same distances, and no fewer bands than the fullest one before it. Half a
   book never passes for a thin one.
3. A band with less depth than a nearer one is left out alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from ...events.errors import ScenarioError
from ..units import parse_decimal, to_whole

__all__ = ["Band", "Depth", "LeaveOut", "both_sides", "parse_distance_bps"]

_BPS_PERCENT = Decimal("0.01")
_BPS_MOST = 9_999

Depth = TypeVar("Depth", int, Decimal)
LeaveOut = Callable[[str, int, int], None]
"""Told (reason, row, how many rows) of what is left out."""


class Band(NamedTuple, Generic[Depth]):
    """One row; `distance_bps` is negative for bids."""

    row: int
    at_ns: int
    distance_bps: int
    depth: Depth


def parse_distance_bps(text: str) -> int:
    """A percentage in basis points. Raises ScenarioError for one that is no distance from a price."""
    distance_bps = to_whole(parse_decimal(text), _BPS_PERCENT)
    if not 0 < abs(distance_bps) <= _BPS_MOST:
        message = f"percentage {text} is no distance from the price; it must be between 0.01 and 99.99 either way"
        raise ScenarioError(message)
    return distance_bps


def both_sides(
    bands: Sequence[Band[Depth]], fullest: int, leave_out: LeaveOut
) -> tuple[tuple[tuple[int, Depth], ...], tuple[tuple[int, Depth], ...]] | None:
    """Bids and asks as (distance, depth), nearest first; None where rule 2 leaves the whole out."""
    bids = sorted((-band.distance_bps, band) for band in bands if band.distance_bps < 0)
    asks = sorted((band.distance_bps, band) for band in bands if band.distance_bps > 0)
    if len(bands) < fullest or [bps for bps, _ in bids] != [bps for bps, _ in asks]:
        leave_out("incomplete group", bands[0].row, len(bands))
        return None
    return _cumulative(bids, leave_out), _cumulative(asks, leave_out)


def _cumulative(side: Sequence[tuple[int, Band[Depth]]], leave_out: LeaveOut) -> tuple[tuple[int, Depth], ...]:
    kept: list[tuple[int, Depth]] = []
    for distance_bps, band in side:
        if kept and band.depth < kept[-1][1]:
            leave_out("band below a nearer one", band.row, 1)
        else:
            kept.append((distance_bps, band.depth))
    return tuple(kept)
