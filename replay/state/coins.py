"""Collateral in other assets, in one state: at which price each asset is converted, how much of it counts, who has it.

As plain data: `conversions` of a state has each asset with `price` (at which it is converted) and `own_price` (that of
its own market; null where there is no price yet), `tiers` (over `floor` so many millionths of its worth count), and
what traders hold of it together; `coins` of an account has each asset that it holds beside the one that it settles in.
`worth_atoms` is what that is worth in the asset settled in, `counted_atoms` what of the worth counts as collateral.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ...handlers.conversion import HeldCoin, coins_of, held_coins
from ...sim.figures import exact_money, price
from ...sim.quantities import RATES, Quantity, amount_scale, price_scale

__all__ = ["coin_lines", "coins_view", "conversion_rows", "conversions_view", "tiers_text"]

Rows = Iterator[tuple[str, str]]


def conversion_rows(ledger: LedgerState) -> Iterator[tuple[str, ...]]:
    """Of each asset that is converted: at which price, that of its own market, and how much of it counts."""
    for one in ledger.conversions.values():
        prices = (price(ticks, ledger.markets[one.instrument].listing) for ticks in (one.price_ticks, one.index_ticks))
        told = prices if one.price_ticks else ("no price", "")
        yield ledger.assets[one.asset].name, *told, tiers_text(ledger, one)


def tiers_text(ledger: LedgerState, conversion: Conversion) -> str:
    """How much of an asset counts: `95%, 80% over 10,000`."""
    asset, told = ledger.assets[conversion.asset], []
    for tier in conversion.tiers:
        share = Quantity(tier.ratio_ppm, RATES["ppm"]).text
        told.append(f"{share} over {exact_money(tier.floor_atoms, asset)}" if tier.floor_atoms else share)
    return ", ".join(told) if any(tier.ratio_ppm for tier in conversion.tiers) else "nothing"


def coin_lines(ledger: LedgerState, account: Account | None = None) -> Rows:
    """What an account holds, or without one all traders together, a line for each asset."""
    first = "collateral"
    for one in held_coins(ledger) if account is None else coins_of(ledger, account):
        conversion, asset = ledger.conversions[one.asset], ledger.assets[one.asset]
        amount = f"{exact_money(one.atoms, asset)} {asset.name}"
        if not conversion.price_ticks:
            yield first, f"{amount}, not worth anything before there is a price"
        else:
            quote = ledger.assets[conversion.quote]
            worth, counted = (exact_money(atoms, quote) for atoms in (one.worth_atoms, one.counted_atoms))
            at = price(conversion.price_ticks, ledger.markets[conversion.instrument].listing)
            yield first, f"{amount} at {at}: worth {worth} {quote.name}, of which {counted} counts"
        first = ""


def conversions_view(ledger: LedgerState) -> list[dict[str, Any]]:
    """Each asset that is converted, with what traders hold of it."""
    held = {one.asset: one for one in held_coins(ledger)}
    return [
        _conversion_view(ledger, one, held.get(one.asset, HeldCoin(one.asset, 0, 0, 0)))
        for one in ledger.conversions.values()
    ]


def _conversion_view(ledger: LedgerState, one: Conversion, held: HeldCoin) -> dict[str, Any]:
    listing, priced = ledger.markets[one.instrument].listing, one.price_ticks > 0
    return {
        "asset": ledger.assets[one.asset].name,
        "into": ledger.assets[one.quote].name,
        "instrument": listing.instrument,
        "name": listing.name,
        "price_ticks": one.price_ticks if priced else None,
        "price": Quantity(one.price_ticks, price_scale(listing)).value if priced else None,
        "own_price_ticks": one.index_ticks if priced else None,
        "own_price": Quantity(one.index_ticks, price_scale(listing)).value if priced else None,
        "priced_seq": one.priced_seq,
        "tiers": [{"floor_atoms": tier.floor_atoms, "ratio_ppm": tier.ratio_ppm} for tier in one.tiers],
        "held_atoms": held.atoms,
        "worth_atoms": held.worth_atoms if priced else None,
        "counted_atoms": held.counted_atoms if priced else None,
    }


def coins_view(ledger: LedgerState, account: Account) -> list[dict[str, Any]]:
    """What an account holds of other assets than it settles in."""
    found = []
    for one in coins_of(ledger, account):
        priced, asset = ledger.conversions[one.asset].price_ticks > 0, ledger.assets[one.asset]
        found.append(
            {
                "asset": asset.name,
                "atoms": one.atoms,
                "amount": Quantity(one.atoms, amount_scale(asset)).value,
                "worth_atoms": one.worth_atoms if priced else None,
                "counted_atoms": one.counted_atoms if priced else None,
            }
        )
    return found
