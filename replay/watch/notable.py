"""The events worth a line of their own while a run is watched: what is forced, and what stops or empties."""

from __future__ import annotations

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.trading import LiquidityWithdrawn
from ...events.bodies.venue import TradingHalted, TradingResumed
from ...events.bodies.waterfall import DeleveragingStarted, FundDeficitDeclared, LossSocialized, ShortfallDeclared

__all__ = ["NOTABLE"]

NOTABLE = (
    LiquidationStarted,
    LiquidityWithdrawn,
    TradingHalted,
    TradingResumed,
    ShortfallDeclared,
    DeleveragingStarted,
    LossSocialized,
    FundDeficitDeclared,
)
