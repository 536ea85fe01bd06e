"""Prices of many options over many scenarios at once: within their bound, and the same to the last bit everywhere."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage.handlers.options.black76 import DAY_NS, PPB, YEAR_NS, OptionKind
from deleverage.handlers.options.price_grid import BPS, TICKS_MOST, GridOption, PriceGrid

from .support.black import exact_price

MICROTICKS = 10**6
TRILLIONTH = Fraction(1, 10**12)
KINDS: st.SearchStrategy[OptionKind] = st.sampled_from(["call", "put"])
OPTIONS = st.builds(
    GridOption,
    kind=KINDS,
    strike_ticks=st.integers(1, TICKS_MOST) | st.integers(1, 100) | st.integers(5_000_000, 9_000_000),
    volatility_ppb=st.integers(0, 10**12) | st.integers(PPB // 10, 2 * PPB) | st.integers(0, 1000),
    time_ns=st.integers(0, 50 * YEAR_NS) | st.integers(DAY_NS, YEAR_NS) | st.integers(0, 10**9),
)
FORWARDS = st.integers(1, TICKS_MOST // 3) | st.integers(1, 100) | st.integers(5_000_000, 9_000_000)
MOVES = st.integers(-9_999, 20_000) | st.integers(-1600, 1600)

FORWARD_MOVES = tuple(range(-1600, 1601, 200))
VOLATILITY_MOVES = (-2500, 0, 5000)
DIGEST = "3213a2ec79c4de442e62a8074f682bf5d20b22132c5f94558c57547e2aae0153"


def a_portfolio() -> list[GridOption]:
    """Twenty options around 6,700,000 ticks, a week to a month before expiry."""
    return [
        GridOption(("call", "put")[n % 2], 4_000_000 + 300_000 * n, 650_000_000 + 10**6 * n, (7 + n) * DAY_NS)
        for n in range(20)
    ]


@given(st.lists(OPTIONS, min_size=1, max_size=3), FORWARDS, st.lists(MOVES, min_size=1, max_size=3), MOVES)
@example([GridOption("put", 566, 2_110_000_000, 323 * DAY_NS)], 810, [400], -2_500)
def test_a_price_keeps_its_bound(
    options: list[GridOption], forward: int, moves: list[int], volatility_move: int
) -> None:
    """10^-12 of the greater of forward and strike, and 1.01 microticks, for any option and move; nothing overflows."""
    with np.errstate(all="raise"):
        prices = PriceGrid(options, moves, [volatility_move]).prices_microticks(forward)
    for option, row in zip(options, prices[:, 0, :], strict=True):
        for move, price in zip(moves, row, strict=True):
            moved = Fraction(forward * (BPS + move), BPS)
            volatility = Fraction(option.volatility_ppb * (BPS + volatility_move), BPS)
            exact = exact_price(moved, option.strike_ticks, option.kind, volatility, option.time_ns)
            bound = max(moved, option.strike_ticks) * TRILLIONTH * MICROTICKS + Fraction(101, 100)
            assert abs(int(price) - exact * MICROTICKS) <= float(bound)


def test_a_grid_is_the_same_to_the_last_bit() -> None:
    """The digest of 1020 prices: whoever computes them, on whatever machine."""
    prices = PriceGrid(a_portfolio(), FORWARD_MOVES, VOLATILITY_MOVES).prices_microticks(6_712_345)
    assert prices.shape == (20, 3, 17)
    assert hashlib.sha256(prices.astype("<i8").tobytes()).hexdigest() == DIGEST


@given(st.lists(OPTIONS, min_size=2, max_size=4), FORWARDS, st.lists(MOVES, min_size=2, max_size=4))
def test_a_price_does_not_depend_on_what_else_is_asked(
    options: list[GridOption], forward: int, moves: list[int]
) -> None:
    """One option alone in one scenario has the price that it has among others: so a price can be told by itself."""
    together = PriceGrid(options, moves, moves).prices_microticks(forward)
    alone = PriceGrid(options[-1:], moves[-1:], moves[:1]).prices_microticks(forward)
    assert alone[0, 0, 0] == together[-1, 0, -1]


@pytest.mark.parametrize("kind", ["call", "put"])
def test_at_expiry_the_grid_is_the_payoff(kind: OptionKind) -> None:
    """To within a microtick, below, at and above the strike."""
    grid = PriceGrid([GridOption(kind, 1_000_000, PPB, 0)], [-1000, 0, 1000], [0])
    pays = [0, 0, 100_000] if kind == "call" else [100_000, 0, 0]
    assert all(abs(grid.prices_microticks(1_000_000)[0, 0] - np.array(pays) * MICROTICKS) <= 1)


def test_what_a_grid_cannot_hold_is_refused() -> None:
    """A move of everything, a strike or a moved forward beyond 64 bits, and what is no option."""
    option = GridOption("call", TICKS_MOST, PPB, DAY_NS)
    with pytest.raises(ValueError, match="leaves something"):
        PriceGrid([option], [-BPS], [0])
    with pytest.raises(ValueError, match="a strike is above"):
        PriceGrid([GridOption("call", TICKS_MOST + 1, PPB, DAY_NS)], [0], [0])
    grid = PriceGrid([option], [0, 5000], [0])
    for forward in (0, -1, TICKS_MOST):
        with pytest.raises(ValueError, match="a forward is positive"):
            grid.prices_microticks(forward)
    with pytest.raises(ValueError, match="a positive strike"):
        GridOption("put", 0, PPB, DAY_NS)
