"""What each event changes: its posting first, then whatever else the ledger keeps of it, as its type declares them.

`FOLD` is the table of all types, one function each. A type that declares neither changes nothing but the position in
the record: it has None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bodies.base import BodyBase
from ..envelope import Event
from ..vocabulary import BODY_TYPES, Body
from .booking import Effect, booked

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ["FOLD"]


def _both(first: Effect, second: Effect) -> Effect:
    def apply(body: Any, ledger: Ledger, event: Event) -> None:
        first(body, ledger, event)
        second(body, ledger, event)

    return apply


def _all_of(kind: type[Body]) -> Effect | None:
    alters = None if kind.alters is BodyBase.alters else kind.alters
    if kind.posting is None:
        return alters
    return _both(booked(kind.posting), alters) if alters else booked(kind.posting)


FOLD: dict[type[Body], Effect | None] = {kind: _all_of(kind) for kind in BODY_TYPES}
