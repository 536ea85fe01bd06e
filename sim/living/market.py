"""The figures of a market that makes its own price, taken while a run goes or from its events."""

from __future__ import annotations

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .contagion import FromElsewhere, VenueContagion
from .generations import CascadeFigures, Generations
from .liquidity import Liquidity
from .own_orders import OwnOrderFigures
from .swings import Swings

__all__ = ["LivingMarket"]


class LivingMarket:
    """Takes the events of `KINDS` of a run in their order, each after it was folded; anything else in vain."""

    KINDS: tuple[type[Body], ...] = tuple(
        dict.fromkeys((*Swings.KINDS, *FromElsewhere.KINDS, *Liquidity.KINDS, *OwnOrderFigures.KINDS))
    )

    def __init__(self) -> None:
        self.swings, self.liquidity, self._generations = Swings(), Liquidity(), Generations()
        self.own_orders = OwnOrderFigures()
        self._contagion = FromElsewhere()
        parts = (self.swings, self._generations, self.liquidity, self.own_orders, self._contagion)
        self._takers = {kind: [part.take for part in parts if kind in part.KINDS] for kind in self.KINDS}

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event."""
        for take in self._takers.get(type(event.body), ()):
            take(event, ledger)

    def end(self, end_ns: int) -> None:
        """The run has ended; nothing is taken after this."""
        self.liquidity.end(end_ns)

    @property
    def cascade(self) -> CascadeFigures:
        """What the liquidations came to."""
        return self._generations.figures()

    @property
    def contagion(self) -> tuple[VenueContagion, ...]:
        """Of each of several venues, who was liquidated for what forced orders at the others did."""
        return self._contagion.figures()
