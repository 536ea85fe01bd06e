"""What the columns of a table of events are called, from the declaration of its type.

1. A quantity loses the name of what it was counted in: `size_lots` is `size`, `amount_atoms` is `amount`, `due_ns` is
   `due`. What keeps a unit says which: `rate_ppb` is `rate_percent`, `delay_ns` is `delay_seconds`.
2. Where that name is taken by another field it ends with what it is: `asset_atoms` beside `asset` is `asset_amount`.
3. Lots of an order whose instrument the event does not name stay whole: `left_lots`.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

import msgspec

from ...events.kinds import Kind, columns_of, kinds_of

__all__ = ["ENVELOPE", "BodyColumn", "body_columns"]

ENVELOPE = ("seq", "time", "origin", "cause", "producer", "links")
"""The columns that each table of events begins with."""

_ENDINGS = {"rate": "_percent", "duration": "_seconds"}
_SCALED = ("amount", "price", "size", "rate", "duration", "time")


class BodyColumn(NamedTuple):
    """A column of a table of events: its name, the field that it is, and that field's kind."""

    name: str
    field: str
    kind: Kind


@cache
def body_columns(body_type: type[msgspec.Struct], beside: tuple[str, ...] = ENVELOPE) -> tuple[BodyColumn, ...]:
    """The columns of a type's own fields, in their order; no two have one name, nor that of one `beside` them."""
    kinds = kinds_of(body_type)
    plain = {column.name: Kind(column.kind) for column in columns_of(body_type)}
    found = [(field, kind or plain[field]) for field, kind in kinds.items()]
    taken = Counter([*beside, *(_name(field, kind) for field, kind in found)])
    return tuple(BodyColumn(_unlike(field, kind, taken), field, kind) for field, kind in found)


def _name(field: str, kind: Kind) -> str:
    if kind.name not in _SCALED:
        return field
    return f"{field.removesuffix(f'_{kind.unit}')}{_ENDINGS.get(kind.name, '')}"


def _unlike(field: str, kind: Kind, taken: Counter[str]) -> str:
    name = _name(field, kind)
    return f"{name}_{kind.name}" if kind.name in _SCALED and taken[name] > 1 else name
