"""What exists: assets, instruments, accounts, funds. Tags 10 to 19; 13 was never recorded and stays free for rules."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import BodyBase

__all__ = [
    "AccountKind",
    "AccountMode",
    "AccountOpened",
    "AssetListed",
    "FundAssigned",
    "InstrumentKind",
    "InstrumentListed",
    "Tier",
]

AccountKind = Literal["user", "insurance", "fees", "liquidity", "outside", "vault"]
AccountMode = Literal["cross", "isolated"]
InstrumentKind = Literal["linear", "inverse", "spot", "option"]

Decimals = Annotated[int, msgspec.Meta(ge=0, le=38)]
Step = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,2})?$")]
"""What every figure of a record is shown by: a reader refuses a scale that would take more room than the record."""


class Tier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One tier of the maintenance margin: over `floor_atoms` of notional the requirement grows by `rate_ppm`.

    requirement = (rate_ppm x notional - amount_microatoms) / 10^6, where
    amount_n = floor_n x (rate_n - rate_(n-1)) + amount_(n-1) makes it continuous (Binance FAQ
    b3c689c1f50a44cabb3a84e663b81d93). In microatoms the amount is a whole number.
    """

    floor_atoms: int
    rate_ppm: int
    amount_microatoms: int


class AssetListed(BodyBase, frozen=True, tag=10):
    """An asset; one atom is 10^-decimals of it."""

    grounds = ()

    asset: int
    name: str
    decimals: Decimals


class InstrumentListed(BodyBase, frozen=True, tag=11):
    """An instrument with its scales.

    `tick_size` and `lot_size` are decimal strings in quote per unit and units (inverse: quote), for reading; decisions
    use `multiplier_atoms`, what one lot is worth at one tick. `expiry_ns` is None for a perpetual. Eaten depth refills
    with `refill_half_life_ns` (0: at once); a mark is moved by `impact_bps` of how far into the depth forced orders
    reached.
    """

    grounds = ()

    instrument: int
    name: str
    venue: str
    kind: InstrumentKind
    asset: int
    tick_size: Step
    lot_size: Step
    multiplier_atoms: int
    tiers: tuple[Tier, ...]
    refill_half_life_ns: int = 0
    impact_bps: int = 0
    expiry_ns: int | None = None


class AccountOpened(BodyBase, frozen=True, tag=12):
    """A margin account, or one of the venue's own. It settles in one asset.

    An isolated position is an account of its own whose `owner` is the trader's cross account; `parent` is the account
    above a sub-account.
    """

    grounds = ()

    account: int
    name: str
    venue: str
    kind: AccountKind
    mode: AccountMode
    asset: int
    owner: int | None = None
    parent: int | None = None


class FundAssigned(BodyBase, frozen=True, tag=14):
    """This insurance fund stands behind the instrument; without such an event its asset's first fund does."""

    grounds = ()

    instrument: int
    fund: int
