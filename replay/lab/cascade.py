"""How deep a cascade went.

The *depth* of an event is how many fills of forced orders (`LiquidationFilled`) stand on the way of causes from the
input that began it down to the event itself, timers included; the fills of one order stand beside each other and count
once on any way. The depth of a run is that of its deepest event. Closing a winner's position is no fill in the market.
A cascade that goes on over the next price from outside begins anew here; who forced whom across prices is counted by
generations (`sim/living/generations.py`).

How long it took until what had fallen short was settled.

It begins with the first `ShortfallDeclared`. It ends with the last shortfall or round of auto-deleveraging, or, where
liquidations were in progress then, when the last of those has ended. A run without a shortfall takes no time at all.
Where such a liquidation is still in progress at the end of the run, the time is up to there, and `settled` is false:
it would have been longer. A round for a cap on profits settles nothing: nobody fell short.
"""

from __future__ import annotations

from ...events.bodies.liquidation import LiquidationEnded, LiquidationFilled, LiquidationStarted
from ...events.bodies.waterfall import DeleveragingEnded, ShortfallDeclared
from ...events.envelope import Event

__all__ = ["Cascade", "Solvency"]


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


class Solvency:
    """Takes every event of a run in its order."""

    def __init__(self) -> None:
        self._began_ns: int | None = None
        self._settled_ns = self._now_ns = 0
        self._open: set[int] = set()
        self._awaited: set[int] = set()

    def take(self, event: Event) -> None:
        """O(1), but for a shortfall or the end of a round: O(liquidations in progress)."""
        body, self._now_ns = event.body, event.at_ns
        if isinstance(body, LiquidationStarted):
            self._open.add(body.liquidation_id)
        elif isinstance(body, LiquidationEnded):
            self._open.discard(body.liquidation_id)
            if body.liquidation_id in self._awaited:
                self._awaited.discard(body.liquidation_id)
                self._settled_ns = event.at_ns
        elif isinstance(body, ShortfallDeclared | DeleveragingEnded) and body.trigger != "profit_cap":
            self._began_ns = event.at_ns if self._began_ns is None else self._began_ns
            self._settled_ns, self._awaited = event.at_ns, set(self._open)

    @property
    def settled(self) -> bool:
        """Whether nothing that was in progress at the last shortfall or round is still so."""
        return not self._awaited

    @property
    def time_ns(self) -> int:
        """From the first shortfall on; 0 without one."""
        if self._began_ns is None:
            return 0
        return (self._settled_ns if self.settled else self._now_ns) - self._began_ns
