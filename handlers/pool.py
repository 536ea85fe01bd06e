"""The pool that traders' profits are paid out of, and what each side of an instrument stands at: an index of sums.

1. The pool of an asset is the money on the venue that is nobody's collateral: what came in from outside, less traders'
   balances and the fees. So it is what the insurance fund and outside liquidity have between them, before any profit
   that is still pending: a realised profit leaves it, a realised loss comes into it, to the atom.
2. The profit of a side is what all its lots are worth at the mark over what they cost, funding included, losers
   counted, taken as one position.
3. No sum over holders is ever made at a mark: `note` costs O(positions of who was touched), a question O(1).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..events.ledger import Account, LedgerState
from ..events.ledger.account import funding_of

__all__ = ["Pool"]

_Held = tuple[int, int, int, int]
"""Instrument, lots, cost and funding basis of one position."""

_Side = tuple[int, int]


class Pool:
    """Collateral per asset; lots, cost and funding basis per (instrument, side), side +1 long, -1 short."""

    def __init__(self, ledger: LedgerState | None = None) -> None:
        self._known: dict[int, tuple[int, tuple[_Held, ...]]] = {}
        self._collateral: dict[int, int] = {}
        self._sides: dict[_Side, tuple[int, int, int]] = {}
        if ledger is not None:
            self.note(ledger, range(len(ledger.accounts)))

    def note(self, ledger: LedgerState, accounts: Iterable[int]) -> None:
        """These accounts may have changed; O(their positions). Traders only count."""
        for number in accounts:
            account = ledger.accounts[number]
            if account.kind != "user":
                continue
            before, now = self._known.get(number), _figures(account)
            if before == now:
                continue
            self._known[number] = now
            if before is not None:
                self._add(account.asset, *before, -1)
            self._add(account.asset, *now, 1)

    def _add(self, asset: int, balance_atoms: int, positions: tuple[_Held, ...], sign: int) -> None:
        self._collateral[asset] = self._collateral.get(asset, 0) + sign * balance_atoms
        for instrument, size_lots, cost_atoms, funding_atoms in positions:
            side = (instrument, 1 if size_lots > 0 else -1)
            lots, cost, funding = self._sides.get(side, (0, 0, 0))
            self._sides[side] = lots + sign * size_lots, cost + sign * cost_atoms, funding + sign * funding_atoms

    def value_atoms(self, ledger: LedgerState, asset: int) -> int:
        """What the pool of an asset is worth, by rule 1."""
        own = ledger.venue(asset)
        others = (ledger.accounts[number].balance_atoms for number in (own.outside, own.fees) if number is not None)
        return -self._collateral.get(asset, 0) - sum(others)

    def open_lots(self, instrument: int, side: int) -> int:
        """The lots of a side, negative for shorts."""
        return self._sides.get((instrument, side), (0, 0, 0))[0]

    def profit_atoms(self, ledger: LedgerState, instrument: int, side: int) -> int:
        """What a side stands at, by rule 2."""
        market = ledger.markets[instrument]
        lots, cost_atoms, funding_atoms = self._sides.get((instrument, side), (0, 0, 0))
        owed_atoms = funding_of(lots, market.cumulative_funding_nanoatoms) - funding_atoms
        return market.payoff.value_atoms(lots, market.mark_ticks) - cost_atoms - owed_atoms


def _figures(account: Account) -> tuple[int, tuple[_Held, ...]]:
    held = account.positions.items()
    positions = tuple((key[0], one.size_lots, one.cost_atoms, one.funding_atoms) for key, one in held)
    return account.balance_atoms, positions
