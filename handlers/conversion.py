"""An amount of one asset in another: how amounts of a rulebook, and sums over assets, come to be of one asset.

1. A venue counts in its first asset, into which the others are converted (`Conversion`); an amount of that asset, or of
   one that is converted into nothing, is taken as it stands.
2. The price is that at which the asset is converted when it is asked for. Before there is one it is what the oracle
   said last of the same instrument, so that what is decided at the first price is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..events.ledger import Account, LedgerState
from ..events.ledger.conversion import Conversion

__all__ = ["HeldCoin", "coins_of", "counted_in", "held_coins", "in_asset", "in_first", "is_priced"]


class HeldCoin(NamedTuple):
    """So much of an asset that is collateral: what it is worth in the asset settled in, and what of that counts."""

    asset: int
    atoms: int
    worth_atoms: int
    counted_atoms: int


def counted_in(ledger: LedgerState, asset: int) -> int:
    """The asset that an asset is converted into: that which its venue counts in, or itself."""
    conversion = ledger.conversions.get(asset)
    return asset if conversion is None else conversion.quote


def in_first(ledger: LedgerState, asset: int, atoms: int) -> int:
    """What so much of an asset is worth in what its venue counts in, rounded down; 0 before there is any price."""
    conversion = ledger.conversions.get(asset)
    if conversion is None:
        return atoms
    return conversion.at(_price_ticks(ledger, conversion)).worth_atoms(atoms)


def in_asset(ledger: LedgerState, asset: int, atoms: int) -> int:
    """How much of an asset is worth so much of what its venue counts in, rounded down; 0 before there is any price."""
    conversion = ledger.conversions.get(asset)
    if conversion is None:
        return atoms
    unit = _price_ticks(ledger, conversion) * conversion.quote_atoms
    return atoms * conversion.asset_atoms // unit if unit else 0


def coins_of(ledger: LedgerState, account: Account) -> list[HeldCoin]:
    """What an account holds of assets that it does not settle in, by asset; worth nothing before there is a price."""
    return [_held(ledger, asset, atoms) for asset, atoms in sorted(account.coins.items())]


def held_coins(ledger: LedgerState, accounts: Iterable[Account] | None = None) -> list[HeldCoin]:
    """The same of all traders together, or of these accounts; O(accounts)."""
    held: dict[int, HeldCoin] = {}
    for account in ledger.accounts if accounts is None else accounts:
        for one in coins_of(ledger, account) if account.kind == "user" else ():
            sums = held.get(one.asset, HeldCoin(one.asset, 0, 0, 0))
            held[one.asset] = HeldCoin(one.asset, *(a + b for a, b in zip(sums[1:], one[1:], strict=True)))
    return [held[asset] for asset in sorted(held)]


def _held(ledger: LedgerState, asset: int, atoms: int) -> HeldCoin:
    conversion = ledger.conversions[asset]
    return HeldCoin(asset, atoms, conversion.worth_atoms(atoms), conversion.counted_atoms(atoms))


def is_priced(ledger: LedgerState, asset: int) -> bool:
    """Whether what an asset is worth can be told."""
    conversion = ledger.conversions.get(asset)
    return conversion is None or _price_ticks(ledger, conversion) > 0


def _price_ticks(ledger: LedgerState, conversion: Conversion) -> int:
    return conversion.price_ticks or ledger.markets[conversion.instrument].oracle_ticks
