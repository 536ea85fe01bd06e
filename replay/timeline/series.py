"""Series over time, drawn together in steps of one length: typed, in whole numbers, with the event of each extreme.

1. Step n goes from `first_ns + n x step_ns` up to but without the next. Steps begin at whole multiples of their length
   since 1970, so that a window that is moved draws the same steps.
2. A *level* stands until it is set again: a price, a depth, what is held. A step has its least, its greatest and its
   last value and the event of each, so no extreme is lost, however long the steps are. Steps in which it was not set
   are left out: the last value goes on.
3. A *total* is summed: what was liquidated. A step has the sum, how many events it is of, and the one of most.
4. Values are whole numbers of `scale.step` in `scale.unit`; `text` has one as a decimal. Encode with
   `enc_hook=encoded`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ...sim.quantities import Quantity, Scale

__all__ = [
    "STEPS_NS",
    "Level",
    "Levels",
    "SummedSeries",
    "SummedStep",
    "Timeline",
    "TimelineSpan",
    "encoded",
    "step_ns_for",
]

_MS, _SECOND = 10**6, 10**9
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND

STEPS_NS = (
    *(one * _MS for one in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(one * _SECOND for one in (1, 2, 5, 10, 15, 30)),
    *(one * _MINUTE for one in (1, 2, 5, 10, 15, 30)),
    *(one * _HOUR for one in (1, 2, 3, 6, 12)),
    *(one * _DAY for one in (1, 2, 7)),
)
"""Lengths of steps that can be read off an axis."""


class Level(msgspec.Struct, frozen=True, array_like=True):
    """A level in one step: its least, greatest and last value, and the events that set them."""

    step: int
    low: int
    high: int
    last: int
    low_seq: int
    high_seq: int
    last_seq: int


class SummedStep(msgspec.Struct, frozen=True, array_like=True):
    """What one step summed: over how many events, and which of them had most."""

    step: int
    sum: int
    events: int
    most: int
    most_seq: int


class _Series(msgspec.Struct, frozen=True, kw_only=True):
    """What a series is of: `of` is an instrument or a fund, empty for the whole run."""

    name: str
    of: str
    scale: Scale

    def text(self, number: int) -> str:
        """A value as a decimal for people, with its unit left out."""
        return Quantity(number, self.scale).text


class Levels(_Series, frozen=True, kw_only=True):
    """A level over time; `before` is what it was as the window begins, None where it was not set yet."""

    before: int | None
    points: tuple[Level, ...]


class SummedSeries(_Series, frozen=True, kw_only=True):
    """A total over time."""

    points: tuple[SummedStep, ...]


class TimelineSpan(msgspec.Struct, frozen=True):
    """A halt of an instrument, or a fault of the venue: from when, by which event, until when.

    `from_seq` is None where it was on before the window, `until_ns` and `until_seq` are None where
    it is still on at its end.
    """

    name: str
    of: str
    from_ns: int
    from_seq: int | None
    until_ns: int | None = None
    until_seq: int | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All series of a window, `first_ns` to `stop_ns`, in `steps` steps; those that say nothing are left out."""

    first_ns: int
    stop_ns: int
    step_ns: int
    steps: int
    instruments: tuple[str, ...]
    levels: tuple[Levels, ...]
    totals: tuple[SummedSeries, ...]
    spans: tuple[TimelineSpan, ...]

    def level(self, name: str, of: str = "") -> Levels | None:
        """A level by name; None where it was never set."""
        return next((one for one in self.levels if (one.name, one.of) == (name, of)), None)

    def total(self, name: str, of: str = "") -> SummedSeries | None:
        """A total by name; None where nothing of it happened."""
        return next((one for one in self.totals if (one.name, one.of) == (name, of)), None)


def step_ns_for(length_ns: int, steps_most: int) -> int:
    """The shortest length of `STEPS_NS` of which so long a window has at most so many; whole weeks beyond them."""
    least_ns = -(-max(length_ns, 1) // max(steps_most - 1, 1))
    found = next((one for one in STEPS_NS if one >= least_ns), None)
    return found or -(-least_ns // STEPS_NS[-1]) * STEPS_NS[-1]


def encoded(value: object) -> str:
    """A decimal in what is encoded as JSON, as text: the hook for msgspec. Raises TypeError for anything else."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(type(value).__name__)
