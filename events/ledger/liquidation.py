"""A liquidation from its start until the last lot of inventory that came from it is sold."""

from __future__ import annotations

import msgspec

__all__ = ["Liquidation", "OpenOrder", "OwnOrder"]


class OpenOrder(msgspec.Struct, array_like=True, gc=False):
    """A forced order that is still working, or the last one that was (`left_lots` 0 or cancelled).

    One that `hedges` opens something for the account instead of closing what it holds.
    """

    order_id: int
    instrument: int
    leg: int
    left_lots: int
    whole: bool
    open: bool = True
    hedges: bool = False


class OwnOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trader's own order that is not done; a stop rests until its instrument trades at `trigger_ticks` or beyond.

    It trades no worse than at `limit_ticks`; one that `reduces` trades no more than is held by then. A fault may hold
    it up before it reaches the book, until `due_ns`.
    """

    account: int
    instrument: int
    leg: int
    size_lots: int
    trigger_ticks: int | None
    limit_ticks: int | None = None
    reduces: bool = False
    due_ns: int | None = None

    def held_up(self, due_ns: int) -> OwnOrder:
        """The same, held up until then."""
        return msgspec.structs.replace(self, due_ns=due_ns)


class Liquidation(msgspec.Struct, array_like=True, gc=False):
    """`steps` counts orders; `timer` is the pending cooldown; `taken_lots - sold_lots` is what the fund still holds.

    `short_seq` is the event in which the fund said that it could not pay for the account, which held nothing any more.
    `closed_instrument` is the one of which lots of the account were closed last, None before there were any.
    """

    liquidation_id: int
    account: int
    started_seq: int
    steps: int = 0
    order: OpenOrder | None = None
    timer: int | None = None
    ended: bool = False
    taken_lots: dict[int, int] = {}
    sold_lots: dict[int, int] = {}
    short_seq: int | None = None
    closed_instrument: int | None = None

    def is_waiting(self) -> bool:
        """Whether an order is working or a cooldown runs, so that there is nothing to decide yet."""
        return self.timer is not None or (self.order is not None and self.order.open)

    @property
    def last_instrument(self) -> int | None:
        """The one that was closed last; before that the one that was taken over in, or ordered in, last."""
        if self.closed_instrument is not None:
            return self.closed_instrument
        return next(reversed(self.taken_lots), None) if self.order is None else self.order.instrument

    def holds_inventory(self) -> bool:
        """Whether the fund still holds lots that came from this liquidation."""
        return any(lots != self.sold_lots.get(instrument, 0) for instrument, lots in self.taken_lots.items())
