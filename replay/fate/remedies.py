"""What would have brought it back under one half, beyond the point of no return: the least found, and its cost.

1. It is looked for at the first instant beyond the point of no return: at the last one before it nothing is needed.
2. Varied are an account's collateral, and the position that needs most margin, closed in part at the mark; or the money
   of the first insurance fund. Each is searched on the grid of `replay/why/again/grid.py`, over the same draws.
3. What is found is the least amount of the grid under which it came in fewer than half of the draws; the one below it,
   which was tried as well, did not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from ...events.ledger import LedgerState
from ...handlers.valuation import largest_position, margin_of
from ...sim.quantities import Quantity, amount_scale, size_scale
from ..fork.changes import Changes, Deposit, OutsideTrade
from ..run import Run
from ..why.again.grid import GUESS, PARTS, amounts_from, nearest, parts_of
from ..why.again.trials import ForkTrial, TrialOutcome
from .question import FateInstant, FateQuestion

__all__ = ["Remedy", "Tried", "remedies_at"]

Tried = Callable[[int, Changes], int]
"""Draw with a change, whose number is given: in how many draws it came."""

_GRID_MOST = 1_000
"""No grid is as long; the trials of one are numbered from a multiple of it on."""


class Remedy(msgspec.Struct, frozen=True):
    """What was varied ("collateral", "size", "fund"); the amount that does, None where none of the grid does.

    `not_at` is the largest that was tried and does not; `came` in how many draws it comes with the amount, and `how` is
    the option of `deleverage fork` that makes the change. `worth_atoms` is what the amount is worth at the mark.
    """

    varied: str
    amount: Quantity | None
    not_at: Quantity
    came: int
    worth_atoms: int = 0
    how: str = ""
    of: Quantity | None = None


class _Varied(NamedTuple):
    """Something to vary: its grid, where the search begins, and what an amount of it is."""

    name: str
    grid: Sequence[int]
    first: int
    changes: Callable[[int], Changes]
    quantity: Callable[[int], Quantity]
    worth: Callable[[int], int]
    how: Callable[[int], str]
    of: Quantity | None = None


def remedies_at(run: Run, question: FateQuestion, instant: FateInstant, tried: Tried) -> Iterator[Remedy]:
    """What is found, one after the other; some ten trials each, every one of them as many draws as an instant has."""
    ledger = run.at(seq=instant.seq)
    for number, varied in enumerate(_varied(ledger, question.account)):
        yield _searched(varied, number * _GRID_MOST, instant, question, tried)


def _searched(varied: _Varied, first: int, instant: FateInstant, question: FateQuestion, tried: Tried) -> Remedy:
    came: dict[int, int] = {}

    def trial(amount: int) -> ForkTrial:
        return ForkTrial(str(amount), instant.seq, varied.changes(amount))

    search = nearest(varied.grid, trial, varied.first, PARTS)
    try:
        asked = next(search)
        while True:
            amount = int(asked.told)
            came[amount] = tried(first + varied.grid.index(amount), asked.changes)
            asked = search.send(TrialOutcome(spared=2 * came[amount] < question.draws))
    except StopIteration as done:
        found = done.value
    if found is None:
        most = varied.grid[-1]
        return Remedy(varied.name, None, varied.quantity(most), came[most], of=varied.of)
    least, below = varied.quantity(found.sparing), varied.quantity(found.failing)
    worth = varied.worth(found.sparing)
    return Remedy(varied.name, least, below, came[found.sparing], worth, varied.how(found.sparing), varied.of)


def _varied(ledger: LedgerState, account: int | None) -> Iterator[_Varied]:
    if account is None:
        fund = next(iter(ledger.funds), None)
        if fund is not None:
            held_atoms = max(1, abs(ledger.accounts[fund].balance_atoms))
            yield _money("fund", ledger, fund, amounts_from(held_atoms), GUESS)
        return
    margin = margin_of(ledger.accounts[account], ledger)
    guess_atoms = max(1, margin.equity_atoms >> 5, sum(map(abs, margin.values_atoms)) >> 10)
    yield _money("collateral", ledger, account, amounts_from(guess_atoms), GUESS)
    if ledger.accounts[account].liquidation_id is None:
        yield from _size(ledger, account)


def _money(name: str, ledger: LedgerState, account: int, grid: Sequence[int], first: int) -> _Varied:
    scale = amount_scale(ledger.assets[ledger.accounts[account].asset])

    def how(atoms: int) -> str:
        value = Quantity(atoms, scale).value
        which = f".balances.{ledger.name(account).partition(':')[2]}" if len(ledger.funds) > 1 else ".balance"
        return (
            f"--set insurance_fund{which}=+{value}" if name == "fund" else f"--deposit {ledger.name(account)}={value}"
        )

    return _Varied(
        name,
        grid,
        first,
        lambda atoms: Changes(deposits=(Deposit(account, atoms),)),
        lambda atoms: Quantity(atoms, scale),
        lambda atoms: atoms,
        how,
    )


def _size(ledger: LedgerState, account: int) -> Iterator[_Varied]:
    """The position that needs most margin, in sixteenths, where it can be traded."""
    key = largest_position(ledger.accounts[account], ledger)
    market = None if key is None else ledger.markets[key[0]]
    if key is None or market is None or market.halted_until_ns is not None:
        return
    held_lots, scale = ledger.accounts[account].positions[key].size_lots, size_scale(market.listing)
    sign, grid = (-1 if held_lots > 0 else 1), parts_of(held_lots)
    yield _Varied(
        "size",
        grid,
        len(grid) - 1,
        lambda lots: Changes(trades=(OutsideTrade(account, key, sign * lots),)),
        lambda lots: Quantity(lots, scale),
        lambda lots: abs(market.payoff.value_atoms(lots, market.mark_ticks)),
        lambda lots: f"--trade {ledger.name(account)}:{market.listing.name}={Quantity(sign * lots, scale).value}",
        of=Quantity(abs(held_lots), scale),
    )
