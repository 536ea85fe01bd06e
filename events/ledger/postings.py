"""What each type of event moves between whom, as the types declare it."""

from __future__ import annotations

from ..bodies.declaring import Exchange, Payment, Posting, Swap, Trade
from ..vocabulary import BODY_TYPES, Body

__all__ = ["POSTINGS", "Exchange", "Payment", "Posting", "Swap", "Trade"]

POSTINGS: dict[type[Body], Posting] = {kind: kind.posting for kind in BODY_TYPES if kind.posting is not None}
"""Types that are not here move nothing."""
