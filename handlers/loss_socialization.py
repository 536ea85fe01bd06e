"""Loss socialisation, the last resort: what neither the market, the fund nor auto-deleveraging could cover.

1. What a round left of a bankrupt position goes to the fund at the mark, which costs the fund nothing there and then.
2. The account is then without positions and negative, and the fund has paid what it pays. What is left is spread over
   the user accounts with the largest unrealised profit (`payers_max` at a time, the next ones where those cannot give
   enough), in proportion to that profit, nobody paying more than the lesser of profit and equity; whole atoms by
   largest remainder, ties by account.
3. So is what the fund lacks for its own inventory, once auto-deleveraging is over: it is paid to the fund.
4. What nobody can pay is written off against the fund as far as that has money; for the rest a deficit is declared,
   which stops trading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import msgspec

from ..events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    FundDeficitDeclared,
    LossSocialized,
    ShortfallDeclared,
    ShortfallRemained,
)
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState
from ..events.vocabulary import Body
from .inventory import capacity_atoms, inventory_atoms, money_atoms
from .policies.allocation import in_proportion
from .protocol import Handler, Product
from .takeover import at_mark
from .valuation import coins_worth_atoms, profit_atoms

__all__ = ["LossSocialization", "Measured", "Paid", "SocializationParameters"]

Paid = LossSocialized | BalanceWrittenOff
"""A part of a loss that somebody carries."""


class Measured(NamedTuple):
    """What a payer's part of a loss goes by, that of all who shared it with this payer, and how many these are.

    In atoms; where `in_lots`, in lots of an instrument, of all instruments where there is None.
    """

    own: int
    whole: int
    payers: int
    in_lots: bool = False
    instrument: int | None = None


_NOBODY = 0
"""The liquidation of a loss that is the fund's own; they are numbered from 1."""


class SocializationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As many as `payers_max` accounts share a loss between them before others are asked."""

    payers_max: int = 100

    def __post_init__(self) -> None:
        """Refuse a last resort without payers."""
        if self.payers_max < 1:
            message = "payers_max must be at least 1"
            raise ValueError(message)


class LossSocialization(Handler):
    """Spreads what is missing over the winners."""

    name: ClassVar[str] = "socialization"
    policy: ClassVar[str] = "profit-pro-rata"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared, ShortfallRemained, DeleveragingEnded)
    Parameters: ClassVar[type[msgspec.Struct]] = SocializationParameters
    among: ClassVar[str] = (
        "by those who have most to give, in proportion to it: the lesser of unrealised profit and equity"
    )
    """Who shares a loss and by what, in words; `measured` has the figures."""

    def __init__(self, parameters: SocializationParameters) -> None:
        self.payers_max = parameters.payers_max

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The rest of a position to the fund; the loss of an account without positions, or the fund's, to others."""
        body = event.body
        assert isinstance(body, ShortfallDeclared | ShortfallRemained | DeleveragingEnded)
        account = ledger.accounts[body.account]
        if isinstance(body, ShortfallRemained):
            return self._covered(account, ledger)
        if account.kind != "user" or account.liquidation_id is None:
            return ()
        if isinstance(body, DeleveragingEnded):
            return (
                at_mark(account.liquidation_id, account, [(body.instrument, body.leg)], ledger)
                if body.left_lots
                else ()
            )
        if account.positions or account.balance_atoms >= 0:
            return ()
        return self._spread(account, account.liquidation_id, ledger)

    def _spread(self, bankrupt: Account, liquidation_id: int, ledger: LedgerState) -> Iterable[Product]:
        """The debt of an account."""
        loss_atoms, fund = -bankrupt.balance_atoms, ledger.fund_for(bankrupt)
        paid = self.shared(bankrupt, liquidation_id, loss_atoms, ledger)
        rest_atoms = loss_atoms - sum(part.amount_atoms for part in paid)
        if not rest_atoms:
            return paid
        deficit_atoms = rest_atoms - min(rest_atoms, money_atoms(ledger, fund))
        off = BalanceWrittenOff(liquidation_id, bankrupt.account, fund, rest_atoms)
        return [*paid, *_deficit(liquidation_id, bankrupt.account, fund, deficit_atoms, ledger), off]

    def _covered(self, fund: Account, ledger: LedgerState) -> Iterable[Product]:
        """What the fund lacks as it stands now."""
        loss_atoms = -capacity_atoms(ledger, fund.account)
        if loss_atoms <= 0:
            return ()
        paid = self.shared(fund, _NOBODY, loss_atoms, ledger)
        rest_atoms = loss_atoms - sum(part.amount_atoms for part in paid)
        return [*paid, *_deficit(None, fund.account, fund.account, rest_atoms, ledger)]

    def shared(self, debtor: Account, liquidation_id: int, loss_atoms: int, ledger: LedgerState) -> list[Paid]:
        """Who carries how much of a loss, at most all of it; O(accounts)."""
        winners, left_atoms, paid = self.winners(debtor.asset, ledger), loss_atoms, list[Paid]()
        for first in range(0, len(winners), self.payers_max):
            asked = winners[first : first + self.payers_max]
            most = [atoms for atoms, _ in asked]
            shares = in_proportion(left_atoms, most, most)
            paid += [
                LossSocialized(liquidation_id, debtor.account, -number, atoms)
                for (_, number), atoms in zip(asked, shares, strict=True)
                if atoms
            ]
            left_atoms -= sum(shares)
            if not left_atoms:
                break
        return paid

    def measured(self, number: int, debtor: Account, ledger: LedgerState) -> Measured:
        """What a payer's part goes by, in the state that the loss was shared in."""
        winners = self.winners(debtor.asset, ledger)
        place = next(place for place, (_, minus) in enumerate(winners) if minus == -number)
        asked = winners[place // self.payers_max * self.payers_max :][: self.payers_max]
        return Measured(winners[place][0], sum(atoms for atoms, _ in asked), len(asked))

    def winners(self, asset: int, ledger: LedgerState) -> list[tuple[int, int]]:
        """(what it can give, minus its account) of all winners, largest first, ties by account."""
        users = (a for a in ledger.accounts if a.kind == "user" and a.asset == asset)
        found = ((self.capacity_atoms(account, ledger), -account.account) for account in users)
        return sorted((entry for entry in found if entry[0] > 0), reverse=True)

    def capacity_atoms(self, account: Account, ledger: LedgerState) -> int:
        """What it can give: the lesser of unrealised profit and equity; nothing for an account in liquidation."""
        if account.liquidation_id is not None or not account.positions:
            return 0
        profit = sum(profit_atoms(ledger.markets[key[0]], held) for key, held in account.positions.items())
        return min(profit, profit + account.balance_atoms + coins_worth_atoms(account, ledger))


def _deficit(
    liquidation_id: int | None, account: int, fund: int, deficit_atoms: int, ledger: LedgerState
) -> list[Product]:
    """The declaration, with the fund as it stands, where there is a deficit."""
    if not deficit_atoms:
        return []
    cash_atoms, floor_atoms = ledger.accounts[fund].balance_atoms, ledger.funds[fund].floor_atoms
    held_atoms = inventory_atoms(ledger, fund)
    return [FundDeficitDeclared(liquidation_id, account, fund, cash_atoms, held_atoms, floor_atoms, deficit_atoms)]
