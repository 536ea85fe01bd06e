"""An event in one line for a person: number, time, type, its figures in real units, and `<-` what caused it.

    128060 2025-10-10T21:20:51Z PositionDeleveraged account=trader-8589 size=0.033 ... <- 128058

A field is shown by the unit at the end of its name, so a new event type needs nothing here. What is empty or has its
default is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...events.bodies.listing import InstrumentListed
from ...events.envelope import Event
from ...events.vocabulary import ACCOUNT_FIELDS, BODY_TYPES, Body
from ...sim.figures import SCORE_DECIMALS, duration, exact_money, price, size
from ...sim.units import atoms_to_text, format_time_ns
from ..directory import Directory

__all__ = ["event_line"]

_DIGEST_SHOWN = 8
_NUMBERS = ("account", "instrument")
_LEGS = ("leg", "against_leg", "counterparty_leg")

Shorten = Callable[[Directory, Any], str]


def event_line(event: Event, directory: Directory) -> str:
    """The line, with names from the directory."""
    figures = " ".join(_figures(event.body, directory))
    cause = "" if event.cause is None else f" <- {event.cause}"
    return f"{event.seq} {format_time_ns(event.at_ns)} {type(event.body).__name__} {figures}{cause}"


def _figures(body: Body, directory: Directory) -> Iterator[str]:
    """Each field of a body that says something, as `name=value` without the unit."""
    defaults = _DEFAULTS[type(body)]
    for field in body.__struct_fields__:
        value = getattr(body, field)
        if value in (None, ()) or value == defaults.get(field) or (field in _LEGS and not value):
            continue
        name, text = _figure(body, field, value, directory)
        yield f"{name}={text}"


def _figure(body: Body, field: str, value: Any, directory: Directory) -> tuple[str, str]:
    """The name without its unit and the value with it applied."""
    if field in _NUMBERS and hasattr(body, "name"):
        return field, str(value)  # the event that gives this number its name
    if field in _SHORT and not isinstance(value, str):
        return field, _SHORT[field](directory, value)
    if field in ACCOUNT_FIELDS[type(body)]:
        return field, _quoted(directory.account_name(value))
    name, _, unit = field.rpartition("_")
    told = _fee if field == "fee_atoms" else _UNITS.get(unit)
    text = told(body, value, directory) if told is not None and type(value) is int else None
    if text is not None:
        return name, text
    if isinstance(value, bytes):
        return field, value.hex()[:_DIGEST_SHOWN]
    return field, _quoted(str(value))


def _quoted(text: str) -> str:
    """The text as one word: quoted where it has spaces or what cannot be printed, or is empty."""
    return text if text.isprintable() and text and " " not in text else repr(text)


def _listing(body: Body, directory: Directory) -> InstrumentListed | None:
    return directory.instruments.get(getattr(body, "instrument", -1))


def _price(body: Body, ticks: int, directory: Directory) -> str | None:
    listing = _listing(body, directory)
    return None if listing is None else price(ticks, listing)


def _size(body: Body, lots: int, directory: Directory) -> str | None:
    listing = _listing(body, directory)
    return None if listing is None else size(lots, listing)


def _money(body: Body, atoms: int, directory: Directory) -> str | None:
    """In the asset of the instrument, or of the account, or the first."""
    listing, opened = _listing(body, directory), directory.accounts.get(getattr(body, "account", None) or 0)
    number = listing.asset if listing is not None else opened.asset if opened is not None else 0
    asset = directory.assets.get(number)
    return None if asset is None else exact_money(atoms, asset)


def _fee(body: Body, atoms: int, directory: Directory) -> str | None:
    """In the asset that it was paid in."""
    asset = directory.assets.get(getattr(body, "fee_asset", None) or 0)
    return None if asset is None else exact_money(atoms, asset)


def _instrument_name(directory: Directory, instrument: int) -> str:
    listing = directory.instruments.get(instrument)
    return f"instrument {instrument}" if listing is None else _quoted(listing.name)


def _prices(directory: Directory, prices: tuple[tuple[int, int], ...]) -> str:
    """The prices of a tick, each with its instrument."""
    told = []
    for instrument, ticks in prices:
        listing = directory.instruments.get(instrument)
        told.append(f"{_instrument_name(directory, instrument)}:{ticks if listing is None else price(ticks, listing)}")
    return ",".join(told)


def _depth(_directory: Directory, bands: tuple[tuple[int, int], ...]) -> str:
    """How much there is in all, and how far away the last of it."""
    return f"{bands[-1][1]}lots@{bands[-1][0]}bps"


def _producers(_directory: Directory, producers: tuple[Any, ...]) -> str:
    return ",".join(f"{producer.handler}:{producer.policy}" for producer in producers)


def _sources(_directory: Directory, tallies: tuple[Any, ...]) -> str:
    return ",".join(f"{tally.source}:{tally.rows}rows" for tally in tallies)


def _defaults(body_type: type[Body]) -> dict[str, Any]:
    """The fields that have a default, which msgspec keeps for the last ones."""
    given = body_type.__struct_defaults__
    return dict(zip(body_type.__struct_fields__[-len(given) :], given, strict=True)) if given else {}


_DEFAULTS: dict[type[Body], dict[str, Any]] = {body_type: _defaults(body_type) for body_type in BODY_TYPES}

_UNITS: dict[str, Callable[[Body, int, Directory], str | None]] = {
    "ticks": _price,
    "lots": _size,
    "atoms": _money,
    "ns": lambda _body, at_ns, _directory: format_time_ns(at_ns),
}

_SHORT: dict[str, Shorten] = {
    "instrument": _instrument_name,
    "fee_asset": lambda directory, asset: directory.assets[asset].name if asset in directory.assets else str(asset),
    "raw": lambda _directory, raw: ",".join(f"{field}:{text}" for field, text in raw),
    "prices": _prices,
    "bids": _depth,
    "asks": _depth,
    "producers": _producers,
    "sources": _sources,
    "tiers": lambda _directory, tiers: str(len(tiers)),
    "changes": lambda _directory, changes: ",".join(f"{key}={value}" for key, value in changes),
    "provenance": lambda _directory, origin: f"source {origin.source} row {origin.row}",
    "refill_half_life_ns": lambda _directory, length_ns: duration(length_ns),
    "score": lambda _directory, score: atoms_to_text(score, SCORE_DECIMALS),
}
