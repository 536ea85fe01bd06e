"""The liquidation policies that come with the package, each made into the engine that takes its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...choice import Choice
from ...liquidation_engine import LiquidationEngine
from ...order import OrderSettings
from .chunk_and_cooldown import ChunkAndCooldown
from .fillable_price import FillablePrice
from .incremental import Incremental
from .liquidator_fee import LiquidatorFee
from .partial_then_whole import PartialThenWhole
from .staged import Staged
from .tier_step_down import TierStepDown
from .whole_takeover import WholeTakeover

__all__ = ["LIQUIDATION_CHOICES"]

_POLICIES: tuple[Any, ...] = (
    PartialThenWhole,
    WholeTakeover,
    ChunkAndCooldown,
    TierStepDown,
    FillablePrice,
    LiquidatorFee,
    Incremental,
    Staged,
)


def _stepping(policy: Any) -> Choice:
    return Choice(
        policy.Parameters,
        policy.version,
        lambda parameters, _order=None: LiquidationEngine(policy(parameters)),
        OrderSettings(),
    )


LIQUIDATION_CHOICES: Mapping[str, Choice] = {policy.policy: _stepping(policy) for policy in _POLICIES}
"""Name to policy, the default first."""
