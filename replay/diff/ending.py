"""How a run ended for each account and as a whole: one pass over its events.

1. What the run *made* of an account is its equity at the end less what was paid in. Over all accounts that sums to
   zero: one's gain is another's loss (but for funding, which is rounded by position).
   Collateral in another asset is taken at the price of its own market, at which it can be sold, whatever the venue
   converts it at: what came in at the price of the time, that of the opening at the first one, and what there is at
   the end at the last one. What such a price did to its holder is the gain or loss of nobody else.
2. The *fund used* is what was paid into the fund and what fees it was credited, less its equity at the end: its cash
   and its inventory at the mark. Below zero it has gained.
3. What is *unpaid* is the deficits declared, and beside them what traders' accounts still owe at the end.
4. What needs a mark that is missing is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from ...events.envelope import Event
from ...events.ledger import Ledger
from ..state.queues import marked_margin
from .tally import AccountSums, AssetSums, ForcedTally, own_market_atoms

__all__ = ["AccountEnd", "FoldedRun", "Totals"]


class AccountEnd(msgspec.Struct, frozen=True):
    """One account at the end of a run; `coins` by the asset's name, worth so much more in their own markets."""

    account: int
    balance_atoms: int
    equity_atoms: int | None
    befallen: AccountSums
    coins: dict[str, int] = {}
    coins_apart_atoms: int = 0

    @property
    def made_atoms(self) -> int | None:
        """What the run made of it: equity less what was paid in."""
        if self.equity_atoms is None:
            return None
        paid_in_atoms = self.befallen.paid_in_atoms + self.befallen.coins_in_worth_atoms
        return self.equity_atoms + self.coins_apart_atoms - paid_in_atoms


class Totals(msgspec.Struct, frozen=True):
    """What was forced in a run, in one asset; the fund's figures are None where there is no fund."""

    margin_calls: int
    accounts_called: int
    liquidations: int
    accounts_liquidated: int
    accounts_bankrupt: int
    rounds: int
    reductions: int
    accounts_deleveraged: int
    deleveraged_lots: dict[str, int]
    deleveraged_value_atoms: int
    equity_taken_atoms: int | None
    fund_paid_in_atoms: int | None
    fund_fees_atoms: int | None
    fund_cash_atoms: int | None
    fund_equity_atoms: int | None
    fund_used_atoms: int | None
    socialised_loss_atoms: int
    written_off_atoms: int
    deficit_atoms: int
    owed_atoms: int | None
    collateral_sold_atoms: int
    interest_atoms: int


class FoldedRun:
    """A run folded to its end, with what befell each account counted on the way."""

    def __init__(self, events: Iterable[Event]) -> None:
        """Fold the events of a whole run; some 3 us an event. Raises LedgerError where they do not follow."""
        self.ledger, self._tally = Ledger(), ForcedTally()
        note, fold, ledger = self._tally.note, self.ledger.fold, self.ledger
        for event in events:
            note(event.body, ledger)
            fold(event)
        self.accounts = [self._account(number) for number in range(len(ledger.accounts))]

    def _account(self, number: int) -> AccountEnd:
        account = self.ledger.accounts[number]
        margin = marked_margin(self.ledger, account)
        equity_atoms = None if margin is None else margin.equity_atoms
        held = sorted(account.coins.items())
        coins = {self.ledger.assets[asset].name: atoms for asset, atoms in held}
        conversions = self.ledger.conversions
        apart = sum(
            own_market_atoms(conversions[asset], atoms) - conversions[asset].worth_atoms(atoms) for asset, atoms in held
        )
        return AccountEnd(number, account.balance_atoms, equity_atoms, self._tally.accounts[number], coins, apart)

    def totals(self, asset: int) -> Totals:
        """The sums over the accounts of an asset; O(accounts)."""
        accounts = zip(self.ledger.accounts, self.accounts, strict=True)
        ends = [end for account, end in accounts if account.asset == asset]
        befallen, sums = [end.befallen for end in ends], self._tally.assets[asset]
        lots: Counter[str] = Counter()
        for one in befallen:
            lots.update(one.deleveraged_lots)
        return Totals(
            margin_calls=sum(one.calls for one in befallen),
            accounts_called=sum(one.calls > 0 for one in befallen),
            liquidations=sum(one.liquidations for one in befallen),
            accounts_liquidated=sum(one.liquidations > 0 for one in befallen),
            accounts_bankrupt=sum(one.bankruptcies > 0 for one in befallen),
            rounds=sums.rounds,
            reductions=sum(one.reductions for one in befallen),
            accounts_deleveraged=sum(one.reductions > 0 for one in befallen),
            deleveraged_lots=dict(sorted(lots.items())),
            deleveraged_value_atoms=sums.deleveraged_value_atoms,
            equity_taken_atoms=_summed(one.equity_taken_atoms for one in befallen),
            **self._fund(asset, sums),
            socialised_loss_atoms=sums.socialised_loss_atoms,
            written_off_atoms=sums.written_off_atoms,
            deficit_atoms=sums.deficit_atoms,
            owed_atoms=self._owed(asset),
            collateral_sold_atoms=sums.collateral_sold_atoms,
            interest_atoms=sums.interest_atoms,
        )

    def _owed(self, asset: int) -> int | None:
        """What traders' accounts owe at the end beyond all they have."""
        pairs = zip(self.ledger.accounts, self.accounts, strict=True)
        ends = [end.equity_atoms for account, end in pairs if account.kind == "user" and account.asset == asset]
        return None if None in ends else -sum(min(0, atoms) for atoms in ends if atoms is not None)

    def _fund(self, asset: int, sums: AssetSums) -> dict[str, int | None]:
        """The figures of all insurance funds, by their names in `Totals`."""
        funds = [self.accounts[number] for number in self.ledger.funds_of(asset)]
        if not funds:
            return dict.fromkeys((name for name in Totals.__struct_fields__ if name.startswith("fund_")), None)
        fees_atoms, made_atoms = sums.fund_fees_atoms, _summed(fund.made_atoms for fund in funds)
        return {
            "fund_paid_in_atoms": sum(fund.befallen.paid_in_atoms for fund in funds),
            "fund_fees_atoms": fees_atoms,
            "fund_cash_atoms": sum(fund.balance_atoms for fund in funds),
            "fund_equity_atoms": _summed(fund.equity_atoms for fund in funds),
            "fund_used_atoms": None if made_atoms is None else fees_atoms - made_atoms,
        }


def _summed(values: Iterable[int | None]) -> int | None:
    """The sum, None where one of them is not known."""
    found = list(values)
    return None if None in found else sum(value for value in found if value is not None)
