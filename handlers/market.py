"""The market: forced orders trade against the depth at once, or what is left of them is cancelled.

A market of liquidators: they take forced orders over at the order's own limit and sell on to the depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import ClassVar, TypeVar

import msgspec
from msgspec.structs import replace

from ..events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, OrdersCancelled
from ..events.bodies.options import HedgeOrdered
from ..events.bodies.trading import OrderFilled
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.ledger.liquidation import OwnOrder
from ..events.vocabulary import Body
from .bands import OUT_OF_BAND, BandParameters, band_limit_ticks, tighter
from .depth import DepthFill, walk
from .faults import why_nothing_trades
from .protocol import Handler, Product
from .till import Till

__all__ = [
    "GONE",
    "NO_CASH",
    "NO_DEPTH",
    "BandedMarket",
    "DepthMarket",
    "Liquidators",
    "filled_by",
    "held_lots",
]

Fill = TypeVar("Fill", LiquidationFilled, OrderFilled)

GONE = "the position is gone"
"""Why the rest of an order that only reduces is cancelled when nothing is left to reduce."""

NO_DEPTH = "no depth within the limit"
"""Why the rest of an order is cancelled when nothing but the depth was in its way."""

NO_CASH = "the fund's cash does not bear the loss"
"""Why the rest of a fund's own order is cancelled."""


class DepthMarket(Handler):
    """Immediate or cancel against quoted depth, band by band; `depth.py` has the rules. In a halt nothing fills.

    An order only ever reduces, but for a hedge: with a latency its position may have shrunk since, and then it trades
    what is left of it. A fund's own order trades only as far as its cash bears what that loses.
    """

    name: ClassVar[str] = "market"
    policy: ClassVar[str] = "depth"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (LiquidationOrdered, HedgeOrdered)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The fills of one order, and the cancellation of what found nobody."""
        assert isinstance(event.body, LiquidationOrdered)
        return self.traded(event.body, ledger, now_ns)

    def traded(self, order: LiquidationOrdered, ledger: LedgerState, now_ns: int) -> list[Product]:
        """What becomes of an order at the depth as it is now."""
        stopped = why_nothing_trades(ledger, order.instrument)
        held = held_lots(order, ledger)
        products: list[Product] = [] if stopped else self._fills(order, held, ledger, now_ns)
        filled = sum(abs(fill.size_lots) for fill in products)  # type: ignore[union-attr]
        left = abs(order.size_lots) - filled
        if left:
            reason = stopped or self._why_left(order, ledger, now_ns, filled)
            reason = GONE if filled == held else reason
            cancelled = OrdersCancelled(order.liquidation_id, order.account, order.order_id, left, reason)
            products.append(cancelled)
        return products

    def _fills(self, order: LiquidationOrdered, held_lots: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        sign, whole = (1 if order.size_lots > 0 else -1), abs(order.size_lots)
        found = walk(
            ledger.markets[order.instrument], sign * min(whole, held_lots), order.limit_ticks, now_ns, order.account
        )
        told = partial(LiquidationFilled, order.liquidation_id, order.order_id)
        return list(filled_by(_borne(order, found, ledger), order, whole, ledger, told))

    def _why_left(self, order: LiquidationOrdered, ledger: LedgerState, now_ns: int, filled: int) -> str:
        """The depth, unless that would have given a fund more than its cash bears."""
        if ledger.accounts[order.account].kind != "insurance":
            return NO_DEPTH
        found = walk(ledger.markets[order.instrument], order.size_lots, order.limit_ticks, now_ns)
        return NO_CASH if sum(fill.lots for fill in found) > filled else NO_DEPTH


def filled_by(
    fills: Iterable[DepthFill],
    order: LiquidationOrdered | OwnOrder,
    left_lots: int,
    ledger: LedgerState,
    told: Callable[..., Fill],
) -> Iterator[Fill]:
    """What the depth gives an order of which so many lots are left: numbered on, with whoever the band is of.

    `told` makes the event of each trade.
    """
    market, sign, trade_id = ledger.markets[order.instrument], 1 if order.size_lots > 0 else -1, ledger.trades
    liquidity = ledger.liquidity(market.listing.asset)
    for fill in fills:
        trade_id, left_lots, lots = trade_id + 1, left_lots - fill.lots, sign * fill.lots
        yield told(
            trade_id=trade_id,
            account=order.account,
            counterparty=liquidity if fill.maker is None else fill.maker,
            instrument=order.instrument,
            leg=order.leg,
            size_lots=lots,
            price_ticks=fill.price_ticks,
            value_atoms=market.payoff.value_atoms(lots, fill.price_ticks),
            left_lots=left_lots,
            eaten_lots=fill.eaten_lots,
        )


def _borne(order: LiquidationOrdered, fills: Iterable[DepthFill], ledger: LedgerState) -> Iterable[DepthFill]:
    """Of a fund's own order the fills that its cash bears; of any other order all."""
    is_funds = ledger.accounts[order.account].kind == "insurance"
    return _borne_by_cash(order, fills, ledger) if is_funds else fills


def _borne_by_cash(order: LiquidationOrdered, fills: Iterable[DepthFill], ledger: LedgerState) -> Iterator[DepthFill]:
    till, sign, key = Till(ledger, order.account), 1 if order.size_lots > 0 else -1, (order.instrument, order.leg)
    for fill in fills:
        lots = till.most_lots(key, sign * fill.lots, fill.price_ticks)
        if lots:
            value_atoms = ledger.markets[order.instrument].payoff.value_atoms(sign * lots, fill.price_ticks)
            till.take(key, sign * lots, value_atoms)
            yield replace(fill, lots=lots, eaten_lots=fill.eaten_lots - fill.lots + lots)
        if lots < fill.lots:
            return


def held_lots(order: LiquidationOrdered | OwnOrder, ledger: LedgerState) -> int:
    """How many lots there are that such an order reduces; of one that hedges, which reduces nothing, all of its own."""
    if type(order) is HedgeOrdered:
        return abs(order.size_lots)
    held = ledger.position(order.account, (order.instrument, order.leg))
    return 0 if held is None or (held.size_lots > 0) == (order.size_lots > 0) else abs(held.size_lots)


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


class BandedMarket(DepthMarket):
    """As the depth, but that no order trades beyond the price band (`bands.py`); what is left of it is cancelled."""

    policy: ClassVar[str] = "banded"
    version: ClassVar[str] = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = BandParameters

    def __init__(self, parameters: BandParameters) -> None:
        self.band = parameters

    def _fills(self, order: LiquidationOrdered, held_lots: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        return super()._fills(self._banded(order, ledger), held_lots, ledger, now_ns)

    def _why_left(self, order: LiquidationOrdered, ledger: LedgerState, now_ns: int, filled: int) -> str:
        """The band, unless the order would have found no more without it."""
        limit_ticks = self._banded(order, ledger).limit_ticks
        if limit_ticks == order.limit_ticks:
            return super()._why_left(order, ledger, now_ns, filled)
        found = sum(f.lots for f in walk(ledger.markets[order.instrument], order.size_lots, order.limit_ticks, now_ns))
        return OUT_OF_BAND if found > filled else super()._why_left(order, ledger, now_ns, filled)

    def _banded(self, order: LiquidationOrdered, ledger: LedgerState) -> LiquidationOrdered:
        """The order with the tighter of its own limit and the band's."""
        selling = order.size_lots < 0
        band_ticks = band_limit_ticks(ledger.markets[order.instrument], self.band, selling=selling)
        limit_ticks = tighter(order.limit_ticks, band_ticks, selling=selling)
        return replace(order, limit_ticks=limit_ticks)
