"""The life cycle of a margin account, as a table: (event type, status before) -> status after.

It is drawn from what the types declare. A pair that is not in it is a fault: the fold refuses it.
"""

from __future__ import annotations

from ..vocabulary import BODY_TYPES, Body
from .account import AccountStatus

__all__ = ["TRANSITIONS"]

TRANSITIONS: dict[tuple[type[Body], AccountStatus], AccountStatus] = {
    (kind, before): after for kind in BODY_TYPES for before, after in kind.steps.items()
}
"""`PositionDeleveraged` moves the party that the reduction was *against*: the bankrupt account."""
