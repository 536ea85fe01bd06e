"""Several venues in one run: what each lists, who trades there, and one stream of prices and depth for all of them.

1. What the scenario lists, every venue lists for itself: "BTC-PERP" becomes "BTC-PERP@alpha" and "BTC-PERP@beta", and
   so does the asset, since money on a venue is a claim on that venue.
2. A price from outside is one for all venues: each of its instruments is told the same.
3. The traders of a venue are called after it. Of the same place in two populations they are the same person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ..events.bodies.inputs import DepthQuoted, PriceTicked
from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.bodies.run import SourceTally
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue, plain, venue_of
from ..events.vocabulary import Body
from ..handlers.registry import OVER_VENUES, SLOTS
from .populations.base import OpeningAccount, OpeningMarket, Population
from .populations.registry import open_population
from .rulebooks import rulebook
from .settings import ScenarioSettings, VenueSettings
from .sources.base import Source
from .sources.own import Own

__all__ = [
    "AtVenues",
    "VenuesPopulation",
    "at_all_venues",
    "check_venues",
    "listed_at_venues",
    "open_populations",
    "slot_path",
]


def check_venues(settings: ScenarioSettings) -> None:
    """Refuse two venues of one name, and at a venue an unknown rulebook, slot or instrument. Raises ScenarioError."""
    names = [venue.name for venue in settings.venues]
    if len(set(names)) != len(names):
        message = f"$.venues: two have the same name ({', '.join(names)}); names must differ"
        raise ScenarioError(message)
    known = {one.name for one in settings.instruments}
    for place, venue in enumerate(settings.venues):
        unknown = [name for name in venue.instruments or () if name not in known]
        if unknown or venue.instruments == ():
            what = f"unknown instrument {unknown[0]!r}" if unknown else "it lists nothing"
            message = f"$.venues[{place}].instruments: {what}; the scenario lists {', '.join(sorted(known))}"
            raise ScenarioError(message)
        rulebook(venue.rulebook, f"$.venues[{place}].rulebook")
        own = [slot for slot in SLOTS if slot not in OVER_VENUES]
        for slot in venue.slots:
            if slot not in own:
                stands = "is one for all venues; write it outside of them" if slot in OVER_VENUES else "is no slot"
                message = f"$.venues[{place}].slots: {slot!r} {stands}; choose from {', '.join(own)}"
                raise ScenarioError(message)


def slot_path(settings: ScenarioSettings, slot: str, venue: str) -> str:
    """Where the table of a venue's slot stands: its own, or the scenario's for all of them."""
    for place, one in enumerate(settings.venues):
        if one.name == venue and slot in one.slots:
            return f"$.venues[{place}].slots.{slot}"
    return f"$.{slot}"


def listed_at_venues(
    venues: Sequence[VenueSettings], assets: Sequence[AssetListed], instruments: Sequence[InstrumentListed]
) -> tuple[tuple[AssetListed, ...], tuple[InstrumentListed, ...]]:
    """What is listed, each venue's own, venue by venue; the scenario's own where it has no venues."""
    if not venues:
        return tuple(assets), tuple(instruments)
    own_assets = [msgspec.structs.replace(a, name=at_venue(a.name, v.name)) for v in venues for a in assets]
    numbered = tuple(msgspec.structs.replace(one, asset=number) for number, one in enumerate(own_assets))
    listed = list[InstrumentListed]()
    for place, venue in enumerate(venues):
        for one in instruments:
            if venue.instruments is None or one.name in venue.instruments:
                own = msgspec.structs.replace(
                    one,
                    instrument=len(listed),
                    name=at_venue(one.name, venue.name),
                    venue=venue.name,
                    asset=place * len(assets) + one.asset,
                )
                listed.append(own)
    return numbered, tuple(listed)


def at_all_venues(instruments: Sequence[InstrumentListed], base: Sequence[InstrumentListed]) -> dict[int, list[int]]:
    """The numbers that an instrument of the scenario has at the venues."""
    numbers = {one.name: one.instrument for one in base}
    found: dict[int, list[int]] = {number: [] for number in numbers.values()}
    for one in instruments:
        found[numbers[plain(one.name)]].append(one.instrument)
    return found


class AtVenues:
    """A source of prices or depth, told to every venue."""

    def __init__(self, source: Source, numbers: Mapping[int, Sequence[int]]) -> None:
        """`numbers` are those that each instrument of the scenario has at the venues, by its own number there."""
        self.source, self._numbers = source, numbers
        self.name, self.layout, self.sha256 = source.name, source.layout, source.sha256

    def inputs(self, number: int) -> Iterator[tuple[int, Body]]:
        """The source's inputs, with the instruments of all venues in place of the scenario's."""
        for at_ns, body in self.source.inputs(number):
            if isinstance(body, PriceTicked):
                prices = sorted((own, ticks) for base, ticks in body.prices for own in self._numbers[base])
                yield at_ns, PriceTicked(tuple(prices), body.provenance)
            elif isinstance(body, DepthQuoted):
                for own in self._numbers[body.instrument]:
                    yield at_ns, msgspec.structs.replace(body, instrument=own)
            else:
                yield at_ns, body

    def tally(self, number: int) -> SourceTally:
        """What came of the source's rows."""
        return self.source.tally(number)


class VenuesPopulation:
    """The traders of all venues, venue by venue, each called after its venue."""

    layout = "populations of several venues"
    name = "population"

    def __init__(self, populations: Mapping[str, Population]) -> None:
        self._populations = populations
        sizes = [one.size for one in populations.values()]
        self.size = None if None in sizes else sum(size for size in sizes if size is not None)
        first = next(iter(populations.values()))
        self.sha256 = first.sha256

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts of each venue, with the markets and the asset of that venue."""
        for venue, population in self._populations.items():
            own = [_called_plainly(one) for one in markets if venue_of(one.scale.name) == venue]
            for account in population.accounts(own, decimals, seed):
                owner = None if account.owner is None else at_venue(account.owner, venue)
                yield msgspec.structs.replace(account, name=at_venue(account.name, venue), owner=owner)

    def tally(self, number: int) -> SourceTally:
        """How many accounts were made at all venues."""
        tallies = [one.tally(number) for one in self._populations.values()]
        return SourceTally(number, sum(one.rows for one in tallies), sum(one.merged for one in tallies))


def _called_plainly(market: OpeningMarket) -> OpeningMarket:
    """A venue's instrument by the name that its traders have for it."""
    scale = msgspec.structs.replace(market.scale, name=plain(market.scale.name))
    return msgspec.structs.replace(market, scale=scale)


def open_populations(
    settings: ScenarioSettings, *, folder: Path | None, rows_most: int, own: Mapping[str, Own]
) -> Population:
    """The scenario's population, or that of all its venues; `own` are the plug-ins by room. Raises ScenarioError."""
    if not settings.venues:
        return open_population(settings.population, folder=folder, rows_most=rows_most, own=own.get("population"))
    opened = {
        venue.name: open_population(
            venue.population or settings.population,
            folder=folder,
            where=f"$.venues[{place}].population",
            own=own.get(at_venue("population", venue.name)),
        )
        for place, venue in enumerate(settings.venues)
    }
    return VenuesPopulation(opened)
