"""How a scenario's assets are converted, in whole numbers, and what an amount of the first of them is in another.

1. The first asset is what a venue counts in: amounts of a rulebook and of a population are stated in it.
2. Another asset has a price: of the spot market that `price` names, whose base it is, or of an inverse contract that
   settles in it. Only what has a spot market can be collateral, as it can be sold.
3. What settles in another asset is opened with what the stated amounts come to at the opening price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from ..events.bodies.collateral import ConversionSet
from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue, plain
from .populations.base import OpeningRate
from .settings import ScenarioSettings
from .units import ratio

__all__ = ["conversions_of", "numeraires", "opening_rates", "settled_in"]


def numeraires(assets: Sequence[AssetListed]) -> list[AssetListed]:
    """What each venue counts in: the first asset that it lists."""
    found: dict[str, AssetListed] = {}
    for asset in assets:
        found.setdefault(asset.venue, asset)
    return list(found.values())


def conversions_of(
    settings: ScenarioSettings, assets: Sequence[AssetListed], instruments: Sequence[InstrumentListed]
) -> tuple[ConversionSet, ...]:
    """One for each asset but those that the venues count in. Raises ScenarioError for an asset without a price."""
    counted = {asset.venue: asset for asset in numeraires(assets)}
    return tuple(
        _conversion(settings, asset, counted[asset.venue], instruments)
        for asset in assets
        if asset is not counted[asset.venue]
    )


def _conversion(
    settings: ScenarioSettings, asset: AssetListed, quote: AssetListed, instruments: Sequence[InstrumentListed]
) -> ConversionSet:
    place = [one.name for one in settings.assets].index(plain(asset.name))
    where, stated = f"$.assets[{place}].price", settings.assets[place].price
    listed = {one.name: one for one in instruments}
    if stated is None:
        inverse = next((one for one in instruments if one.asset == asset.asset and one.kind == "inverse"), None)
        if inverse is None:
            message = f"{where}: {asset.name} has no price; name the spot market that it is sold in"
            raise ScenarioError(message)
        return _by_inverse(asset, quote, inverse)
    market = listed.get(at_venue(stated, asset.venue))
    base = next((one.base for one in settings.instruments if one.name == stated), None)
    if market is None or market.kind != "spot" or base != plain(asset.name) or market.asset != quote.asset:
        message = f"{where}: {stated!r} is no spot market of {plain(asset.name)} in {plain(quote.name)}; list one"
        raise ScenarioError(message)
    lot_atoms = Fraction(*ratio(Decimal(market.lot_size), Decimal(1).scaleb(-asset.decimals)))
    if lot_atoms.denominator != 1:
        message = f"{where}: a lot of {market.name} is not a whole number of atoms of {asset.name}"
        raise ScenarioError(message)
    return ConversionSet(asset.asset, quote.asset, market.instrument, lot_atoms.numerator, market.multiplier_atoms)


def _by_inverse(asset: AssetListed, quote: AssetListed, market: InstrumentListed) -> ConversionSet:
    """One unit of the coin costs the price of the contract, in quote."""
    tick, scale = ratio(Decimal(market.tick_size), Decimal(1).scaleb(-quote.decimals))
    return ConversionSet(asset.asset, quote.asset, market.instrument, 10**asset.decimals * scale, tick)


def opening_rates(conversions: Sequence[ConversionSet], prices_ticks: Sequence[int]) -> dict[int, OpeningRate]:
    """By asset, at the opening prices of the instruments."""
    return {
        one.asset: OpeningRate(one.asset_atoms, one.quote_atoms * prices_ticks[one.instrument]) for one in conversions
    }


def settled_in(
    assets: Sequence[AssetListed], instruments: Sequence[InstrumentListed], venue: str
) -> Iterator[AssetListed]:
    """The assets of a venue that positions settle in, in the order of the assets."""
    used = {one.asset for one in instruments if one.kind != "spot"}
    return (asset for asset in assets if asset.venue == venue and asset.asset in used)
