"""Rulebooks as trees of slots: those that come with the package, and a file of one's own.

1. A rulebook's tables are the defaults; the scenario's own keys override them.
2. A table that names another policy takes nothing of the rulebook's figures but the order of the liquidations, and what
   there is an insurance fund for, which are the venue's whatever the policy.
3. `--set venue=NAME` on a scenario that was written for another venue: a slot whose policy thereby becomes another
   takes nothing of the file's figures either, as they were that policy's. Latencies and the funds' balances stay.
4. A rulebook's `alternatives.SLOT.POLICY` are the venue's figures for a policy that it does not choose itself; a table
   that names that policy takes them. They are no part of the rulebook as it is recorded: what a run took is recorded
   as the policy's parameters.
5. What a rulebook says of collateral (`OF_SEVERAL_ASSETS`) is for runs of several assets, and of its figures for single
   assets those count that the scenario lists. A table of figures by name is one by one the scenario's over the
   rulebook's.
6. A file of one's own is named by its path, which ends in `.toml`. A run knows it by its plain name, which no bundled
   one has, and by the hash of what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..events.errors import ScenarioError
from ..handlers.registry import SLOTS
from .reading.files import find_data_file
from .toml_tree import parse_toml, read_toml, with_durations

__all__ = [
    "OF_SEVERAL_ASSETS",
    "alternatives",
    "bundled_venues",
    "each_rulebook",
    "for_assets",
    "moved_to_venue",
    "plain_venue",
    "rulebook",
    "slot_table",
    "venues_with_positions",
    "with_rulebooks_found",
]

_FILE = ".toml"

_KEPT = ("balance", "balances", "pools", "latency_ns")
"""Keys of a slot's table that are no policy's figures."""

OF_SEVERAL_ASSETS = ("oracle", "collateral")
"""Slots that a rulebook fills only where a run has several assets."""

_ALTERNATIVES = "alternatives"

_OF_THE_SLOT = ("order", "per")
"""Keys of a rulebook's table that hold for every policy in its slot."""


def bundled_venues() -> list[str]:
    """The rulebooks that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _venues().iterdir() if entry.name.endswith(".toml"))


def venues_with_positions() -> list[str]:
    """The bundled rulebooks of venues that hold positions: on chain nobody is deleveraged, and no rule says who."""
    return [venue for venue in bundled_venues() if "adl" in rulebook(venue)]


def _venues() -> Traversable:
    return resources.files(f"{(__package__ or '').rpartition('.')[0]}.handlers.venues")


def rulebook(venue: object, where: str = "$.venue") -> dict[str, Any]:
    """A venue's rulebook, by name or path. Raises ScenarioError with the path `where` if there is none of that name."""
    return {slot: table for slot, table in _whole(venue, where).items() if slot != _ALTERNATIVES}


