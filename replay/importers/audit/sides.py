"""The third law: the sizes of a trade pair off.

1. A trade has two sides of different accounts: opposite sizes, the same instrument and price.
2. What the record then moves is what the sides say: between these accounts, this size at this price.
3. A table that tells one side only cannot be checked, nor can a fill that the venue gives no id (spot dust).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....events.bodies.inputs import TradeExecuted
from ....events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ....events.bodies.waterfall import PositionDeleveraged
from ....events.envelope import Event
from .fills import NO_TRADE_ID, ReportedFill, ReportedTrade
from .tally import LawTally, units

__all__ = ["ONE_SIDED", "Sides"]

ONE_SIDED = frozenset({"adl-table"})
"""Layouts that tell one side of a trade."""

_PAIR = 2
_RULE = "a trade has two sides, opposite, of the same size and price"


class Sides:
    """Trades by kind of market."""

    def __init__(self) -> None:
        self.perpetual = LawTally("sides", "perpetual", _RULE)
        self.spot = LawTally("sides", "spot", _RULE)

    @property
    def tallies(self) -> Iterable[LawTally]:
        """One for each kind of market."""
        return self.perpetual, self.spot

    def take(self, trade: ReportedTrade) -> None:
        """Check a trade."""
        first = trade.fills[0]
        tally = self.spot if first.scales.kind == "spot" else self.perpetual
        if len(trade.fills) == 1 and trade.layout in ONE_SIDED:
            tally.skip("the file tells one side only")
            return
        if len(trade.fills) == 1 and first.trade_id == NO_TRADE_ID:
            tally.skip("the venue's own doing, which has one side and no id")
            return
        wrong = next(_faults(trade), None)
        if wrong is None:
            tally.hold()
        else:
            tally.breaks(first, f"is in trade {first.trade_id}, which {wrong}")


def _faults(trade: ReportedTrade) -> Iterator[str]:
    """What is wrong with a trade, in words."""
    if len(trade.fills) != _PAIR:
        yield "has one side" if len(trade.fills) == 1 else f"has {len(trade.fills)} sides"
        return
    one, other = trade.fills
    if one.size != -other.size:
        yield f"is of {units(one.size)} on one side and of {units(other.size)} on the other"
    if one.price != other.price:
        yield f"is at {units(one.price)} on one side and at {units(other.price)} on the other"
    if one.account == other.account:
        yield "has the same account on both sides"
    if trade.event is not None and not _moves(trade.event, one, other):
        yield f"is not what event {trade.event.seq} moves"


def _moves(event: Event, one: ReportedFill, other: ReportedFill) -> bool:
    """Whether an event moves what the sides say, between them."""
    lots = {one.account: one.size // one.scales.lot, other.account: other.size // other.scales.lot}
    body = event.body
    if isinstance(body, TradeExecuted | LiquidationFilled):
        return lots == {body.account: body.size_lots, body.counterparty: -body.size_lots}
    if isinstance(body, PositionTakenOver):
        return lots == {body.fund: body.size_lots, body.account: -body.size_lots}
    assert isinstance(body, PositionDeleveraged)
    return lots == {body.account: body.size_lots, body.against: -body.size_lots}
