"""How a scenario's assets are converted, in whole numbers, and what an amount of the first of them is in another.

1. The first asset is what a venue counts in: amounts of a rulebook and of a population are stated in it.
2. Another asset has a price: of the spot market that `price` names, whose base it is, or of an inverse contract that
   settles in it. Only what has a spot market can be collateral, as it can be sold.
3. What settles in another asset is opened with what the stated amounts come to at the opening price.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from ..events.bodies.collateral import ConversionSet
from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue, plain
from .populations.base import OpeningAsset, OpeningMarket, OpeningRate
from .settings import ScenarioSettings
from .sources.base import InstrumentScale
from .toml_tree import at_path
from .units import ratio, to_whole

__all__ = ["check_redemptions", "conversions_of", "numeraires", "opening_markets", "settled_in"]

_REDEEMING = ("oracle", "redemptions")
"""Slots whose policies may say what an asset is redeemed for."""


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
    found = tuple(
        _conversion(settings, asset, counted[asset.venue], instruments)
        for asset in assets
        if asset is not counted[asset.venue]
    )
    for place, one in enumerate(settings.instruments):
        if one.kind == "spot" and one.name not in {asset.price for asset in settings.assets}:
            message = f"$.instruments[{place}]: {one.name} is a spot market, and no asset names it as its price"
            raise ScenarioError(message)
    return found


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
    lot_atoms = at_path(where, to_whole, Decimal(market.lot_size), Decimal(1).scaleb(-asset.decimals))
    return ConversionSet(asset.asset, quote.asset, market.instrument, lot_atoms, market.multiplier_atoms)


def _by_inverse(asset: AssetListed, quote: AssetListed, market: InstrumentListed) -> ConversionSet:
    """One unit of the coin costs the price of the contract, in quote."""
    tick, scale = ratio(Decimal(market.tick_size), Decimal(1).scaleb(-quote.decimals))
    return ConversionSet(asset.asset, quote.asset, market.instrument, 10**asset.decimals * scale, tick)


def opening_markets(
    instruments: Sequence[InstrumentListed],
    opened: Mapping[str, tuple[InstrumentScale, int]],
    assets: Sequence[AssetListed],
    conversions: Sequence[ConversionSet],
) -> tuple[OpeningMarket, ...]:
    """The instruments as the run begins, by the names and numbers that they are listed under.

    `opened` has the scale and the first price of each by its name without a venue's.
    """
    ticks = {one.instrument: opened[plain(one.name)][1] for one in instruments}
    rates = {one.asset: OpeningRate(one.asset_atoms, one.quote_atoms * ticks[one.instrument]) for one in conversions}
    bases = {one.instrument: one.asset for one in conversions}

    def opening(asset: AssetListed) -> OpeningAsset:
        return OpeningAsset(asset.asset, plain(asset.name), asset.decimals, rates.get(asset.asset, OpeningRate()))

    def market(listed: InstrumentListed) -> OpeningMarket:
        scale, price_ticks = opened[plain(listed.name)]
        own = msgspec.structs.replace(scale, instrument=listed.instrument, name=listed.name)
        traded = opening(assets[bases[listed.instrument]]) if listed.kind == "spot" else None
        return OpeningMarket(own, price_ticks, listed.multiplier_atoms, opening(assets[listed.asset]), traded)

    return tuple(market(one) for one in instruments)


def check_redemptions(producers: Iterable[Producer], assets: Iterable[str], instruments: Iterable[str]) -> None:
    """Refuse an oracle or traders that redeem an asset, or for an instrument, that is not of these.

    Raises ScenarioError.

    Names are those without a venue's; the instruments are those that settle in what a venue counts in.
    """
    named = [("asset", sorted(set(assets))), ("instrument", sorted({*instruments, ""}))]
    for producer in producers:
        redeems = producer.parameters.get("redeems", {}) if producer.slot in _REDEEMING else {}
        for redeemed, (redeemed_for, _) in redeems.items():
            for name, (what, known) in zip((redeemed, redeemed_for), named, strict=True):
                if name not in known:
                    choice = ", ".join(filter(None, known))
                    message = f"$.{producer.slot}.redeems.{redeemed}: {name!r} is no {what} here; choose from {choice}"
                    raise ScenarioError(message)


def settled_in(
    assets: Sequence[AssetListed], instruments: Sequence[InstrumentListed], venue: str
) -> Iterator[AssetListed]:
    """The assets of a venue that positions settle in, in the order of the assets."""
    used = {one.asset for one in instruments if one.kind != "spot"}
    return (asset for asset in assets if asset.venue == venue and asset.asset in used)
