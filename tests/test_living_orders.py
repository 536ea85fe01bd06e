"""Traders' own orders: who trades with whom, stops that set each other off, and what becomes of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted, OrdersCancelled
from deleverage.events.bodies.margin import MarginCalled, PositionReduced
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.trading import (
    BookPriced,
    DepthFormed,
    OrderCancelled,
    OrderFilled,
    OrderPlaced,
)
from deleverage.events.bodies.venue import TimerFired, TradingHalted
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.depth import walk
from deleverage.handlers.living.orders import OwnOrders
from deleverage.handlers.market import NO_DEPTH
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.trader_response import ResponseParameters, TraderResponse

from .support.made import made
from .support.venue import LIQUIDITY, Book, bodies, listed
from .test_living_crowd import living

PRICE = 10_000
LIVING = (Producer("impact", "power-law", "1", {}, 0), Producer("orders", "book", "1", {}, 0))


def priced(ticks: int, instrument: int = 0) -> BookPriced:
    """A book that trades at a price, around which its depth stands."""
    return made(
        BookPriced,
        instrument=instrument,
        outside_ticks=ticks,
        centre_ticks=ticks,
        price_ticks=ticks,
        reference_ticks=ticks,
        trend_microticks=ticks * 10**6,
        law_lots=100,
        half_life_ns=10**9,
    )


def venue(*makers: int | None, lots: int = 10) -> Book:
    """A book at 10,000 with a band of `lots` for each of these makers on both sides, 10, 20, ... basis points away."""
    book = Book(listed(), producers=LIVING)
    for _ in range(4):
        book.user(10**6)
    book.put(priced(PRICE))
    book.mark(PRICE)
    side = tuple((10 * (n + 1), lots * (n + 1)) for n in range(len(makers)))
    book.put(DepthFormed(0, side, side, makers, makers))
    return book


class Desk:
    """The handler over a ledger, with its index kept."""

    def __init__(self, book: Book) -> None:
        self.book, self.orders = book, OwnOrders(NoParameters())
        self.orders.prime(book.ledger, ())

    def fold(self, body: object) -> Event:
        """Fold one body and let the index see it."""
        event = self.book.put(body)  # type: ignore[arg-type]
        if type(body) in self.orders.observes:
            self.orders.observe(event, self.book.ledger)
        return event

    def deliver(self, event: Event) -> list[object]:
        """Its products, folded."""
        products = bodies(self.orders.handle(event, self.book.ledger, self.book.now_ns))
        for body in products:
            self.fold(body)
        return list(products)

    def place(self, account: int, size_lots: int, trigger: int | None = None, **more: object) -> list[object]:
        """Place an order and deliver it."""
        body = made(
            OrderPlaced,
            order_id=self.book.ledger.orders + 1,
            account=account,
            instrument=0,
            leg=0,
            size_lots=size_lots,
            kind="market" if trigger is None else "stop",
            purpose="test",
            trigger_ticks=trigger,
            **more,
        )
        return self.deliver(self.fold(body))


def test_each_fill_is_with_whose_band_it_is() -> None:
    """An order walks the bands: makers and outside liquidity are its counterparties, each at its own price."""
    book = venue(5, None, 6)
    fills = Desk(book).place(4, 25)
    told = [(f.counterparty, f.size_lots, f.price_ticks, f.left_lots) for f in fills if isinstance(f, OrderFilled)]
    assert told == [(5, 10, 10_010, 15), (LIQUIDITY, 10, 10_020, 5), (6, 5, 10_030, 0)]
    assert book.ledger.accounts[5].positions[0, 0].size_lots == -10
    assert not book.ledger.own_orders
    book.ledger.check()


def test_nobody_trades_with_itself() -> None:
    """A maker's own band that is in the way counts as eaten; the order goes on for its whole size behind it."""
    book = venue(4, 5, 4, None)
    fills = Desk(book).place(4, 15)
    told = [(f.counterparty, f.size_lots, f.eaten_lots) for f in fills if isinstance(f, OrderFilled)]
    assert told == [(5, 10, 20), (LIQUIDITY, 5, 35)]
    assert [f.maker for f in walk(book.ledger.markets[0], -5, None, 0, 4)] == [5]


def test_what_finds_nobody_is_cancelled() -> None:
    """The rest of an order that the depth does not bear is cancelled, and so is one in a halt."""
    desk = Desk(venue(5))
    *_, last = desk.place(4, -30)
    assert last == OrderCancelled(1, 4, 0, 20, NO_DEPTH)
    desk.fold(made(TradingHalted, instrument=0, until_ns=10**9, reference_ticks=PRICE, mark_ticks=PRICE))
    assert desk.place(4, 3) == [OrderCancelled(2, 4, 0, 3, "trading is halted")]
    assert desk.place(4, 3, PRICE - 1) == []


