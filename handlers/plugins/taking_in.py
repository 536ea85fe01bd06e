"""Taking the class of a plug-in in, as a choice for a slot."""

from __future__ import annotations

from ...events.errors import ScenarioError
from ..choice import Choice
from .complaints import own_line
from .found import Found, classes_told
from .shape import choice_of

__all__ = ["taken_in"]


def taken_in(slot: str, found: Found) -> Choice:
    """The plug-in as a choice for a slot. Raises ScenarioError naming the class and what is wrong with it."""
    try:
        kind = found.load()
    except (Exception, SystemExit) as error:
        where = own_line(error)
        what = f"could not be loaded: {type(error).__name__}: {error}{where}"
        if isinstance(error, AttributeError) and not where:
            what = f"there is no class {error.name}; {classes_told(found.source)}"
        message = f"plug-in {found.name} ({found.origin}): {what}"
        raise ScenarioError(message) from error
    return choice_of(slot, found, kind)
