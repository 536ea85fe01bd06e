"""Forced orders of nobody in particular: what must have been so that the ledger can follow them.

1. The venue says that somebody's order was forced, not whose, nor whether two are of one. One account a market,
   `forced:SYMBOL`, stands for all of them, one liquidation behind the other; it holds nothing between them.
2. Whoever was made to sell ten had held ten: a position of what was filled is stated directly before, at the price of
   the fill, so that its closed profit is nothing. What it cost is not known, nor what else the account held.
3. That the liquidation started and ended is inferred, equity and requirement being 0. Its order is imported where the
   venue told of it (with its limit), inferred where only the fill is told. The fill is imported, against liquidity.
4. What an order did not fill is cancelled, which is inferred. One that filled nothing moves nothing and ends as
   restored, any other as closed.
5. A market without a mark yet, or with neither marks nor prices in the files, is marked at the forced price; inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import PositionStated
from ....events.bodies.liquidation import (
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationOutcome,
    LiquidationStarted,
    OrdersCancelled,
)
from ....events.bodies.margin import MarkPriced
from ....events.errors import ScenarioError
from ....sim.units import INT64_MAX
from ..session import Session
from .items import ForcedOrder, VenueMarket
from .scales import ListedMarket

__all__ = ["ForcedOrders"]

_NOT_FILLED = "the venue's order was not filled any further"


class _Order(NamedTuple):
    """What is known of one, and its numbers; sizes are signed like a trade."""

    liquidation_id: int
    order_id: int
    trade_id: int
    account: int
    counterparty: int
    ordered_lots: int
    filled_lots: int
    price_ticks: int
    limit_ticks: int | None

    @property
    def left_lots(self) -> int:
        """What was not filled, without sign."""
        return abs(self.ordered_lots) - abs(self.filled_lots)


class ForcedOrders:
    """The liquidations of an import."""

    def __init__(self, session: Session, markets: Mapping[VenueMarket, ListedMarket]) -> None:
        self._session = session
        self._accounts: dict[int, int] = {}
        for one in markets.values():
            self.open(one)

    def open(self, listed: ListedMarket) -> None:
        """Open the account of a market, if it has forced orders at all."""
        if listed.uses.is_forced:
            name = self._session.ledger.markets[listed.instrument].listing.name
            self._accounts[listed.instrument] = self._session.account(f"forced:{name}", listed.asset)

    def take(self, item: ForcedOrder, listed: ListedMarket, provenance: Provenance) -> None:
        """Record one. Raises ScenarioError for a size or a value that the record cannot hold."""
        order = self._order(item, listed)
        value_atoms = self._value_atoms(order, listed)
        stated = self._state(order, listed, value_atoms)
        started = self._session.inferred(LiquidationStarted(order.liquidation_id, order.account, 0, 0), stated)
        placed = self._place(order, listed, started)
        if order.filled_lots:
            self._session.imported(_filled(order, listed, value_atoms, provenance), placed)
        if order.left_lots:
            cancelled = OrdersCancelled(
                order.liquidation_id, order.account, order.order_id, order.left_lots, _NOT_FILLED
            )
            self._session.inferred(cancelled, placed)
        outcome: LiquidationOutcome = "closed" if order.filled_lots else "restored"
        self._session.inferred(LiquidationEnded(order.liquidation_id, order.account, outcome, 0), started)

    def _order(self, item: ForcedOrder, listed: ListedMarket) -> _Order:
        ledger, sign = self._session.ledger, 1 if item.buys else -1
        return _Order(
            liquidation_id=ledger.liquidations_started + 1,
            order_id=ledger.orders + 1,
            trade_id=ledger.trades + 1,
            account=self._accounts[listed.instrument],
            counterparty=ledger.own(listed.asset, "liquidity"),
            ordered_lots=sign * listed.size_lots(item.size),
            filled_lots=sign * listed.size_lots(item.filled),
            price_ticks=listed.price_ticks(item.price),
            limit_ticks=None if item.limit is None else listed.price_ticks(item.limit),
        )

    def _state(self, order: _Order, listed: ListedMarket, value_atoms: int) -> int | None:
        """The mark if one is needed, and what must have been held."""
        market = self._session.ledger.markets[listed.instrument]
        is_told = listed.uses.is_marked or listed.uses.is_traded
        if market.mark_ticks != order.price_ticks and not (is_told and market.mark_ticks):
            self._session.inferred(MarkPriced(listed.instrument, order.price_ticks, 0, order.price_ticks))
        if not order.filled_lots:
            return None
        held = PositionStated(order.account, listed.instrument, 0, -order.filled_lots, -value_atoms)
        return self._session.inferred(held)

    def _place(self, order: _Order, listed: ListedMarket, started: int) -> int:
        body = LiquidationOrdered(
            order.liquidation_id,
            order.order_id,
            order.account,
            listed.instrument,
            0,
            order.ordered_lots,
            order.limit_ticks,
            1,
            whole=not order.left_lots,
        )
        was_told = order.limit_ticks is not None
        return self._session.imported(body, started) if was_told else self._session.inferred(body, started)

    def _value_atoms(self, order: _Order, listed: ListedMarket) -> int:
        market = self._session.ledger.markets[listed.instrument]
        value = market.payoff.value_atoms(order.filled_lots, order.price_ticks)
        if abs(value) > INT64_MAX:
            message = (
                f"{abs(order.filled_lots)} lots at {order.price_ticks} ticks are worth more than a record can hold"
            )
            raise ScenarioError(message)
        return value


def _filled(order: _Order, listed: ListedMarket, value_atoms: int, provenance: Provenance) -> LiquidationFilled:
    return LiquidationFilled(
        liquidation_id=order.liquidation_id,
        order_id=order.order_id,
        trade_id=order.trade_id,
        account=order.account,
        counterparty=order.counterparty,
        instrument=listed.instrument,
        leg=0,
        size_lots=order.filled_lots,
        price_ticks=order.price_ticks,
        value_atoms=value_atoms,
        left_lots=order.left_lots,
        eaten_lots=0,
        provenance=provenance,
    )
