"""Traders' own orders: market orders trade at once, stop orders rest until the book trades at their price or beyond.

1. An order trades against the depth, band by band, as forced orders do; what finds nobody is cancelled. In a halt, or
   while the matching engine is down, nothing fills: a market order is cancelled, a stop waits.
2. Of several stops that a price sets off the one that is furthest passed goes first, then by number; each trade makes a
   new price, which may set off the next. That is a cascade of stops, one event after the other.
3. A market order may have to wait at a slow gateway: it reaches the book at a timer. Stops rest in the book already.
4. Where the market has a price band (`handlers/bands.py`) nothing trades beyond it: a market order's rest is cancelled,
   a stop that would find nobody within it waits.
5. An order that reduces, as every stop does, trades no more than is held by then; once the position is gone it is
   cancelled. So are all orders of an account that is liquidated (`OrdersCancelled`, and one `OrderCancelled` each).
6. Nobody trades with its own quotes: those in the way count as eaten.
7. Where the instrument has limits (`handlers/limits.py`), an order that would breach one is refused as it trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from msgspec.structs import asdict
from sortedcontainers import SortedList

from ...events.bodies.faults import ActDelayed
from ...events.bodies.liquidation import LiquidationStarted, OrdersCancelled
from ...events.bodies.listing import LimitsStated
from ...events.bodies.trading import BookPriced, OrderCancelled, OrderFilled, OrderPlaced, OrderRefused
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.ledger.liquidation import OwnOrder
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import Body, accounts_named
from ..bands import OUT_OF_BAND, band_in_force, band_limit_ticks, tighter
from ..depth import DepthFill, walk
from ..faults import due_ns, fault_on, why_nothing_trades
from ..limits import SideTotals, refused
from ..market import GONE, NO_DEPTH, filled_by, held_lots
from ..protocol import Handler, Product
from ..valuation import bankruptcy_price

__all__ = ["OwnOrders"]

_ARRIVES = "order reaches the book"
_RESTING = frozenset((OrderPlaced, ActDelayed))
_ENDING = frozenset((OrderFilled, OrderCancelled, OrderRefused))

Resting = SortedList[tuple[int, int]]
"""(trigger, order) of the stops of one side of an instrument."""


class OwnOrders(Handler):
    """Fills what traders order, and keeps their stops; what rests or waits is an index over the ledger's orders."""

    name: ClassVar[str] = "orders"
    policy: ClassVar[str] = "book"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        OrderPlaced,
        BookPriced,
        OrderCancelled,
        OrderRefused,
        LiquidationStarted,
        TimerFired,
    )
    observes: ClassVar[tuple[type[Body], ...]] = (
        OrderPlaced,
        OrderCancelled,
        OrderRefused,
        ActDelayed,
        LimitsStated,
        *POSTINGS,
    )

    def __init__(self, parameters: object) -> None:
        self._sells: dict[int, Resting] = {}
        self._buys: dict[int, Resting] = {}
        self._resting: dict[int, OwnOrder] = {}
        self._of_account: dict[int, list[int]] = {}
        self._open_interest = SideTotals()

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Index the orders of the ledger."""
        self._sells, self._buys, self._resting, self._of_account = {}, {}, {}, {}
        self._open_interest.rebuild(ledger)
        for number, order in ledger.own_orders.items():
            if self.is_here(ledger, order.account):
                self._rest(number, order)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the index: a stop that is placed rests, one that is done does not any more."""
        body: Any = event.body
        kind = type(body)
        if kind in _RESTING:
            if body.order_id is not None:
                self._rest(body.order_id, ledger.own_orders[body.order_id])
        elif kind in _ENDING:
            if body.order_id not in ledger.own_orders:
                self._forget(body.order_id)
        elif kind is LimitsStated:
            self._open_interest.rebuild(ledger)
        if self._open_interest.capped and kind in POSTINGS:
            self._open_interest.note(accounts_named(body))

    def _rest(self, number: int, order: OwnOrder) -> None:
        if order.trigger_ticks is not None:
            self._side(order).add((order.trigger_ticks, number))
        elif order.due_ns is None:
            return
        self._resting[number] = order
        self._of_account.setdefault(order.account, []).append(number)

    def _forget(self, number: int) -> None:
        order = self._resting.pop(number, None)
        if order is None:
            return
        if order.trigger_ticks is not None:
            self._side(order).remove((order.trigger_ticks, number))
        self._of_account[order.account].remove(number)

    def _side(self, order: OwnOrder) -> Resting:
        side = self._sells if order.size_lots < 0 else self._buys
        found = side.get(order.instrument)
        if found is None:
            found = side[order.instrument] = SortedList()
        return found

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The fills of an order, the next stop that a price sets off, or the end of a liquidated account's orders."""
        body: Any = event.body
        kind = type(body)
        if kind is TimerFired:
            return self._arrived(body, ledger, now_ns) if body.purpose == _ARRIVES else ()
        if kind is LiquidationStarted:
            return self._liquidated(body, ledger)
        if kind is OrderPlaced and body.trigger_ticks is None:
            return self._sent(body, ledger, now_ns)
        return self._set_off(body.instrument, ledger, now_ns)

    def _liquidated(self, body: LiquidationStarted, ledger: LedgerState) -> list[Product]:
        """All orders of the account are cancelled, which is said once for the liquidation and once for each."""
        numbers, reason = self._of_account.get(body.account), "its account is liquidated"
        if not numbers:
            return []
        all_of_them = OrdersCancelled(body.liquidation_id, body.account, None, 0, reason)
        return [all_of_them, *(_cancelled(number, ledger.own_orders[number], reason) for number in numbers)]

    def _set_off(self, instrument: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The stop that the price has passed furthest, if any."""
        market = ledger.markets[instrument]
        if market.book is None or why_nothing_trades(ledger, instrument) is not None:
            return ()
        price_ticks, found = market.book.price_ticks, []
        sells, buys = self._sells.get(instrument), self._buys.get(instrument)
        if sells and sells[-1][0] >= price_ticks:
            highest = sells[-1][0]
            found.append((highest - price_ticks, sells[sells.bisect_left((highest, 0))][1]))
        if buys and buys[0][0] <= price_ticks:
            found.append((price_ticks - buys[0][0], buys[0][1]))
        for _, number in sorted(found, key=lambda one: (-one[0], one[1])):
            order = ledger.own_orders[number]
            limit_ticks, _ = _limit_ticks(order, ledger)
            if limit_ticks is None or any(True for _ in walk(market, order.size_lots, limit_ticks, now_ns)):
                return self._traded(number, ledger, now_ns)
        return ()

    def _sent(self, placed: OrderPlaced, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A market order reaches the book at once, or waits at a gateway that is slow."""
        slow = fault_on(ledger, "gateway", placed.instrument, placed.account) if ledger.faults else None
        if slow is None:
            return self._traded(placed.order_id, ledger, now_ns)
        at_ns = due_ns(slow, now_ns)
        held_up = ActDelayed(slow.body.fault, placed.account, "order", at_ns, placed.order_id)
        return (held_up, TimerSet(_ARRIVES, at_ns, placed.account, placed.instrument))

    def _arrived(self, timer: TimerFired, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first order of the account that is due now; none where it was cancelled meanwhile."""
        assert timer.account is not None
        waiting = ((number, self._resting[number]) for number in self._of_account.get(timer.account, ()))
        here = ((number, order.due_ns) for number, order in waiting if order.instrument == timer.instrument)
        due = (number for number, due_ns in here if due_ns is not None and due_ns <= now_ns)
        return self._traded(min(due, default=0), ledger, now_ns)

    def _traded(self, number: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The fills of an order, and the cancellation of what found nobody; its refusal where they breach a limit."""
        order = ledger.own_orders.get(number)
        if order is None:
            return ()
        sign, wanted = (1 if order.size_lots > 0 else -1), abs(order.size_lots)
        stopped = why_nothing_trades(ledger, order.instrument)
        if stopped is not None:
            return (_cancelled(number, order, stopped),)
        lots = min(wanted, held_lots(order, ledger)) if order.reduces else wanted
        if not lots:
            return (_cancelled(number, order, GONE),)
        limit_ticks, reason = _limit_ticks(order, ledger)
        found = list(walk(ledger.markets[order.instrument], sign * lots, limit_ticks, now_ns, order.account))
        over = refused(number, order, _trades(found, sign, order, ledger), ledger, self._open_interest)
        if over is not None:
            return (over,)
        fills = [OrderFilled(number, **asdict(one)) for one in filled_by(found, order, lots, ledger)]
        left = fills[-1].left_lots if fills else lots
        return [*fills, *([OrderCancelled(number, order.account, order.instrument, left, reason)] if left else ())]


def _limit_ticks(order: OwnOrder, ledger: LedgerState) -> tuple[int | None, str]:
    """The worst price that an order trades at, and what stops it there: its own limit or the price band.

    One that closes something has the bankruptcy price for a limit where it states none.
    """
    band, selling = band_in_force(ledger, order.instrument), order.size_lots < 0
    own_ticks = order.limit_ticks
    if own_ticks is None and held_lots(order, ledger):  # beyond its bankruptcy price the account would owe
        own_ticks = bankruptcy_price(ledger.accounts[order.account], ledger, (order.instrument, order.leg))
    if band is None:
        return own_ticks, NO_DEPTH
    band_ticks = band_limit_ticks(ledger.markets[order.instrument], band, selling=selling)
    limit_ticks = tighter(own_ticks, band_ticks, selling=selling)
    return limit_ticks, NO_DEPTH if limit_ticks == own_ticks else OUT_OF_BAND


def _trades(found: Iterable[DepthFill], sign: int, order: OwnOrder, ledger: LedgerState) -> Iterator[tuple[int, int]]:
    """Lots and value of what the depth would give."""
    payoff = ledger.markets[order.instrument].payoff
    for fill in found:
        yield sign * fill.lots, payoff.value_atoms(sign * fill.lots, fill.price_ticks)


def _cancelled(number: int, order: OwnOrder, reason: str) -> OrderCancelled:
    return OrderCancelled(number, order.account, order.instrument, abs(order.size_lots), reason)
