"""Actors: accounts that begin with money and no position, and whether those who act in a living market fit together.

A slot may need another's price, somebody who takes its orders, or a group of accounts with capital.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..events.bodies.listing import AssetListed
from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue
from ..handlers.living.index import INDEX_OF, OUTSIDE_VALUE, OWN_BOOK
from .conversions import numeraires
from .populations.base import OpeningAccount
from .populations.csv_file import CsvPopulationSettings
from .settings import ActorSettings, ScenarioSettings
from .toml_tree import at_path
from .units import to_atoms
from .venues import slot_path

__all__ = ["check_living", "open_actors"]

_NEEDS_PRICE = ("makers", "crowd", "strategist", "dealers", "actor", "orders", "index", "arbitrage", "hedgers")
_NEEDS_ORDERS = ("crowd", "strategist", "dealers", "actor", "arbitrage", "hedgers")
_OF_A_GROUP = ("makers", "strategist", "dealers", "actor", "arbitrage", "hedgers", "keepers")
_NEEDS_BLOCKS = ("borrowers", "keepers")
_MARKS = {"book": "impact", "constituents": "index"}
"""What makes the price that a mark follows."""


def open_actors(settings: Sequence[ActorSettings], assets: Sequence[AssetListed]) -> Iterator[OpeningAccount]:
    """The accounts of all actors, in the order of the scenario, at every venue. Raises ScenarioError."""
    for place, actor in enumerate(settings):
        for asset in numeraires(assets):
            atoms = at_path(f"$.actors[{place}].balance", to_atoms, Decimal(actor.balance), asset.decimals)
            for number in range(1, actor.accounts + 1):
                name = at_venue(f"{actor.name}-{number}", asset.venue)
                yield OpeningAccount(name, "cross", None, atoms, (), 0, asset.asset)


def check_living(settings: ScenarioSettings, producers: Iterable[Producer]) -> None:
    """Refuse what could not act, naming the key and what is missing. Raises ScenarioError."""
    filled: dict[str, dict[str, Producer]] = {}
    for producer in producers:
        filled.setdefault(producer.venue, {})[producer.slot] = producer
    over_all = filled.pop("", {}) if settings.venues else {}
    if "hedgers" in filled.get("", {}):
        message = "$.hedgers.policy: a hedge has a leg on each of two venues, and there is one; list [[venues]]"
        raise ScenarioError(message)
    for venue, slots in filled.items():
        _check_slots(venue, {**over_all, **slots})
        for slot in _OF_A_GROUP:
            _check_group(settings, {**over_all, **slots}.get(slot))
        _check_traded(settings, slots.get("strategist"))
        _check_chain(settings, slots)
    _check_indices(settings, {venue: slots["index"] for venue, slots in filled.items() if "index" in slots})


def _check_slots(venue: str, slots: Mapping[str, Producer]) -> None:
    at = f" at {venue}" if venue else ""
    mark = slots["mark"].policy
    needed = _MARKS.get(mark)
    if needed is not None and needed not in slots:
        message = f"$.mark.policy: {mark!r}{at} follows a price that nothing makes; set {needed}.policy as well"
        raise ScenarioError(message)
    for slot in _NEEDS_PRICE:
        if slot in slots and "impact" not in slots:
            message = f"$.{slot}.policy: it needs a price that trades make{at}; set impact.policy as well"
            raise ScenarioError(message)
    bridge = slots.get("bridge")
    if bridge is not None and "delay_ns" not in bridge.parameters:
        message = f"$.bridge.policy: {bridge.policy} has no parameter delay_ns, which says when money arrives; add it"
        raise ScenarioError(message)
    if "orders" not in slots and (who := next((slot for slot in _NEEDS_ORDERS if slot in slots), None)):
        message = f"$.{who}.policy: nobody takes its orders{at}; set orders.policy as well"
        raise ScenarioError(message)


def _check_group(settings: ScenarioSettings, producer: Producer | None) -> None:
    group = None if producer is None else producer.parameters.get("group")
    known = {actor.name for actor in settings.actors} | {holders.name for holders in settings.option_holders}
    if producer is None or group is None or group in known or isinstance(settings.population, CsvPopulationSettings):
        return
    listed = ", ".join(sorted(known)) or "none"
    message = (
        f"$.{producer.slot}.group: an actor without capital cannot act, and there is no actor {group!r}; "
        f"add [[actors]] with that name and a balance (there: {listed})"
    )
    raise ScenarioError(message)


def _check_chain(settings: ScenarioSettings, slots: Mapping[str, Producer]) -> None:
    """Who acts with blocks needs a chain, a lending protocol the accounts of those who lend and bear losses."""
    for slot in _NEEDS_BLOCKS:
        if slot in slots and "chain" not in slots:
            message = f"$.{slot}.policy: it acts with each block, and there are none; set chain.policy as well"
            raise ScenarioError(message)
    lending, known = slots.get("lending"), {actor.name for actor in settings.actors}
    if lending is None or isinstance(settings.population, CsvPopulationSettings):
        return
    needed = [("pool", lending.parameters.get("pool"))]
    needed += [("backstops", one.get("group")) for one in lending.parameters.get("backstops", ())]
    for key, group in needed:
        if group is not None and group not in known:
            listed = ", ".join(sorted(known)) or "none"
            message = f"$.lending.{key}: there is no actor {group!r}; add [[actors]] with that name (there: {listed})"
            raise ScenarioError(message)


def _check_traded(settings: ScenarioSettings, strategist: Producer | None) -> None:
    traded = None if strategist is None else strategist.parameters.get("instrument")
    names = [instrument.name for instrument in settings.instruments]
    if traded and traded not in names:
        message = f"$.strategist.instrument: there is no instrument {traded!r}; choose from {', '.join(names)}"
        raise ScenarioError(message)


def _check_indices(settings: ScenarioSettings, indices: Mapping[str, Producer]) -> None:
    """Each constituent is there, and no index hangs on itself."""
    venues = [venue.name for venue in settings.venues]
    hangs_on: dict[str, list[str]] = {}
    for venue, producer in indices.items():
        weights: dict[str, Any] = producer.parameters.get("weights", {})  # a plug-in has settings of its own
        for name in weights:
            place = name.removesuffix(INDEX_OF)
            if place not in (OUTSIDE_VALUE, OWN_BOOK, *venues) or (name != place and place not in indices):
                known = ", ".join((OUTSIDE_VALUE, OWN_BOOK, *venues))
                where = slot_path(settings, "index", venue)
                message = f"{where}.weights: {name!r} is no venue, nor a venue's index; choose from {known}"
                raise ScenarioError(message)
            if name != place:
                hangs_on.setdefault(venue, []).append(place)
    for venue in hangs_on:
        cycle = list(_cycle(venue, hangs_on))
        if cycle:
            where, way = slot_path(settings, "index", venue), " -> ".join(cycle)
            message = f"{where}.weights: a cycle of indices, {way}; let one of them follow books only"
            raise ScenarioError(message)


def _cycle(venue: str, hangs_on: Mapping[str, list[str]], behind: tuple[str, ...] = ()) -> Iterator[str]:
    """The way from a venue's index back to itself; nothing where there is none."""
    if venue in behind:
        yield from (*behind[behind.index(venue) :], venue)
        return
    for other in hangs_on.get(venue, ()):
        found = list(_cycle(other, hangs_on, (*behind, venue)))
        if found:
            yield from found
            return
