"""The figures of a market that makes its own price, taken while a run goes or from its events."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...events.bodies.trading import OrderCancelled, OrderFilled, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .generations import CascadeFigures, Generations
from .liquidity import Liquidity
from .swings import Swings

__all__ = ["LivingMarket"]


class LivingMarket:
    """Takes the events of `KINDS` of a run in their order, each after it was folded; anything else in vain.

    `volumes_atoms` is what traders' own orders traded for, by instrument and by what they were for.
    """

    KINDS: tuple[type[Body], ...] = tuple(
        dict.fromkeys((*Swings.KINDS, *Generations.KINDS, *Liquidity.KINDS, OrderPlaced, OrderFilled, OrderCancelled))
    )

    def __init__(self) -> None:
        self.swings, self.liquidity, self._generations = Swings(), Liquidity(), Generations()
        self.volumes_atoms: dict[int, Counter[str]] = {}
        self._purposes: dict[int, str] = {}
        parts = (self.swings, self._generations, self.liquidity)
        self._takers = {kind: [part.take for part in parts if kind in part.KINDS] for kind in self.KINDS}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event."""
        body: Any = event.body
        kind = type(body)
        for take in self._takers.get(kind, ()):
            take(event, ledger)
        if kind is OrderPlaced:
            self._purposes[body.order_id] = body.purpose
        elif kind is OrderFilled:
            purpose = self._purposes.get(body.order_id, "")
            self.volumes_atoms.setdefault(body.instrument, Counter())[purpose] += abs(body.value_atoms)
            if not body.left_lots:
                self._purposes.pop(body.order_id, None)
        elif kind is OrderCancelled:
            self._purposes.pop(body.order_id, None)

    def end(self, end_ns: int) -> None:
        """The run has ended; nothing is taken after this."""
        self.liquidity.end(end_ns)

    @property
    def cascade(self) -> CascadeFigures:
        """What the liquidations came to."""
        return self._generations.figures()
