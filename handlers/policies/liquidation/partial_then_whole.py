"""Part first, then the whole: the plain rule that most venues' texts share."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ...valuation import BPS
from .ruled import RuledSteps
from .step import Limit, Situation, Step, limit_ticks, share_lots

__all__ = ["LiquidationParameters", "PartialThenWhole"]


class LiquidationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`first_share_bps` of a position in the first order; the rest after `cooldown_ns`; see the rules of the policy."""

    first_share_bps: int = 2_000
    cooldown_ns: int = 30_000_000_000
    whole_below_atoms: int = 0
    restored_bps: int = 11_000
    limit: Limit = "bankruptcy"

    def __post_init__(self) -> None:
        """Refuse shares over the whole and an end below the requirement."""
        if not 0 < self.first_share_bps <= BPS or self.restored_bps < BPS or self.cooldown_ns < 0:
            message = (
                "first_share_bps must lie in 1..10000, restored_bps be at least 10000, cooldown_ns not be negative"
            )
            raise ValueError(message)


class PartialThenWhole(RuledSteps[LiquidationParameters]):
    """The first order closes a share of the position that needs most margin; after the cooldown come whole positions.

    One by one, the most demanding first. A position under `whole_below_atoms` of notional is closed whole at once. No
    equity, or an order for a whole position that finds no depth within its limit, is bankruptcy. The plain rule of no
    venue's own.
    """

    policy: ClassVar[str] = "partial-then-whole"
    formula: ClassVar[str] = "first_share_bps of the position, then after cooldown_ns the whole"
    source: ClassVar[str] = "the plain rulebook"
    Parameters: ClassVar[type[msgspec.Struct]] = LiquidationParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Without equity, or when the whole found no depth."""
        if situation.margin.equity_atoms <= 0:
            return "no equity left"
        last = situation.liquidation.order
        if unfilled and last is not None and last.whole:
            return "no depth above the bankruptcy price"
        return None

    def pause_ns(self, situation: Situation) -> int:
        """The cooldown after a part."""
        last = situation.liquidation.order
        return 0 if last is None or last.whole else self.rules.cooldown_ns

    def step(self, situation: Situation) -> Step:
        """A share first, unless the position is small; whole positions after that."""
        first = situation.liquidation.steps == 0 and situation.worth_atoms >= self.rules.whole_below_atoms
        lots = share_lots(situation.lots, self.rules.first_share_bps if first else BPS)
        return Step(lots, limit_ticks(situation, self.rules.limit))
