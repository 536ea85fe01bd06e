"""Contagion: who was liquidated at one venue for what forced orders at others had moved its marks by.

1. A liquidation came *from elsewhere* if it would not have begun at the marks less what forced orders at other venues
   had moved them by since the account took its positions on (`displacement.py`): through the books of those venues that
   its index counts among its constituents.
2. *Carried* are besides those that would not have begun without what arbitrageurs and hedgers did at its venue either:
   they trade there because of a price, or a liquidation, elsewhere. What of that was due to forced orders is not told,
   so this is the wider of two counts.

A fork with the liquidations of the other venues held back says what these did together: `deleverage split`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.trading import OrderFilled, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .displacement import OWN
from .forced_moves import ForcedMoves, Parts, begins_without

__all__ = ["FromElsewhere", "VenueContagion"]

_CARRYING = frozenset(("arbitrage", "hedge"))
_CARRIED = OWN + 1
_FIRST_VENUE = _CARRIED + 1


class VenueContagion(msgspec.Struct, frozen=True):
    """Of one venue's liquidations how many came from elsewhere, and how many with what was carried."""

    venue: str
    liquidations: int
    from_elsewhere: int
    with_carried: int


class FromElsewhere(ForcedMoves):
    """Takes the events of a run in their order, each after it was folded; a forced trade's place is its venue's."""

    KINDS: ClassVar[tuple[type[Body], ...]] = (OrderPlaced, *ForcedMoves.KINDS)

    def __init__(self) -> None:
        super().__init__()
        self._venues: dict[str, int] = {}
        self._carrying: set[int] = set()
        self._counts: dict[str, list[int]] = {}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(venues), and for a liquidation that times its positions. Of one venue, nothing."""
        body = event.body
        if not ledger.assets[0].venue:
            return
        if type(body) is OrderPlaced:
            if body.purpose in _CARRYING:
                self._carrying.add(body.order_id)
            return
        super().take(event, ledger)

    def figures(self) -> tuple[VenueContagion, ...]:
        """What it came to so far, of each venue that liquidated anybody, by name."""
        return tuple(VenueContagion(venue, *counts) for venue, counts in sorted(self._counts.items()))

    def _place(self, body: Any, ledger: LedgerState) -> int:
        if type(body) is OrderFilled:
            return _CARRIED if body.order_id in self._carrying else OWN
        return self._place_of(ledger.venue_of_instrument(body.instrument))

    def _place_of(self, venue: str) -> int:
        return _FIRST_VENUE + self._venues.setdefault(venue, len(self._venues))

    def _start(self, event: Event, body: LiquidationStarted, ledger: LedgerState) -> None:
        account, venue = ledger.accounts[body.account], ledger.venue_of(body.account)
        moved, here = self._moved_since(account, ledger), self._place_of(venue) - _CARRIED

        def elsewhere(parts: Parts) -> int:
            return sum(parts[1:]) - sum(parts[here : here + 1])

        def with_carried(parts: Parts) -> int:
            return sum(parts[:1]) + elsewhere(parts)

        counts = self._counts.setdefault(venue, [0, 0, 0])
        from_elsewhere = not begins_without(account, ledger, moved, elsewhere)
        counts[0] += 1
        counts[1] += from_elsewhere
        counts[2] += from_elsewhere or not begins_without(account, ledger, moved, with_carried)
