"""What a scenario's options come to as a run begins, at each venue by its own rules.

1. Without [[venues]] there is one venue, which lists every chain.
2. With them a chain is listed by every venue that lists its underlying, or, with a key `venue`, by that one alone. A
   surface of one venue stands before one that is stated for all of them.
3. Who holds options is drawn at each of these venues anew by the same draws, as the traders of a population are: of the
   same place at two venues they are the same person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...events.bodies.run import Producer
from ...events.errors import ScenarioError
from ...events.venue_names import at_venue, plain
from ...handlers.options.parameters import SLOT, VENUES, OptionsParameters
from ..funds import underlying_of
from ..populations.base import OpeningAccount
from ..settings import ScenarioSettings
from ..units import format_time_ns
from .books import open_books
from .listings import Chains, Underlying, list_chains
from .settings import ChainSettings, HoldersSettings, SurfaceSettings

__all__ = ["check_options", "check_redrawn", "open_options", "option_rules"]

_POLICY = "black-76"
"""Who keeps the options of a run that lists any, where nobody is named."""

_Table = ChainSettings | SurfaceSettings | HoldersSettings
_T = TypeVar("_T", ChainSettings, SurfaceSettings, HoldersSettings)


def check_options(settings: ScenarioSettings) -> None:
    """Refuse options at a venue that is not there, or that does not list their underlying. Raises ScenarioError."""
    tables: Mapping[str, Sequence[_Table]] = {
        "options": settings.options,
        "volatility": settings.volatility,
        "option_holders": settings.option_holders,
    }
    for key, stated in tables.items():
        for place, one in enumerate(stated):
            _check_place(settings, one, f"$.{key}[{place}]")
    for key, has in (("volatility", "it could price"), ("option_holders", "anybody could hold")):
        if tables[key] and not settings.options:
            message = f"$.{key}: there is no option that {has}; list [[options]] as well"
            raise ScenarioError(message)
    for place, holder in enumerate(settings.option_holders):
        if not any(_holds(settings, holder, venue) for venue in _venues(settings)):
            at = f" at {holder.venue}" if holder.venue else ""
            message = f"$.option_holders[{place}].underlying: there is no option on {holder.underlying!r}{at}"
            raise ScenarioError(message)


def _check_place(settings: ScenarioSettings, one: _Table, where: str) -> None:
    names = [venue.name for venue in settings.venues]
    if one.venue is not None and one.venue not in names:
        known = f"choose from {', '.join(names)}" if names else "the run has one venue; leave the key out"
        message = f"{where}.venue: there is no venue {one.venue!r}; {known}"
        raise ScenarioError(message)
    listed = {name for venue in _venues(settings) if one.venue in (None, venue) for name in _listed(settings, venue)}
    if one.underlying is not None and one.underlying not in listed:
        at = f" at {one.venue}" if one.venue else ""
        message = f"{where}.underlying: there is no instrument {one.underlying!r}{at}; choose from "
        raise ScenarioError(message + ", ".join(i.name for i in settings.instruments if i.name in listed))


def check_redrawn(chains: Chains, last_ns: int) -> None:
    """Refuse a surface that is drawn when no price comes any more. Raises ScenarioError."""
    if chains.redrawn and chains.redrawn[-1][0] > last_ns:
        at = format_time_ns(chains.redrawn[-1][0])
        last = format_time_ns(last_ns)
        message = f"$.volatility: a surface is drawn at {at}, after the last price, {last}; let it hold from earlier on"
        raise ScenarioError(message)


def option_rules(settings: ScenarioSettings, venue: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a venue's slot of options: what is stated, then what its rules say, where it lists any."""
    rules = next((one.rulebook for one in settings.venues if one.name == venue), settings.venue)
    return {"policy": _POLICY, **VENUES.get(rules, {}), **stated} if _optioned(settings, venue) else dict(stated)


def open_options(
    settings: ScenarioSettings,
    instruments: Sequence[InstrumentListed],
    prices_ticks: Mapping[str, int],
    assets: Sequence[AssetListed],
    producers: Iterable[Producer],
    start_ns: int,
) -> tuple[Chains, tuple[OpeningAccount, ...]]:
    """What each venue lists, and who holds it, at the opening prices of the instruments. Raises ScenarioError."""
    labels = {one.name: underlying_of(one) for one in settings.instruments}
    kept = {one.handler: one.parameters for one in producers if one.slot == SLOT}
    listed, accounts = Chains(), list[OpeningAccount]()
    for venue in _venues(settings):
        own = {plain(one.name): one for one in instruments if not settings.venues or one.venue == venue}
        underlyings = [Underlying(one, prices_ticks[name], labels[name]) for name, one in own.items()]
        optioned = _optioned(settings, venue)
        chains = list_chains(
            _stated_at(settings.options, venue, optioned),
            _own_first(_stated_at(settings.volatility, venue, optioned)),
            underlyings,
            assets,
            start_ns,
            len(instruments) + len(listed.listings),
        )
        rules = msgspec.convert(kept.get(at_venue(SLOT, venue), {}), OptionsParameters)
        holders = [one for one in settings.option_holders if _holds(settings, one, venue)]
        accounts += open_books(holders, chains, underlyings, rules, start_ns, settings.seed)
        listed = listed.with_those_of(chains)
    return listed, tuple(accounts)


def _venues(settings: ScenarioSettings) -> list[str]:
    return [one.name for one in settings.venues] or [""]


def _listed(settings: ScenarioSettings, venue: str) -> Sequence[str]:
    """What a venue lists, by the names of the scenario."""
    own = next((one.instruments for one in settings.venues if one.name == venue), None)
    return [one.name for one in settings.instruments] if own is None else own


def _optioned(settings: ScenarioSettings, venue: str) -> set[str]:
    """The instruments that a venue lists options on."""
    return {one.underlying for _, one in _stated_at(settings.options, venue, _listed(settings, venue))}


def _holds(settings: ScenarioSettings, holder: HoldersSettings, venue: str) -> bool:
    """Whether anybody of these has an account at a venue: it lists an option of theirs."""
    optioned = _optioned(settings, venue)
    return bool(optioned) and holder.venue in (None, venue) and holder.underlying in (None, *optioned)


def _own_first(surfaces: Sequence[tuple[int, SurfaceSettings]]) -> list[tuple[int, SurfaceSettings]]:
    """Without those for all venues where one of this venue alone is stated of the same underlying."""
    own = {one.underlying for _, one in surfaces if one.venue is not None}
    return [(place, one) for place, one in surfaces if one.venue is not None or one.underlying not in own]


def _stated_at(tables: Sequence[_T], venue: str, underlyings: Collection[str]) -> list[tuple[int, _T]]:
    """The tables that hold at a venue, of options on these, each with its place."""
    among = (None, *underlyings)
    return [(n, one) for n, one in enumerate(tables) if one.venue in (None, venue) and one.underlying in among]
