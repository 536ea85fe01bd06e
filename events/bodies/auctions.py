"""Liquidation auctions and the vault of named depositors. Tags 143 to 149.

An auction offers a forced order to backstop providers at a discount that grows, before the book gets what is left. A
vault belongs to depositors, and each is told what part of a gain or loss is theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    Duration,
    FundAmount,
    InstrumentAmount,
    InstrumentNumber,
    Leg,
    LiquidationNumber,
    OrderNumber,
    Price,
    RateBps,
    Size,
    TradeNumber,
)
from ..phrases import reason_told
from .base import BodyBase
from .declaring import Payment, Trade

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["AuctionEnded", "AuctionFilled", "AuctionOpened", "AuctionsBody", "VaultDeposited", "VaultShared"]


class AuctionOpened(BodyBase, frozen=True, tag=143):
    """A forced order is offered at `discount_bps` from the mark, and every `step_ns` at `step_bps` more."""

    grounds = (Ground.LIQUIDATION, Ground.ORDER, Ground.MARK, Ground.RULE)

    liquidation_id: LiquidationNumber
    order_id: OrderNumber
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    limit_ticks: Price | None
    whole: bool
    discount_bps: RateBps
    step_bps: RateBps
    step_ns: Duration

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.open_auction(self, event.at_ns)

    def says(self, names: Names) -> str:
        first, more = names.percent_of_bps(self.discount_bps), names.percent_of_bps(self.step_bps)
        what = names.size(self.instrument, self.size_lots)
        return (
            f"order {self.order_id} of {names.account(self.account)}, {what}, was offered at {first} from the mark, "
            f"and {more} more each {names.duration(self.step_ns)}"
        )


class AuctionFilled(BodyBase, frozen=True, tag=144):
    """A provider took part of an offered order, `discount_bps` from the mark; the book is not touched."""

    grounds = (Ground.LIQUIDATION, Ground.ORDER, Ground.MARK, Ground.TIMER, Ground.RULE)
    posting = Trade("account", "counterparty")
    forces = True

    liquidation_id: LiquidationNumber
    order_id: OrderNumber
    trade_id: TradeNumber
    account: AccountNumber
    counterparty: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    left_lots: Size
    discount_bps: RateBps
    wanted_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.fill_auction(self)

    def says(self, names: Names) -> str:
        trade = names.trade(self.instrument, self.size_lots, self.price_ticks)
        left = names.left(self.instrument, self.left_lots)
        return (
            f"{names.account(self.account)} {trade} to {names.account(self.counterparty)} in the auction of order "
            f"{self.order_id}{left}"
        )

    def tells(self, case: Case) -> str:
        names, mark_ticks = case.names, case.market(self.instrument).mark_ticks
        first = (
            f"{self.says(names)}. That was {names.percent_of_bps(self.discount_bps)} from the mark of "
            f"{names.price(self.instrument, mark_ticks)}; {names.account(self.counterparty)} wanted "
            f"{names.percent_of_bps(self.wanted_bps)} at least."
        )
        return case.joined(first, case.followed())


class AuctionEnded(BodyBase, frozen=True, tag=145):
    """An auction is over; what is left of the order goes to the book."""

    grounds = (Ground.LIQUIDATION, Ground.ORDER, Ground.MARK, Ground.RULE)

    liquidation_id: LiquidationNumber
    order_id: OrderNumber
    account: AccountNumber
    instrument: InstrumentNumber
    left_lots: Size
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.auctions.pop(self.account, None)

    def says(self, names: Names) -> str:
        left = names.units(self.instrument, self.left_lots)
        whose = f"order {self.order_id} of {names.account(self.account)}"
        return f"the auction of {whose} ended with {left} left: {reason_told(self.reason)}"


class VaultDeposited(BodyBase, frozen=True, tag=146):
    """A depositor put money into the vault that stands behind liquidations, and owns that part of it."""

    grounds = (Ground.BALANCE, Ground.RULE)
    posting = Payment("account", "fund")

    account: AccountNumber
    fund: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.deposit_in_vault(self)

    def says(self, names: Names) -> str:
        amount = names.money(self.account, self.amount_atoms)
        return f"{names.account(self.account)} put {amount} into {names.account(self.fund)}"


class VaultShared(BodyBase, frozen=True, tag=147):
    """A depositor's part of what the vault gained (lost, negative) since the last time, and what its part is now.

    `gained_atoms` is the whole, cash and inventory at the mark; the parts of all depositors sum to it exactly.
    """

    grounds = (Ground.FUND, Ground.MARK, Ground.RULE)

    account: AccountNumber
    fund: AccountNumber
    gained_atoms: FundAmount
    part_atoms: FundAmount
    claim_atoms: FundAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.vaults[self.fund][self.account] = self.claim_atoms

    def says(self, names: Names) -> str:
        part, whole = (names.money(self.fund, atoms) for atoms in (self.part_atoms, self.gained_atoms))
        claim = names.money(self.fund, self.claim_atoms)
        return (
            f"of {whole} that {names.account(self.fund)} gained {part} went to {names.account(self.account)}: its part "
            f"is now {claim}"
        )


AuctionsBody = AuctionOpened | AuctionFilled | AuctionEnded | VaultDeposited | VaultShared
