"""What holds of each reduction, by what the account held before it (`LedgerState.held_before`)."""

from __future__ import annotations

from typing import Any, ClassVar

from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ..valuation import profit_atoms
from .invariant import HELD, UNKNOWN, Break, Invariant, Outcome

__all__ = ["NoReductionPastZero", "OnlyProfitIsTaken", "WholeLots"]


class _OfAReduction(Invariant):
    judges: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)


class OnlyProfitIsTaken(_OfAReduction):
    """Nobody is deleveraged who has no profit in the position at the mark."""

    name: ClassVar[str] = "only profit is taken"
    rule: ClassVar[str] = "size at the mark - cost - funding owed > 0, before each reduction"

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """By the mark of that moment; it cannot be told where there was none."""
        body: Any = event.body
        held = ledger.held_before.get(event.seq)
        if held is None or not held.mark_ticks:
            return UNKNOWN
        profit = profit_atoms(ledger.markets[body.instrument], held.position, held.mark_ticks)
        return HELD if profit > 0 else Break("amount", "at least", 1, profit, body.instrument, body.account, body.round)


class NoReductionPastZero(_OfAReduction):
    """A reduction makes a position smaller, at most to nothing."""

    name: ClassVar[str] = "no reduction past zero"
    rule: ClassVar[str] = "the lots taken are of the position's side, and no more than it has"

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """By the lots that were held."""
        body: Any = event.body
        held = ledger.held_before.get(event.seq)
        if held is None:
            return UNKNOWN
        has = held.position.size_lots * (-1 if body.size_lots > 0 else 1)
        most, taken = max(0, has), abs(body.size_lots)
        return (
            HELD if taken <= most else Break("size", "at most", most, taken, body.instrument, body.account, body.round)
        )


class WholeLots(_OfAReduction):
    """Lots are taken whole, at least one; `lots_step` is what of the record's lots the venue has for one."""

    name: ClassVar[str] = "whole lots"
    rule: ClassVar[str] = "the lots taken are a multiple of lots_step, at least one"

    def __init__(self, parameters: Any) -> None:
        self._step = parameters.lots_step

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """By the size of the reduction."""
        body: Any = event.body
        taken = abs(body.size_lots)
        whole = max(1, taken // self._step) * self._step
        if taken == whole:
            return HELD
        return Break("size", "exactly", whole, taken, body.instrument, body.account, body.round)
