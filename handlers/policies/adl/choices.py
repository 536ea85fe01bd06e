"""The auto-deleveraging policies by name, as the registry offers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...adl_engine import AdlEngine, ClosingSettings
from ...adl_engines.batch import BatchEngine
from ...adl_engines.delayed import DelayedEngine
from ...adl_engines.insured import InsuredEngine
from ...adl_engines.learning import LearningEngine
from ...choice import Choice
from ..profit_leverage import ProfitLeverage
from ..profit_share import ProfitShare
from ..ranking import RankingPolicy
from .binance import Binance
from .bitmex import BitMex
from .bybit import Bybit
from .capped_pro_rata import CappedProRata
from .contract_pro_rata import ContractProRata
from .delayed import Delayed
from .dydx import DydX
from .gmx import Gmx
from .hyperliquid import Hyperliquid
from .hyperliquid_reverse_engineered import HyperliquidReverseEngineered
from .insured import Insured
from .min_max_integer import MinMaxInteger
from .okx import Okx
from .online_learning import OnlineLearning
from .queue import Queue
from .risk_aware_pro_rata import RiskAwareProRata
from .side_index import SideIndex
from .uniform_price import UniformPrice
from .vector_mirror_descent import VectorMirrorDescent
from .wealth_pro_rata import WealthProRata

__all__ = ["ADL_CHOICES", "ADL_POLICIES", "ENGINES"]

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

ENGINES: Mapping[type[Any], Callable[..., AdlEngine]] = {
    UniformPrice: BatchEngine,
    SideIndex: BatchEngine,
    OnlineLearning: LearningEngine,
    Delayed: DelayedEngine,
    Insured: InsuredEngine,
}
"""Rankings whose rounds come about otherwise than at once, and the engine for each (`adl_engines/`)."""


def _choice(policy: type[Any]) -> Choice:
    make: Callable[[Any], RankingPolicy] = policy
    return Choice(
        policy.Parameters,
        policy.version,
        lambda parameters, settings=None: AdlEngine(make(parameters), settings),
        ClosingSettings(getattr(policy, "worth", "bankruptcy")),
    )


def _engine_choice(policy: type[Any], engine: Callable[..., AdlEngine]) -> Choice:
    """A ranking in an engine of its own, which has the policy's parameters besides."""
    return Choice(
        policy.Parameters,
        policy.version,
        lambda parameters, settings=None: engine(policy(parameters), parameters, settings),
        ClosingSettings(getattr(policy, "worth", "bankruptcy")),
    )


ADL_CHOICES: Mapping[str, Choice] = {policy.policy: _choice(policy) for policy in ADL_POLICIES} | {
    policy.policy: _engine_choice(policy, engine) for policy, engine in ENGINES.items()
}
