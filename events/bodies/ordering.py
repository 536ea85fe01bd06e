"""In which order a fork does what the rulebook leaves open. Tags 220 to 224."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import BodyBase

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Names

__all__ = ["OrderingBody", "OrderingSet"]


class OrderingSet(BodyBase, frozen=True, tag=220):
    """From here on, what may come in any order comes in this one: `order` is a key or the places of choices.

    `events/ledger/ordering.py` says how it is written and what follows from it.
    """

    grounds = ()
    named = True

    order: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.ordering = ledger.ordering.of(self.order, event.seq + 1)

    def says(self, names: Names) -> str:
        return f"what may come in any order comes in the order {self.order} from here on"


OrderingBody = OrderingSet
