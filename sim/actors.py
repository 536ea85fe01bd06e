"""Actors: accounts that begin with money and no position, for market makers, arbitrageurs and others with a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ..events.bodies.listing import AssetListed
from .populations.base import OpeningAccount
from .settings import ActorSettings
from .toml_tree import at_path
from .units import to_atoms

__all__ = ["open_actors"]


def open_actors(settings: Sequence[ActorSettings], assets: Sequence[AssetListed]) -> Iterator[OpeningAccount]:
    """The accounts of all actors, in the order of the scenario, at every venue. Raises ScenarioError."""
    for place, actor in enumerate(settings):
        for asset in assets:
            atoms = at_path(f"$.actors[{place}].balance", to_atoms, Decimal(actor.balance), asset.decimals)
            at = f"@{asset.venue}" if asset.venue else ""
            for number in range(1, actor.accounts + 1):
                yield OpeningAccount(f"{actor.name}-{number}{at}", "cross", None, atoms, (), 0, asset.asset)
