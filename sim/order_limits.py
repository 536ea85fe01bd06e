"""What a scenario says that orders must keep to, in whole numbers, as it is recorded when an instrument is listed.

1. An instrument has initial margin where one of its tiers states `initial`, or it states `max_leverage`. A tier that
   states none has 1 / `max_leverage`, but no less than its maintenance rate; without `max_leverage` it has twice its
   maintenance rate, and no more than the whole notional.
2. Initial rates are at least the maintenance rates, and none falls from tier to tier.
3. Without any of it nothing is recorded, and no order is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal

from ..events.bodies.listing import InstrumentListed, LimitsStated, Tier
from ..events.errors import ScenarioError
from ..events.venue_names import plain
from .settings import InstrumentSettings
from .toml_tree import at_path
from .units import INT64_MAX, to_atoms, to_whole

__all__ = ["stated_limits"]

_PPM, _BPS = 10**6, 10**4


def stated_limits(
    settings: Sequence[InstrumentSettings], listed: Sequence[InstrumentListed], decimals: int
) -> Iterator[LimitsStated]:
    """The limits of each instrument that has any, at every venue that lists it. Raises ScenarioError naming the key."""
    for place, one in enumerate(settings):
        for listing in listed:
            if plain(listing.name) == one.name:
                limits = at_path(f"$.instruments[{place}]", _limits, one, listing, decimals)
                if limits != LimitsStated(listing.instrument):
                    yield limits


def _limits(settings: InstrumentSettings, listing: InstrumentListed, decimals: int) -> LimitsStated:
    leverage_bps = None
    if settings.max_leverage is not None:
        leverage_bps = at_path("max_leverage", to_whole, Decimal(settings.max_leverage), Decimal(1) / _BPS)
    value = settings.position_value_limit
    return LimitsStated(
        instrument=listing.instrument,
        initial=_initial(settings, listing),
        leverage_bps=leverage_bps,
        position_lots=_lots(settings, listing, "position_limit"),
        position_atoms=None if value is None else _positive("position_value_limit", to_atoms(Decimal(value), decimals)),
        open_interest_lots=_lots(settings, listing, "open_interest_cap"),
    )


def _lots(settings: InstrumentSettings, listing: InstrumentListed, key: str) -> int | None:
    units = getattr(settings, key)
    return None if units is None else _positive(key, at_path(key, to_whole, Decimal(units), Decimal(listing.lot_size)))


def _positive(key: str, number: int) -> int:
    if number <= 0:
        message = f"{key} must be above 0; leave it out where there is no limit"
        raise ScenarioError(message)
    return number


def _initial(settings: InstrumentSettings, listing: InstrumentListed) -> tuple[Tier, ...]:
    """The tiers of the initial margin, with amounts as `Tier` says; none where none is asked."""
    if settings.max_leverage is None and all(tier.initial is None for tier in settings.tiers):
        return ()
    found: list[Tier] = []
    for place, (stated, listed) in enumerate(zip(settings.tiers, listing.tiers, strict=True)):
        rate_ppm = _rate_ppm(f"tiers[{place}].initial", stated.initial, settings, listed)
        before = found[-1] if found else Tier(0, rate_ppm, 0)
        if rate_ppm < max(listed.rate_ppm, before.rate_ppm):
            message = (
                f"tiers[{place}].initial: {Decimal(rate_ppm) / _PPM} is under the maintenance rate, or under "
                "that of the tier before; it must be neither"
            )
            raise ScenarioError(message)
        amount = listed.floor_atoms * (rate_ppm - before.rate_ppm) + before.amount_microatoms
        if amount > INT64_MAX:
            message = f"tiers[{place}].initial: its amount passes 2^63; use fewer decimals or lower floors"
            raise ScenarioError(message)
        found.append(Tier(listed.floor_atoms, rate_ppm, amount))
    return tuple(found)


def _rate_ppm(key: str, stated: Decimal | int | None, settings: InstrumentSettings, listed: Tier) -> int:
    if stated is not None:
        return at_path(key, to_whole, Decimal(stated), Decimal(1) / _PPM)
    if settings.max_leverage is not None:
        of_leverage = (Decimal(_PPM) / Decimal(settings.max_leverage)).to_integral_value(ROUND_CEILING)
        return max(listed.rate_ppm, int(of_leverage))
    return min(_PPM, 2 * listed.rate_ppm)
