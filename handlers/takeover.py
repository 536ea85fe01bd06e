"""The fund takes positions over: at their bankruptcy values or at the mark, and only where its cash bears it.

A takeover costs no cash, but where the two legs of one instrument meet in one lot: that realises something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..events.bodies.liquidation import PositionTakenOver
from ..events.ledger import Account, LedgerState, PositionKey
from .till import Till
from .valuation import bankruptcy_values

__all__ = ["at_bankruptcy", "at_mark"]


def at_bankruptcy(
    liquidation_id: int, account: Account, keys: Sequence[PositionKey], ledger: LedgerState
) -> list[PositionTakenOver] | None:
    """These positions at their bankruptcy values; None where the cash of a fund does not bear it."""
    tills: dict[int, Till] = {}
    taken, values = [], bankruptcy_values(account, ledger)
    for key in keys:
        value_atoms = values[key]
        body = _taken(liquidation_id, account, key, value_atoms, ledger)
        till = tills.setdefault(body.fund, Till(ledger, body.fund))
        lot = (key[0], liquidation_id)
        if not till.bears(lot, body.size_lots, value_atoms):
            return None
        till.take(lot, body.size_lots, value_atoms)
        taken.append(body)
    return taken


def at_mark(
    liquidation_id: int, account: Account, keys: Iterable[PositionKey], ledger: LedgerState
) -> list[PositionTakenOver]:
    """These positions at the mark; what the cash of a fund does not bear is left to the account."""
    tills: dict[int, Till] = {}
    taken = []
    for key in keys:
        market, size_lots = ledger.markets[key[0]], account.positions[key].size_lots
        value_atoms, lot = market.payoff.value_atoms(size_lots, market.mark_ticks), (key[0], liquidation_id)
        fund = ledger.fund_of(key[0])
        till = tills.setdefault(fund, Till(ledger, fund))
        less_atoms = 1
        while not till.bears(lot, size_lots, value_atoms):  # only a part of the value is realised at once
            value_atoms, less_atoms = value_atoms - less_atoms, 2 * less_atoms
        till.take(lot, size_lots, value_atoms)
        taken.append(_taken(liquidation_id, account, key, value_atoms, ledger))
    return taken


def _taken(
    liquidation_id: int, account: Account, key: PositionKey, value_atoms: int, ledger: LedgerState
) -> PositionTakenOver:
    lots, payoff, fund = account.positions[key].size_lots, ledger.markets[key[0]].payoff, ledger.fund_of(key[0])
    price_ticks = payoff.price_ticks(lots, value_atoms)
    return PositionTakenOver(liquidation_id, account.account, fund, *key, lots, value_atoms, price_ticks)
