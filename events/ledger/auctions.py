"""An auction that is open."""

from __future__ import annotations

import msgspec

from ..bodies.auctions import AuctionOpened

__all__ = ["OpenAuction"]


class OpenAuction(msgspec.Struct, array_like=True, gc=False):
    """What is offered, since when, and how many lots of it are left, unsigned."""

    body: AuctionOpened
    at_ns: int
    left_lots: int
