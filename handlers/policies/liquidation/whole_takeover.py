"""Binance: one large order, and what is left is taken over."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ...valuation import BPS
from .ruled import RuledSteps
from .step import Limit, Situation, Step, limit_ticks, share_lots

__all__ = ["TakeoverParameters", "WholeTakeover"]


class TakeoverParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reduction_bps` of a position in its one order."""

    reduction_bps: int = 10_000
    restored_bps: int = 10_000
    limit: Limit = "bankruptcy"

    def __post_init__(self) -> None:
        """Refuse shares over the whole and an end below the requirement."""
        if not 0 < self.reduction_bps <= BPS or self.restored_bps < BPS:
            message = "reduction_bps must lie in 1..10000, restored_bps be at least 10000"
            raise ValueError(message)


class WholeTakeover(RuledSteps[TakeoverParameters]):
    """Open orders are cancelled; one large immediate-or-cancel order; the fund takes over the rest at bankruptcy.

    The order is for `reduction_bps` of the position that needs most margin. Filled, the next position has its turn
    while the account is still under its requirement; an order that is left with something, or for less than the whole,
    is the account's last: the rest goes to the waterfall, at the bankruptcy price. Source: Binance FAQ 360033525271. It
    is silent on how many positions of a cross account get an order before the takeover; here each does while orders
    fill.
    """

    policy: ClassVar[str] = "whole-takeover"
    formula: ClassVar[str] = "reduction_bps of the position in one order, then takeover at the bankruptcy price"
    source: ClassVar[str] = "Binance FAQ 360033525271"
    Parameters: ClassVar[type[msgspec.Struct]] = TakeoverParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Without equity, or after an order that did not close its position."""
        if situation.margin.equity_atoms <= 0:
            return "no equity left"
        last = situation.liquidation.order
        if unfilled or (last is not None and not last.whole and last.left_lots == 0):
            return "still under the requirement after the one order"
        return None

    def pause_ns(self, situation: Situation) -> int:
        """None: everything within the instant."""
        return 0

    def step(self, situation: Situation) -> Step:
        """One large order."""
        lots = share_lots(situation.lots, self.rules.reduction_bps)
        return Step(lots, limit_ticks(situation, self.rules.limit))
