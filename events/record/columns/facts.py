"""What the columns keep of a page, taken while its events are at hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter
from typing import Any, NamedTuple

from ...bodies.run import RunForked
from ...envelope import Event
from ...vocabulary import ACCOUNT_FIELDS, FORCED_TYPES, PUBLIC_TYPES, Body, accounts_forced

__all__ = ["PageFacts", "facts_of"]

_GETTERS = {kind: [attrgetter(name) for name in names] for kind, names in ACCOUNT_FIELDS.items()}


class PageFacts(NamedTuple):
    """One page: how far each event is from its cause (0 without one), its root, the accounts that its events name.

    `forced` are those of whom something was forced, `forks` its `RunForked` events.
    """

    first_seq: int
    distances: list[int]
    root: bytes
    accounts: AbstractSet[int]
    forced: AbstractSet[int]
    forks: Sequence[int] = ()

    @property
    def stop_seq(self) -> int:
        """The seq of the event after the last."""
        return self.first_seq + len(self.distances)


def facts_of(events: Sequence[Event], root: bytes, kinds: AbstractSet[type[Body]]) -> PageFacts:
    """What the columns keep of a page of which the root and the types of its bodies are known.

    Cost: about 20 ns an event, 60 ns more in a page that names accounts.
    """
    distances = [0 if event.cause is None else event.seq - event.cause for event in events]
    accounts = frozenset[int]() if kinds <= PUBLIC_TYPES else _accounts_in(events)
    forced = frozenset[int]() if kinds.isdisjoint(FORCED_TYPES) else _forced_in(events)
    forks = [event.seq for event in events if type(event.body) is RunForked] if RunForked in kinds else ()
    return PageFacts(events[0].seq, distances, root, accounts, forced, forks)


def _accounts_in(events: Sequence[Event]) -> AbstractSet[int]:
    """The accounts that these events name. Sorted by type first, so that each field is read in one go."""
    bodies = defaultdict[type[Body], list[Body]](list)
    for event in events:
        body = event.body
        bodies[type(body)].append(body)
    accounts = set[Any]()
    for kind, alike in bodies.items():
        for getter in _GETTERS.get(kind, ()):
            accounts.update(map(getter, alike))
    accounts.discard(None)
    return accounts


def _forced_in(events: Sequence[Event]) -> AbstractSet[int]:
    """The accounts of whom something was forced in these events."""
    bodies = [event.body for event in events if type(event.body) in FORCED_TYPES]
    return frozenset(account for body in bodies for account in accounts_forced(body))
