"""How deep a cascade went.

The *depth* of an event is how many fills of forced orders (`LiquidationFilled`) stand on the way of causes from the
input that began it down to the event itself, timers included; the fills of one order stand beside each other and count
once on any way. The depth of a run is that of its deepest event. Closing a winner's position is no fill in the market.
"""

from __future__ import annotations

from ...events.bodies.liquidation import LiquidationFilled
from ...events.envelope import Event

__all__ = ["Cascade"]


class Cascade:
    """Takes every event of a run in its order; keeps one number an event."""

    def __init__(self) -> None:
        self.depth_fills = 0
        self._depths: list[int] = []

    def take(self, event: Event) -> None:
        """O(1)."""
        depth = 0 if event.cause is None else self._depths[event.cause]
        if type(event.body) is LiquidationFilled:
            depth += 1
            self.depth_fills = max(self.depth_fills, depth)
        self._depths.append(depth)
