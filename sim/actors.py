"""Actors: accounts that begin with money and no position, for market makers, arbitrageurs and others with a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from .populations.base import OpeningAccount
from .settings import ActorSettings
from .toml_tree import at_path
from .units import to_atoms

__all__ = ["open_actors"]


def open_actors(settings: Sequence[ActorSettings], decimals: int) -> Iterator[OpeningAccount]:
    """The accounts of all actors, in the order of the scenario. Raises ScenarioError naming the amount."""
    for place, actor in enumerate(settings):
        atoms = at_path(f"$.actors[{place}].balance", to_atoms, Decimal(actor.balance), decimals)
        for number in range(1, actor.accounts + 1):
            yield OpeningAccount(f"{actor.name}-{number}", "cross", None, atoms, ())
