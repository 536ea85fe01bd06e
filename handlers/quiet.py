"""Quiet spans: what a handler says so that a long run of prices need not be delivered one by one.

While nothing happens but prices, and marks that are those prices, most handlers return nothing until a mark leaves some
bounds, or a time comes. Whoever can tell these says so, and the bus takes all instants up to the first that leaves them
at once (`sim/lane.py`). The bytes are those of the plain way, which is the oracle of its tests.

1. A *span* holds for the ledger as it is, as long as nothing else happens.
2. Whoever gives one keeps its index over a run of such ticks by `observe_ticks`, as `observe` would have.
3. Who says nothing of spans, and observes neither prices nor marks, is quiet while its gates for them are closed.
   Anyone else who hears them has no span, and all goes the plain way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..events.bodies.inputs import PriceTicked
from ..events.bodies.margin import MarkPriced
from ..events.ledger import LedgerState

if TYPE_CHECKING:
    from ..events.quiet_ticks import QuietTicks

__all__ = ["ALWAYS_NS", "NEVER", "QUIET_KINDS", "Follower", "QuietSpan"]

QUIET_KINDS = (PriceTicked, MarkPriced)
"""All that happens in a quiet span."""

ALWAYS_NS = (1 << 63) - 1
"""Up to any time."""

NEVER = (1, 0)
"""The bounds of an instrument of which every mark must be heard."""


class QuietSpan(NamedTuple):
    """How long nothing is returned: up to which marks, and until when.

    `bounds` are the least and the greatest mark of an instrument, both included; one that is missing may go anywhere.
    `until_ns` is the last time. `marks` says that each price is answered by a mark of that instrument at that price,
    without impact or smoothing, and by nothing else: what the mark's own handler says.
    """

    bounds: Mapping[int, tuple[int, int]] = {}
    until_ns: int = ALWAYS_NS
    marks: bool = False


class Follower(Protocol):
    """Who hears or sees prices and marks, and may let a run of them pass at once."""

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """The span from here on; None where each event must come by itself."""

    def observe_ticks(self, ticks: QuietTicks, ledger: LedgerState) -> None:
        """Take in a run of ticks within the span that was given; the ledger stands after the last of them."""
