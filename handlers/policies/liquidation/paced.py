"""Base of the step policies with one order an account in so much time, whichever liquidation it belongs to."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ....events.bodies.venue import HandlerStateNoted
from .ruled import RuledSteps
from .step import Situation

__all__ = ["PacedSteps"]

_NOTE = "last order of account {}"


class _Paced(Protocol):
    @property
    def restored_bps(self) -> int: ...

    @property
    def pause_ns(self) -> int: ...


Rules = TypeVar("Rules", bound=_Paced)


class PacedSteps(RuledSteps[Rules]):
    """`pause_ns` passes between two orders of an account; when the last one went out is in the ledger (`ledger.notes`).

    So an account that was restored in between and falls under its requirement again does not get a second one sooner.
    """

    def pause_ns(self, situation: Situation) -> int:
        """As set."""
        return self.rules.pause_ns

    def first_pause_ns(self, situation: Situation) -> int:
        """What is left of the time since the last order of an earlier liquidation."""
        noted = self.last_order(situation)
        return 0 if noted is None else max(0, noted[0] + self.rules.pause_ns - situation.now_ns)

    def last_order(self, situation: Situation) -> tuple[int, ...] | None:
        """When the account last had an order, and for how many lots."""
        return situation.ledger.notes.get(("liquidation", _NOTE.format(situation.account.account)))

    def noted(self, situation: Situation, lots: int) -> HandlerStateNoted:
        """That it has one now."""
        number = situation.account.account
        return HandlerStateNoted("liquidation", _NOTE.format(number), (situation.now_ns, lots))
