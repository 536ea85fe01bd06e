"""What exists: assets, instruments with their limits, accounts, funds. Tags 10 to 19."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ..kinds import (
    AccountNumber,
    AssetNumber,
    DeclaredAccount,
    DeclaredAsset,
    DeclaredInstrument,
    Duration,
    InstrumentAmount,
    InstrumentNumber,
    Kind,
    RateBps,
    Size,
    Time,
)
from ..venue_names import venue_of
from .base import BodyBase

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Names

__all__ = [
    "AccountKind",
    "AccountMode",
    "AccountOpened",
    "AssetListed",
    "FundAssigned",
    "InstrumentKind",
    "InstrumentListed",
    "LimitsStated",
    "ListingBody",
    "Tier",
]

AccountKind = Literal["user", "insurance", "fees", "liquidity", "outside", "vault"]
AccountMode = Literal["cross", "isolated"]
InstrumentKind = Literal["linear", "inverse", "spot", "option"]

Decimals = Annotated[int, msgspec.Meta(ge=0, le=38), Kind("count")]
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
    """An asset; one atom is 10^-decimals of it.

    Money on a venue is a claim on that venue. So where a run has several, each lists its own: "USDT@alpha".
    """

    grounds = ()
    named = True

    asset: DeclaredAsset
    name: str
    decimals: Decimals

    @property
    def venue(self) -> str:
        """Whose claim it is, where a run has several venues: that of "USDT@alpha" is alpha; empty where it has one."""
        return venue_of(self.name)

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.list_asset(self)

    def says(self, names: Names) -> str:
        return f"{self.name} was listed"


class InstrumentListed(BodyBase, frozen=True, tag=11):
    """An instrument with its scales.

    `tick_size` and `lot_size` are decimal strings in quote per unit and units (inverse: quote), for reading; decisions
    use `multiplier_atoms`, what one lot is worth at one tick. `expiry_ns` is None for a perpetual. Eaten depth refills
    with `refill_half_life_ns` (0: at once); a mark is moved by `impact_bps` of how far into the depth forced orders
    reached.
    """

    grounds = ()
    named = True

    instrument: DeclaredInstrument
    name: str
    venue: str
    kind: InstrumentKind
    asset: AssetNumber
    tick_size: Step
    lot_size: Step
    multiplier_atoms: InstrumentAmount
    tiers: tuple[Tier, ...]
    refill_half_life_ns: Duration = 0
    impact_bps: RateBps = 0
    expiry_ns: Time | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.list_instrument(self)

    def says(self, names: Names) -> str:
        return f"{self.name} was listed"


class AccountOpened(BodyBase, frozen=True, tag=12):
    """A margin account, or one of the venue's own. It settles in one asset.

    An isolated position is an account of its own whose `owner` is the trader's cross account; `parent` is the account
    above a sub-account.
    """

    grounds = ()
    named = True

    account: DeclaredAccount
    name: str
    venue: str
    kind: AccountKind
    mode: AccountMode
    asset: AssetNumber
    owner: AccountNumber | None = None
    parent: AccountNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.open_account(self)

    def says(self, names: Names) -> str:
        return f"{self.name} was opened"


class LimitsStated(BodyBase, frozen=True, tag=13):
    """What a trader's own order in the instrument must keep to; without such an event there is no limit.

    `initial` is the initial margin, in tiers as the maintenance margin is; empty where none is asked. An account's
    notional of the instrument is at most `leverage_bps` of its equity, its lots on a side at most `position_lots` and
    worth at most `position_atoms`; all traders' lots on a side are at most `open_interest_lots`.
    """

    grounds = ()

    instrument: InstrumentNumber
    initial: tuple[Tier, ...] = ()
    leverage_bps: RateBps | None = None
    position_lots: Size | None = None
    position_atoms: InstrumentAmount | None = None
    open_interest_lots: Size | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        market = ledger.markets[self.instrument]
        market.limits, market.initial = self, self.initial

    def says(self, names: Names) -> str:
        return f"limits were stated for orders in {names.instrument(self.instrument)}"


class FundAssigned(BodyBase, frozen=True, tag=14):
    """This insurance fund stands behind the instrument; without such an event its asset's first fund does."""

    grounds = ()

    instrument: InstrumentNumber
    fund: AccountNumber

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.assign_fund(self.instrument, self.fund)

    def says(self, names: Names) -> str:
        return f"{names.account(self.fund)} stands behind {names.instrument(self.instrument)}"


ListingBody = AssetListed | InstrumentListed | LimitsStated | AccountOpened | FundAssigned
