"""Outside liquidity: what an order gets from the depth, how that comes back, and how far it moves the mark."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import DepthQuoted
from deleverage.events.bodies.liquidation import LiquidationOrdered, OrdersCancelled
from deleverage.events.bodies.margin import PositionReduced
from deleverage.events.bodies.venue import TradingHalted
from deleverage.handlers.depth import eaten_lots, impact_ticks, walk
from deleverage.handlers.market import NO_DEPTH, DepthMarket
from deleverage.handlers.protocol import NoParameters

from .support.made import made
from .support.venue import LIQUIDITY, Book, bodies, filled, listed

BANDS = ((10, 100), (50, 300), (100, 1000))
HALF_LIFE = 1000


def market_book(half_life_ns: int = 0, impact_bps: int = 10_000, price: int = 10_000) -> tuple[Book, int]:
    """An instrument at 10,000 with the bands above on both sides, and a trader in liquidation, long 500."""
    book = Book(listed(refill_half_life_ns=half_life_ns, impact_bps=impact_bps))
    book.mark(price)
    book.depth(BANDS, BANDS)
    user = book.user(10**6, (0, 500, price))
    book.liquidate(user)
    return book, user


def reduce(book: Book, user: int, lots: int, eaten: int) -> None:
    """A trade with the depth that leaves so many lots of its side eaten."""
    book.put(PositionReduced(user, LIQUIDITY, 0, 0, lots, 10_000, lots * 10_000, eaten))


def order(book: Book, user: int, lots: int, limit: int | None = None) -> list[object]:
    """What the market makes of a forced order."""
    event = book.put(
        made(
            LiquidationOrdered,
            liquidation_id=1,
            order_id=book.ledger.orders + 1,
            account=user,
            size_lots=lots,
            limit_ticks=limit,
            step=1,
        )
    )
    return list(bodies(DepthMarket(NoParameters()).handle(event, book.ledger, book.now_ns)))


def test_a_sale_takes_bids_nearest_first() -> None:
    """100 lots at 10 basis points below the index, the next 200 at 50, and what is left at 100."""
    book, _ = market_book()
    fills = list(walk(book.ledger.markets[0], -350, None, 0))
    assert [(f.lots, f.price_ticks, f.eaten_lots) for f in fills] == [
        (100, 9990, 100),
        (200, 9950, 300),
        (50, 9900, 350),
    ]


def test_a_purchase_takes_asks_and_pays_more() -> None:
    """The same on the other side of the index."""
    book, _ = market_book()
    fills = list(walk(book.ledger.markets[0], 350, None, 0))
    assert [(f.lots, f.price_ticks, f.eaten_lots) for f in fills] == [
        (100, 10_010, 100),
        (200, 10_050, 300),
        (50, 10_100, 350),
    ]


def test_prices_are_rounded_against_the_order() -> None:
    """10 basis points of 155 are 0.155 ticks: a sale gets 154, a purchase pays 156."""
    book, _ = market_book(price=155)
    assert next(walk(book.ledger.markets[0], -1, None, 0)).price_ticks == 154
    assert next(walk(book.ledger.markets[0], 1, None, 0)).price_ticks == 156


def test_the_limit_stops_at_the_first_worse_band() -> None:
    """A sale that accepts 9950 gets two bands and no more; one that accepts less than the best gets nothing."""
    book, _ = market_book()
    assert sum(f.lots for f in walk(book.ledger.markets[0], -1000, 9950, 0)) == 300
    assert list(walk(book.ledger.markets[0], -1000, 9991, 0)) == []
    assert sum(f.lots for f in walk(book.ledger.markets[0], 1000, 10_050, 0)) == 300


def test_without_depth_nothing_trades() -> None:
    """No quote, no fill; and a band below one tick is none."""
    book = Book()
    book.mark(10)
    assert list(walk(book.ledger.markets[0], -5, None, 0)) == []
    book.depth([(10_000, 5)], [(1, 5)])
    assert list(walk(book.ledger.markets[0], -5, None, 0)) == []


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 500)), max_size=6),
    st.integers(-2000, 2000).filter(bool),
    st.none() | st.integers(1, 20_000),
    st.integers(0, 800),
    st.integers(1, 10_000),
)
def test_it_never_fills_more_than_is_there_nor_worse_than_the_limit(
    steps: list[tuple[int, int]], lots: int, limit: int | None, eaten: int, price: int
) -> None:
    """Whatever the bands and what is eaten: prices from good to bad within the limit, lots within each band's rest."""
    book, user = market_book(half_life_ns=HALF_LIFE, price=price)
    bands, deep = [], 0
    for distance, more in sorted(steps):
        deep += more
        bands.append((distance, deep))
    book.depth(bands, bands)
    reduce(book, user, -1 if lots < 0 else 1, eaten)
    fills = list(walk(book.ledger.markets[0], lots, limit, 0))
    prices = [f.price_ticks for f in fills]
    assert prices == sorted(prices, reverse=lots < 0)
    assert sum(f.lots for f in fills) <= min(abs(lots), max(0, deep - eaten))
    assert all(f.lots > 0 and f.price_ticks > 0 for f in fills)
    assert [f.eaten_lots for f in fills] == [eaten + sum(g.lots for g in fills[: n + 1]) for n in range(len(fills))]
    for f in fills:
        assert limit is None or (f.price_ticks >= limit if lots < 0 else f.price_ticks <= limit)
        assert (f.price_ticks <= price) if lots < 0 else (f.price_ticks >= price)
    if limit is None and (price * (10_000 - max([d for d, _ in bands], default=0)) >= 10_000 or lots > 0):
        assert sum(f.lots for f in fills) == min(abs(lots), max(0, deep - eaten))


