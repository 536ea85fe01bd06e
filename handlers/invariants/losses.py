"""What holds of losses that nobody covered."""

from __future__ import annotations

from typing import Any, ClassVar

from ...events.bodies.waterfall import BalanceWrittenOff, FundDeficitDeclared, LossSocialized
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .invariant import HELD, Break, Invariant, Outcome, ThisInstant

__all__ = ["NoBadDebt"]

_LOSSES: tuple[type[Body], ...] = (LossSocialized, BalanceWrittenOff, FundDeficitDeclared)


class NoBadDebt(Invariant):
    """No loss is left when the waterfall is over: none is shared, written off or declared."""

    name: ClassVar[str] = "no bad debt"
    rule: ClassVar[str] = "what is socialised, written off or declared as a deficit = 0"
    judges: ClassVar[tuple[type[Body], ...]] = _LOSSES
    notes: ClassVar[tuple[type[Body], ...]] = _LOSSES

    def __init__(self, _parameters: Any) -> None:
        self._owing = ThisInstant[None]()

    def forget(self) -> None:
        """Nobody owes."""
        self._owing.clear()

    def note(self, event: Event) -> None:
        """Who owes, and what becomes of it."""
        self._owing.note(event, (type(event.body), _debtor(event.body)), None)

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """A loss that many share is broken once, by the first payment."""
        body: Any = event.body
        debtor = _debtor(body)
        if self._owing.last(event, (type(body), debtor)) is not None:
            return None
        atoms = body.deficit_atoms if isinstance(body, FundDeficitDeclared) else body.amount_atoms
        return Break("amount", "exactly", 0, atoms, None, debtor) if atoms else HELD


def _debtor(body: Any) -> int:
    number: int = body.bankrupt if isinstance(body, LossSocialized) else body.account
    return number
