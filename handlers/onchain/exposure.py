"""How often the same unit is claimed: as collateral, by who supplied it, and by who bought it with a loan.

1. What borrowers have of an asset that counts is collateral, what the pool has is supplied: both are claims on the
   protocol. Of these units so many are owed, that is lent out of the same pool; the others are there. The multiple is
   claims over units that are there.
2. Of the collateral a part was bought with a loan and supplied again (`loops.py`): what layers of chains that stand
   began with, at most what the account has still. The rest is the borrowers' own.

All of it follows from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...events.ledger import Account, LedgerState
from .borrowers import collateral_of, debts_of, first_of
from .lending import LendingParameters
from .worth import BPS

__all__ = ["Exposure", "bought_atoms", "exposures"]


class Exposure(NamedTuple):
    """Of an asset, in atoms: collateral, what of that was bought with loans and by how many, supply, and debts."""

    asset: int
    collateral_atoms: int
    bought_atoms: int
    looped: int
    supplied_atoms: int
    owed_atoms: int

    @property
    def claims_atoms(self) -> int:
        """Collateral and supply."""
        return self.collateral_atoms + self.supplied_atoms

    @property
    def there_atoms(self) -> int:
        """The units that are not lent out; below zero where more is owed than was ever supplied."""
        return self.claims_atoms - self.owed_atoms

    @property
    def multiple_bps(self) -> int | None:
        """Claims over what is there, rounded down; None where nothing is."""
        return self.claims_atoms * BPS // self.there_atoms if self.there_atoms > 0 else None

    @property
    def own_multiple_bps(self) -> int | None:
        """Collateral over the borrowers' own part of it, rounded down; None where there is none."""
        own_atoms = self.collateral_atoms - self.bought_atoms
        return self.collateral_atoms * BPS // own_atoms if own_atoms > 0 else None


def bought_atoms(account: Account, ledger: LedgerState) -> int:
    """What an account has of the collateral that it bought with a loan, layer on layer."""
    loop = ledger.chain.loops.get(account.account)
    if loop is None:
        return 0
    bought = sum(layer.amount_atoms for layer in loop.layers[: loop.standing])
    return min(bought, max(0, account.amount_of(loop.asset)))


def exposures(protocol: LendingParameters, ledger: LedgerState, venue: str = "") -> Iterator[Exposure]:
    """Of each asset of a venue that anybody claims or owes, in the order of the assets; O(accounts)."""
    weights, assets = protocol.weights(), [one.asset for one in ledger.assets if one.venue == venue]
    collateral, bought, looped, owed = (dict.fromkeys(assets, 0) for _ in range(4))
    for account in ledger.accounts:
        if account.kind != "user" or ledger.venue_of(account.account) != venue:
            continue
        debts = debts_of(account, ledger)
        for asset, atoms in debts.items():
            owed[asset] += atoms
        for asset, atoms in collateral_of(account).items() if debts else ():
            collateral[asset] += atoms if weights.of(asset, ledger) else 0
        loop = ledger.chain.loops.get(account.account)
        if loop is not None and loop.standing:
            bought[loop.asset] += bought_atoms(account, ledger)
            looped[loop.asset] += 1
    pool = first_of(protocol.pool, ledger, venue)
    for asset in assets:
        supplied = 0 if pool is None else max(0, pool.amount_of(asset))
        found = Exposure(asset, collateral[asset], bought[asset], looped[asset], supplied, owed[asset])
        if found.claims_atoms or found.owed_atoms:
            yield found
