"""The auto-deleveraging policies by name, as the registry offers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...adl_engine import AdlEngine, ClosingSettings
from ...choice import Choice
from ..profit_leverage import ProfitLeverage
from ..profit_share import ProfitShare
from ..ranking import RankingPolicy
from .binance import Binance
from .bitmex import BitMex
from .bybit import Bybit
from .capped_pro_rata import CappedProRata
from .contract_pro_rata import ContractProRata
from .dydx import DydX
from .gmx import Gmx
from .hyperliquid import Hyperliquid
from .hyperliquid_reverse_engineered import HyperliquidReverseEngineered
from .min_max_integer import MinMaxInteger
from .okx import Okx
from .queue import Queue
from .risk_aware_pro_rata import RiskAwareProRata
from .vector_mirror_descent import VectorMirrorDescent
from .wealth_pro_rata import WealthProRata

__all__ = ["ADL_CHOICES", "ADL_POLICIES"]

ADL_POLICIES: tuple[type[Any], ...] = (
    ProfitLeverage,
    ProfitShare,
    Binance,
    BitMex,
    Bybit,
    Okx,
    Hyperliquid,
    HyperliquidReverseEngineered,
    DydX,
    Gmx,
    Queue,
    WealthProRata,
    CappedProRata,
    ContractProRata,
    RiskAwareProRata,
    MinMaxInteger,
    VectorMirrorDescent,
)
"""Each a class that is built from its parameters and ranks; the first is the default."""


def _choice(policy: type[Any]) -> Choice:
    make: Callable[[Any], RankingPolicy] = policy
    return Choice(
        policy.Parameters,
        policy.version,
        lambda parameters, settings=None: AdlEngine(make(parameters), settings),
        ClosingSettings(getattr(policy, "worth", "bankruptcy")),
    )


ADL_CHOICES: Mapping[str, Choice] = {policy.policy: _choice(policy) for policy in ADL_POLICIES}
