"""Coins that are redeemed instead of sold: on their way to be paid, at a later price. Tags 200 to 204.

Between the two events it has neither the coins nor the money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import AccountAmount, AccountNumber, AssetAmount, AssetNumber, EventNumber, InstrumentNumber, Price, Time
from .base import BodyBase
from .declaring import OUTSIDE, Payment

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["RedemptionBody", "RedemptionPaid", "RedemptionRequested"]


class RedemptionRequested(BodyBase, frozen=True, tag=200):
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


class RedemptionPaid(BodyBase, frozen=True, tag=201):
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


RedemptionBody = RedemptionRequested | RedemptionPaid
