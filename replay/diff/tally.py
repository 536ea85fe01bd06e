"""What befalls accounts in a run, counted event by event, before each is folded: so the marks are those it met.

1. *Paid in* is what came to an account by other ways than trading: deposits, opening balances, answers to margin calls
   and transfers, less withdrawals and transfers away. Where it came from it is paid out.
   Of other assets it is kept by asset, and as what that was worth in the asset's own market when it came in, which of
   the opening state is the first price there.
2. *Equity taken* is what auto-deleveraging moved against the mark at that instant: the value at the mark of what an
   account was made to trade, less the value that it was traded at. Its sign is the account's: below zero it gave up.
   None where there was no mark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from ...events.bodies.collateral import (
    CoinDeposited,
    CoinStated,
    CoinWithdrawn,
    CollateralSold,
    ConversionPriced,
    InterestCharged,
)
from ...events.bodies.inputs import BalanceStated, Deposited, Transferred, Withdrawn
from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted
from ...events.bodies.loans import CollateralSupplied, DebtRepaid
from ...events.bodies.margin import CollateralAdded, MarginCalled
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundCredited,
    LossSocialized,
    PositionDeleveraged,
)
from ...events.ledger import LedgerState
from ...events.ledger.conversion import Conversion
from ...events.vocabulary import Body

__all__ = ["AccountSums", "AssetSums", "ForcedTally", "own_market_atoms"]


class AccountSums(msgspec.Struct):
    """What befell one account; `deleveraged_lots` by the instrument's name, never negative.

    `coins_in_atoms` is what came in of other assets, by name, worth `coins_in_worth_atoms`, and `coins_sold_atoms` what
    of them was sold.
    """

    paid_in_atoms: int = 0
    liquidations: int = 0
    bankruptcies: int = 0
    reductions: int = 0
    deleveraged_lots: dict[str, int] = {}
    equity_taken_atoms: int | None = 0
    calls: int = 0
    coins_in_atoms: dict[str, int] = {}
    coins_in_worth_atoms: int = 0
    coins_sold_atoms: dict[str, int] = {}


class AssetSums(msgspec.Struct):
    """What is added up by asset."""

    rounds: int = 0
    deleveraged_value_atoms: int = 0
    collateral_sold_atoms: int = 0
    interest_atoms: int = 0
    fund_fees_atoms: int = 0
    socialised_loss_atoms: int = 0
    written_off_atoms: int = 0
    deficit_atoms: int = 0


class ForcedTally:
    """Filled by `note`, with every event of a run; `unpriced` are the accounts and amounts that wait for a price."""

    def __init__(self) -> None:
        self.accounts: defaultdict[int, AccountSums] = defaultdict(AccountSums)
        self.assets: defaultdict[int, AssetSums] = defaultdict(AssetSums)
        self.unpriced: dict[int, list[tuple[int, int]]] = {}

    def note(self, body: Body, ledger: LedgerState) -> None:
        """Count an event that `ledger` is about to fold."""
        count = _COUNTED.get(type(body))
        if count is not None:
            count(self, body, ledger)


def _moved(tally: ForcedTally, payer: int, payee: int, amount_atoms: int) -> None:
    tally.accounts[payer].paid_in_atoms -= amount_atoms
    tally.accounts[payee].paid_in_atoms += amount_atoms


def _outside(body: Any, ledger: LedgerState) -> int:
    return ledger.own(ledger.accounts[body.account].asset, "outside")


def _paid(tally: ForcedTally, body: Any, ledger: LedgerState) -> None:
    _moved(tally, _outside(body, ledger), body.account, body.amount_atoms)


def _withdrawn(tally: ForcedTally, body: Withdrawn, ledger: LedgerState) -> None:
    _moved(tally, body.account, _outside(body, ledger), body.amount_atoms)


def _transferred(tally: ForcedTally, body: Transferred, _ledger: LedgerState) -> None:
    _moved(tally, body.account, body.to_account, body.amount_atoms)


def _stated(tally: ForcedTally, body: BalanceStated, ledger: LedgerState) -> None:
    before_atoms = ledger.accounts[body.account].balance_atoms
    _moved(tally, _outside(body, ledger), body.account, body.balance_atoms - before_atoms)


def _coin(tally: ForcedTally, body: Any, ledger: LedgerState, amount_atoms: int) -> None:
    """Collateral of another asset came in from outside (went out, negative)."""
    _add(tally.accounts[body.account].coins_in_atoms, ledger.assets[body.asset].name, amount_atoms)
    tally.accounts[ledger.own(body.asset, "outside")].paid_in_atoms -= amount_atoms
    conversion = ledger.conversions[body.asset]
    if conversion.index_ticks:
        tally.accounts[body.account].coins_in_worth_atoms += own_market_atoms(conversion, amount_atoms)
    else:
        tally.unpriced.setdefault(body.asset, []).append((body.account, amount_atoms))


def own_market_atoms(conversion: Conversion, atoms: int) -> int:
    """What so much of an asset is worth in its own market, rounded down as it is where it is converted."""
    return conversion.at(conversion.index_ticks).worth_atoms(atoms)


def _priced(tally: ForcedTally, body: ConversionPriced, ledger: LedgerState) -> None:
    """The first price of an asset says what the opening state was worth."""
    priced = msgspec.structs.replace(ledger.conversions[body.asset], index_ticks=body.index_ticks)
    for account, atoms in tally.unpriced.pop(body.asset, ()):
        tally.accounts[account].coins_in_worth_atoms += own_market_atoms(priced, atoms)


def _add(sums: dict[str, int], name: str, atoms: int) -> None:
    sums[name] = sums.get(name, 0) + atoms


def _coin_stated(tally: ForcedTally, body: CoinStated, ledger: LedgerState) -> None:
    _coin(tally, body, ledger, body.balance_atoms - ledger.accounts[body.account].coins.get(body.asset, 0))


def _coin_deposited(tally: ForcedTally, body: CoinDeposited | CollateralSupplied, ledger: LedgerState) -> None:
    _coin(tally, body, ledger, body.amount_atoms)


def _coin_withdrawn(tally: ForcedTally, body: CoinWithdrawn, ledger: LedgerState) -> None:
    _coin(tally, body, ledger, -body.amount_atoms)


def _repaid(tally: ForcedTally, body: DebtRepaid, ledger: LedgerState) -> None:
    """A debt in what the account settles in is its balance, one in another asset a coin."""
    if body.asset == ledger.accounts[body.account].asset:
        _paid(tally, body, ledger)
    else:
        _coin(tally, body, ledger, body.amount_atoms)


def _sold(tally: ForcedTally, body: CollateralSold, ledger: LedgerState) -> None:
    _add(tally.accounts[body.account].coins_sold_atoms, ledger.assets[body.asset].name, body.amount_atoms)
    tally.assets[ledger.accounts[body.account].asset].collateral_sold_atoms += body.value_atoms


def _charged(tally: ForcedTally, body: InterestCharged, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.account].asset].interest_atoms += body.amount_atoms


def _called(tally: ForcedTally, body: MarginCalled, _ledger: LedgerState) -> None:
    tally.accounts[body.account].calls += 1


def _liquidated(tally: ForcedTally, body: LiquidationStarted, _ledger: LedgerState) -> None:
    tally.accounts[body.account].liquidations += 1


def _bankrupt(tally: ForcedTally, body: BankruptcyDeclared, _ledger: LedgerState) -> None:
    tally.accounts[body.account].bankruptcies += 1


def _round_started(tally: ForcedTally, body: DeleveragingStarted, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.account].asset].rounds += 1


def _deleveraged(tally: ForcedTally, body: PositionDeleveraged, ledger: LedgerState) -> None:
    befallen, market = tally.accounts[body.account], ledger.markets[body.instrument]
    name, lots = market.listing.name, abs(body.size_lots)
    befallen.reductions += 1
    befallen.deleveraged_lots[name] = befallen.deleveraged_lots.get(name, 0) + lots
    tally.assets[market.listing.asset].deleveraged_value_atoms += abs(body.value_atoms)
    before_atoms = befallen.equity_taken_atoms
    if market.marked is None or before_atoms is None:
        befallen.equity_taken_atoms = None
    else:
        at_mark_atoms = market.payoff.value_atoms(body.size_lots, market.mark_ticks)
        befallen.equity_taken_atoms = before_atoms + at_mark_atoms - body.value_atoms


def _credited(tally: ForcedTally, body: InsuranceFundCredited, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.fund].asset].fund_fees_atoms += body.amount_atoms


def _socialised(tally: ForcedTally, body: LossSocialized, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.account].asset].socialised_loss_atoms += body.amount_atoms


def _written_off(tally: ForcedTally, body: BalanceWrittenOff, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.account].asset].written_off_atoms += body.amount_atoms


def _deficit(tally: ForcedTally, body: FundDeficitDeclared, ledger: LedgerState) -> None:
    tally.assets[ledger.accounts[body.fund].asset].deficit_atoms += body.deficit_atoms


_COUNTED: dict[type[Body], Callable[[ForcedTally, Any, LedgerState], None]] = {
    BalanceStated: _stated,
    Deposited: _paid,
    CollateralAdded: _paid,
    Withdrawn: _withdrawn,
    CoinStated: _coin_stated,
    CoinDeposited: _coin_deposited,
    CoinWithdrawn: _coin_withdrawn,
    CollateralSupplied: _coin_deposited,
    DebtRepaid: _repaid,
    ConversionPriced: _priced,
    CollateralSold: _sold,
    InterestCharged: _charged,
    MarginCalled: _called,
    Transferred: _transferred,
    LiquidationStarted: _liquidated,
    BankruptcyDeclared: _bankrupt,
    DeleveragingStarted: _round_started,
    PositionDeleveraged: _deleveraged,
    InsuranceFundCredited: _credited,
    LossSocialized: _socialised,
    BalanceWrittenOff: _written_off,
    FundDeficitDeclared: _deficit,
}
