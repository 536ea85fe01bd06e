"""The laws of the ledger, each a function that says what is broken, or nothing.

1. Money: balance - cost + funding, and coins, sum to zero per asset over all accounts with the outside world.
2. Size: lots sum to zero per instrument.
3. Protection: no user account without positions, collateral, a loan and a liquidation is negative. Not asked of an
   imported run, whose files do not tell what each account began with.
4. Time: no pending timer is overdue.
5. Inventory: what the fund holds is what was taken over less what was sold, liquidation by liquidation.
6. Life: an account names a liquidation exactly while it is in one.
7. Floor: no fund's cash is below its floor by more than the deficits that were declared (`books.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LedgerError
from .state import LedgerState

__all__ = ["LAWS", "check"]


def _money(ledger: LedgerState) -> Iterator[str]:
    total = [0] * len(ledger.assets)
    for account in ledger.accounts:
        money = account.balance_atoms
        for held in account.positions.values():
            money += held.funding_atoms - held.cost_atoms
        total[account.asset] += money
        for coin, held_atoms in account.coins.items():
            total[coin] += held_atoms
    for asset, atoms in zip(ledger.assets, total, strict=True):
        if atoms:
            yield f"money of asset {asset.name!r} sums to {atoms} atoms, not to zero"


def _size(ledger: LedgerState) -> Iterator[str]:
    total = [0] * len(ledger.markets)
    for account in ledger.accounts:
        for (instrument, _), held in account.positions.items():
            total[instrument] += held.size_lots
    for market, lots in zip(ledger.markets, total, strict=True):
        if lots:
            yield f"sizes of instrument {market.listing.name!r} sum to {lots} lots, not to zero"


def _protection(ledger: LedgerState) -> Iterator[str]:
    if ledger.imported:
        return
    for account in ledger.accounts:
        flat = account.kind == "user" and not account.positions and account.liquidation_id is None
        if flat and account.balance_atoms < 0 and not account.coins and account.account not in ledger.chain.loans:
            name = ledger.name(account.account)
            yield f"account {name!r} is left with {account.balance_atoms} atoms after its liquidation"


def _time(ledger: LedgerState) -> Iterator[str]:
    for seq, timer in ((seq, pending.timer) for seq, pending in ledger.timers.items()):
        if timer.due_ns < ledger.at_ns:
            yield f"timer {seq} ({timer.purpose}) was due at {timer.due_ns} and is still pending at {ledger.at_ns}"


def _inventory(ledger: LedgerState) -> Iterator[str]:
    for liquidation in ledger.liquidations.values():
        for instrument, taken in liquidation.taken_lots.items():
            expected = taken - liquidation.sold_lots.get(instrument, 0)
            held = ledger.inventory(ledger.fund_of(instrument))
            position = held.get((instrument, liquidation.liquidation_id))
            lots = 0 if position is None else position.size_lots
            if lots != expected:
                yield (
                    f"inventory of liquidation {liquidation.liquidation_id} in instrument {instrument} is {lots} lots, "
                    f"but {expected} were taken over and not sold"
                )


def _inventory_is_accounted_for(ledger: LedgerState) -> Iterator[str]:
    for fund in ledger.funds:
        for instrument, liquidation_id in ledger.inventory(fund):
            if liquidation_id not in ledger.liquidations:
                yield f"the fund holds instrument {instrument} of liquidation {liquidation_id}, which is forgotten"


def _life(ledger: LedgerState) -> Iterator[str]:
    for account in ledger.accounts:
        in_one = account.status not in ("healthy", "called")
        if in_one != (account.liquidation_id is not None):
            yield f"account {account.account} has status {account.status!r} and liquidation {account.liquidation_id}"


def _floor(ledger: LedgerState) -> Iterator[str]:
    for account, standing in ledger.funds.items():
        cash_atoms = ledger.accounts[account].balance_atoms
        if standing.bound and cash_atoms < ledger.least_cash_atoms(account):
            yield (
                f"fund {ledger.name(account)!r} has {cash_atoms} atoms in cash, below its floor of "
                f"{standing.floor_atoms}, and declared a deficit of {standing.deficit_atoms}"
            )


LAWS = (_money, _size, _protection, _time, _inventory, _inventory_is_accounted_for, _life, _floor)


def check(ledger: LedgerState) -> None:
    """Assert every law. Raises LedgerError naming the position and the first that is broken; O(accounts)."""
    for law in LAWS:
        for broken in law(ledger):
            message = f"after event {ledger.seq - 1}: {broken}"
            raise LedgerError(message)
