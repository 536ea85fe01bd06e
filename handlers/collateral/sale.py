"""Selling collateral for what an account owes: into the depth of the asset's own spot market, to the atom.

1. What is owed is brought in asset by asset, in the order of the rules, and no more is sold than it takes.
2. A band gives its price for as much as it has; what is sold of a lot eats a whole lot. So a sale moves its own market
   as any forced order does.
3. What it brings is rounded down to an atom, what it takes is rounded up: the account bears both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...events.bodies.collateral import CollateralSold
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ..depth import walk
from ..faults import why_nothing_trades
from .rules import Order, coins_in_order

__all__ = ["CollateralSale", "sold"]


class CollateralSale(NamedTuple):
    """Whose collateral is sold, why and in which liquidation, for so much or (None) all of it; as which event."""

    account: Account
    reason: str
    liquidation_id: int | None = None
    owed_atoms: int | None = None
    kind: type[CollateralSold] = CollateralSold


def sold(sale: CollateralSale, order: Order, ledger: LedgerState, now_ns: int) -> list[CollateralSold]:
    """What the depth gives as it is now; nothing where nobody buys or trading has stopped."""
    found: list[CollateralSold] = []
    left_atoms = sale.owed_atoms
    for asset in coins_in_order(sale.account, ledger, order):
        for body in _of_asset(sale, ledger.conversions[asset], left_atoms, ledger, now_ns):
            found.append(body)
            left_atoms = None if left_atoms is None else left_atoms - body.value_atoms
        if left_atoms is not None and left_atoms <= 0:
            break
    return found


def _of_asset(
    sale: CollateralSale, conversion: Conversion, owed_atoms: int | None, ledger: LedgerState, now_ns: int
) -> Iterator[CollateralSold]:
    if why_nothing_trades(ledger, conversion.instrument) is not None:
        return
    market, account = ledger.markets[conversion.instrument], sale.account
    lot_atoms = max(1, market.listing.multiplier_atoms * conversion.asset_atoms // conversion.quote_atoms)
    left_atoms = account.coins[conversion.asset]
    for fill in walk(market, -left_atoms // lot_atoms, None, now_ns, account.account):
        unit = fill.price_ticks * conversion.quote_atoms
        given_atoms = min(left_atoms, fill.lots * lot_atoms)
        if owed_atoms is not None:
            given_atoms = min(given_atoms, -(-owed_atoms * conversion.asset_atoms // unit))
        value_atoms, lots = given_atoms * unit // conversion.asset_atoms, -(-given_atoms // lot_atoms)
        yield sale.kind(
            liquidation_id=sale.liquidation_id,
            account=account.account,
            asset=conversion.asset,
            instrument=conversion.instrument,
            amount_atoms=given_atoms,
            value_atoms=value_atoms,
            size_lots=-lots,
            price_ticks=fill.price_ticks,
            eaten_lots=fill.eaten_lots - fill.lots + lots,
            reason=sale.reason,
        )
        left_atoms -= given_atoms
        owed_atoms = None if owed_atoms is None else owed_atoms - value_atoms
        if not left_atoms or (owed_atoms is not None and owed_atoms <= 0):
            return
