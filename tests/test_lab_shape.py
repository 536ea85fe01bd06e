"""The shape of a crash, by hand: what is liquidated, when ADL began, and the leverage of whom it hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import BankruptcyDeclared, PositionTakenOver
from deleverage.events.bodies.waterfall import PositionDeleveraged
from research.shape import Shape, percentile, shape_of

from .support.made import made
from .support.venue import FUND, Book, filled, listed

SECOND = 10**9
FALLEN, TAKEN, RICH, POOR, BROKE = 4, 5, 6, 7, 8


def crash() -> Book:
    """Two longs fall from 100 to 80; three shorts gain, of whom the last has no cash but what it gained."""
    book = Book(listed(), fund_atoms=50)
    book.user(30, (0, 4, 100))
    book.user(110, (0, 5, 100))
    book.user(2_000, (0, -4, 100))
    book.user(40, (0, -2, 75))
    book.user(-5, (0, -3, 100))
    book.mark(80)
    first, second = book.liquidate(FALLEN), book.liquidate(TAKEN)
    book.now_ns = 3 * SECOND
    book.put(filled(FALLEN, -1, 80, liquidation_id=first, eaten_lots=1))
    book.put(BankruptcyDeclared(first, FALLEN, -30, 24, "test"))
    book.put(BankruptcyDeclared(second, TAKEN, 10, 40, "test"))
    book.put(PositionTakenOver(second, TAKEN, FUND, 0, 0, 5, 390, 78))
    book.now_ns = 64 * SECOND
    book.put(
        made(
            PositionDeleveraged,
            round=1,
            liquidation_id=first,
            against=FALLEN,
            account=RICH,
            size_lots=2,
            price_ticks=79,
            value_atoms=158,
            rank=1,
            score=9,
        )
    )
    book.put(
        made(
            PositionDeleveraged,
            round=1,
            liquidation_id=first,
            against=FALLEN,
            account=POOR,
            size_lots=1,
            price_ticks=79,
            value_atoms=79,
            rank=2,
            score=8,
        )
    )
    book.now_ns = 65 * SECOND
    book.put(filled(FUND, -1, 80, liquidation_id=second, order_id=2, trade_id=2, leg=second, eaten_lots=2))
    book.put(
        made(
            PositionDeleveraged,
            round=2,
            liquidation_id=second,
            against=FUND,
            against_leg=second,
            account=RICH,
            size_lots=2,
            price_ticks=78,
            value_atoms=156,
            rank=1,
            score=9,
        )
    )
    book.put(
        made(
            PositionDeleveraged,
            round=2,
            liquidation_id=second,
            against=FUND,
            against_leg=second,
            account=BROKE,
            size_lots=1,
            price_ticks=78,
            value_atoms=78,
            rank=2,
            score=8,
        )
    )
    return book


@pytest.fixture(scope="module")
def shape() -> Shape:
    """The crash, measured from its events."""
    return shape_of(crash().events)


def test_liquidated_and_deleveraged(shape: Shape) -> None:
    """A sale for 80, a takeover at 390 and four reductions; what the fund sold itself is no part."""
    assert shape.deleveraged_atoms == 158 + 79 + 156 + 78
    assert shape.liquidated_atoms == 80 + 390 + shape.deleveraged_atoms


def test_delay_and_bursts(shape: Shape) -> None:
    """The first forced trade is at 3 s, the first reduction 61 s later; two at 64 s and two at 65 s."""
    assert (shape.first_liquidation_ns, shape.delay_ns) == (3 * SECOND, 61 * SECOND)
    assert shape.bursts == ((64 * SECOND, 2), (65 * SECOND, 2))
    assert shape.reductions == 4


def test_leverage_is_over_cash(shape: Shape) -> None:
    """The whole holding at the closing price over the balance just before; 0 for who has none."""
    gained = 2 * (100 - 79)
    rich = (4 * 79 * 10**6 // 2_000, 2 * 78 * 10**6 // (2_000 + gained))
    assert shape.leverages_ppm == tuple(sorted((0, *rich, 2 * 79 * 10**6 // 40)))
    assert shape.account_leverages_ppm == tuple(sorted((0, sum(rich) // 2, 2 * 79 * 10**6 // 40)))


def test_leverage_on_equity_has_the_profit_below_the_line(shape: Shape) -> None:
    """At the mark of 80: 320 of 2,080, 160 of 30, 160 of 2,082, and 240 of the 55 that was only gained."""
    expected = (320 * 10**6 // 2_080, 160 * 10**6 // 30, 160 * 10**6 // 2_082, 240 * 10**6 // 55)
    assert shape.equity_leverages_ppm == tuple(sorted(expected))


def test_in_profit_at_the_closing_price(shape: Shape) -> None:
    """Who was short from 75 is closed at 79 and lost; the other three reductions were at a profit."""
    assert shape.in_profit == 3


def test_a_quiet_run_has_no_shape() -> None:
    """No forced trade and no reduction: nothing to say."""
    quiet = shape_of(Book().events)
    assert quiet == Shape(None, 0, 0, 0, (), (), (), ())
    assert (quiet.delay_ns, quiet.reductions) == (None, 0)
    assert percentile((), 50) is None


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(values: list[int], hundredths: int) -> None:
    """So many hundredths are at most the percentile, and fewer are below it."""
    found = percentile(sorted(values), hundredths)
    assert found is not None
    assert 100 * sum(value <= found for value in values) >= hundredths * len(values)
    assert 100 * sum(value < found for value in values) < hundredths * len(values)
