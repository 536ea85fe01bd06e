"""A scenario's plug-ins for its inputs: where they are named, how they stand among the producers, and their instances.

A table of prices, depth or a population names one as its `source`; the other keys of the table are its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from ..events.bodies.run import Producer
from ..events.venue_names import at_venue
from ..handlers.plugins.at_hand import Plugins
from ..handlers.plugins.folders import Folders
from ..handlers.plugins.rooms import INPUT_ROOMS
from ..handlers.registry import Amounts, producer_of, provider_of
from .populations.registry import PopulationSettings
from .settings import ScenarioSettings
from .sources.own import Own, OwnSettings
from .sources.registry import DepthSettings, PriceSettings
from .toml_tree import apply_override

__all__ = ["own_in", "own_named", "own_producers", "parameters_in", "with_plugins_named"]

_BUILTIN = {
    room: {kind.__struct_config__.tag for kind in get_args(kinds)}
    for room, kinds in (("prices", PriceSettings), ("depth", DepthSettings), ("population", PopulationSettings))
}


def with_plugins_named(tree: dict[str, Any], plugins: Plugins, folder: Path | None) -> dict[str, Any]:
    """A scenario's tree with each table whose source is no builtin one, but a plug-in, as `OwnSettings` has it.

    Raises ScenarioError for a file that is named without its class.
    """

    def named(room: str, table: Any) -> Any:
        source = table.get("source") if isinstance(table, dict) else None
        if not isinstance(source, str) or source in _BUILTIN[room]:
            return table
        if ":" not in source and plugins.named(room, source, folder) is None:
            return table  # the schema says what there is
        parameters = {key: value for key, value in table.items() if key != "source"}
        return {"source": "plugin", "plugin": source, "parameters": parameters}

    found = {key: named(key, value) if key in INPUT_ROOMS else value for key, value in tree.items()}
    if isinstance(venues := tree.get("venues"), list):
        found["venues"] = [_at_a_venue(one, named) for one in venues]
    return found


def _at_a_venue(venue: Any, named: Any) -> Any:
    has_own = isinstance(venue, dict) and "population" in venue
    return {**venue, "population": named("population", venue["population"])} if has_own else venue


def own_producers(
    settings: ScenarioSettings, plugins: Plugins, folder: Path | None, amounts: Amounts
) -> Iterator[Producer]:
    """The plug-ins of the rooms as producers. Raises ScenarioError for one that cannot be taken in."""
    for name, where, table in _tables(settings):
        if isinstance(table, OwnSettings):
            given = {**table.parameters, "policy": table.plugin}
            producer = producer_of(name, given, where, plugins, folder, amounts)
            assert producer is not None, "a room that is filled is not empty"
            yield producer


def _tables(settings: ScenarioSettings) -> Iterator[tuple[str, str, object]]:
    """Each room, where its table stands, and that; a population for each venue where there are several."""
    yield "prices", "$.prices", settings.prices
    yield "depth", "$.depth", settings.depth
    if not settings.venues:
        yield "population", "$.population", settings.population
    for place, venue in enumerate(settings.venues):
        where = "$.population" if venue.population is None else f"$.venues[{place}].population"
        yield at_venue("population", venue.name), where, venue.population or settings.population


def own_in(producers: Iterable[Producer], plugins: Plugins) -> Mapping[str, Own]:
    """The instances of the rooms' plug-ins, by room. Raises ScenarioError for one that cannot be made."""
    return {one.handler: Own(one, provider_of(one, plugins)) for one in producers if one.slot in INPUT_ROOMS}


def own_named(room: str, named: str, parameters: Mapping[str, Any], folders: Folders = ()) -> Own:
    """The plug-in that somebody names for a room outside a scenario, made. Raises ScenarioError."""
    plugins = Plugins(folders)
    producer = producer_of(room, {**parameters, "policy": named}, room, plugins)
    assert producer is not None, "a room that is filled is not empty"
    return Own(producer, provider_of(producer, plugins))


def parameters_in(settings: Iterable[str]) -> dict[str, Any]:
    """Parameters given as `key=value`, each value as in TOML, or else text. Raises ScenarioError."""
    tree = dict[str, Any]()
    for setting in settings:
        apply_override(tree, setting)
    return tree
