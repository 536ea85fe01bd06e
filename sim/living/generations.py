"""Who forced whom: the branching ratio of liquidations, their generations, and how long a cascade took.

1. A liquidation is *forced by forced orders* if it would not have begun at the marks less what forced orders had moved
   them by since the account took its positions on (`displacement.py`). The share of these in all liquidations is the
   *branching ratio*: in a branching process that is how many liquidations each one leads to on average (Filimonov and
   Sornette 2012, Physical Review E 85, 056108; Hardiman et al. 2013, European Physical Journal B 86, 442).
2. Its *generation* is the least k for which it would have begun with what the orders of generations under k had moved
   the marks by: 0 if it needed none of them. A forced order has the generation of the liquidation that it came from; an
   answer to a margin call has 0.
3. A *cascade* is a sequence of liquidations with less than `CASCADE_GAP_NS` from one to the next. Its length is the
   time from the first one's start to the last one's. Of a run the one with most liquidations counts.

What it does not see: what stops and other own orders did on the way (they count as if from outside), and what an
account had already lost by forced orders in positions that it closed. A fork with the liquidations held back says what
all of them did together: `deleverage split`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from ...events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from ...events.bodies.trading import OrderFilled
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from .displacement import OWN, place_of
from .forced_moves import ForcedMoves, Parts, begins_without

__all__ = ["CASCADE_GAP_NS", "CascadeFigures", "Generations"]

CASCADE_GAP_NS = 60 * 10**9


class CascadeFigures(msgspec.Struct, frozen=True):
    """What the liquidations of a run came to. `by_generation` counts them, those that needed no forced order first."""

    liquidations: int
    forced_by_forced: int
    by_generation: tuple[int, ...]
    largest: int
    length_ns: int


class Generations(ForcedMoves):
    """Takes the events of a run in their order, each after it was folded; a trade's place is its generation's."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[int, int] = {}
        self._counts: Counter[int] = Counter()
        self._cascade, self._largest = [0, 0, 0], (0, 0)

    def generation_of(self, liquidation_id: int) -> int:
        """That of a liquidation that has begun."""
        return self._of[liquidation_id]

    def figures(self) -> CascadeFigures:
        """What it came to so far."""
        counts = tuple(self._counts[number] for number in range(max(self._counts, default=-1) + 1))
        largest, length_ns = max(self._largest, (self._cascade[0], self._cascade[2] - self._cascade[1]))
        return CascadeFigures(sum(counts), sum(counts[1:]), counts, largest, length_ns)

    def _place(self, body: Any, ledger: LedgerState) -> int:
        if type(body) is OrderFilled:
            return OWN
        return place_of(self._of.get(body.liquidation_id, 0) if type(body) is LiquidationFilled else 0)

    def _start(self, event: Event, body: LiquidationStarted, ledger: LedgerState) -> None:
        generation = self._generation(ledger.accounts[body.account], ledger)
        self._of[body.liquidation_id] = generation
        self._counts[generation] += 1
        number, first_ns, last_ns = self._cascade
        if number and event.at_ns - last_ns < CASCADE_GAP_NS:
            self._cascade = [number + 1, first_ns, event.at_ns]
            return
        self._largest = max(self._largest, (number, last_ns - first_ns))
        self._cascade = [1, event.at_ns, event.at_ns]

    def _generation(self, account: Account, ledger: LedgerState) -> int:
        """The least that it needed; 0 also where the marks as they are do not explain it."""
        moved = self._moved_since(account, ledger)

        def later(parts: Parts) -> int:
            return sum(parts[generation:])

        for generation in range(max(map(len, moved.values()), default=0) + 1):
            if begins_without(account, ledger, moved, later):
                return generation
        return 0