def for_assets(tree: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A rulebook as it holds for a run of these assets."""
    if len(names) == 1:
        return {slot: table for slot, table in tree.items() if slot not in OF_SEVERAL_ASSETS}
    of_assets = {slot: _listed(table, names) for slot, table in tree.items() if slot in OF_SEVERAL_ASSETS}
    return {**tree, **of_assets}


def _listed(table: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        key: {name: value[name] for name in value if name in names} if isinstance(value, dict) else value
        for key, value in table.items()
    }


def alternatives(venue: object, slot: str) -> dict[str, Any]:
    """A venue's figures for policies of a slot that it does not choose itself, by policy."""
    found: dict[str, Any] = _whole(venue).get(_ALTERNATIVES, {}).get(slot, {})
    return found


def _whole(venue: object, where: str = "$.venue") -> dict[str, Any]:
    if _is_file(venue):
        return _own(find_data_file(str(venue), where))
    known = bundled_venues()
    if venue not in known:
        message = (
            f"{where}: there is no rulebook {venue!r}; choose from {', '.join(known)}, or give a .toml file's path"
        )
        raise ScenarioError(message)
    text = _venues().joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    tree: dict[str, Any] = with_durations(parse_toml(text, f"{venue}.toml"), "$")
    return tree


def _own(path: Path) -> dict[str, Any]:
    """A file's tables, each of which fills a slot. Raises ScenarioError with the file and the key."""
    tree: dict[str, Any] = with_durations(read_toml(path), path.name)
    for key, table in tree.items():
        if (key != _ALTERNATIVES and key not in SLOTS) or not isinstance(table, dict):
            message = f"{path}: {key!r} is no table of a slot; choose from {', '.join((*SLOTS, _ALTERNATIVES))}"
            raise ScenarioError(message)
    return tree


def _is_file(venue: object) -> bool:
    return isinstance(venue, str) and venue.endswith(_FILE)


def _found_in(venue: Any, where: str, folder: Path | None) -> Any:
    """The venue, a file by the path at which it is found. Raises ScenarioError."""
    return str(find_data_file(venue, where, folder)) if _is_file(venue) else venue


def with_rulebooks_found(tree: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """A scenario's tree with files by the paths at which they are found, from here or from the scenario's `folder`.

    Raises ScenarioError for a file that is not there.
    """
    return each_rulebook(tree, lambda venue, where: _found_in(venue, where, folder))


def each_rulebook(tree: Mapping[str, Any], told: Callable[[Any, str], Any]) -> dict[str, Any]:
    """A scenario's tree with each rulebook that it names, the venues' included, as `told` of it and its path."""
    found = {**tree, "venue": told(tree["venue"], "$.venue")} if "venue" in tree else dict(tree)
    if isinstance(venues := tree.get("venues"), list):
        found["venues"] = [_at_a_venue(one, f"$.venues[{place}].rulebook", told) for place, one in enumerate(venues)]
    return found


def _at_a_venue(venue: Any, where: str, told: Callable[[Any, str], Any]) -> Any:
    named = isinstance(venue, dict) and "rulebook" in venue
    return {**venue, "rulebook": told(venue["rulebook"], where)} if named else venue


def plain_venue(venue: str) -> str:
    """The name that a run has for it: a file's without its folder."""
    return Path(venue).name if _is_file(venue) else venue


def slot_table(
    defaults: Mapping[str, Any], own: Mapping[str, Any], others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The scenario's keys over the rulebook's; another policy takes none of the rulebook's figures for the first.

    It takes those that the venue has for it among `others`, if any.
    """
    if "policy" in own and own["policy"] != defaults.get("policy"):
        figures = (others or {}).get(own["policy"], {}) if isinstance(own["policy"], str) else {}
        return {**{key: defaults[key] for key in _OF_THE_SLOT if key in defaults}, **figures, **own}
    return {**defaults, **own, **{key: {**defaults[key], **own[key]} for key in own if _by_name(key, defaults, own)}}


def _by_name(key: str, defaults: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return isinstance(own[key], dict) and isinstance(defaults.get(key), dict)


def moved_to_venue(tree: Mapping[str, Any], overrides: Iterable[str], folder: Path | None = None) -> dict[str, Any]:
    """The file's tree without the figures that lose their policy as an override puts another venue in place."""
    venues = [override.partition("=")[2].strip(" \"'") for override in overrides if override.startswith("venue=")]
    before = tree.get("venue", "generic")
    if not venues or venues[-1] == before:
        return dict(tree)
    old, new = (rulebook(_found_in(venue, "$.venue", folder)) for venue in (before, venues[-1]))
    return {key: _moved(table, old.get(key), new.get(key)) for key, table in tree.items()}


def _moved(own: Any, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Any:
    """A slot's own table, whole where it names its policy or both rulebooks have the same one."""
    if not isinstance(own, dict) or old is None or new is None:
        return own
    if "policy" in own or old.get("policy") == new.get("policy"):
        return own
    return {key: value for key, value in own.items() if key in _KEPT}
