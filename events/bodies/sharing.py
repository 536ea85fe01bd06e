"""A loss that is shared otherwise than by rank alone: at one price, by bail-in, or insured against. Tags 210 to 219."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import AccountAmount, AccountNumber, LiquidationNumber, RoundNumber, Time
from .base import BodyBase
from .declaring import Payment

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["AdlCompensated", "AdlPremiumPaid", "BailInCharged", "BatchSettled", "SharingBody"]


class BatchSettled(BodyBase, frozen=True, tag=210):
    """The fund paid an account what the one price of a batch lacks to its own; negative, the account paid the fund.

    Over a batch that was closed whole these sum to zero: the fund only passes the money on.
    """

    grounds = (Ground.ROUND, Ground.BALANCE, Ground.FUND, Ground.RULE)
    posting = Payment("fund", "account")

    round: RoundNumber
    liquidation_id: LiquidationNumber
    account: AccountNumber
    fund: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.cash_of_fund(self.liquidation_id, self.amount_atoms)

    def says(self, names: Names) -> str:
        who, fund = names.account(self.account), names.account(self.fund)
        paid = names.money(self.account, abs(self.amount_atoms))
        if self.amount_atoms < 0:
            return f"{who} paid {fund} the {paid} by which the price of its batch was better than its own"
        return f"{fund} paid {who} the {paid} by which the price of its batch was worse than its own"

    def tells(self, case: Case) -> str:
        beside = (
            "All who are closed together against one side are closed at one price, at which those on the other side "
            "give no more in all; who was bankrupt ends with exactly nothing, as at a price of its own."
        )
        return case.joined(f"{self.says(case.names)}.", beside, case.followed())


class BailInCharged(BodyBase, frozen=True, tag=211):
    """`account` paid its part of a loss before the position that makes it is closed; `loss_atoms` is the whole loss."""

    grounds = (Ground.SHORTFALL, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", "bankrupt")

    liquidation_id: LiquidationNumber
    bankrupt: AccountNumber
    account: AccountNumber
    loss_atoms: AccountAmount
    amount_atoms: AccountAmount

    def says(self, names: Names) -> str:
        paid, loss = (names.money(self.account, atoms) for atoms in (self.amount_atoms, self.loss_atoms))
        return (
            f"{names.account(self.account)} was bailed in with {paid} of the loss of {loss} that "
            f"{names.account(self.bankrupt)} stood at"
        )

    def tells(self, case: Case) -> str:
        beside = (
            "A part of the loss is taken from all who are at a profit, each in proportion to the lesser of profit and "
            "equity; the position is closed later."
        )
        return case.joined(f"{self.says(case.names)}.", beside, case.followed())


class AdlPremiumPaid(BodyBase, frozen=True, tag=212):
    """An account paid `counterparty` to be insured against auto-deleveraging until `until_ns`."""

    grounds = (Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.TIMER, Ground.RULE)
    posting = Payment("account", "counterparty")

    account: AccountNumber
    counterparty: AccountNumber
    amount_atoms: AccountAmount
    until_ns: Time

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.notes["adl", f"insured {self.account}"] = (self.until_ns,)

    def says(self, names: Names) -> str:
        paid, until = names.money(self.account, self.amount_atoms), names.time(self.until_ns)
        who, insurer = names.account(self.account), names.account(self.counterparty)
        return f"{who} paid {insurer} {paid} to be insured against auto-deleveraging until {until}"


class AdlCompensated(BodyBase, frozen=True, tag=213):
    """An insured account was paid for its reduction, which cost it `taken_atoms` against the mark."""

    grounds = (Ground.ROUND, Ground.MARK, Ground.BALANCE, Ground.RULE)
    posting = Payment("counterparty", "account")

    round: RoundNumber
    account: AccountNumber
    counterparty: AccountNumber
    taken_atoms: AccountAmount
    amount_atoms: AccountAmount

    def says(self, names: Names) -> str:
        paid, taken = (names.money(self.account, atoms) for atoms in (self.amount_atoms, self.taken_atoms))
        who, insurer = names.account(self.account), names.account(self.counterparty)
        return f"{who} was paid {paid} by {insurer} for the {taken} that being deleveraged had cost it"


SharingBody = BatchSettled | BailInCharged | AdlPremiumPaid | AdlCompensated
