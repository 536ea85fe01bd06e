"""An event in one line for a person: number, time, type, its figures in real units, and `<-` what caused it.

    128060 2025-10-10T21:20:51Z PositionDeleveraged account=trader-8589 size=0.033 ... <- 128058

A field is shown by its kind, so a new event type needs nothing here. What is empty or has its default is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...events.envelope import Event
from ...events.kinds import FOR_GOOD_NS, Kind, kinds_of
from ...events.vocabulary import BODY_TYPES, Body
from ...sim.figures import SCORE_DECIMALS, duration, price, size
from ...sim.quantities import RATES, Quantity, Scales, quantity_of
from ...sim.units import atoms_to_text, format_time_ns
from ..directory import Directory
from .selection import picked, told_fields

__all__ = ["column_texts", "event_figures", "event_line", "figure_text"]

_DIGEST_SHOWN = 8


def event_line(event: Event, directory: Directory) -> str:
    """The line, with names from the directory."""
    cause = "" if event.cause is None else f" <- {event.cause}"
    told = f"{type(event.body).__name__} {event_figures(event, directory)}"
    return f"{event.seq} {format_time_ns(event.at_ns)} {told}{cause}"


def event_figures(event: Event, directory: Directory) -> str:
    """What stands in the line between the type and the cause."""
    return " ".join(_figures(event.body, directory))


def column_texts(event: Event, directory: Directory, names: Sequence[str]) -> list[str]:
    """The fields that are named; empty for what the event does not have."""
    return list(map(_cell, picked(told_fields(event, directory), names).values()))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def figure_text(body: Body, field: str, scales: Scales) -> str | None:
    """A number of an event in real units, by its kind; None for what is no figure, is empty or has no known scale."""
    kind, value = kinds_of(type(body))[field], getattr(body, field)
    if kind is None or type(value) is not int or kind.name not in _FIGURES:
        return None
    if kind.name in _PLAIN:
        return _PLAIN[kind.name](value)
    quantity = quantity_of(body, field, scales)
    return None if quantity is None else quantity.text


def _figures(body: Body, directory: Directory) -> Iterator[str]:
    """Each field of a body that says something, as `name=value` without the unit."""
    for field, kind, default in _FIELDS[type(body)]:
        value = getattr(body, field)
        if value is None or value in (default, ()):
            continue
        if kind is None:
            yield f"{field}={_structure(field, value)}"
        elif kind.name in _FIGURES and (told := figure_text(body, field, directory)) is not None:
            yield f"{field.removesuffix(f'_{kind.unit}')}={told}"
        elif kind.name in _SHORT and not kind.declares:
            yield f"{field}={_SHORT[kind.name](body, directory, value)}"
        else:
            yield f"{field}={value}"


def _structure(field: str, value: Any) -> str:
    """What is no number and stands for none."""
    if field in _STRUCTURES and not isinstance(value, str):
        return _STRUCTURES[field](value)
    return value.hex()[:_DIGEST_SHOWN] if isinstance(value, bytes) else _quoted(str(value))


def _quoted(text: str) -> str:
    """The text as one word: quoted where it has spaces or what cannot be printed, or is empty."""
    return text if text.isprintable() and text and " " not in text else repr(text)


def _account_name(_body: Body, directory: Directory, account: int) -> str:
    return _quoted(directory.account_name(account))


def _instrument_name(_body: Body, directory: Directory, instrument: int) -> str:
    listing = directory.instrument_listed(instrument)
    return f"instrument {instrument}" if listing is None else _quoted(listing.name)


def _asset_name(_body: Body, directory: Directory, number: int) -> str:
    asset = directory.asset_listed(number)
    return str(number) if asset is None else _quoted(asset.name)


def _prices(body: Body, directory: Directory, prices: tuple[tuple[int, int], ...]) -> str:
    """The prices of a tick, each with its instrument."""
    told = []
    for instrument, ticks in prices:
        listing, name = directory.instrument_listed(instrument), _instrument_name(body, directory, instrument)
        told.append(f"{name}:{ticks if listing is None else price(ticks, listing)}")
    return ",".join(told)


def _depth(body: Any, directory: Directory, bands: tuple[tuple[int, int], ...]) -> str:
    """How much there is in all, and how far away the last of it."""
    listing, (bps, lots) = directory.instrument_listed(body.instrument), bands[-1]
    return f"{f'{lots}lots' if listing is None else size(lots, listing)}@{Quantity(bps, RATES['bps']).text}"


def _provenance(_body: Body, _directory: Directory, origin: Any) -> str:
    return f"source {origin.source} row {origin.row}"


def _fields_of(body_type: type[Body]) -> list[tuple[str, Kind | None, Any]]:
    """Each field with its kind, and the value that need not be told: its default, and of a leg the net position's."""
    given = body_type.__struct_defaults__
    defaults = dict(zip(body_type.__struct_fields__[-len(given) :], given, strict=True)) if given else {}
    kinds = kinds_of(body_type).items()
    return [(field, kind, 0 if kind and kind.name == "leg" else defaults.get(field)) for field, kind in kinds]


_FIELDS: dict[type[Body], list[tuple[str, Kind | None, Any]]] = {kind: _fields_of(kind) for kind in BODY_TYPES}

_PLAIN: dict[str, Callable[[int], str]] = {
    "time": lambda at_ns: "never" if at_ns == FOR_GOOD_NS else format_time_ns(at_ns),
    "duration": duration,
    "score": lambda score: atoms_to_text(score, SCORE_DECIMALS),
}
"""Kinds of figures that need no scale."""

_FIGURES = frozenset((*_PLAIN, "amount", "price", "size", "rate"))

_SHORT: dict[str, Callable[[Body, Directory, Any], str]] = {
    "account": _account_name,
    "instrument": _instrument_name,
    "asset": _asset_name,
    "prices": _prices,
    "depth": _depth,
    "provenance": _provenance,
}
"""What stands for something else, and what is drawn together, by kind."""

_STRUCTURES: dict[str, Callable[[Any], str]] = {
    "raw": lambda raw: ",".join(f"{field}:{text}" for field, text in raw),
    "producers": lambda producers: ",".join(f"{producer.handler}:{producer.policy}" for producer in producers),
    "sources": lambda tallies: ",".join(f"{tally.source}:{tally.rows}rows" for tally in tallies),
    "tiers": lambda tiers: str(len(tiers)),
    "initial": lambda tiers: str(len(tiers)),
    "changes": lambda changes: ",".join(f"{key}={value}" for key, value in changes),
}
"""Structures of the run's own events and of listings, by field."""
