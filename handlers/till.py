"""What trades of its inventory would leave of a fund's cash, tried on copies: money that it does not have is not spent.

1. A trade is booked by the ledger's own `trade`, with the funding that its lots owe: what comes out is the cash to the
   atom.
2. `over_atoms` is what is left over the least that it may have; a trade that would take it below nothing is not to be
   made.
"""

from __future__ import annotations

from ..events.ledger import Account, LedgerState, Position, PositionKey
from ..events.ledger.account import funding_of, trade

__all__ = ["Till"]


class Till:
    """The cash of one fund and the lots that are tried; a trial costs O(1)."""

    def __init__(self, ledger: LedgerState, fund: int) -> None:
        self._ledger, self._fund = ledger, ledger.accounts[fund]
        self._least_atoms = ledger.least_cash_atoms(fund)
        self._copy = Account(
            fund, "insurance", self._fund.mode, self._fund.asset, None, None, self._fund.balance_atoms, {}
        )
        self._known: set[PositionKey] = set()

    @property
    def over_atoms(self) -> int:
        """What is left over the least that it may have; below zero where there is less."""
        return self._copy.balance_atoms - self._least_atoms

    def take(self, key: PositionKey, size_lots: int, value_atoms: int) -> None:
        """Book a trade of the fund's: so many lots, signed like a trade, for this value."""
        self._open(key)
        trade(self._copy, key, size_lots, value_atoms, self._funding_atoms(key, size_lots))

    def after(self, key: PositionKey, size_lots: int, value_atoms: int) -> int:
        """What would be left over that after such a trade, which is not booked."""
        self._open(key)
        held = self._copy.positions.get(key)
        before_atoms, kept = self._copy.balance_atoms, None if held is None else _copied(held)
        trade(self._copy, key, size_lots, value_atoms, self._funding_atoms(key, size_lots))
        over_atoms, self._copy.balance_atoms = self.over_atoms, before_atoms
        self._copy.positions.pop(key, None)
        if kept is not None:
            self._copy.positions[key] = kept
        return over_atoms

    def bears(self, key: PositionKey, size_lots: int, value_atoms: int) -> bool:
        """Whether such a trade leaves the fund that or more, or no less than it has now."""
        return self.after(key, size_lots, value_atoms) >= min(0, self.over_atoms)

    def most_lots(self, key: PositionKey, size_lots: int, price_ticks: int) -> int:
        """How many of so many lots (signed like a trade; the answer is not) it bears at a price; O(log lots)."""
        payoff, sign = self._ledger.markets[key[0]].payoff, 1 if size_lots > 0 else -1

        def bears(lots: int) -> bool:
            return self.bears(key, sign * lots, payoff.value_atoms(sign * lots, price_ticks))

        low, high = 0, abs(size_lots)
        if bears(high):
            return high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if bears(middle) else (low, middle)
        return low

    def _open(self, key: PositionKey) -> None:
        """Copy the fund's own lot, once."""
        if key not in self._known:
            self._known.add(key)
            held = self._fund.positions.get(key)
            if held is not None:
                self._copy.positions[key] = _copied(held)

    def _funding_atoms(self, key: PositionKey, size_lots: int) -> int:
        return funding_of(size_lots, self._ledger.markets[key[0]].cumulative_funding_nanoatoms)


def _copied(held: Position) -> Position:
    return Position(held.size_lots, held.cost_atoms, held.funding_atoms)
