"""Staged closing: equal parts of the position as it was when its liquidation began, one after the other."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ....events.bodies.venue import HandlerStateNoted
from ...valuation import BPS
from .ruled import RuledSteps
from .step import Limit, Situation, Step, limit_ticks

__all__ = ["Staged", "StagedParameters"]

_NOTE = "stages of liquidation {} in instrument {} leg {}"


class StagedParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`stages` parts of a position, `pause_ns` apart, until equity is at `restored_bps` of the requirement."""

    stages: int = 4
    pause_ns: int = 15_000_000_000
    restored_bps: int = 10_000
    limit: Limit = "bankruptcy"

    def __post_init__(self) -> None:
        """Refuse no stages, an end below the requirement and orders without end in one instant."""
        if self.stages < 1 or self.restored_bps < BPS or self.pause_ns < 1:
            message = "stages and pause_ns must be at least 1, restored_bps at least 10000"
            raise ValueError(message)


class Staged(RuledSteps[StagedParameters]):
    """lots = what was held at the first stage / `stages`, rounded up, of the position that needs most margin.

    What was held then is in the ledger (`ledger.notes`), so that the parts are equal: `incremental` takes a share of
    what is left. A stage that finds no depth is tried again as the next one; an account without equity is handed over.
    It spreads one position's selling over `(stages - 1) x pause_ns`, in which the depth refills; what it costs is that
    the account stays exposed in between. Source: this project; the smooth closing of Almgren and Chriss 2000, "Optimal
    execution of portfolio transactions", with equal parts as for a trader who is indifferent to risk.
    """

    policy: ClassVar[str] = "staged"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "what was held at first / stages, every pause_ns, until equity meets the requirement"
    source: ClassVar[str] = "this project; Almgren and Chriss 2000 for equal parts"
    Parameters: ClassVar[type[msgspec.Struct]] = StagedParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Without equity; never for want of depth alone."""
        return "no equity left" if situation.margin.equity_atoms <= 0 else None

    def pause_ns(self, situation: Situation) -> int:
        """As set."""
        return self.rules.pause_ns

    def step(self, situation: Situation) -> Step:
        """The next part; the first one notes what is held."""
        limit = limit_ticks(situation, self.rules.limit)
        key = _NOTE.format(situation.liquidation.liquidation_id, *situation.key)
        noted = situation.ledger.notes.get(("liquidation", key))
        whole = situation.lots if noted is None else noted[0]
        notes = () if noted is not None else (HandlerStateNoted("liquidation", key, (whole,)),)
        return Step(min(situation.lots, -(-whole // self.rules.stages)), limit, notes)
