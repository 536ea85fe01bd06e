"""The rulebooks that come with the package, as trees of slots."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from ..events.errors import ScenarioError
from .toml_tree import parse_toml, with_durations

__all__ = ["bundled_venues", "rulebook", "slot_table"]


def bundled_venues() -> list[str]:
    """The rulebooks that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _venues().iterdir() if entry.name.endswith(".toml"))


def _venues() -> Traversable:
    return resources.files(f"{(__package__ or '').rpartition('.')[0]}.handlers.venues")


def rulebook(venue: object) -> dict[str, Any]:
    """A venue's rulebook. Raises ScenarioError where there is none of that name."""
    known = bundled_venues()
    if venue not in known:
        message = f"$.venue: there is no rulebook {venue!r}; choose from {', '.join(known)}"
        raise ScenarioError(message)
    text = _venues().joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    tree: dict[str, Any] = with_durations(parse_toml(text, f"{venue}.toml"), "$")
    return tree


def slot_table(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario's keys over the rulebook's; another policy takes nothing of the rulebook's figures."""
    if "policy" in own and own["policy"] != defaults.get("policy"):
        return dict(own)
    return {**defaults, **own}
