"""One sale of a fund's inventory: which lots, and what it would lose at the depth as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..events.bodies.liquidation import LiquidationOrdered
from ..events.ledger import LedgerState, Market
from .depth import walk
from .till import Till

__all__ = ["Sale"]


class _Due(NamedTuple):
    """A lot that is to be sold, whole or in part: lots signed like the trade."""

    liquidation_id: int
    size_lots: int
    whole: bool


class Sale:
    """One part in `parts` of all lots of an instrument, rounded up, the oldest lots first."""

    def __init__(self, ledger: LedgerState, fund: int, instrument: int, parts: int) -> None:
        self._ledger, self._fund, self._instrument, self._parts = ledger, fund, instrument, parts
        inventory = ledger.inventory(fund).items()
        self.lots = {key[1]: held.size_lots for key, held in inventory if key[0] == instrument}

    def orders(self) -> Iterator[LiquidationOrdered]:
        """Orders at any price, one a lot; the market trades no more of them than the cash bears."""
        ledger = self._ledger
        for number, due in enumerate(self._due(), ledger.orders + 1):
            step = ledger.liquidations[due.liquidation_id].steps
            yield LiquidationOrdered(
                liquidation_id=due.liquidation_id,
                order_id=number,
                account=self._fund,
                instrument=self._instrument,
                leg=due.liquidation_id,
                size_lots=due.size_lots,
                limit_ticks=None,
                step=step,
                whole=due.whole,
            )

    def lacking_atoms(self, now_ns: int) -> int:
        """What the fund's cash would lack for what the sale loses at the depth as it is; not above 0 where it does not.

        Lots that find no depth lose nothing.
        """
        market, till = self._ledger.markets[self._instrument], Till(self._ledger, self._fund)
        due = list(self._due())
        lacking_atoms = 0
        for sign in (-1, 1):
            for liquidation_id, lots, value in _traded(
                [one for one in due if one.size_lots * sign > 0], market, now_ns
            ):
                till.take((self._instrument, liquidation_id), lots, value)
                lacking_atoms = max(lacking_atoms, -till.over_atoms)
        return lacking_atoms

    def _due(self) -> Iterator[_Due]:
        left = -(-sum(abs(held) for held in self.lots.values()) // self._parts)
        for liquidation_id, held in self.lots.items():
            if not left:
                return
            size = min(left, abs(held))
            left -= size
            yield _Due(liquidation_id, -size if held > 0 else size, size == abs(held))


def _traded(due: list[_Due], market: Market, now_ns: int) -> Iterator[tuple[int, int, int]]:
    """What the depth gives for orders of one side, one after the other: liquidation, lots, value."""
    total = sum(one.size_lots for one in due)
    if not total:
        return
    sign, waiting = (1 if total > 0 else -1), list(reversed(due))
    left = abs(waiting[-1].size_lots)
    for fill in walk(market, total, None, now_ns):
        lots = fill.lots
        while lots:
            part = min(lots, left)
            yield waiting[-1].liquidation_id, sign * part, market.payoff.value_atoms(sign * part, fill.price_ticks)
            lots, left = lots - part, left - part
            if not left and len(waiting) > 1:
                waiting.pop()
                left = abs(waiting[-1].size_lots)
