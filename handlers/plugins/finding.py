"""Finding a plug-in by what a scenario, a `--set` or a record calls it, and taking its class in."""

from __future__ import annotations

from pathlib import Path

from ...events.errors import ScenarioError
from ..choice import Choice
from .files import FOLDERS_VARIABLE, file_named, find_file
from .found import Found, digest_in, version_with
from .modules import find_entry_point, find_module
from .shape import choice_of

__all__ = ["find", "how_to_install", "taken_in", "version_now"]


def find(slot: str, policy: str, folder: Path | None = None, version: str = "") -> Found | None:
    """The plug-in that a text names, with the content of the recorded `version` if that is at hand; None: none.

    Raises ScenarioError where two distributions offer one of that name. Nothing of the plug-in is executed, but for
    the packages that its module is in.
    """
    path = file_named(policy)
    if path is not None:
        return find_file(policy, path, folder, digest_in(version))
    return find_module(policy) if ":" in policy else find_entry_point(slot, policy)


def taken_in(slot: str, found: Found) -> Choice:
    """The plug-in as a choice for a slot. Raises ScenarioError naming the class and what is wrong with it."""
    try:
        kind = found.load()
    except AttributeError as error:
        message = f"plug-in {found.name}: {error}; name a class that is in {found.origin}"
        raise ScenarioError(message) from error
    except (Exception, SystemExit) as error:
        message = f"plug-in {found.name} ({found.origin}) could not be loaded: {type(error).__name__}: {error}"
        raise ScenarioError(message) from error
    return choice_of(slot, found, kind)


def version_now(found: Found, recorded: str) -> str:
    """The version of what was found, told by its content: one that was changed is not executed to learn it."""
    return version_with(recorded.partition("+")[0], found.digest)


def how_to_install(policy: str) -> str:
    """What to do about a plug-in that a record names and that is not there."""
    path = file_named(policy)
    if path is None:
        return "install what the record was made with"
    return f"put {Path(path).name} into the working directory or a folder of ${FOLDERS_VARIABLE}"
