"""The events of a run in chunks, each with an index of what its events set and whom they name.

It depends on no state, so one serves all questions of a run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache

from ..events.envelope import Event
from ..events.record import PAGE_EVENTS
from ..events.record.columns import instruments_set
from ..events.vocabulary import ACCOUNT_FIELDS, Body
from .run import Run

__all__ = ["CHUNK_EVENTS", "Chunk", "Chunks"]

CHUNK_EVENTS = PAGE_EVENTS
"""As many as are decoded at a time."""

_CHUNKS_KEPT = 768


class Chunk:
    """Some consecutive events by what they set and whom they name."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._setting = dict[type[Body], dict[int, list[Event]]]()

    def setting(self, kind: type[Body], instrument: int) -> list[Event]:
        """Those of a type in `SETTING_TYPES` that set something of an instrument."""
        found = self._setting.get(kind)
        if found is None:
            found = self._setting[kind] = defaultdict(list)
            for event in self._by_type.get(kind, ()):
                for number in instruments_set(kind, (event.body,)):
                    found[number].append(event)
        return found.get(instrument, [])

    @cached_property
    def _by_type(self) -> dict[type[Body], list[Event]]:
        found = defaultdict[type[Body], list[Event]](list)
        for event in self.events:
            found[type(event.body)].append(event)
        return found

    @cached_property
    def naming(self) -> dict[int, list[Event]]:
        """Those that name an account."""
        found = defaultdict[int, list[Event]](list)
        for event in self.events:
            body = event.body
            fields = ACCOUNT_FIELDS[type(body)]
            if fields:
                for account in {getattr(body, field) for field in fields}:
                    found[account].append(event)
        return found


class Chunks:
    """The chunks of a run, of which those used last are kept."""

    def __init__(self, run: Run, kept: int = _CHUNKS_KEPT) -> None:
        self._run = run
        self.chunk = lru_cache(kept)(self._read)
        self.places = lru_cache(None)(self._chunks_of)

    def _read(self, number: int) -> Chunk:
        return Chunk(list(self._run.events(number * CHUNK_EVENTS, (number + 1) * CHUNK_EVENTS)))

    def _chunks_of(self, kind: type[Body] | None, number: int) -> list[range]:
        """The chunks of each block that has an event of a type and an instrument, or without a type names an account.

        They rise, and a block begins with a chunk.
        """
        columns = self._run.columns
        spans = columns.spans_naming(number) if kind is None else columns.spans_setting(kind, number, self._run.count)
        return [range(first // CHUNK_EVENTS, -(-stop // CHUNK_EVENTS)) for first, stop in spans]
