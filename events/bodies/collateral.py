"""Collateral in other assets than an account settles in: its worth, what of it counts, what moves. Tags 150 to 159.

An account settles in one asset; what it holds of others, its coins, are collateral and nothing else. The price at which
an asset is converted is an event of its own, so that it may follow its own book, or a right to redeem it, or both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    AssetAmount,
    AssetNumber,
    InstrumentAmount,
    InstrumentNumber,
    LiquidationNumber,
    Price,
    QuoteAmount,
    RatePpb,
    RatePpm,
    Size,
)
from .base import BodyBase, Provenance
from .declaring import FEES, OUTSIDE, Exchange, Payment

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "CoinDeposited",
    "CoinStated",
    "CoinWithdrawn",
    "CollateralBody",
    "CollateralDiscounted",
    "CollateralRated",
    "CollateralSold",
    "CollateralTier",
    "ConversionPriced",
    "ConversionSet",
    "InitialCollateralRated",
    "InterestCharged",
]


class CollateralTier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of an amount over `floor_atoms` of an asset `ratio_ppm` counts, up to the floor of the next tier."""

    floor_atoms: int
    ratio_ppm: int


class ConversionSet(BodyBase, frozen=True, tag=150):
    """How an asset is converted: `asset_atoms` of it are worth the price in ticks times `quote_atoms`.

    The price is one of `instrument`, a spot market of the asset or an inverse contract that settles in it; the quote is
    the asset that accounts which hold it settle in.
    """

    grounds = ()
    sets = True

    asset: AssetNumber
    quote: AssetNumber
    instrument: InstrumentNumber
    asset_atoms: AssetAmount
    quote_atoms: QuoteAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.set_conversion(self)

    def says(self, names: Names) -> str:
        asset, instrument = names.asset(self.asset), names.instrument(self.instrument)
        return f"{asset} was listed to be converted at the price of {instrument}"


class CollateralRated(BodyBase, frozen=True, tag=151):
    """How much of an asset counts as collateral, tier by tier of the amount; nothing of one that was never rated.

    `instrument` is what the asset is converted by.
    """

    grounds = (Ground.RULE,)
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    tiers: tuple[CollateralTier, ...]

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.conversion(self.asset).tiers = self.tiers

    def says(self, names: Names) -> str:
        return f"of {names.asset(self.asset)} this counts as collateral: {_shares(self, names)}"


class InitialCollateralRated(BodyBase, frozen=True, tag=158):
    """How much of an asset counts for the initial margin of an order; without tiers as much as otherwise."""

    grounds = (Ground.RULE,)
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    tiers: tuple[CollateralTier, ...]

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.conversion(self.asset).initial = self.tiers

    def says(self, names: Names) -> str:
        told = _shares(self, names) if self.tiers else "as much as otherwise"
        return f"of {names.asset(self.asset)} this counts for the initial margin of an order: {told}"


class CollateralDiscounted(BodyBase, frozen=True, tag=159):
    """What counts of an asset falls with its size, by a factor of `imf_ppm`; 0 of them and it does so no more.

    `unit_atoms` is one whole unit, in which sizes are counted (`events/ledger/conversion.py` has the formula).
    """

    grounds = (Ground.RULE,)
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    imf_ppm: RatePpm
    unit_atoms: AssetAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.conversion(self.asset).discount(self.imf_ppm, self.unit_atoms)

    def says(self, names: Names) -> str:
        asset, factor = names.asset(self.asset), names.percent_of_ppm(self.imf_ppm)
        return f"of a large amount of {asset} less counts, by a factor of {factor} on the root of its units"


def _shares(rating: CollateralRated | InitialCollateralRated, names: Names) -> str:
    return ", ".join(
        f"{names.percent_of_ppm(tier.ratio_ppm)} over {names.coins(rating.asset, tier.floor_atoms)}"
        for tier in rating.tiers
    )


class ConversionPriced(BodyBase, frozen=True, tag=152):
    """The price at which an asset is converted; `index_ticks` is that of its own market, the mark of `instrument`."""

    grounds = (Ground.MARK, Ground.RULE)
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    index_ticks: Price
    price_ticks: Price

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.price_conversion(self, event.seq)

    def says(self, names: Names) -> str:
        price, index = (names.price(self.instrument, ticks) for ticks in (self.price_ticks, self.index_ticks))
        apart = f", its own market at {index}" if self.price_ticks != self.index_ticks else ""
        return f"{names.asset(self.asset)} was converted at {price} from here on{apart}"

    def tells(self, case: Case) -> str:
        names, before = case.names, case.ledger.conversions[self.asset].price_ticks
        price, index = (names.price(self.instrument, ticks) for ticks in (self.price_ticks, self.index_ticks))
        moved = ""
        if before:
            change = names.change(self.price_ticks - before, before)
            moved = f", {change} from the {names.price(self.instrument, before)} before"
        whose = "That is the mark of its own market"
        if self.price_ticks != self.index_ticks:
            whose = f"The mark of its own market was {index}; {case.policy} sets another price"
        own = f"{whose}, {names.instrument(self.instrument)}."
        return case.joined(f"{names.asset(self.asset)} was converted at {price}{moved}.", own, case.followed())


