"""Any event in words: the short phrase that its type declares, to stand after its number and time."""

from __future__ import annotations

from ...events.vocabulary import Body
from .names import Names

__all__ = ["words"]


def words(body: Body, names: Names) -> str:
    """What an event says, in words."""
    return body.says(names)
