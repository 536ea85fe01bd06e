"""Who borrows and how safe they are, read off the ledger: collateral, debts with their interest, the health factor."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ...events.ledger import Account, LedgerState
from ...events.ledger.chain import grown_atoms
from ...events.venue_names import at_venue, plain
from .worth import AssetQuote, Health, collateral_value, debt_value, health_of

__all__ = ["Weights", "collateral_of", "debts_of", "first_of", "health", "quote_of"]


class Weights(msgspec.Struct, frozen=True):
    """How much of each asset's worth counts against debts, by name, out of `scale`; of others nothing."""

    scale: int
    by_name: Mapping[str, int]

    def of(self, asset: int, ledger: LedgerState) -> int:
        """The weight of an asset."""
        return self.by_name.get(plain(ledger.assets[asset].name), 0)


def quote_of(account: Account, asset: int, ledger: LedgerState) -> AssetQuote:
    """What an asset is worth in atoms of the one that an account settles in, at the oracle's price."""
    if asset == account.asset:
        return AssetQuote(1, 1)
    conversion = ledger.conversions[asset]
    return AssetQuote(conversion.price_ticks * conversion.quote_atoms, conversion.asset_atoms)


def collateral_of(account: Account) -> dict[int, int]:
    """What an account has, in atoms by asset, in the order of the assets."""
    held = {account.asset: account.balance_atoms, **account.coins}
    return {asset: held[asset] for asset in sorted(held) if held[asset] > 0}


def debts_of(account: Account, ledger: LedgerState) -> dict[int, int]:
    """What an account owes with all interest, in atoms (above zero) by asset, in the order of the assets."""
    held, chain = {account.asset: account.balance_atoms, **account.coins}, ledger.chain
    return {
        asset: grown_atoms(-held[asset], chain.index(asset), chain.settled(account.account, asset))
        for asset in sorted(held)
        if held[asset] < 0
    }


def health(account: Account, weights: Weights, ledger: LedgerState) -> Health:
    """How safe an account is at the oracle's prices; O(its coins)."""
    collateral = (
        (collateral_value(atoms, quote_of(account, asset, ledger)), weights.of(asset, ledger))
        for asset, atoms in collateral_of(account).items()
    )
    debts = debts_of(account, ledger).items()
    debt = sum(debt_value(atoms, quote_of(account, asset, ledger)) for asset, atoms in debts)
    return health_of(collateral, debt, weights.scale)


def first_of(group: str, ledger: LedgerState, venue: str = "") -> Account | None:
    """The first account of a group of actors, such as the pool of the suppliers; None where there is none."""
    number = ledger.account_ids.get(at_venue(f"{group}-1", venue))
    return None if number is None else ledger.accounts[number]
