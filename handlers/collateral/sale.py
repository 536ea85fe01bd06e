"""Selling collateral for what an account owes: into the depth of the asset's own spot market, to the atom.

1. What is owed is brought in asset by asset, in the order of the rules, and no more is sold than it takes; in
   proportion each brings its part of it. Where all that there is would not do, all of it is sold.
2. Of an asset with a haircut on its conversion so much more is sold that what is owed is left after it.
3. A band gives its price for as much as it has; what is sold of a lot eats a whole lot. So a sale moves its own market
   as any forced order does.
4. What it brings is rounded down to an atom, what it takes is rounded up: the account bears both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import NamedTuple

from ...events.bodies.collateral import CollateralSold
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ..depth import DepthFill, walk
from ..faults import why_nothing_trades
from .rules import Order, coins_in_order

__all__ = ["CollateralSale", "haircut_atoms", "parts_given", "sold", "sold_of"]

_PPM = 10**6
_NO_HAIRCUTS: Mapping[int, int] = MappingProxyType({})


class CollateralSale(NamedTuple):
    """Whose collateral is sold, why and in which liquidation, for so much or (None) all of it; as which event.

    `spared` are assets of which nothing goes.
    """

    account: Account
    reason: str
    liquidation_id: int | None = None
    owed_atoms: int | None = None
    kind: type[CollateralSold] = CollateralSold
    spared: Collection[int] = ()


def sold(
    sale: CollateralSale, order: Order, ledger: LedgerState, now_ns: int, haircuts_ppm: Mapping[int, int] = _NO_HAIRCUTS
) -> list[CollateralSold]:
    """What the depth gives as it is now; nothing where nobody buys or trading has stopped.

    `haircuts_ppm` are those on the conversion, by asset.
    """
    found: list[CollateralSold] = []
    assets = [asset for asset in coins_in_order(sale.account, ledger, order) if asset not in sale.spared]
    parts = _parts(sale, assets, ledger) if order == "in proportion" else None
    left_atoms = sale.owed_atoms
    for place, asset in enumerate(assets):
        haircut_ppm, held_atoms = haircuts_ppm.get(asset, 0), sale.account.coins[asset]
        due_atoms = left_atoms if parts is None else parts[place]
        brought_atoms = None if due_atoms is None else -(-due_atoms * _PPM // (_PPM - haircut_ppm))
        for body in _of_asset(sale, ledger.conversions[asset], held_atoms, brought_atoms, ledger, now_ns):
            found.append(body)
            if left_atoms is not None:
                left_atoms -= body.value_atoms - haircut_atoms(body, haircut_ppm)
        if left_atoms is not None and left_atoms <= 0:
            break
    return found


def haircut_atoms(sale: CollateralSold, haircut_ppm: int) -> int:
    """What a haircut takes of what a sale brought, rounded down."""
    return sale.value_atoms * haircut_ppm // _PPM


def _parts(sale: CollateralSale, assets: Sequence[int], ledger: LedgerState) -> list[int] | None:
    """What each asset is to bring, in proportion to its worth; None where all of them go.

    Sums are rounded down, so that the parts come to exactly what is owed.
    """
    worths = [ledger.conversions[asset].worth_atoms(sale.account.coins[asset]) for asset in assets]
    total_atoms, owed_atoms = sum(worths), sale.owed_atoms
    if owed_atoms is None or owed_atoms >= total_atoms:
        return None
    ends = [owed_atoms * so_far // total_atoms for so_far in accumulate(worths)]
    return [end - begun for begun, end in pairwise((0, *ends))]


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
    if owed_atoms == 0:
        return
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


class SalePart(NamedTuple):
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
) -> Iterator[SalePart]:
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
        part = SalePart(fill, given_atoms, given_atoms * unit // conversion.asset_atoms, -(-given_atoms // lot_atoms))
        yield part
        atoms -= given_atoms
        owed_atoms = None if owed_atoms is None else owed_atoms - part.value_atoms
        if not atoms or (owed_atoms is not None and owed_atoms <= 0):
            return
