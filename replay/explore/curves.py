"""A timeline as a browser draws it: columns of figures in floating point, times since the first event of the record."""

from __future__ import annotations

import msgspec

from ..run import Run
from ..timeline import Levels, SummedSeries, Timeline
from .panels import since_us

__all__ = ["Curve", "Curves", "Halt", "curves_of"]

_US = 1_000


class Curve(msgspec.Struct, frozen=True):
    """A series by step: a level has its last, least and greatest value in each, a total its sum and its count.

    `seqs` are the events of the last value, or of the largest summed. A level stands until it is set again.
    """

    name: str
    of: str
    unit: str
    before: float | None
    steps: tuple[int, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    seqs: tuple[int, ...]


class Halt(msgspec.Struct, frozen=True):
    """A span of a halt or a fault; open ones end with the window."""

    name: str
    of: str
    from_us: int
    until_us: int
    from_seq: int | None


class Curves(msgspec.Struct, frozen=True):
    """All of a window: `steps` steps of `step_us` from `first_us` on. `surveyed` of `count` events are in it."""

    first_us: int
    step_us: float
    steps: int
    surveyed: int
    count: int
    instruments: tuple[str, ...]
    levels: tuple[Curve, ...]
    totals: tuple[Curve, ...]
    spans: tuple[Halt, ...]


def curves_of(run: Run, timeline: Timeline, surveyed: int) -> Curves:
    """The curves of a timeline of the run."""
    spans = (
        Halt(
            one.name,
            one.of,
            since_us(run, one.from_ns),
            since_us(run, timeline.stop_ns if one.until_ns is None else one.until_ns),
            one.from_seq,
        )
        for one in timeline.spans
    )
    return Curves(
        first_us=since_us(run, timeline.first_ns),
        step_us=timeline.step_ns / _US,
        steps=timeline.steps,
        surveyed=surveyed,
        count=run.count,
        instruments=timeline.instruments,
        levels=tuple(map(_level, timeline.levels)),
        totals=tuple(map(_total, timeline.totals)),
        spans=tuple(spans),
    )


def _level(one: Levels) -> Curve:
    unit = float(one.scale.step)
    return Curve(
        name=one.name,
        of=one.of,
        unit=one.scale.unit,
        before=None if one.before is None else one.before * unit,
        steps=tuple(point.step for point in one.points),
        values=tuple(point.last * unit for point in one.points),
        lows=tuple(point.low * unit for point in one.points),
        highs=tuple(point.high * unit for point in one.points),
        seqs=tuple(point.last_seq for point in one.points),
    )


def _total(one: SummedSeries) -> Curve:
    unit = float(one.scale.step)
    sums = tuple(point.sum * unit for point in one.points)
    return Curve(
        name=one.name,
        of=one.of,
        unit=one.scale.unit,
        before=None,
        steps=tuple(point.step for point in one.points),
        values=sums,
        lows=(),
        highs=tuple(float(point.events) for point in one.points),
        seqs=tuple(point.most_seq for point in one.points),
    )
