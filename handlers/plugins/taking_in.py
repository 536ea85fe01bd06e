"""Taking the class of a plug-in in, as a choice for a slot."""

from __future__ import annotations

from ...events.errors import ScenarioError
from ..choice import Choice
from .found import Found
from .shape import choice_of

__all__ = ["taken_in"]


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