def test_an_order_trades_no_worse_than_its_limit() -> None:
    """Bands beyond the limit are left alone."""
    fills = Desk(venue(5, 6, None)).place(4, -30, limit_ticks=9_980)
    assert [f.price_ticks for f in fills if isinstance(f, OrderFilled)] == [9_990, 9_980]
    assert fills[-1] == OrderCancelled(1, 4, 0, 10, NO_DEPTH)


def test_an_order_that_reduces_never_turns_a_position_round() -> None:
    """It trades what is left of the position by then, and is cancelled where nothing is."""
    book = venue(None, None)
    book.hold(4, 0, 6, PRICE)
    desk = Desk(book)
    (fill,) = desk.place(4, -15, reduces=True)
    assert (fill.size_lots, fill.left_lots) == (-6, 0)  # type: ignore[attr-defined]
    assert desk.place(4, -15, reduces=True) == [OrderCancelled(2, 4, 0, 15, "the position is gone")]
    assert desk.place(4, 15, reduces=True) == [OrderCancelled(3, 4, 0, 15, "the position is gone")]


STOPS = st.lists(st.tuples(st.integers(9_900, 10_100), st.sampled_from([-1, 1])), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(STOPS, st.integers(9_880, 10_120))
def test_stops_go_off_by_how_far_they_are_passed(stops: list[tuple[int, int]], price: int) -> None:
    """Against a sweep over all orders: the furthest passed first, then the first placed; nobody else goes off."""
    book = venue(None, lots=10**6)
    desk = Desk(book)
    desk.fold(priced(PRICE))
    placed = {}
    for number, (trigger, side) in enumerate(stops, 1):
        if (side < 0) == (trigger < PRICE) and trigger != PRICE:
            assert desk.place(4, side, trigger) == []
            placed[book.ledger.orders] = (trigger, side)
        assert number
    gone, event = [], desk.fold(priced(price))
    while products := desk.deliver(event):
        gone += [body.order_id for body in products if isinstance(body, OrderFilled)]
        assert len(products) == 1
    passed = {n: (price - t) * s for n, (t, s) in placed.items() if (price - t) * s >= 0}
    assert gone == sorted(passed, key=lambda n: (-passed[n], n))
    assert book.ledger.own_orders.keys() == placed.keys() - passed.keys()


def test_a_liquidated_account_has_no_orders() -> None:
    """As its liquidation begins all its orders are cancelled, each by itself; those of others rest on."""
    book = venue(None)
    desk = Desk(book)
    for account, trigger in ((4, 9_000), (5, 9_100), (4, 11_000)):
        desk.place(account, -1 if trigger < PRICE else 1, trigger)
    products = desk.deliver(desk.fold(LiquidationStarted(1, 4, 1, 2)))
    reason = "its account is liquidated"
    assert products == [
        OrdersCancelled(1, 4, None, 0, reason),
        OrderCancelled(1, 4, 0, 1, reason),
        OrderCancelled(3, 4, 0, 1, reason),
    ]
    assert list(book.ledger.own_orders) == [2]
    assert desk.deliver(desk.fold(LiquidationStarted(2, 6, 1, 2))) == []


def test_an_answer_to_a_call_is_an_order_where_makers_quote() -> None:
    """In a living market a reduction is ordered, within the bankruptcy price; elsewhere outside liquidity takes it."""
    response = TraderResponse(ResponseParameters(add_bps=0, reduce_bps=10_000))
    said = []
    for producers in (LIVING, ()):
        book = venue(None)
        book.ledger.producers = producers
        account = book.user(30_000, (0, 20, PRICE))
        book.put(MarginCalled(account, 30_000, 20_000, 12_500))
        fired = Event(99, 0, 1, 0, (), 0, made(TimerFired, timer=98, purpose="margin response", account=account))  # type: ignore[arg-type]
        said.append(bodies(response.handle(fired, book.ledger, 0)))
    (order,), (reduced,) = said
    assert isinstance(order, OrderPlaced)
    assert (order.size_lots, order.limit_ticks, order.reduces) == (-10, 8_500, True)
    assert isinstance(reduced, PositionReduced)
    assert (reduced.size_lots, reduced.counterparty) == (-10, LIQUIDITY)


def test_in_a_run_every_fill_is_with_the_band_that_gave_it() -> None:
    """Each fill of an own order is with the maker of the band at its price, and none is with oneself."""
    ledger, seen = Ledger(), 0
    for event in living():
        body = event.body
        if isinstance(body, OrderFilled | LiquidationFilled):
            assert body.account != body.counterparty
        if isinstance(body, OrderFilled):
            market = ledger.markets[body.instrument]
            bands = (market.bids, market.bid_makers) if body.size_lots < 0 else (market.asks, market.ask_makers)
            place = next(n for n, (_, up_to) in enumerate(bands[0]) if up_to >= body.eaten_lots)
            maker = bands[1][place] if bands[1] else None
            assert body.counterparty == (LIQUIDITY if maker is None else maker)
            seen += maker is not None
        assert not isinstance(body, PositionReduced)
        ledger.fold(event)
    assert seen > 50
