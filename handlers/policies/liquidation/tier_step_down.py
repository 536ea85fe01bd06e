"""Binance, BitMEX, Bybit: reduce to the next lower tier first, where the requirement is lower."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from ...depth import walk
from ...drawdowns import is_on
from ...faults import why_nothing_trades
from ...valuation import BPS
from .ruled import RuledSteps
from .step import Limit, Situation, Step, limit_ticks

__all__ = ["StepDownParameters", "TierStepDown", "lots_above_lower_tier"]


class StepDownParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`lowest`: what becomes of a position in the lowest tier: taken over, or one order for the whole before that.

    With `fill_or_kill` a reduction is sent only where the depth within its limit can fill it whole; `pause_ns` passes
    between two reductions. Without `orders_in_drawdown` nothing is sent while a drawdown of the fund is on: the account
    is handed over at once.
    """

    lowest: Literal["takeover", "order"] = "takeover"
    fill_or_kill: bool = False
    pause_ns: int = 0
    restored_bps: int = 10_000
    limit: Limit = "bankruptcy"
    orders_in_drawdown: bool = True

    def __post_init__(self) -> None:
        """Refuse an end below the requirement."""
        if self.restored_bps < BPS or self.pause_ns < 0:
            message = "restored_bps must be at least 10000, pause_ns not be negative"
            raise ValueError(message)


class TierStepDown(RuledSteps[StepDownParameters]):
    """lots = the least whose closing brings the notional at the mark under the floor of its tier.

    Tier by tier down to the lowest, as long as the account is under its requirement; there the position is taken over
    at the bankruptcy price (BitMEX, Bybit), or sent to the market whole first (`lowest = "order"`: OKX). A reduction
    that finds no depth for a part hands the account over. Sources: BitMEX support article 18589621443357 and Bybit
    help article 900000167723 (a fill-or-kill reduction to a lower tier, then takeover); Binance FAQ 360033525271.
    """

    policy: ClassVar[str] = "tier-step-down"
    formula: ClassVar[str] = (
        "the least lots that bring the notional under its tier's floor; in the lowest tier `lowest`"
    )
    source: ClassVar[str] = "BitMEX support article 18589621443357; Bybit help article 900000167723"
    Parameters: ClassVar[type[msgspec.Struct]] = StepDownParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Without equity, in the lowest tier, or where the depth cannot take the reduction."""
        if situation.margin.equity_atoms <= 0:
            return "no equity left"
        if not self.rules.orders_in_drawdown and is_on(situation.key[0], situation.ledger):
            return "the fund is in a drawdown: no order is sent"
        if unfilled:
            return "no depth for the whole step above the limit"
        if self.rules.lowest == "takeover" and not lots_above_lower_tier(situation):
            return "still under the requirement in the lowest tier"
        trades = why_nothing_trades(situation.ledger, situation.key[0]) is None
        if self.rules.fill_or_kill and trades and self._would_be_killed(situation):
            return "the depth cannot fill the whole step: killed"
        return None

    def pause_ns(self, situation: Situation) -> int:
        """As set."""
        return self.rules.pause_ns

    def step(self, situation: Situation) -> Step:
        """Down to the next lower tier; the whole in the lowest."""
        lots = lots_above_lower_tier(situation) or situation.lots
        return Step(lots, limit_ticks(situation, self.rules.limit))

    def _would_be_killed(self, situation: Situation) -> bool:
        step = self.step(situation)
        size = -step.lots if situation.held.size_lots > 0 else step.lots
        return sum(fill.lots for fill in walk(situation.market, size, step.limit_ticks, situation.now_ns)) < step.lots


def lots_above_lower_tier(situation: Situation) -> int:
    """The least lots to close so that what is left of the side is under the floor of its tier; 0 in the lowest.

    At most the position: where several legs make the side up, the next one goes on.
    """
    side, notional, lots = situation.side_notional_atoms, situation.notional_atoms, situation.lots
    floor = max((t.floor_atoms for t in situation.market.tiers if t.floor_atoms <= side), default=0)
    if floor <= 0:
        return 0
    over = side - (floor - 1)
    return min(lots, -(-over * lots // notional)) if notional else lots
