"""Depth from a profile: fixed bands for every instrument, quoted at the start and again at every step.

1. Bands are [distance in basis points, amount resting up to there], nearest first, cumulative: `bands` for both
   sides, or `bids` and `asks` apart.
2. An amount is in quote (`notional`), in units or in lots. Notional becomes units at the opening price, once: the
   book does not grow as the price falls. Lots are rounded down.
3. An instrument's amounts are multiplied by its entry in `multiples` (1 where it has none) and by the step's
   `multiple`: steps say from when on how much of the book there is, since depth vanishes in a crash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from ...events.bodies.inputs import DepthQuoted
from ...events.bodies.run import SourceTally
from ..checks import FEW, check_range, require
from ..reading.tally import Tally
from ..units import CONTEXT, to_whole_down
from .base import InstrumentScale, canonical_sha256, scale_named

__all__ = ["DepthStep", "ProfileSettings", "ProfileSource"]

Bands = Annotated[tuple[tuple[int, Decimal], ...], FEW]

_AMOUNT_MOST = 10**18
_BPS_MOST = 9_999
_MULTIPLE_MOST = 10**6


class DepthStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `after_ns` after the start on, there is `multiple` of the profile's depth."""

    after_ns: int
    multiple: Decimal


class ProfileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="profile"):
    """The bands, what they are measured in, and how they change between instruments and over time."""

    bands: Bands = ()
    bids: Bands = ()
    asks: Bands = ()
    measure: Literal["notional", "units", "lots"] = "notional"
    multiples: dict[str, Decimal] = {}
    steps: Annotated[tuple[DepthStep, ...], FEW] = ()

    def __post_init__(self) -> None:
        """Refuse sides that are missing, bands out of order and steps that are."""
        apart = bool(self.bids) and bool(self.asks)
        require(apart != bool(self.bands) and bool(self.bids) == bool(self.asks), "give either bands, or bids and asks")
        for name in ("bands", "bids", "asks"):
            _check_bands(name, getattr(self, name))
        for name, multiple in self.multiples.items():
            check_range(f"multiples.{name}", multiple, 0, _MULTIPLE_MOST)
        for place, step in enumerate(self.steps):
            check_range(f"steps[{place}].multiple", step.multiple, 0, _MULTIPLE_MOST)
        times = [0, *(step.after_ns for step in self.steps)]
        require(all(a < b for a, b in pairwise(times)), "steps must be in order of after_ns, each later than the start")


class ProfileSource:
    """The profile as `DepthQuoted`: one per instrument at the start and at every step."""

    layout = "depth profile"
    name = "profile"

    def __init__(
        self,
        settings: ProfileSettings,
        scales: Sequence[InstrumentScale],
        *,
        start_ns: int,
        opening: Sequence[tuple[int, int]],
        where: str = "$.depth",
    ) -> None:
        """`opening` holds (instrument, ticks): the prices at which notional becomes units."""
        for name in settings.multiples:
            scale_named(scales, name, f"{where}.multiples")
        self._settings, self._scales, self._tally = settings, tuple(scales), Tally()
        self._start_ns, self._opening = start_ns, dict(opening)
        self.sha256 = canonical_sha256(
            self.layout, settings, scales=self._scales, start_ns=start_ns, opening=tuple(sorted(opening))
        )

    def inputs(self, number: int) -> Iterator[tuple[int, DepthQuoted]]:
        """A quote per instrument at the start and at every step; without provenance, since there are no rows."""
        self._tally = Tally()
        steps = (DepthStep(0, Decimal(1)), *self._settings.steps)
        for step in steps:
            for scale in self._scales:
                self._tally.rows += 1
                yield self._start_ns + step.after_ns, self._quote(scale, step.multiple)

    def ahead(self, end_ns: int) -> tuple[int, int]:
        """How many inputs it makes up to `end_ns`, and when the last of them comes; none: 0."""
        times_ns = [self._start_ns, *(self._start_ns + step.after_ns for step in self._settings.steps)]
        made_ns = [at_ns for at_ns in times_ns if at_ns <= end_ns]
        return len(made_ns) * len(self._scales), max(made_ns, default=0)

    def tally(self, number: int) -> SourceTally:
        """How many quotes were made."""
        return self._tally.closed(number)

    def _quote(self, scale: InstrumentScale, multiple: Decimal) -> DepthQuoted:
        own = self._settings.multiples.get(scale.name, Decimal(1))
        factor, step = CONTEXT.multiply(multiple, own), self._lot(scale)
        bids = _lots(self._settings.bids or self._settings.bands, factor, step)
        asks = _lots(self._settings.asks or self._settings.bands, factor, step)
        return DepthQuoted(scale.instrument, bids, asks)

    def _lot(self, scale: InstrumentScale) -> Decimal:
        """What one lot is in the measure of the bands."""
        if self._settings.measure == "lots":
            return Decimal(1)
        price = CONTEXT.multiply(Decimal(self._opening[scale.instrument]), scale.tick_size)
        return scale.lot_in_units(price) if self._settings.measure == "units" else scale.lot_in_quote(price)


def _lots(bands: Bands, factor: Decimal, lot: Decimal) -> tuple[tuple[int, int], ...]:
    return tuple((bps, to_whole_down(CONTEXT.multiply(amount, factor), lot)) for bps, amount in bands)


def _check_bands(name: str, bands: Bands) -> None:
    for distance_bps, amount in bands:
        check_range(f"{name}: a distance", distance_bps, 1, _BPS_MOST)
        check_range(f"{name}: an amount", amount, 0, _AMOUNT_MOST)
    ordered = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(bands))
    require(ordered, f"{name} must be nearest first, with amounts that are cumulative")
