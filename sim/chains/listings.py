"""A scenario's options in whole numbers: the chains that are listed, their surfaces, and what stands in their books.

1. A chain is an underlying's options of some expiries, counted from the start, and some strikes: as stated, or as
   multiples of the opening price, rounded to `strike_step`.
2. A surface has a smile for each of some expiries: the five figures of a raw SVI, volatilities by strike, or
   volatilities by moneyness. One that offers arbitrage is refused, with expiry and strike. One holds from the start;
   each further one of an underlying is an input, from its own time on (`redrawn.py`).
3. Depth is in units of the underlying, around the option's own mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ...events.bodies.inputs import DepthQuoted
from ...events.bodies.listing import AssetListed, InstrumentListed, Tier
from ...events.bodies.options import OptionListed, OptionRight, SmileDrawn, SurfaceSet
from ...events.errors import ScenarioError
from ...events.ledger.options import Option
from ...events.venue_names import at_venue, plain, venue_of
from ...handlers.options.pricing import surface_of
from ..toml_tree import at_path
from ..units import INT64_MAX, format_time_ns, multiplier_atoms, parse_duration_ns, price_to_ticks, ratio, to_whole_down
from .settings import ChainSettings, SmileSettings, SurfaceSettings

__all__ = ["Chains", "Underlying", "list_chains"]

_PPB = 10**9
_NOTHING = (Tier(0, 0, 0),)
"""By its tiers an option requires nothing: what does is the book that it is in."""


class Underlying(NamedTuple):
    """An instrument that options are on, as the run begins: its listing, its price, and what the options are called."""

    listing: InstrumentListed
    price_ticks: int
    label: str

    @property
    def name(self) -> str:
        """As the scenario has it, without the venue."""
        return plain(self.listing.name)

    @property
    def tick_size(self) -> Decimal:
        """In quote."""
        return Decimal(self.listing.tick_size)


class Chains(msgspec.Struct, frozen=True):
    """All options of a scenario, as the opening lists them."""

    listings: tuple[InstrumentListed, ...] = ()
    options: tuple[OptionListed, ...] = ()
    surfaces: tuple[SurfaceSet, ...] = ()
    depth: tuple[DepthQuoted, ...] = ()
    redrawn: tuple[tuple[int, SurfaceSet], ...] = ()

    def with_those_of(self, other: Chains) -> Chains:
        """These, and behind them those of another venue."""
        return Chains(
            (*self.listings, *other.listings),
            (*self.options, *other.options),
            (*self.surfaces, *other.surfaces),
            (*self.depth, *other.depth),
            tuple(sorted((*self.redrawn, *other.redrawn), key=lambda one: one[0])),
        )

    def each(self) -> Iterator[Option]:
        """The options as the ledger will hold them."""
        for listing, option in zip(self.listings, self.options, strict=True):
            assert listing.expiry_ns is not None
            yield Option.of(option, listing.expiry_ns)

    def surface(self, underlying: int) -> SurfaceSet | None:
        """The surface of an underlying."""
        return next((one for one in self.surfaces if one.instrument == underlying), None)


def list_chains(
    chains: Sequence[tuple[int, ChainSettings]],
    surfaces: Sequence[tuple[int, SurfaceSettings]],
    underlyings: Sequence[Underlying],
    assets: Sequence[AssetListed],
    start_ns: int,
    first: int,
) -> Chains:
    """The options of a venue, numbered from `first` on; tables come with their places. Raises ScenarioError."""
    listings, options, depth = list[InstrumentListed](), list[OptionListed](), list[DepthQuoted]()
    by_name = {one.name: one for one in underlyings}
    for place, chain in chains:
        where = f"$.options[{place}]"
        for listing, option, quoted in _chain(chain, by_name[chain.underlying], assets, start_ns, where):
            number = first + len(listings)
            if any(one.name == listing.name for one in listings):
                message = f"{where}: {listing.name!r} is listed twice; list each strike of an expiry once"
                raise ScenarioError(message)
            listings.append(msgspec.structs.replace(listing, instrument=number))
            options.append(msgspec.structs.replace(option, instrument=number))
            depth += [msgspec.structs.replace(one, instrument=number) for one in quoted]
    drawn = [_surface(one, by_name[one.underlying], start_ns, place) for place, one in surfaces if not one.from_ns]
    redrawn = [
        (start_ns + one.from_ns, _surface(one, by_name[one.underlying], start_ns, place))
        for place, one in sorted(surfaces, key=lambda stated: stated[1].from_ns)
        if one.from_ns
    ]
    named = {one.instrument for one in drawn}
    for place, chain in chains:
        if by_name[chain.underlying].listing.instrument not in named:
            venue = venue_of(by_name[chain.underlying].listing.name)
            what = f"{chain.underlying} is{f' at {venue}' if venue else ''}"
            message = f"$.options[{place}]: nothing says how volatile {what}; give it a [[volatility]]"
            raise ScenarioError(message)
    times = [(one.underlying, one.from_ns) for _, one in surfaces]
    if len(set(times)) != len(times):
        message = "$.volatility: an underlying has two surfaces from one time on; give each its own from_ns"
        raise ScenarioError(message)
    return Chains(tuple(listings), tuple(options), tuple(drawn), tuple(depth), tuple(redrawn))


def _chain(
    chain: ChainSettings, underlying: Underlying, assets: Sequence[AssetListed], start_ns: int, where: str
) -> Iterator[tuple[InstrumentListed, OptionListed, list[DepthQuoted]]]:
    listing, in_coin = underlying.listing, chain.settled_in == "coin"
    if in_coin != (listing.kind == "inverse"):
        message = f"{where}.settled_in: options on an inverse contract settle in its coin, all others in cash"
        raise ScenarioError(message)
    tick, lot = Decimal(chain.tick_size), Decimal(chain.lot_size)
    multiplier = at_path(where, multiplier_atoms, tick, lot, assets[listing.asset].decimals)
    numerator, denominator = ratio(Decimal(1) if in_coin else underlying.tick_size, tick)
    if max(numerator, denominator) > INT64_MAX:
        message = f"{where}.tick_size: {tick} is too fine against the tick of {chain.underlying}"
        raise ScenarioError(message)
    bands = tuple((int(bps), to_whole_down(Decimal(units), lot)) for bps, units in chain.depth)
    for place, stated in enumerate(chain.expires_ns):
        expiry_ns = _expiry(stated, start_ns, f"{where}.expires_ns[{place}]")
        for strike_ticks in _strikes(chain, underlying, where):
            for right in chain.rights:
                name = _name(underlying, expiry_ns, strike_ticks, right)
                listed = InstrumentListed(
                    instrument=0,
                    name=name,
                    venue=listing.venue,
                    kind="option",
                    asset=listing.asset,
                    tick_size=str(chain.tick_size),
                    lot_size=str(chain.lot_size),
                    multiplier_atoms=multiplier,
                    tiers=_NOTHING,
                    refill_half_life_ns=chain.refill_half_life_ns,
                    expiry_ns=expiry_ns,
                )
                option = OptionListed(
                    0, listing.instrument, strike_ticks, right, chain.settled_in, numerator, denominator
                )
                yield listed, option, [DepthQuoted(0, bands, bands)] if bands else []


def _strikes(chain: ChainSettings, underlying: Underlying, where: str) -> list[int]:
    """In ticks of the underlying, from the lowest up, each once."""
    step = Decimal(chain.strike_step)
    price = underlying.price_ticks * underlying.tick_size
    stated = [Decimal(one) for one in chain.strikes]
    stated += [max(step, (price * Decimal(one) / step).to_integral_value() * step) for one in chain.moneyness]
    return sorted({at_path(f"{where}.strikes", price_to_ticks, one, underlying.tick_size) for one in stated})


def _expiry(stated: int | str, start_ns: int, where: str) -> int:
    length_ns = at_path(where, parse_duration_ns, stated) if isinstance(stated, str) else stated
    if not 0 < length_ns <= INT64_MAX - start_ns:
        past = format_time_ns(max(0, start_ns + min(length_ns, 0)))
        message = f"{where}: an expiry lies after the start, and this is {past}, {length_ns} ns from it"
        raise ScenarioError(message)
    return start_ns + length_ns


def _name(underlying: Underlying, expiry_ns: int, strike_ticks: int, right: OptionRight) -> str:
    """As Deribit writes it, BTC-10OCT25-117000-C; where it does not expire at 08:00, with the time behind the date."""
    date, clock = format_time_ns(expiry_ns).rstrip("Z").split("T")
    year, month, day = date.split("-")
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    at = "" if clock == "08:00:00" else "-" + clock.replace(":", "").removesuffix("00")
    strike = format((strike_ticks * underlying.tick_size).normalize(), "f")
    name = f"{underlying.label}-{int(day)}{months[int(month) - 1]}{year[2:]}{at}-{strike}-{right[0].upper()}"
    return at_venue(name, venue_of(underlying.listing.name))


def _surface(settings: SurfaceSettings, underlying: Underlying, start_ns: int, place: int) -> SurfaceSet:
    where = f"$.volatility[{place}]"
    if settings.forward is not None:
        ticks = at_path(f"{where}.forward", price_to_ticks, Decimal(settings.forward), underlying.tick_size)
        underlying = underlying._replace(price_ticks=ticks)
    smiles = tuple(
        at_path(f"{where}.smiles[{n}]", _smile, one, underlying, start_ns) for n, one in enumerate(settings.smiles)
    )
    at_path(where, surface_of, smiles, start_ns + settings.from_ns)
    return SurfaceSet(underlying.listing.instrument, smiles)


def _smile(settings: SmileSettings, underlying: Underlying, start_ns: int) -> SmileDrawn:
    expiry_ns = _expiry(settings.expires_ns, start_ns, "expires_ns")
    name = format_time_ns(expiry_ns)
    if settings.svi:
        figures = tuple(_ppb(one) for one in settings.svi)
        return SmileDrawn(name, expiry_ns, underlying.price_ticks, figures)
    price = underlying.price_ticks * underlying.tick_size
    pairs = [(Decimal(strike), one) for strike, one in settings.strikes]
    pairs += [(price * Decimal(share), one) for share, one in settings.moneyness]
    drawn = tuple((price_to_ticks(strike, underlying.tick_size), _ppb(one)) for strike, one in pairs)
    return SmileDrawn(name, expiry_ns, underlying.price_ticks, (), drawn)


def _ppb(figure: Decimal | int) -> int:
    numerator, denominator = (Decimal(figure) * _PPB).as_integer_ratio()
    if denominator != 1 or abs(numerator) > INT64_MAX:
        message = f"{figure} is not a whole number of billionths below 2^63"
        raise ScenarioError(message)
    return numerator
