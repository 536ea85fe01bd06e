"""Collateral in other assets than an account settles in: its worth, what of it counts, what moves. Tags 150 to 159.

An account settles in one asset; what it holds of others, its coins, are collateral and nothing else. The price at which
an asset is converted is an event of its own, so that it may follow its own book, or a right to redeem it, or both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    AssetAmount,
    AssetNumber,
    Count,
    EventNumber,
    InstrumentAmount,
    InstrumentNumber,
    LiquidationNumber,
    Price,
    RatePpb,
    RatePpm,
    Size,
    Time,
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
    "CollateralRated",
    "CollateralSold",
    "CollateralTier",
    "ConversionPriced",
    "ConversionSet",
    "InterestCharged",
    "RedemptionPaid",
    "RedemptionRequested",
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
    asset_atoms: Count
    quote_atoms: Count

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.set_conversion(self)

    def says(self, names: Names) -> str:
        asset, instrument = names.asset(self.asset), names.instrument(self.instrument)
        return f"{asset} was listed to be converted at the price of {instrument}"


class CollateralRated(BodyBase, frozen=True, tag=151):
    """How much of an asset counts as collateral, tier by tier of the amount; nothing of one that was never rated.

    `instrument` is what the asset is converted by. `initial` are the tiers for an order's initial margin, where these
    differ. With `imf_ppm` the part falls with the size as well, `unit_atoms` being one whole unit (`conversion.py`).
    """

    grounds = ()
    sets = True

    asset: AssetNumber
    instrument: InstrumentNumber
    tiers: tuple[CollateralTier, ...]
    initial: tuple[CollateralTier, ...] = ()
    imf_ppm: RatePpm = 0
    unit_atoms: AssetAmount = 0

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.rate_collateral(self)

    def says(self, names: Names) -> str:
        parts = [f"of {names.asset(self.asset)} this counts as collateral: {self._shares(self.tiers, names)}"]
        if self.initial:
            parts.append(f"; for initial margin: {self._shares(self.initial, names)}")
        if self.imf_ppm:
            parts.append(f"; less of a large amount, by a factor of {names.percent_of_ppm(self.imf_ppm)}")
        return "".join(parts)

    def _shares(self, tiers: tuple[CollateralTier, ...], names: Names) -> str:
        return ", ".join(
            f"{names.percent_of_ppm(tier.ratio_ppm)} over {names.coins(self.asset, tier.floor_atoms)}" for tier in tiers
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

    grounds = (Ground.LIQUIDATION, Ground.BALANCE, Ground.DEPTH, Ground.MARK, Ground.RULE)
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


class RedemptionRequested(BodyBase, frozen=True, tag=158):
    """A trader asked for its coins to be redeemed; they are gone, and what they bring is paid at `due_ns`.

    `price_ticks` is what redemption brings now, as a price of `instrument`, which the asset is converted by: what is
    paid is by that of then. `owed_atoms` is what the trader owes.
    """

    grounds = (Ground.CALL, Ground.BALANCE, Ground.MARK, Ground.RULE)
    posting = Payment("account", OUTSIDE, asset="asset")

    account: AccountNumber
    asset: AssetNumber
    instrument: InstrumentNumber
    amount_atoms: AssetAmount
    price_ticks: Price
    owed_atoms: AccountAmount
    due_ns: Time

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.request_redemption(self, event)

    def says(self, names: Names) -> str:
        coins, price = names.coins(self.asset, self.amount_atoms), names.price(self.instrument, self.price_ticks)
        due = names.time(self.due_ns)
        return f"{names.account(self.account)} asked to redeem {coins}, now at {price}, to be paid at {due}"

    def tells(self, case: Case) -> str:
        names, conversion = case.names, case.ledger.conversions[self.asset]
        converted = names.price(self.instrument, conversion.price_ticks)
        why = "It was under a margin call."
        if self.owed_atoms:
            why = f"It owed {names.money(self.account, self.owed_atoms)}."
        beside = (
            f"As collateral the asset was converted at {converted}. Until it is paid it is neither coins nor money."
        )
        return case.joined(f"{self.says(names)}.", why, beside, case.followed())


class RedemptionPaid(BodyBase, frozen=True, tag=159):
    """A redemption was paid, at the price of now; `redemption` is the event in which it was requested."""

    grounds = (Ground.TIMER, Ground.MARK, Ground.RULE)
    posting = Payment(OUTSIDE, "account")

    account: AccountNumber
    instrument: InstrumentNumber
    amount_atoms: AccountAmount
    price_ticks: Price
    redemption: EventNumber

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.pay_redemption(self)

    def says(self, names: Names) -> str:
        money, price = names.money(self.account, self.amount_atoms), names.price(self.instrument, self.price_ticks)
        return (
            f"{names.account(self.account)} was paid {money} for its redemption of event {self.redemption}, at {price}"
        )

    def tells(self, case: Case) -> str:
        asked = case.at(self.redemption)
        took = f"It had been on its way for {case.names.duration(case.event.at_ns - asked.at_ns)}."
        return case.joined(f"{self.says(case.names)}.", took, case.followed())


CollateralBody = (
    ConversionSet
    | CollateralRated
    | ConversionPriced
    | CoinStated
    | CoinDeposited
    | CoinWithdrawn
    | CollateralSold
    | InterestCharged
    | RedemptionRequested
    | RedemptionPaid
)
