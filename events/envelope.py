"""The envelope that every event travels in.

Rules:
1. `seq` counts from 0 without gaps and is the only order there is.
2. `at_ns` never runs backwards.
3. An event is never changed: it is frozen, and its body is.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec

from .vocabulary import Body

__all__ = ["DecidedRow", "Event", "Origin"]


class Origin(IntEnum):
    """Where an event comes from."""

    INPUT = 0
    """A fact from outside: a price, a deposit."""
    DECIDED = 1
    """A handler's decision; it has a cause and a producer."""
    IMPORTED = 2
    """A venue's own decision, taken in from its files."""
    INFERRED = 3
    """Concluded by an importer, never mixed up with what was imported."""


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One immutable fact and where it stands in the record.

    `links` are further events that contributed (the fill behind an impact, the call before a liquidation); `producer`
    is an index into the producers that `RunStarted` declares, None for inputs and for the run's own events.
    """

    seq: int
    at_ns: int
    origin: Origin
    cause: int | None
    links: tuple[int, ...]
    producer: int | None
    body: Body


class DecidedRow(list[Event]):
    """Events of one type, decided one after the other by one handler; what many ask of them is worked out once.

    It is not changed once it is made.
    """

    @cached_property
    def bodies(self) -> list[Any]:
        """Their bodies."""
        return [event.body for event in self]

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        return {}

    @cached_property
    def _values(self) -> dict[str, frozenset[Any]]:
        return {}

    def column(self, field: str) -> list[Any]:
        """A field of each body."""
        found = self._columns.get(field)
        if found is None:
            found = self._columns[field] = list(map(attrgetter(field), self.bodies))
        return found

    def values(self, field: str) -> frozenset[Any]:
        """What there is in a field of theirs."""
        found = self._values.get(field)
        if found is None:
            found = self._values[field] = frozenset(self.column(field))
        return found
