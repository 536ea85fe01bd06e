"""Choosing events of a record, and an event as plain data: a line of `log --json`. Its names are stable.

1. A line has `seq, at_ns, origin, cause, producer, type, links` and then the fields of the event's body under their own
   names; with a directory `at` is the time as text, and `values` has what the numbers stand for.
2. Bytes are hex; structs inside a body (tiers, tallies, provenance) are objects with the names of their fields.
3. Reading is by block and lazy: nothing before `first_seq` is decoded but what declares names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.kinds import kinds_of
from ...events.vocabulary import BODY_TYPES, TYPES_BY_NAME, Body
from ...sim.quantities import quantity_of
from ...sim.units import format_time_ns
from ..directory import Directory, nearest
from ..run import Run

__all__ = [
    "Selection",
    "columns_named",
    "event_fields",
    "picked",
    "plain_value",
    "select",
    "told_fields",
    "types_named",
]


_ENVELOPE = ("seq", "at_ns", "origin", "cause", "producer", "type", "links")


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


def told_fields(event: Event, directory: Directory) -> dict[str, Any]:
    """The same with the time as text, and what the fields of the body stand for.

    In `values` a name stands for the number of an account, an instrument or an asset, and a plain decimal, as text, for
    an amount, a price, a size or a rate: in the unit of that asset or instrument, a rate in percent. What is empty, or
    was never declared, is not in it.
    """
    values = {}
    for field, kind in _KINDS[type(event.body)]:
        value = getattr(event.body, field)
        if kind.name in _NAMED:
            if (name := _NAMED[kind.name](directory, value)) is not None:
                values[field] = name
        elif (quantity := quantity_of(event.body, field, directory)) is not None:
            values[field] = quantity.value
    return {**event_fields(event), "at": format_time_ns(event.at_ns), "values": values}


def columns_named(text: str, types: Iterable[type[Body]] = ()) -> list[str]:
    """The columns of a text such as "seq,at,account". Raises QueryError for one that no event of these types has."""
    names = [name.strip() for name in text.split(",")]
    own = dict.fromkeys(field for body_type in types or BODY_TYPES for field in body_type.__struct_fields__)
    known = (*_ENVELOPE, "at", *own)
    for name in names:
        if name not in known:
            instead = nearest(name, known) or f"; there are {', '.join(_ENVELOPE)}, at and the fields of the events"
            message = f"there is no column {name!r}{instead}"
            raise QueryError(message)
    return names


def picked(told: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Of what `told_fields` gives only these: what a number stands for where that is known, else as it is."""
    values = told["values"]
    return {name: values[name] if name in values else told.get(name) for name in names}


def _account(directory: Directory, number: int) -> str | None:
    return directory.accounts[number].name if number in directory.accounts else None


def _instrument(directory: Directory, number: int) -> str | None:
    listing = directory.instrument_listed(number)
    return None if listing is None else listing.name


def _asset(directory: Directory, number: int) -> str | None:
    asset = directory.asset_listed(number)
    return None if asset is None else asset.name


_NAMED = {"account": _account, "instrument": _instrument, "asset": _asset}
"""What a number stands for, by its kind."""

_KINDS = {
    body_type: [
        (field, kind)
        for field, kind in kinds_of(body_type).items()
        if kind is not None and (kind.name in (*_NAMED, "amount", "price", "size", "rate"))
    ]
    for body_type in BODY_TYPES
}
"""The fields of each body that stand for something."""


def plain_value(value: Any) -> Any:
    """A value of a body as plain data, with bytes as hex and structs as objects."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: plain_value(getattr(value, name)) for name in value.__struct_fields__}
    return value
