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
from ..depth import DepthFill, walk
from ..faults import why_nothing_trades
from .rules import Order, coins_in_order

__all__ = ["CollateralSale", "parts_given", "sold", "sold_of"]


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
        held_atoms = sale.account.coins[asset]
        for body in _of_asset(sale, ledger.conversions[asset], held_atoms, left_atoms, ledger, now_ns):
            found.append(body)
            left_atoms = None if left_atoms is None else left_atoms - body.value_atoms
        if left_atoms is not None and left_atoms <= 0:
            break
    return found


def sold_of(
    sale: CollateralSale, conversion: Conversion, most_atoms: int, ledger: LedgerState, now_ns: int
) -> list[CollateralSold]:
    """What the depth gives for so much of one asset at most, for no more than is owed."""
    return list(_of_asset(sale, conversion, most_atoms, sale.owed_atoms, ledger, now_ns))


def _of_asset(
    sale: CollateralSale,
    conversion: Conversion,
    most_atoms: int,
    owed_atoms: int | None,
    ledger: LedgerState,
    now_ns: int,
) -> Iterator[CollateralSold]:
    account = sale.account
    for part in parts_given(conversion, most_atoms, ledger, now_ns, account.account, owed_atoms):
        yield sale.kind(
            liquidation_id=sale.liquidation_id,
            account=account.account,
            asset=conversion.asset,
            instrument=conversion.instrument,
            amount_atoms=part.given_atoms,
            value_atoms=part.value_atoms,
            size_lots=-part.lots,
            price_ticks=part.fill.price_ticks,
            eaten_lots=part.fill.eaten_lots - part.fill.lots + part.lots,
            reason=sale.reason,
        )


class Part(NamedTuple):
    """What one band takes of an amount, what it gives for it, and how many of its lots that eats."""

    fill: DepthFill
    given_atoms: int
    value_atoms: int
    lots: int


def parts_given(
    conversion: Conversion,
    atoms: int,
    ledger: LedgerState,
    now_ns: int,
    own: int | None = None,
    owed_atoms: int | None = None,
) -> Iterator[Part]:
    """What selling so much of an asset would bring, band by band, until `owed_atoms` (None: all of it) are raised.

    Nothing where trading has stopped; `own` is whose quotes are passed over.
    """
    if why_nothing_trades(ledger, conversion.instrument) is not None:
        return
    market = ledger.markets[conversion.instrument]
    lot_atoms = max(1, market.listing.multiplier_atoms * conversion.asset_atoms // conversion.quote_atoms)
    for fill in walk(market, -atoms // lot_atoms, None, now_ns, own):
        unit = fill.price_ticks * conversion.quote_atoms
        given_atoms = min(atoms, fill.lots * lot_atoms)
        if owed_atoms is not None:
            given_atoms = min(given_atoms, -(-owed_atoms * conversion.asset_atoms // unit))
        part = Part(fill, given_atoms, given_atoms * unit // conversion.asset_atoms, -(-given_atoms // lot_atoms))
        yield part
        atoms -= given_atoms
        owed_atoms = None if owed_atoms is None else owed_atoms - part.value_atoms
        if not atoms or (owed_atoms is not None and owed_atoms <= 0):
            return
