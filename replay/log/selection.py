"""Choosing events of a record, and an event as plain data: a line of `log --json`. Its names are stable.

1. A line has `seq, at_ns, origin, cause, producer, type, links` and then the fields of the event's body under their own
   names.
2. Bytes are hex; structs inside a body (tiers, tallies, provenance) are objects with the names of their fields.
3. Reading is by block and lazy: nothing before `first_seq` is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.vocabulary import TYPES_BY_NAME, Body
from ..directory import nearest
from ..run import Run

__all__ = ["Selection", "event_fields", "plain_value", "select", "types_named"]


class Selection(msgspec.Struct, frozen=True):
    """Events from `first_seq` up to but without `stop_seq`: all, or those of some types, or that name an account."""

    first_seq: int = 0
    stop_seq: int | None = None
    types: frozenset[type[Body]] = frozenset()
    account: int | None = None


def types_named(names: Iterable[str | type[Body]]) -> frozenset[type[Body]]:
    """The event types of those names; a type stands for itself. Raises QueryError with the nearest names."""
    found = set()
    for name in names:
        if isinstance(name, str) and name not in TYPES_BY_NAME:
            message = f"there is no event type {name!r}{nearest(name, TYPES_BY_NAME)}"
            raise QueryError(message)
        found.add(TYPES_BY_NAME[name] if isinstance(name, str) else name)
    return frozenset(found)


def select(run: Run, selection: Selection) -> Iterator[Event]:
    """The events chosen, in their order."""
    types, account, span = selection.types, selection.account, (selection.first_seq, selection.stop_seq)
    events = run.events(*span) if account is None else run.events_naming(account, *span)
    return (event for event in events if type(event.body) in types) if types else events


def event_fields(event: Event) -> dict[str, Any]:
    """An event as plain data."""
    body = event.body
    fields: dict[str, Any] = {
        "seq": event.seq,
        "at_ns": event.at_ns,
        "origin": event.origin.name.lower(),
        "cause": event.cause,
        "producer": event.producer,
        "type": type(body).__name__,
        "links": event.links,
    }
    for name in body.__struct_fields__:
        fields[name] = plain_value(getattr(body, name))
    return fields


def plain_value(value: Any) -> Any:
    """A value of a body as plain data, with bytes as hex and structs as objects."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: plain_value(getattr(value, name)) for name in value.__struct_fields__}
    return value
