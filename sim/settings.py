"""The schema of a scenario file: what keys there are and of what type. Unknown keys are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from ..events.bodies.listing import InstrumentKind
from .chains.settings import ChainSettings, HoldersSettings, SurfaceSettings
from .checks import FEW, check_name, check_range, require
from .limits import LimitSettings
from .populations.registry import PopulationSettings
from .sources.registry import DepthSettings, PriceSettings
from .units import INT64_MAX

__all__ = ["ActorSettings", "AssetSettings", "InstrumentSettings", "ScenarioSettings", "TierSettings", "VenueSettings"]

_AMOUNT_MOST = Decimal("1e60")
_LEVERAGE_MOST = 10_000
_SETTLE_MOST_NS = 366 * 86_400 * 10**9


class AssetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An asset; one atom is 10^-decimals of it. `price` is the spot market that it is converted by, if it is not first.

    What is counted in, and what amounts are stated in, is the first asset.
    """

    name: str
    decimals: int
    price: str | None = None

    def __post_init__(self) -> None:
        """Refuse a name that an account of it could not be called after."""
        check_name(self.name)


class TierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Over `floor` of notional, in the asset, the requirement grows by `rate`, and the initial one by `initial`."""

    floor: Decimal | int
    rate: Decimal | int
    initial: Decimal | int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no notional and no rate."""
        check_range("floor", self.floor, 0, _AMOUNT_MOST)
        check_range("rate", self.rate, 0, 1)
        check_range("initial", self.initial or 0, 0, 1)


class InstrumentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument; steps in quote and units (inverse: quote and quote), tiers in the asset, there the coin.

    `underlying` is what it is of, for funds per underlying; without it the name up to its last hyphen. A spot market
    has a `base`, the asset that changes hands, and no tiers: nobody has a position in it.
    What orders must keep to (`handlers/limits.py`), where it is stated: `max_leverage`; `position_limit` of an account
    on a side and `open_interest_cap` of all traders, in units (inverse: quote); `position_value_limit` in the asset.
    """

    name: str
    asset: str
    tick_size: Decimal | int
    lot_size: Decimal | int
    tiers: Annotated[tuple[TierSettings, ...], FEW] = ()
    kind: InstrumentKind = "linear"
    start_price: Decimal | int | None = None
    refill_half_life_ns: int = 30_000_000_000
    impact_bps: int = 5_000
    underlying: str | None = None
    base: str | None = None
    max_leverage: Decimal | int | None = None
    position_limit: Decimal | int | None = None
    position_value_limit: Decimal | int | None = None
    open_interest_cap: Decimal | int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that nothing can be counted in; that they are above 0 is looked at with the name at hand."""
        check_name(self.name)
        check_range("max_leverage", 1 if self.max_leverage is None else self.max_leverage, 1, _LEVERAGE_MOST)
        limits = ("position_limit", "position_value_limit", "open_interest_cap")
        for name in ("tick_size", "lot_size", "start_price", *limits):
            check_range(name, getattr(self, name) or 0, -_AMOUNT_MOST, _AMOUNT_MOST)


class ActorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts that begin with money and no position: `name`-1, `name`-2, ..., each with this balance, in the asset."""

    name: str
    balance: Decimal | int
    accounts: int = 1

    def __post_init__(self) -> None:
        """Refuse an actor without a name or without capital."""
        check_name(self.name)
        check_range("accounts", self.accounts, 1, INT64_MAX)
        require(self.balance > 0, f"an actor without capital cannot act: balance is {self.balance}; it must be above 0")
        check_range("balance", self.balance, 0, _AMOUNT_MOST)


class VenueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of several venues: its name, its rulebook, what it lists, who trades there, and its own slots' tables.

    Every key besides these is a slot's table, which overrides the scenario's for this venue. Without `instruments` it
    lists all of the scenario's, without `population` its own share of traders is drawn as the scenario's.
    """

    name: str
    rulebook: str = "generic"
    instruments: Annotated[tuple[str, ...], FEW] | None = None
    population: PopulationSettings | None = None
    slots: dict[str, dict[str, Any]] = {}

    def __post_init__(self) -> None:
        """Refuse a name that could not stand behind an account's."""
        require(self.name.isalnum() and self.name.isascii(), f"name {self.name!r} must be letters and digits")


class ScenarioSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a scenario's schema; the slots' tables are checked by their policies."""

    name: str
    assets: Annotated[tuple[AssetSettings, ...], FEW]
    instruments: Annotated[tuple[InstrumentSettings, ...], FEW]
    prices: PriceSettings
    population: PopulationSettings
    depth: DepthSettings | None = None
    actors: Annotated[tuple[ActorSettings, ...], FEW] = ()
    options: Annotated[tuple[ChainSettings, ...], FEW] = ()
    volatility: Annotated[tuple[SurfaceSettings, ...], FEW] = ()
    option_holders: Annotated[tuple[HoldersSettings, ...], FEW] = ()
    description: str = ""
    venue: str = "generic"
    venues: Annotated[tuple[VenueSettings, ...], FEW] = ()
    seed: int = 1
    start: str = "2025-10-10T00:00:00Z"
    end: str | None = None
    settle_ns: int = 0
    invariants: dict[str, Any] = {}
    faults: Annotated[tuple[dict[str, Any], ...], FEW] | dict[str, Any] = ()
    impact: dict[str, Any] = {}
    makers: dict[str, Any] = {}
    crowd: dict[str, Any] = {}
    strategist: dict[str, Any] = {}
    dealers: dict[str, Any] = {}
    actor: dict[str, Any] = {}
    orders: dict[str, Any] = {}
    index: dict[str, Any] = {}
    arbitrage: dict[str, Any] = {}
    hedgers: dict[str, Any] = {}
    ties: dict[str, Any] = {}
    bridge: dict[str, Any] = {}
    mark: dict[str, Any] = {}
    chain: dict[str, Any] = {}
    oracle: dict[str, Any] = {}
    collateral: dict[str, Any] = {}
    lending: dict[str, Any] = {}
    borrowers: dict[str, Any] = {}
    keepers: dict[str, Any] = {}
    option_rules: dict[str, Any] = {}
    breaker: dict[str, Any] = {}
    margin_rules: dict[str, Any] = {}
    margin: dict[str, Any] = {}
    traders: dict[str, Any] = {}
    redemptions: dict[str, Any] = {}
    insurance_fund: dict[str, Any] = {}
    liquidation: dict[str, Any] = {}
    market: dict[str, Any] = {}
    profit_cap: dict[str, Any] = {}
    adl: dict[str, Any] = {}
    socialization: dict[str, Any] = {}
    funding: dict[str, Any] = {}
    limits: LimitSettings = LimitSettings()

    def __post_init__(self) -> None:
        """Refuse numbers that an event has no room for."""
        check_range("seed", self.seed, 0, INT64_MAX)
        check_range("settle_ns", self.settle_ns, 0, _SETTLE_MOST_NS)
