"""Deribit: small steps until the requirement is met."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ...valuation import BPS
from .paced import PacedSteps
from .step import Limit, Situation, Step, limit_ticks, share_lots

__all__ = ["Incremental", "IncrementalParameters"]


class IncrementalParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`step_bps` of a position an order, the whole of one under `whole_below_atoms`; `pause_ns` between two orders."""

    step_bps: int = 1_000
    pause_ns: int = 1_000_000_000
    whole_below_atoms: int = 0
    restored_bps: int = 10_000
    limit: Limit = "none"

    def __post_init__(self) -> None:
        """Refuse steps over the whole, an end below the requirement and orders without end in one instant."""
        if not 0 < self.step_bps <= BPS or self.restored_bps < BPS or self.pause_ns < 1 or self.whole_below_atoms < 0:
            message = (
                "step_bps must lie in 1..10000, restored_bps be at least 10000, pause_ns at least 1, whole_below_atoms"
                " not be negative"
            )
            raise ValueError(message)


class Incremental(PacedSteps[IncrementalParameters]):
    """lots = `step_bps` of what is held of the position that needs most margin, rounded up, until equity suffices.

    Equity is compared after each step, and no more is closed than it takes. An account's steps follow `pause_ns` apart;
    one that finds no depth is tried again. Without a limit the steps go on below zero equity, and what the account
    lacks in the end is bankruptcy: the fund pays, or it is socialised. With a limit an account without equity is handed
    over.
    Source: Deribit support articles 25944769313309, one round a second, and 25944777576477. Neither says how large a
    step is.
    """

    policy: ClassVar[str] = "incremental"
    version: ClassVar[str] = "3"
    formula: ClassVar[str] = "step_bps of the position every pause_ns until equity meets the requirement"
    source: ClassVar[str] = "Deribit support articles 25944769313309 and 25944777576477"
    Parameters: ClassVar[type[msgspec.Struct]] = IncrementalParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Without equity, where no price would be paid that leaves a debt."""
        limited = self.rules.limit != "none"
        return "no equity left" if limited and situation.margin.equity_atoms <= 0 else None

    def step(self, situation: Situation) -> Step:
        """A share of the position."""
        small = situation.worth_atoms < self.rules.whole_below_atoms
        lots = share_lots(situation.lots, BPS if small else self.rules.step_bps)
        return Step(lots, limit_ticks(situation, self.rules.limit), (self.noted(situation, lots),))