class CoinStated(BodyBase, frozen=True, tag=153):
    """Opening state: the account has so much of an asset that it does not settle in."""

    grounds = ()
    posting = Payment(OUTSIDE, "account", "balance_atoms", stated=True, asset="asset")

    account: AccountNumber
    asset: AssetNumber
    balance_atoms: AssetAmount
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} began with {names.coins(self.asset, self.balance_atoms)}"


class CoinDeposited(BodyBase, frozen=True, tag=154):
    """An amount of another asset came in from outside, as collateral."""

    grounds = ()
    posting = Payment(OUTSIDE, "account", asset="asset")

    account: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} deposited {names.coins(self.asset, self.amount_atoms)}"


class CoinWithdrawn(BodyBase, frozen=True, tag=155):
    """Collateral in another asset left for the outside."""

    grounds = ()
    posting = Payment("account", OUTSIDE, asset="asset")

    account: AccountNumber
    asset: AssetNumber
    amount_atoms: AssetAmount
    provenance: Provenance | None = None

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} withdrew {names.coins(self.asset, self.amount_atoms)}"


class CollateralSold(BodyBase, frozen=True, tag=156):
    """Collateral was sold into the asset's own market for what the account owes; `size_lots` left its depth.

    An amount is sold to the atom, and what it eats of the depth is rounded up to a lot. `liquidation_id` is the
    liquidation that it was sold in, None where only a debt was repaid.
    """

    grounds: ClassVar[tuple[Ground, ...]] = (
        Ground.LIQUIDATION,
        Ground.CONVERSION,
        Ground.BALANCE,
        Ground.INDEX,
        Ground.DEPTH,
        Ground.MARK,
        Ground.RULE,
    )
    posting = Exchange("account")
    forces = True

    liquidation_id: LiquidationNumber | None
    account: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    amount_atoms: AssetAmount
    value_atoms: InstrumentAmount
    size_lots: Size
    price_ticks: Price
    eaten_lots: Size
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].eat(self.size_lots, self.eaten_lots, event.at_ns, event.seq)

    def says(self, names: Names) -> str:
        sold = names.coins(self.asset, self.amount_atoms)
        value, price = names.value(self.instrument, self.value_atoms), names.price(self.instrument, self.price_ticks)
        return f"{sold} of {names.account(self.account)} were sold at {price} for {value}: {self.reason}"

    def tells(self, case: Case) -> str:
        names, account = case.names, case.ledger.accounts[self.account]
        mark = names.price(self.instrument, case.market(self.instrument).mark_ticks)
        first = (
            f"{names.coins(self.asset, self.amount_atoms)} of the collateral of {names.account(self.account)} were "
            f"sold in the market of {names.instrument(self.instrument)} at "
            f"{names.price(self.instrument, self.price_ticks)}, the mark being {mark}. That brought "
            f"{names.value(self.instrument, self.value_atoms)}: {self.reason}."
        )
        owed = f"Its balance had been {names.money(self.account, account.balance_atoms)}."
        return case.joined(first, owed, case.followed())


class InterestCharged(BodyBase, frozen=True, tag=157):
    """Interest of an interval on what an account owes of the asset that it settles in, above what is free of it."""

    grounds = (Ground.BALANCE, Ground.TIMER, Ground.RULE)
    posting = Payment("account", FEES)

    account: AccountNumber
    amount_atoms: AccountAmount
    debt_atoms: AccountAmount
    rate_ppb: RatePpb

    def says(self, names: Names) -> str:
        paid, debt = (names.money(self.account, atoms) for atoms in (self.amount_atoms, self.debt_atoms))
        return f"{names.account(self.account)} was charged {paid} of interest, {names.rate(self.rate_ppb)} of {debt}"

    def tells(self, case: Case) -> str:
        names, interval_ns = case.names, case.rule("interest_interval_ns")
        owed_atoms = -case.ledger.accounts[self.account].balance_atoms
        owed, free = (names.money(self.account, atoms) for atoms in (owed_atoms, owed_atoms - self.debt_atoms))
        told = f"It owed {owed}, of which {free} is free of interest."
        if owed_atoms == self.debt_atoms:
            told = f"It owed {owed}, and nothing of that is free of interest."
        every = "" if interval_ns is None else f"Interest is charged every {names.duration(interval_ns)}."
        return case.joined(f"{self.says(names)}.", told, every, case.followed())


CollateralBody = (
    ConversionSet
    | CollateralRated
    | InitialCollateralRated
    | CollateralDiscounted
    | ConversionPriced
    | CoinStated
    | CoinDeposited
    | CoinWithdrawn
    | CollateralSold
    | InterestCharged
)
