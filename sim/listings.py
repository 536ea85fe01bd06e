"""A scenario's assets and instruments in whole numbers, as they are listed in the record."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ..events.bodies.listing import AssetListed, InstrumentListed, Tier
from ..events.errors import ScenarioError
from ..handlers.registry import Amounts
from .amounts import amounts_of
from .rulebooks import plain_venue
from .settings import InstrumentSettings, ScenarioSettings, TierSettings
from .sources.base import InstrumentScale, InverseScale
from .toml_tree import at_path
from .units import INT64_MAX, inverse_multiplier_atoms, multiplier_atoms, to_atoms

__all__ = ["amounts_in", "list_assets", "list_instruments", "scales_of"]

_PPM = 10**6
_BPS = 10**4
_DECIMALS_MOST = 18
_MULTIPLIERS = {"linear": multiplier_atoms, "inverse": inverse_multiplier_atoms, "spot": multiplier_atoms}


def list_assets(settings: ScenarioSettings) -> tuple[AssetListed, ...]:
    """The assets, the first of which is what is counted in. Raises ScenarioError."""
    names = [asset.name for asset in settings.assets]
    if not names or len(set(names)) != len(names):
        message = "$.assets: there is none, or two have the same name; list at least one, each once"
        raise ScenarioError(message)
    for place, asset in enumerate(settings.assets):
        if not 0 <= asset.decimals <= _DECIMALS_MOST:
            message = f"$.assets[{place}].decimals: {asset.decimals} is not between 0 and 18"
            raise ScenarioError(message)
    return tuple(AssetListed(place, asset.name, asset.decimals) for place, asset in enumerate(settings.assets))


def scales_of(settings: ScenarioSettings) -> list[InstrumentScale]:
    """The steps that prices and sizes of each instrument are counted in. Raises ScenarioError."""
    if not settings.instruments:
        message = "$.instruments: there is none; list at least one"
        raise ScenarioError(message)
    names = [instrument.name for instrument in settings.instruments]
    if len(set(names)) != len(names):
        message = "$.instruments: two have the same name; names must differ"
        raise ScenarioError(message)
    return [at_path(f"$.instruments[{i}]", _scale, i, one) for i, one in enumerate(settings.instruments)]


def _scale(number: int, settings: InstrumentSettings) -> InstrumentScale:
    start = None if settings.start_price is None else Decimal(settings.start_price)
    scale = InverseScale if settings.kind == "inverse" else InstrumentScale
    return scale(number, settings.name, Decimal(settings.tick_size), Decimal(settings.lot_size), start)


def list_instruments(
    settings: ScenarioSettings, assets: Sequence[AssetListed], scales: Sequence[InstrumentScale]
) -> tuple[InstrumentListed, ...]:
    """The instruments with multipliers and tiers worked out. Raises ScenarioError."""
    return tuple(
        at_path(f"$.instruments[{scale.instrument}]", _instrument, one, assets, scale, plain_venue(settings.venue))
        for scale, one in zip(scales, settings.instruments, strict=True)
    )


def _instrument(
    settings: InstrumentSettings, assets: Sequence[AssetListed], scale: InstrumentScale, venue: str
) -> InstrumentListed:
    asset = next((asset for asset in assets if asset.name == settings.asset), None)
    if asset is None:
        message = f"asset {settings.asset!r} is not listed under [[assets]]"
        raise ScenarioError(message)
    if settings.kind not in _MULTIPLIERS:
        message = f"kind {settings.kind!r} has no payoff; use linear, inverse or spot"
        raise ScenarioError(message)
    if (settings.kind == "spot") != (settings.base is not None) or (settings.kind == "spot" and settings.tiers):
        message = "a spot market has a base, the asset that changes hands, and no tiers; nothing else has a base"
        raise ScenarioError(message)
    if settings.base is not None and settings.base not in {one.name for one in assets}:
        message = f"base {settings.base!r} is not listed under [[assets]]"
        raise ScenarioError(message)
    if settings.refill_half_life_ns < 0 or not 0 <= settings.impact_bps <= _BPS:
        message = "refill_half_life_ns must not be negative, and impact_bps lie between 0 and 10000"
        raise ScenarioError(message)
    return InstrumentListed(
        instrument=scale.instrument,
        name=settings.name,
        venue=venue,
        kind=settings.kind,
        asset=asset.asset,
        tick_size=str(settings.tick_size),
        lot_size=str(settings.lot_size),
        multiplier_atoms=_MULTIPLIERS[settings.kind](scale.tick_size, scale.lot_size, asset.decimals),
        tiers=() if settings.kind == "spot" else _tiers(settings.tiers, asset.decimals),
        refill_half_life_ns=settings.refill_half_life_ns,
        impact_bps=settings.impact_bps,
    )


def _tiers(settings: tuple[TierSettings, ...], decimals: int) -> tuple[Tier, ...]:
    """Tiers with their amounts; `Tier` has the formula."""
    tiers: list[Tier] = []
    for place, one in enumerate(settings):
        floor = to_atoms(Decimal(one.floor), decimals)
        rate = Decimal(one.rate) * _PPM
        before = tiers[-1] if tiers else Tier(0, 0, 0)
        if rate != int(rate) or not 0 < rate < _PPM or (tiers and rate <= before.rate_ppm):
            message = f"tiers[{place}].rate: {one.rate} must grow from tier to tier, in whole millionths, below 1"
            raise ScenarioError(message)
        if (place == 0 and floor) or (tiers and floor <= before.floor_atoms):
            message = f"tiers[{place}].floor: {one.floor} must be 0 in the first tier and grow from tier to tier"
            raise ScenarioError(message)
        amount = floor * (int(rate) - before.rate_ppm) + before.amount_microatoms if tiers else 0
        if amount > INT64_MAX:
            message = f"tiers[{place}]: its maintenance amount passes 2^63; use fewer decimals or lower floors"
            raise ScenarioError(message)
        tiers.append(Tier(floor, int(rate), amount))
    if not tiers:
        message = "tiers: there is none; give at least one with floor = 0"
        raise ScenarioError(message)
    return tuple(tiers)


def amounts_in(settings: ScenarioSettings) -> Amounts:
    """How amounts of the first asset, as a rulebook states them, are written. Raises ScenarioError."""
    asset = list_assets(settings)[0]
    return amounts_of(asset.name, asset.decimals)
