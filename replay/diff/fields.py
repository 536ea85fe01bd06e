"""What each field of an event is to a comparison: a figure, a name, a reference, or a number that only counts.

It follows from what the types of events declare:
1. A field is a figure, compared as it is, unless its kind says something else.
2. Accounts, instruments and assets are small numbers for names: they are compared by name.
3. Liquidations, rounds and orders are counted within a run. A number refers to the event that began one: the same if
   that is the same event, whatever its number.
4. A leg is a side of a position; in the insurance fund it is the liquidation that a lot came from.
5. Left out is what only counts or tells where something was read or how it is proved: the numbers that an event gives
   to what it begins or declares, trade numbers, sources, and what its type says is `uncompared`.
6. What comes from outside with a number of its own (the venue's trade and order ids) keeps it: that is a fact.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ...events.kinds import Kind, kinds_of
from ...events.vocabulary import BODY_TYPES, Body

__all__ = ["DECLARES", "DEFINES", "LEG_PARTIES", "NAMED", "SHAPES", "Role", "Shape", "role_of"]


class Role(Enum):
    """How a field is compared."""

    FIGURE = "as it is"
    ACCOUNT = "by the account's name"
    INSTRUMENT = "by the instrument's name"
    ASSET = "by the asset's name"
    PRICES = "pairs of instrument and price"
    LIQUIDATION = "by the liquidation's beginning"
    ROUND = "by the round's beginning"
    ORDER = "by the order"
    LEG = "a side, or in the fund a liquidation"
    LEFT_OUT = "not compared"


_ROLES = {
    "account": Role.ACCOUNT,
    "instrument": Role.INSTRUMENT,
    "asset": Role.ASSET,
    "prices": Role.PRICES,
    "liquidation": Role.LIQUIDATION,
    "round": Role.ROUND,
    "order": Role.ORDER,
    "leg": Role.LEG,
    "trade": Role.LEFT_OUT,
    "source": Role.LEFT_OUT,
    "provenance": Role.LEFT_OUT,
}


def _role(kind: Kind | None) -> Role:
    """How fields of a kind are compared, whether or not this one declares the number."""
    return Role.FIGURE if kind is None else _ROLES.get(kind.name, Role.FIGURE)


def role_of(body_type: type[Body], field: str) -> Role:
    """How a field of a type is compared."""
    kind = kinds_of(body_type)[field]
    if field in body_type.uncompared or (kind is not None and kind.declares):
        return Role.LEFT_OUT
    return _role(kind)


_DECLARED = {
    body_type: (_role(kind), field)
    for body_type in BODY_TYPES
    for field, kind in kinds_of(body_type).items()
    if kind is not None and kind.declares
}
_BY_NAME = (Role.ACCOUNT, Role.INSTRUMENT, Role.ASSET)

DECLARES = {body_type: found for body_type, found in _DECLARED.items() if found[0] in _BY_NAME}
"""Which events give a name to a number, and in which field the number is."""

DEFINES = {body_type: found for body_type, found in _DECLARED.items() if found[0] not in _BY_NAME}
"""Which events begin what others refer to by number."""

LEG_PARTIES = {
    field: kind.of
    for body_type in BODY_TYPES
    for field, kind in kinds_of(body_type).items()
    if kind is not None and kind.name == "leg"
}
"""Whose leg it is."""

NAMED: frozenset[type[Body]] = frozenset(body_type for body_type in BODY_TYPES if body_type.named)
"""The run's own events and declarations: one is the same in two runs by its type and name, whatever else it says."""


class Shape(NamedTuple):
    """The fields of a type that are compared: those taken as they are, and those that are looked up first."""

    tag: int
    figures: tuple[str, ...]
    looked_up: tuple[tuple[str, Role], ...]


def _shape(tag: int, body_type: type[Body]) -> Shape:
    roles = {field: role_of(body_type, field) for field in body_type.__struct_fields__}
    compared = {field: role for field, role in roles.items() if role is not Role.LEFT_OUT}
    figures = tuple(field for field, role in compared.items() if role is Role.FIGURE)
    return Shape(tag, figures, tuple((field, role) for field, role in compared.items() if role is not Role.FIGURE))


SHAPES: dict[type[Body], Shape] = {body_type: _shape(tag, body_type) for tag, body_type in enumerate(BODY_TYPES)}
"""A type's tag is its place in `BODY_TYPES`."""
