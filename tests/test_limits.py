"""Initial margin, leverage, position and open interest: what would breach is refused, what reduces never is."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import TradeExecuted
from deleverage.events.bodies.listing import LimitsStated, Tier
from deleverage.events.bodies.trading import OrderCancelled, OrderFilled, OrderPlaced, OrderRefused
from deleverage.events.ledger import Account
from deleverage.events.vocabulary import Body
from deleverage.handlers.depth import walk
from deleverage.handlers.limits import SideTotals, room_lots
from deleverage.handlers.living.orders import OwnOrders
from deleverage.handlers.protocol import NoParameters

from .support.made import made
from .support.oracles import equity, requirement, worth
from .support.venue import LIQUIDITY, Book, bodies, listed, tiers_of
from .support.worlds import START_PRICE, books, tiers

MOST = st.none() | st.integers(1, 200)


def ordered(book: Book, account: int, lots: int, instrument: int = 0, *, reduces: bool = False) -> list[Body]:
    """What becomes of a market order, which is folded with all that follows."""
    orders = OwnOrders(NoParameters())
    orders.prime(book.ledger, ())
    number = book.ledger.orders + 1
    placed = book.put(OrderPlaced(number, account, instrument, 0, lots, "market", "test", reduces=reduces))
    orders.observe(placed, book.ledger)
    products = bodies(orders.handle(placed, book.ledger, book.now_ns))
    book.take(products)
    assert number not in book.ledger.own_orders
    return products


def initial_of(account: Account, book: Book) -> Fraction:
    """The initial margin, bracket by bracket: each side of each instrument as one position."""
    total = Fraction(0)
    for instrument, market in enumerate(book.ledger.markets):
        lots = [held.size_lots for key, held in account.positions.items() if key[0] == instrument]
        for sign in (1, -1):
            values = (abs(worth(market.listing, one, market.mark_ticks)) for one in lots if one * sign > 0)
            total += requirement(market.initial or market.tiers, sum(values))
    return total


def broken(book: Book, account: int, instrument: int, lots: int) -> set[str]:
    """Which limits the account, or all traders, are beyond on the side of such an order, as the ledger stands."""
    market, held = book.ledger.markets[instrument], book.account(account)
    limits, sign = market.limits, 1 if lots > 0 else -1
    assert limits is not None
    own = [one.size_lots for key, one in held.positions.items() if key[0] == instrument]
    has, found = equity(held, book.ledger), set()
    side = sum(abs(one) for one in own if one * sign > 0)
    values = [abs(worth(market.listing, one, market.mark_ticks)) for one in own]
    if market.initial and has < initial_of(held, book):
        found.add("initial margin")
    if limits.leverage_bps is not None and sum(values) * 10_000 > max(0, has) * limits.leverage_bps:
        found.add("leverage")
    if limits.position_lots is not None and side > limits.position_lots:
        found.add("position")
    worth_atoms = sum(value for value, one in zip(values, own, strict=True) if one * sign > 0)
    if limits.position_atoms is not None and worth_atoms > limits.position_atoms:
        found.add("position value")
    traders = [one for one in book.ledger.accounts if one.kind == "user"]
    everyone = [p.size_lots for one in traders for key, p in one.positions.items() if key[0] == instrument]
    if (
        limits.open_interest_lots is not None
        and sum(abs(p) for p in everyone if p * sign > 0) > limits.open_interest_lots
    ):
        found.add("open interest")
    return found


@st.composite
def limits(draw: st.DrawFn, initial: tuple[Tier, ...]) -> LimitsStated:
    """Any of the limits, around what the worlds hold."""
    return LimitsStated(
        instrument=0,
        initial=draw(st.sampled_from([(), initial])),
        leverage_bps=draw(st.none() | st.integers(10_000, 300_000)),
        position_lots=draw(MOST),
        position_atoms=draw(st.none() | st.integers(1_000, 200_000)),
        open_interest_lots=draw(st.none() | st.integers(1, 400)),
    )


@settings(max_examples=300, deadline=None)
@given(books(), tiers(rate_ppm_most=900_000), st.data())
def test_what_is_accepted_keeps_to_every_limit_and_what_is_refused_would_not(
    book: Book, initial: tuple[Tier, ...], data: st.DataObject
) -> None:
    """After an accepted order all limits hold; of a refused one the named limit would be broken by the same fills."""
    book.put(data.draw(limits(initial)))
    depth = [(10, data.draw(st.integers(1, 40))), (200, data.draw(st.integers(41, 150)))]
    book.depth(depth, depth)
    account = data.draw(st.integers(4, len(book.ledger.accounts) - 1))
    lots = data.draw(st.integers(-80, 80).filter(bool))
    held = book.account(account).positions.get((0, 0))
    reduces = held is not None and held.size_lots * lots < 0 and abs(lots) <= abs(held.size_lots)
    market = book.ledger.markets[0]
    sign = 1 if lots > 0 else -1
    fills = [(sign * one.lots, one.price_ticks) for one in walk(market, lots, None, book.now_ns, account)]
    products = ordered(book, account, lots)
    refusals = [one for one in products if isinstance(one, OrderRefused)]
    if not refusals:
        traded = any(isinstance(one, OrderFilled) for one in products)
        assert not traded or not stands_so(book, account, lots) or not broken(book, account, 0, lots)
        return
    assert not reduces
    assert len(products) == 1
    for size, price in fills:
        value = market.payoff.value_atoms(size, price)
        book.put(trade_of(account, size, price, value))
    assert refusals[0].limit in broken(book, account, 0, lots)


def trade_of(account: int, lots: int, price: int, value: int) -> TradeExecuted:
    """A trade with outside liquidity."""
    return made(
        TradeExecuted,
        account=account,
        counterparty=LIQUIDITY,
        size_lots=lots,
        price_ticks=price,
        value_atoms=value,
        trade_id=1,
    )


def stands_so(book: Book, account: int, lots: int) -> bool:
    """Whether the account stands on the side that it ordered: if not, it only reduced."""
    held = book.account(account).positions.get((0, 0))
    return held is not None and held.size_lots * lots > 0


def one_long(stated: LimitsStated, balance: int = 3_000) -> tuple[Book, int]:
    """A trader long 10 lots from 1,000, with 5% of initial margin and deep books."""
    book = Book(listed(tiers=tiers_of((0, 20_000))))
    book.put(stated)
    book.mark(1000)
    user = book.user(balance, (0, 10, 1000))
    book.depth([(0, 1_000)], [(0, 1_000)])
    return book, user


@pytest.mark.parametrize(("lots", "accepted"), [(50, True), (51, False)])
def test_initial_margin_is_met_to_the_atom(lots: int, accepted: bool) -> None:
    """3,000 of equity bear 60,000 at 5%: 50 lots more, and not one beyond."""
    book, user = one_long(LimitsStated(0, tiers_of((0, 50_000))))
    (said,) = ordered(book, user, lots)
    if accepted:
        assert isinstance(said, OrderFilled)
    else:
        assert said == OrderRefused(1, user, 0, 51, "initial margin", 3_050, 3_000)


@pytest.mark.parametrize(
    ("stated", "refusal"),
    [
        (LimitsStated(0, (), 200_000), ("leverage", 61_000, 60_000, 0, 0)),
        (LimitsStated(0, position_lots=60), ("position", 0, 0, 61, 60)),
        (LimitsStated(0, position_atoms=60_000), ("position value", 61_000, 60_000, 0, 0)),
        (LimitsStated(0, open_interest_lots=60), ("open interest", 0, 0, 61, 60)),
    ],
)
def test_each_limit_is_named_with_what_would_be_and_what_may(stated: LimitsStated, refusal: tuple[object, ...]) -> None:
    """One lot over: 20 times 3,000 of equity, 60 lots, 60,000 of value, 60 lots of all traders."""
    book, user = one_long(stated)
    assert [type(one) for one in ordered(book, user, 50)] == [OrderFilled]
    (said,) = ordered(book, user, 1)
    assert said == OrderRefused(2, user, 0, 1, *refusal)  # type: ignore[arg-type]


def test_who_is_over_every_limit_may_still_reduce_but_not_turn_round() -> None:
    """Nothing is left of the equity: a sale of what is held is filled, one that opens a short is refused whole."""
    everything = LimitsStated(0, tiers_of((0, 900_000)), 10_000, 1, 1, 1)
    book, user = one_long(everything, 100)
    assert isinstance(ordered(book, user, -11)[0], OrderRefused)
    assert [type(one) for one in ordered(book, user, -4)] == [OrderFilled]
    assert [type(one) for one in ordered(book, user, -11, reduces=True)] == [OrderFilled]
    assert book.account(user).positions == {}


def test_without_limits_or_depth_nothing_is_refused() -> None:
    """An order that trades nothing breaches nothing: it is cancelled as ever."""
    book, user = one_long(LimitsStated(0, position_lots=1))
    book.depth([], [])
    assert [type(one) for one in ordered(book, user, 5)] == [OrderCancelled]


@settings(max_examples=80, deadline=None)
@given(books(), tiers(rate_ppm_most=900_000), st.integers(1, 120), st.sampled_from([1, -1]), st.data())
def test_a_maker_has_room_for_just_so_many_lots(
    book: Book, initial: tuple[Tier, ...], most: int, sign: int, data: st.DataObject
) -> None:
    """What it may still add at the mark keeps to every limit, and one lot more does not."""
    book.put(data.draw(limits(initial)))
    account, market = data.draw(st.integers(4, len(book.ledger.accounts) - 1)), book.ledger.markets[0]
    interest = SideTotals()
    interest.rebuild(book.ledger)
    room = room_lots(book.account(account), market, sign, book.ledger, interest, most)
    held = book.account(account).positions.get((0, 0))
    opposite = abs(held.size_lots) if held is not None and held.size_lots * sign < 0 else 0
    assert min(opposite, most) <= room <= most
    for lots, fits in ((room, True), (room + 1, False)):
        if opposite < lots <= most:
            value = market.payoff.value_atoms(sign * lots, START_PRICE)
            trade = trade_of(account, sign * lots, START_PRICE, value)
            book.put(trade)
            assert bool(broken(book, account, 0, sign)) != fits
            book.put(msgspec.structs.replace(trade, size_lots=-sign * lots, value_atoms=-value, trade_id=2))
