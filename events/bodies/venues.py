"""Several venues in one run: indices of several constituents, and money on its way between venues. Tags 134 to 139."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grounds import Ground
from ..kinds import AccountAmount, AccountNumber, Constituents, EventNumber, InstrumentNumber, LeftOut, Price, Time
from ..phrases import reason_told
from .base import BodyBase
from .declaring import OUTSIDE, Payment

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["IndexPriced", "TransferArrived", "TransferStarted", "VenuesBody"]


class IndexPriced(BodyBase, frozen=True, tag=134):
    """An index: the weighted mean of its constituents that count, rounded half up.

    `constituents` are (name, price in ticks, weight in basis points) of each that counts; `left_out` (name, price,
    reason) of each that does not. A constituent is a venue's book, the value outside, or another venue's index.
    """

    grounds = (Ground.INDEX, Ground.BOOK, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    index_ticks: Price
    constituents: Constituents
    left_out: LeftOut = ()

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].priced_index = self

    def says(self, names: Names) -> str:
        parts = ", ".join(f"{name} {names.price(self.instrument, ticks)}" for name, ticks, _ in self.constituents)
        without = "".join(f", without {name} ({reason_told(reason)})" for name, _, reason in self.left_out)
        index = names.price(self.instrument, self.index_ticks)
        return f"the index of {names.instrument(self.instrument)} stood at {index}: {parts}{without}"


class TransferStarted(BodyBase, frozen=True, tag=135):
    """Money left an account for one of the same owner on another venue, where it arrives at `due_ns`."""

    grounds = (Ground.BALANCE, Ground.BOOK, Ground.CALL, Ground.RULE)
    posting = Payment("account", OUTSIDE)

    account: AccountNumber
    to_account: AccountNumber
    amount_atoms: AccountAmount
    due_ns: Time

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.send(self, event)

    def says(self, names: Names) -> str:
        money, to = names.money(self.account, self.amount_atoms), names.account(self.to_account)
        return f"{names.account(self.account)} sent {money} to {to}, to arrive at {names.time(self.due_ns)}"


class TransferArrived(BodyBase, frozen=True, tag=136):
    """Money that was on its way arrived; `transfer` is the event in which it left."""

    grounds = (Ground.FAULT, Ground.TIMER, Ground.RULE)
    posting = Payment(OUTSIDE, "account")

    account: AccountNumber
    amount_atoms: AccountAmount
    transfer: EventNumber

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.receive(self)

    def says(self, names: Names) -> str:
        money = names.money(self.account, self.amount_atoms)
        return f"{money} arrived at {names.account(self.account)}, sent in event {self.transfer}"

    def tells(self, case: Case) -> str:
        sent = case.at(self.transfer)
        took = f"It had been on its way for {case.names.duration(case.event.at_ns - sent.at_ns)}."
        return case.joined(f"{self.says(case.names)}.", took, case.followed())


VenuesBody = IndexPriced | TransferStarted | TransferArrived
