"""What a round of auto-deleveraging is to close, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..events.bodies.waterfall import ProfitCapExceeded, ShortfallRemained, ShortfallTrigger
from ..events.ledger import Account, LedgerState, Market, Position, PositionKey
from .drawdowns import beyond_atoms
from .inventory import capacity_atoms, money_atoms
from .policies.ranking import Worth
from .till import Till
from .valuation import margin_of, profit_atoms

__all__ = ["ClosingTask", "borne", "capped_task", "inventory_task", "price_ticks_of", "priced", "shortfall_remained"]

_ROUNDED_ATOMS_MOST = 2
"""What rounding the funding of one reduction may cost a fund."""

_NOBODY = 0
"""The liquidation of a round in which nobody is liquidated; they are numbered from 1."""


class ClosingTask(NamedTuple):
    """What is to be closed: the party, its position, its size as held and the value of the whole."""

    trigger: ShortfallTrigger
    account: int
    liquidation_id: int
    key: PositionKey
    size_lots: int
    value_atoms: int


def inventory_task(
    trigger: ShortfallTrigger, fund: Account, ledger: LedgerState, keys: Iterable[PositionKey]
) -> ClosingTask | None:
    """The first of these lots that stands at a loss, at what it cost; in a drawdown, at what ends that."""
    for key in keys:
        held = fund.positions[key]
        if profit_atoms(ledger.markets[key[0]], held) >= 0:
            continue
        if trigger != "drawdown":
            return ClosingTask(trigger, fund.account, key[1], key, held.size_lots, held.cost_atoms)
        if beyond_atoms(key[0], ledger):
            return ClosingTask(trigger, fund.account, key[1], key, held.size_lots, _drawn_atoms(key, held, ledger))
    return None


def _drawn_atoms(key: PositionKey, held: Position, ledger: LedgerState) -> int:
    """The value at the mark and what of the drawdown is beyond what its rule allows, at most what the lot cost."""
    market = ledger.markets[key[0]]
    worth = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
    return worth + max(0, min(beyond_atoms(key[0], ledger), held.cost_atoms - worth))


def capped_task(cap: ProfitCapExceeded, lots: int, ledger: LedgerState) -> ClosingTask:
    """So many lots of outside liquidity, which is on the other side of the winners, at the mark."""
    market, size_lots = ledger.markets[cap.instrument], -lots if cap.open_lots > 0 else lots
    value_atoms = market.payoff.value_atoms(size_lots, market.mark_ticks)
    liquidity = ledger.liquidity(market.listing.asset)
    return ClosingTask("profit_cap", liquidity, _NOBODY, (cap.instrument, 0), size_lots, value_atoms)


def price_ticks_of(task: ClosingTask, ledger: LedgerState) -> int:
    """The price of the whole."""
    return ledger.markets[task.key[0]].payoff.price_ticks(task.size_lots, task.value_atoms)


def priced(task: ClosingTask, worth: Worth, ledger: LedgerState) -> ClosingTask:
    """The task at the value that a round closes at.

    A fund is depleted for an account that owes more at the mark than the fund behind the position has to give.
    """
    if worth == "bankruptcy" or (worth == "mark unless depleted" and _is_depleted(task, ledger)):
        return task
    market = ledger.markets[task.key[0]]
    return task._replace(value_atoms=market.payoff.value_atoms(task.size_lots, _price_ticks(worth, market)))


def _is_depleted(task: ClosingTask, ledger: LedgerState) -> bool:
    account = ledger.accounts[task.account]
    if account.kind != "user":
        return False
    owed_atoms = -margin_of(account, ledger).equity_atoms
    return owed_atoms > 0 and owed_atoms > money_atoms(ledger, ledger.fund_of(task.key[0]))


def _price_ticks(worth: Worth, market: Market) -> int:
    """The price in ticks; where there is no previous one yet, the present one stands in."""
    mark, oracle = market.mark_ticks, market.oracle_ticks or market.index_ticks
    prices = {
        "mark": mark,
        "mark unless depleted": mark,
        "oracle": oracle,
        "previous mark": market.previous_mark_ticks or mark,
        "previous oracle": market.previous_oracle_ticks or oracle,
    }
    return prices[worth]


def borne(task: ClosingTask, reductions_most: int, ledger: LedgerState) -> ClosingTask:
    """The task at a value that the fund's cash bears, if the lot is a fund's: the counterparties carry the rest.

    Where funding has accrued, each of so many reductions may round it against the fund.
    """
    if ledger.accounts[task.account].kind != "insurance":
        return task
    till = Till(ledger, task.account)
    rounded = bool(ledger.markets[task.key[0]].cumulative_funding_nanoatoms) * reductions_most * _ROUNDED_ATOMS_MOST
    lacking = min(0, till.over_atoms) - till.after(task.key, -task.size_lots, -task.value_atoms) + rounded
    return task._replace(value_atoms=task.value_atoms + max(0, lacking))


def shortfall_remained(trigger: ShortfallTrigger, fund: int, ledger: LedgerState) -> list[ShortfallRemained]:
    """That a fund is still short after all that auto-deleveraging could do; nothing where it is not."""
    left_atoms = -capacity_atoms(ledger, fund)
    return [ShortfallRemained(fund, trigger, left_atoms)] if left_atoms > 0 else []
