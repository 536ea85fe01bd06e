"""Surfaces of volatility that are drawn anew while a run goes on, as inputs of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ...events.bodies.options import SurfaceSet
from ...events.bodies.run import SourceTally
from ..reading.tally import Tally
from ..sources.base import canonical_sha256

__all__ = ["RedrawnSurfaces"]


class RedrawnSurfaces:
    """Each as `SurfaceSet` at its time; without provenance, since there are no rows."""

    layout = "surfaces of volatility"
    name = "volatility"

    def __init__(self, surfaces: Sequence[tuple[int, SurfaceSet]]) -> None:
        """`surfaces` are pairs of a time in ns and what holds from then on, oldest first."""
        self._surfaces, self._tally = tuple(surfaces), Tally()
        stated = [(at_ns, surface.instrument, surface.smiles) for at_ns, surface in self._surfaces]
        self.sha256 = canonical_sha256(self.layout, {"surfaces": msgspec.to_builtins(stated)})

    def inputs(self, number: int) -> Iterator[tuple[int, SurfaceSet]]:
        """Each at its time."""
        self._tally = Tally()
        for at_ns, surface in self._surfaces:
            self._tally.rows += 1
            yield at_ns, surface

    def tally(self, number: int) -> SourceTally:
        """How many there were."""
        return self._tally.closed(number)
