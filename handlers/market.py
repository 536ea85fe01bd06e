"""The market: forced orders trade against the depth at once, or what is left of them is cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, OrdersCancelled
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from .depth import walk
from .protocol import Handler, Product

__all__ = ["NO_DEPTH", "DepthMarket"]

NO_DEPTH = "no depth within the limit"
"""Why the rest of an order is cancelled when nothing but the depth was in its way."""


class DepthMarket(Handler):
    """Immediate or cancel against quoted depth, band by band; `depth.py` has the rules. In a halt nothing fills.

    An order only ever reduces: with a latency its position may have shrunk since, and then it trades what is left of
    it.
    """

    name: ClassVar[str] = "market"
    policy: ClassVar[str] = "depth"
    subscribes: ClassVar[tuple[type[Body], ...]] = (LiquidationOrdered,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The fills of one order, and the cancellation of what found nobody."""
        order = event.body
        assert isinstance(order, LiquidationOrdered)
        halted = ledger.markets[order.instrument].halted_until_ns is not None
        held_lots = _held_lots(order, ledger)
        products: list[Product] = [] if halted else self._fills(order, held_lots, ledger, now_ns)
        filled = sum(abs(fill.size_lots) for fill in products)  # type: ignore[union-attr]
        left = abs(order.size_lots) - filled
        if left:
            reason = "trading is halted" if halted else NO_DEPTH
            reason = "the position is gone" if filled == held_lots else reason
            cancelled = OrdersCancelled(order.liquidation_id, order.account, order.order_id, left, reason)
            products.append(cancelled)
        return products

    def _fills(self, order: LiquidationOrdered, held_lots: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        market = ledger.markets[order.instrument]
        liquidity = ledger.liquidity(market.listing.asset)
        sign, left, trade_id = (1 if order.size_lots > 0 else -1), abs(order.size_lots), ledger.trades
        fills: list[Product] = []
        for fill in walk(market, sign * min(left, held_lots), order.limit_ticks, now_ns):
            trade_id, left, lots = trade_id + 1, left - fill.lots, sign * fill.lots
            body = LiquidationFilled(
                order.liquidation_id,
                order.order_id,
                trade_id,
                order.account,
                liquidity,
                order.instrument,
                order.leg,
                lots,
                fill.price_ticks,
                market.payoff.value_atoms(lots, fill.price_ticks),
                left,
                fill.eaten_lots,
            )
            fills.append(body)
        return fills


def _held_lots(order: LiquidationOrdered, ledger: LedgerState) -> int:
    """How many lots there are that such an order reduces."""
    held = ledger.position(order.account, (order.instrument, order.leg))
    return 0 if held is None or (held.size_lots > 0) == (order.size_lots > 0) else abs(held.size_lots)