@given(st.integers(0, 10**6), st.integers(0, 20 * HALF_LIFE))
def test_eaten_depth_refills_with_the_half_life(lots: int, later_ns: int) -> None:
    """Halved at every whole half-life, linear in between: within the two lots that rounding down can cost."""
    book, user = market_book(half_life_ns=HALF_LIFE)
    reduce(book, user, -1, lots)
    halvings, rest = divmod(later_ns, HALF_LIFE)
    exact = Fraction(lots, 2**halvings) * (1 - Fraction(rest, 2 * HALF_LIFE))
    assert exact - 2 < eaten_lots(book.ledger.markets[0], selling=True, now_ns=later_ns) <= exact
    assert eaten_lots(book.ledger.markets[0], selling=False, now_ns=later_ns) == 0


def test_without_a_half_life_depth_is_whole_again_at_the_next_instant() -> None:
    """A half-life of 0 means at once, but not within the instant in which it was eaten."""
    book, user = market_book()
    reduce(book, user, -1, 40)
    assert eaten_lots(book.ledger.markets[0], selling=True, now_ns=0) == 40
    assert eaten_lots(book.ledger.markets[0], selling=True, now_ns=1) == 0


def test_each_side_refills_from_its_own_last_trade() -> None:
    """A purchase a half-life after a sale does not set the refilling of the bids back."""
    book, user = market_book(half_life_ns=HALF_LIFE)
    reduce(book, user, -1, 400)
    book.now_ns = HALF_LIFE
    reduce(book, user, 1, 100)
    market = book.ledger.markets[0]
    assert [eaten_lots(market, selling=True, now_ns=n * HALF_LIFE) for n in (1, 2, 3)] == [200, 100, 50]
    assert [eaten_lots(market, selling=False, now_ns=n * HALF_LIFE) for n in (1, 2, 3)] == [100, 50, 25]


def test_the_impact_is_how_far_the_eaten_lots_reach() -> None:
    """100 lots reach to 10 basis points, 200 half way to 50, all to 100 and no further; sales down, purchases up."""
    for eaten, reach_bps in ((50, 5), (100, 10), (200, 30), (1000, 100), (5000, 100)):
        for sign in (-1, 1):
            book, user = market_book()
            reduce(book, user, sign, eaten)
            assert impact_ticks(book.ledger.markets[0], 10_000, 0) == sign * reach_bps


def test_the_impact_is_the_share_that_the_instrument_says_toward_zero() -> None:
    """Half of 30 basis points of 9,999 are 14.9 ticks: 14 either way; without a share there is no impact."""
    for share, moved in ((5_000, 14), (0, 0)):
        book, user = market_book(impact_bps=share)
        reduce(book, user, -1, 200)
        assert impact_ticks(book.ledger.markets[0], 9_999, 0) == -moved


def test_both_sides_eaten_alike_leave_the_mark() -> None:
    """Asks eaten push up what bids eaten push down."""
    book, user = market_book(half_life_ns=HALF_LIFE)
    reduce(book, user, -1, 200)
    reduce(book, user, 1, 200)
    assert impact_ticks(book.ledger.markets[0], 10_000, 0) == 0


def test_the_market_fills_band_by_band_and_cancels_the_rest() -> None:
    """A sale of 350 with a limit of 9950: two fills, numbered on, each with what is left, and 50 cancelled."""
    book, user = market_book()
    assert order(book, user, -350, 9950) == [
        filled(user, -100, 9990, value_atoms=-999000, left_lots=250, eaten_lots=100),
        filled(user, -200, 9950, value_atoms=-1990000, trade_id=2, left_lots=50, eaten_lots=300),
        OrdersCancelled(1, user, 1, 50, NO_DEPTH),
    ]


def test_a_filled_order_is_not_cancelled() -> None:
    """Nothing is left of 100."""
    book, user = market_book()
    assert order(book, user, -100) == [filled(user, -100, 9990, value_atoms=-999000, eaten_lots=100)]


def test_in_a_halt_nothing_fills() -> None:
    """The whole order is cancelled, and the reason says why."""
    book, user = market_book()
    book.put(TradingHalted(0, 1, 1, 99))
    assert order(book, user, -100) == [OrdersCancelled(1, user, 1, 100, "trading is halted")]


def test_an_order_only_reduces() -> None:
    """What a slow market finds gone of the position is not traded: 500 are left to sell, and none to buy."""
    book, user = market_book()
    sold, rest = order(book, user, -600)[2:]
    assert sold.left_lots == 100  # type: ignore[attr-defined]
    assert rest == OrdersCancelled(1, user, 1, 100, "the position is gone")
    assert order(book, user, 5) == [OrdersCancelled(1, user, 2, 5, "the position is gone")]


def test_a_new_quote_does_not_give_back_what_was_eaten() -> None:
    """Depth is what the venue shows, and what forced orders took is missing from any quote until it refills."""
    book, user = market_book(half_life_ns=HALF_LIFE)
    reduce(book, user, -1, 100)
    book.put(DepthQuoted(0, ((20, 150),), ()))
    assert [(f.lots, f.price_ticks) for f in walk(book.ledger.markets[0], -500, None, 0)] == [(50, 9980)]
