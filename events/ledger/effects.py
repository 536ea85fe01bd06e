"""What each event changes: its posting first, then whatever else the ledger keeps of it, as its type declares them.

What is kept of how things stood before the event is kept ahead of both.

`FOLD` is the table of all types, one function each. A type that declares neither changes nothing but the position in
the record: it has None.
"""

from __future__ import annotations

from functools import reduce
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
    effects: list[Effect] = [kind.remembers] if kind.remembers is not BodyBase.remembers else []
    if kind.posting is not None:
        effects.append(booked(kind.posting))
    if kind.alters is not BodyBase.alters:
        effects.append(kind.alters)
    return reduce(_both, effects) if effects else None


FOLD: dict[type[Body], Effect | None] = {kind: _all_of(kind) for kind in BODY_TYPES}
