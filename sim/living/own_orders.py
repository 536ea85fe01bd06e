"""What traders' own orders came to, by what they were for: how many were placed, and what they traded for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...events.bodies.trading import OrderCancelled, OrderFilled, OrderPlaced, OrderRefused
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...handlers.conversion import in_first

__all__ = ["OwnOrderFigures"]


class OwnOrderFigures:
    """Takes the events of a run in their order from the first one on, each after it was folded.

    `placed` counts orders by purpose, `refused` those that were refused, by the limit that they would breach;
    `volumes_atoms` is what orders traded for, by instrument and purpose, and `traded_atoms` what that was worth in the
    first asset when it was traded, in all instruments.
    """

    KINDS = (OrderPlaced, OrderFilled, OrderCancelled, OrderRefused)

    def __init__(self) -> None:
        self.placed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.volumes_atoms: dict[int, Counter[str]] = {}
        self.traded_atoms: Counter[str] = Counter()
        self._purposes: dict[int, str] = {}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; only the purposes of orders still at work are kept."""
        body: Any = event.body
        if isinstance(body, OrderPlaced):
            self.placed[body.purpose] += 1
            self._purposes[body.order_id] = body.purpose
            return
        if isinstance(body, OrderFilled):
            purpose = self._purposes[body.order_id]
            value_atoms = abs(body.value_atoms)
            self.volumes_atoms.setdefault(body.instrument, Counter())[purpose] += value_atoms
            asset = ledger.markets[body.instrument].listing.asset
            self.traded_atoms[purpose] += in_first(ledger, asset, value_atoms)
        elif isinstance(body, OrderRefused):
            self.refused[body.limit] += 1
        if body.order_id not in ledger.own_orders:
            self._purposes.pop(body.order_id, None)
