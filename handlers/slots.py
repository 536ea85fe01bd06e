"""The slots in the order of delivery, and where the policies are that can fill each.

1. A slot's policies are imported when it is first asked for: whoever builds one handler need not wait for all of them.
2. A home is a class, several of them, or a table of choices by name, as "module:name" relative to this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from .choice import Choice

__all__ = ["NONE", "SLOTS"]

NONE = "none"
"""The policy of a slot that stays empty."""

_HOMES: Mapping[str, tuple[str, ...]] = {
    "invariants": (
        NONE,
        ".invariants.declared:DeclaredInvariants",
    ),
    "faults": (
        NONE,
        ".fault_schedule:FaultSchedule",
    ),
    "impact": (
        NONE,
        ".living.impact:PowerLawImpact",
        ".living.impact:SquareRootImpact",
    ),
    "makers": (
        NONE,
        ".living.makers:Makers",
    ),
    "crowd": (
        NONE,
        ".living.crowd:Crowd",
    ),
    "strategist": (
        NONE,
        ".living.cascade_strategies:STRATEGIST_CHOICES",
    ),
    "dealers": (
        NONE,
        ".living.dealers:Dealers",
        ".living.dealers:VegaLimitedDealers",
    ),
    "actor": (NONE,),
    "orders": (
        NONE,
        ".living.orders:OwnOrders",
    ),
    "index": (
        NONE,
        ".living.index:ConstituentIndex",
    ),
    "arbitrage": (
        NONE,
        ".living.between_venues:Arbitrage",
    ),
    "hedgers": (
        NONE,
        ".living.hedgers:Hedgers",
    ),
    "mark": (
        ".mark_pricing:SmoothedMarkPricing",
        ".mark_pricing:IndexMarkPricing",
        ".mark_pricing:BookMarkPricing",
        ".mark_pricing:MedianMarkPricing",
        ".mark_pricing:ConstituentMarkPricing",
    ),
    "chain": (
        NONE,
        ".onchain.blocks:Blocks",
    ),
    "oracle": (
        NONE,
        ".collateral.oracle:OwnMarketOracle",
        ".collateral.oracle:RedemptionOracle",
        ".onchain.oracles:DeviationOracle",
        ".onchain.oracles:SecurityModule",
    ),
    "collateral": (
        NONE,
        ".collateral.keeper:CollateralKeeper",
    ),
    "lending": (
        NONE,
        ".onchain.protocols.choices:LENDING",
    ),
    "borrowers": (
        NONE,
        ".onchain.answers:BorrowersAnswer",
    ),
    "keepers": (
        NONE,
        ".onchain.keepers:Keepers",
    ),
    "option_rules": (
        NONE,
        ".options.keeper:OptionsKeeper",
    ),
    "breaker": (
        ".circuit_breaker:CircuitBreaker",
        NONE,
    ),
    "margin_rules": (
        NONE,
        ".policies.margin.choices:MARGIN_CHOICES",
    ),
    "margin": (
        ".margin_monitor:MarginMonitor",
        NONE,
        ".margin_monitor:LevelledMonitor",
        ".portfolio_monitor:PortfolioMonitor",
    ),
    "traders": (
        ".trader_response:TraderResponse",
        NONE,
        ".trader_response:LevelResponse",
    ),
    "redemptions": (
        NONE,
        ".collateral.redemptions:Redemptions",
    ),
    "ties": (
        NONE,
        ".living.between_venues:Ties",
    ),
    "bridge": (
        NONE,
        ".living.between_venues:Bridge",
    ),
    "insurance_fund": (
        ".insurance_fund:InsuranceFund",
        ".policies.fund.drawdown:Drawdown",
        ".policies.fund.symbol_drawdown:SymbolDrawdown",
        ".policies.fund.fee_capped:FeeCapped",
        ".policies.fund.insurance_fee:InsuranceFee",
        ".policies.fund.backstop_vault:BackstopVault",
        ".policies.fund.depositor_vault:DepositorVault",
        ".policies.fund.tranched_vault:TranchedVault",
    ),
    "liquidation": (".policies.liquidation.choices:LIQUIDATION_CHOICES",),
    "market": (
        ".market:DepthMarket",
        ".market:Liquidators",
        ".market:BandedMarket",
        ".auction:AuctionMarket",
    ),
    "profit_cap": (
        NONE,
        ".profit_cap:ProfitCap",
    ),
    "adl": (
        ".policies.adl.choices:ADL_CHOICES",
        ".socialized_loss:SocializedLoss",
    ),
    "socialization": (
        ".loss_socialization:LossSocialization",
        ".policies.socialization.day_profits:DayProfits",
        ".policies.socialization.open_interest:OpenInterest",
        ".policies.socialization.haircut:Haircut",
    ),
    "funding": (
        ".funding:Funding",
        NONE,
        ".premium_funding:PremiumFunding",
    ),
}


class _Slots(Mapping[str, Mapping[str, Choice | None]]):
    """Slot to policies, as `SLOTS` has it."""

    def __getitem__(self, slot: str) -> Mapping[str, Choice | None]:
        return _policies_of(slot)

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)

    def __contains__(self, slot: object) -> bool:
        return slot in _HOMES


@cache
def _policies_of(slot: str) -> Mapping[str, Choice | None]:
    """The policies of a slot. Raises KeyError where there is no such slot."""
    return {policy: choice for home in _HOMES[slot] for policy, choice in _choices_at(home).items()}


def _choices_at(home: str) -> Mapping[str, Choice | None]:
    if home == NONE:
        return {NONE: None}
    module, _, name = home.partition(":")
    found = getattr(import_module(module, __package__), name)
    if isinstance(found, Mapping):
        return found
    kinds = found if isinstance(found, tuple) else (found,)
    return {kind.policy: Choice(kind.Parameters, kind.version, kind) for kind in kinds}


SLOTS: Mapping[str, Mapping[str, Choice | None]] = _Slots()
"""Slot to policies, the first being the default; the order of the slots is the order of delivery.

`actor` is for a trader of one's own beside all the others.
"""
