"""Mark pricing: the index as it is, smoothed, and moved by what forced orders ate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarkPriced, PositionReduced
from deleverage.events.envelope import Event
from deleverage.handlers.mark_pricing import IndexMarkPricing, SmoothedMarkPricing, SmoothedParameters
from deleverage.handlers.protocol import Linked, NoParameters, Product

from .support.venue import LIQUIDITY, Book, bodies, filled, listed

MICRO = 10**6
BANDS = ((10, 100), (100, 1000))


def priced(book: Book, handler: SmoothedMarkPricing, event: Event) -> list[Product]:
    """What the handler makes of an event; it is folded too."""
    products = list(handler.handle(event, book.ledger, book.now_ns))
    book.take(products)
    return products


def tick(book: Book, handler: SmoothedMarkPricing, at_ns: int, price: int) -> MarkPriced:
    """The mark for a new index price."""
    book.now_ns = at_ns
    (body,) = bodies(priced(book, handler, book.put(PriceTicked(((0, price),)))))
    assert isinstance(body, MarkPriced)
    return body


def sale(book: Book, eaten: int) -> Event:
    """A trader sells into the bids."""
    return book.put(PositionReduced(4, LIQUIDITY, 0, 0, -5, 1, -5, eaten))


def eaten_book(half_life_ns: int = 1000) -> Book:
    """An instrument with depth, whose whole reach moves the mark, and a trader who holds some of it."""
    book = Book(listed(refill_half_life_ns=half_life_ns, impact_bps=10_000))
    book.depth(BANDS, BANDS)
    book.user(10**6, (0, 50, 1))
    return book


def smoothed_by(smoothing_ns: int = 0) -> SmoothedMarkPricing:
    """The policy with this time constant."""
    return SmoothedMarkPricing(SmoothedParameters(smoothing_ns))


def test_the_index_policy_holds_the_path() -> None:
    """A mark per price of the instant, all at once, with no impact whatever was eaten."""
    book = Book(listed(0), listed(1))
    event = book.put(PriceTicked(((1, 70), (0, 50))))
    handler = IndexMarkPricing(NoParameters())
    assert list(handler.handle(event, book.ledger, 0)) == [MarkPriced(1, 70, 0, 70), MarkPriced(0, 50, 0, 50)]
    assert handler.subscribes == (PriceTicked,)


def test_without_smoothing_the_index_is_taken_as_it_is() -> None:
    """Every price of the instant becomes a mark, in the order of the prices."""
    book = Book(listed(0), listed(1))
    event = book.put(PriceTicked(((1, 70), (0, 50))))
    assert priced(book, smoothed_by(), event) == [MarkPriced(1, 70, 0, 70), MarkPriced(0, 50, 0, 50)]


def test_a_fill_moves_the_mark_at_once() -> None:
    """100 lots of bids reach 10 basis points: a mark 10 below the index of 10,000, caused by the fill."""
    book, handler = eaten_book(), smoothed_by()
    tick(book, handler, 0, 10_000)
    assert priced(book, handler, sale(book, 100)) == [MarkPriced(0, 10_000, -10, 9_990)]
    fill = filled(4, -1, 1, eaten_lots=550)
    book.liquidate(4)
    assert priced(book, handler, book.put(fill)) == [MarkPriced(0, 10_000, -55, 9_945)]


def test_a_fill_that_moves_nothing_makes_no_mark() -> None:
    """The same depth eaten, or no index yet: there is nothing to say."""
    book, handler = eaten_book(), smoothed_by()
    assert priced(book, handler, sale(book, 100)) == []
    tick(book, handler, 0, 10_000)
    assert priced(book, handler, sale(book, 100)) == []


def test_later_marks_carry_the_impact_and_a_link_to_the_fill() -> None:
    """After a half-life half is refilled: the next index price still stands under it, and names the last fill."""
    book, handler = eaten_book(), smoothed_by()
    tick(book, handler, 0, 10_000)
    fill = sale(book, 100)
    book.now_ns = 1000
    event = book.put(PriceTicked(((0, 20_000),)))
    assert priced(book, handler, event) == [Linked(MarkPriced(0, 20_000, -10, 19_990), (fill.seq,))]
    book.now_ns = 10**9
    event = book.put(PriceTicked(((0, 20_000),)))
    assert priced(book, handler, event) == [MarkPriced(0, 20_000, 0, 20_000)]


def test_a_mark_is_at_least_one_tick() -> None:
    """However much was eaten under whatever price."""
    book, handler = eaten_book(), smoothed_by()
    book.depth(((10_000, 10),), ())
    tick(book, handler, 0, 40)
    (mark,) = bodies(priced(book, handler, sale(book, 10)))
    assert mark == MarkPriced(0, 40, -40, 1)


def test_a_negative_time_constant_is_refused() -> None:
    """It would average over the future, or divide by nothing."""
    with pytest.raises(ValueError, match="smoothing_ns must not be negative"):
        SmoothedParameters(-1)


def test_smoothing_takes_a_share_of_the_way() -> None:
    """With a constant of 30: after 10, a quarter of the way from 1000 to 1400, and then half of the rest after 30."""
    book, handler = Book(), smoothed_by(30)
    assert tick(book, handler, 0, 1000).mark_ticks == 1000
    assert tick(book, handler, 10, 1400).smoothed_microticks == 1100 * MICRO
    last = tick(book, handler, 40, 1400)
    assert (last.mark_ticks, last.smoothed_microticks) == (1250, 1250 * MICRO)


def test_the_index_is_recorded_as_it_came() -> None:
    """A smoothed mark holds the index it was made from, so that impact and depth refer to the price outside."""
    book, handler = Book(), smoothed_by(30)
    tick(book, handler, 0, 1000)
    assert tick(book, handler, 10, 1400).index_ticks == 1400


@given(
    st.lists(st.tuples(st.integers(1, 10**10), st.integers(1, 10**7)), min_size=1, max_size=12), st.integers(1, 10**11)
)
def test_smoothing_is_the_average_that_is_stated(path: list[tuple[int, int]], smoothing_ns: int) -> None:
    """It is smoothed += (index - smoothed) x dt / (dt + smoothing), to a microtick a step of the same in fractions."""
    book, handler = Book(), smoothed_by(smoothing_ns)
    exact, at_ns = Fraction(path[0][1]), 0
    tick(book, handler, 0, path[0][1])
    for n, (elapsed_ns, price) in enumerate(path, 1):
        at_ns += elapsed_ns
        exact += (price - exact) * Fraction(elapsed_ns, elapsed_ns + smoothing_ns)
        mark = tick(book, handler, at_ns, price)
        assert exact - Fraction(n, MICRO) <= Fraction(mark.smoothed_microticks, MICRO) <= exact
        assert mark.mark_ticks == max(1, mark.smoothed_microticks // MICRO)


def test_a_fill_between_two_prices_takes_the_average_along() -> None:
    """The average moves on to the moment of the fill, toward the index as it then is; no time is lost to it."""
    book, handler = eaten_book(), smoothed_by(30)
    tick(book, handler, 0, 1000)
    tick(book, handler, 10, 1400)
    book.now_ns = 40
    (mark,) = bodies(priced(book, handler, sale(book, 1000)))
    assert mark == MarkPriced(0, 1400, -14, 1236, 1250 * MICRO)
