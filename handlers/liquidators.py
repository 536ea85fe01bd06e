"""A market of liquidators: they take forced orders over at the order's own limit and sell on to the depth."""

from __future__ import annotations

from typing import ClassVar

from ..events.bodies.liquidation import LiquidationFilled, LiquidationOrdered
from ..events.ledger import LedgerState
from .depth import walk
from .market import DepthMarket
from .protocol import Product

__all__ = ["Liquidators"]


class Liquidators(DepthMarket):
    """One fill at the limit for as many lots as the depth gives at the limit or better; what it gives more is theirs.

    They are outside liquidity: the position is sold on in the same instant, and eats depth as any forced order does. An
    order without a limit trades against the depth itself. Source: Drift's liquidators (drift-labs/protocol-v2,
    controller/liquidation.rs), who take a position at the oracle price less their fee; that they take no more than they
    can sell on is this model's own.
    """

    policy: ClassVar[str] = "liquidators"
    formula: ClassVar[str] = "lots within the limit, all at the limit"
    source: ClassVar[str] = "drift-labs/protocol-v2 programs/drift/src/controller/liquidation.rs"

    def _fills(self, order: LiquidationOrdered, held_lots: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        if order.limit_ticks is None:
            return super()._fills(order, held_lots, ledger, now_ns)
        market, sign = ledger.markets[order.instrument], 1 if order.size_lots > 0 else -1
        taken = list(walk(market, sign * min(abs(order.size_lots), held_lots), order.limit_ticks, now_ns))
        if not taken:
            return []
        lots = sum(fill.lots for fill in taken)
        body = LiquidationFilled(
            liquidation_id=order.liquidation_id,
            order_id=order.order_id,
            trade_id=ledger.trades + 1,
            account=order.account,
            counterparty=ledger.liquidity(market.listing.asset),
            instrument=order.instrument,
            leg=order.leg,
            size_lots=sign * lots,
            price_ticks=order.limit_ticks,
            value_atoms=market.payoff.value_atoms(sign * lots, order.limit_ticks),
            left_lots=abs(order.size_lots) - lots,
            eaten_lots=taken[-1].eaten_lots,
        )
        return [body]
