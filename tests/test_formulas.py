"""The venues' price formulas beyond their worked examples: what must hold at the price that they give."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deleverage.events.bodies.listing import Tier
from deleverage.handlers.liquidation_price import liquidation_prices
from deleverage.handlers.valuation import bankruptcy_values, margin_of

from .support.formulas import binance, bybit, dydx, hyperliquid, inverse
from .support.formulas.bankruptcy import CrossPosition, bankruptcy_price, cross_bankruptcy_prices
from .support.formulas.binance import Bracket, Wallet
from .support.formulas.dydx import Holding, Perpetual
from .support.formulas.numbers import Number, exact, rounded, rounded_to_step
from .support.oracles import requirement
from .support.venue import Book, listed, tiers_of

SIZES = st.integers(-500, 500).filter(bool)
PRICES = st.fractions(min_value=1, max_value=10**5, max_denominator=100)
MONEY = st.fractions(min_value=0, max_value=10**6, max_denominator=100)
BRACKETS = (
    Bracket(0, Fraction(1, 100), 0),
    Bracket(9_000, Fraction(1, 20), 360),
    Bracket(50_000, Fraction(1, 4), 10_360),
)
TIERS = tiers_of((0, 10_000), (9_000, 50_000), (50_000, 250_000))


@given(SIZES, PRICES, MONEY)
def test_at_the_bankruptcy_price_nothing_is_left(size: int, entry: Fraction, collateral: Fraction) -> None:
    """Collateral and profit come to exactly zero."""
    assert collateral + size * (bankruptcy_price(size, entry, collateral) - entry) == 0


@given(st.lists(st.tuples(SIZES, PRICES, st.integers(1, 5000)), min_size=1, max_size=4), st.integers(-(10**5), 10**5))
def test_closing_all_of_an_account_there_leaves_nothing(held: list[tuple[int, Fraction, int]], equity: int) -> None:
    """Equity at the marks, and what moving each position to its own price adds, come to exactly zero."""
    positions = [CrossPosition(*one) for one in held]
    prices = cross_bankruptcy_prices(positions, equity)
    moved = [exact(one.size) * (price - exact(one.mark)) for one, price in zip(positions, prices, strict=True)]
    assert equity + sum(moved) == 0


@given(st.lists(st.tuples(SIZES, st.integers(1, 2000)), min_size=1, max_size=3), st.integers(-5000, 5000))
def test_the_ledgers_bankruptcy_values_are_these(held: list[tuple[int, int]], balance: int) -> None:
    """`bankruptcy_values` shares equity alike, each share rounded down and the remainder with the last."""
    book = Book(*(listed(i, tiers=TIERS) for i in range(len(held))))
    book.mark(*(mark for _, mark in held))
    account = book.account(book.user(0, *((i, size, mark) for i, (size, mark) in enumerate(held))))
    account.balance_atoms = balance
    positions = [CrossPosition(size, mark, requirement(TIERS, abs(size) * mark)) for size, mark in held]
    prices = cross_bankruptcy_prices(positions, balance)
    values = list(bankruptcy_values(account, book.ledger).values())
    for value, price, (size, _) in zip(values, prices, held, strict=True):
        assert abs(value - price * size) < len(held)


@given(SIZES, st.integers(100, 900), st.integers(0, 200_000))
def test_the_tiered_liquidation_price_is_that_of_the_ledger(size: int, entry: int, balance: int) -> None:
    """Binance's formula over all brackets, and the first tick of `liquidation_prices` beyond it, agree."""
    book = Book(listed(tiers=TIERS))
    book.mark(entry)
    account = book.account(book.user(balance, (0, size, entry)))
    margin = margin_of(account, book.ledger)
    assume(margin.equity_atoms * 10**6 >= margin.requirement_microatoms)
    price = binance.liquidation_price_in_tiers(Wallet(balance), size, entry, BRACKETS)
    below, above = liquidation_prices(account, book.ledger.markets, margin)[0]
    if price is None:
        assert (below, above) == (None, None)
    elif size > 0:
        assert (below, above) == ((-(-price.numerator // price.denominator) - 1) or None, None)
    else:
        assert (below, above) == (None, price.numerator // price.denominator + 1)


def test_the_brackets_amounts_are_those_of_tiers() -> None:
    """`maintenance_amount` from bracket to bracket gives the amounts of `Tier`, in whole units."""
    for before, bracket, tier in zip(BRACKETS, BRACKETS[1:], TIERS[1:], strict=False):
        amount = binance.maintenance_amount(bracket.floor, bracket.rate, before.rate, before.amount)
        assert amount == exact(bracket.amount) == Fraction(tier.amount_microatoms, 10**6)
    assert TIERS[0] == Tier(0, 10_000, 0)


@given(SIZES, PRICES, st.integers(2, 125), st.booleans())
def test_at_bybits_price_the_coins_are_lost(size: int, entry: Fraction, leverage: int, long: bool) -> None:
    """Initial margin and profit, both in coins, come to exactly zero."""
    side = 1 if long else -1
    price = bybit.inverse_bankruptcy_price(side * abs(size), entry, leverage)
    assert price is not None
    assert Fraction(1, leverage) / entry + side * (1 / entry - 1 / price) == 0


def test_a_short_in_its_own_coins_has_no_bybit_price() -> None:
    """At a leverage of 1 or less the coins are there at any price; a leverage of nothing is refused."""
    assert bybit.inverse_bankruptcy_price_in_ticks(-1, 7890, 1, Decimal("0.5")) is None
    with pytest.raises(ValueError, match="leverage of 0 is not possible"):
        bybit.inverse_bankruptcy_price(1, 7890, 0)


@given(SIZES, PRICES, st.integers(1, 125))
def test_bybits_price_is_that_of_any_inverse_position(size: int, entry: Fraction, leverage: int) -> None:
    """With the coins that the leverage asks for at entry behind it."""
    coins = Fraction(abs(size), entry * leverage)
    assert inverse.bankruptcy_price(size, entry, coins) == bybit.inverse_bankruptcy_price(size, entry, leverage)


@given(SIZES, st.integers(100, 900), st.integers(0, 200), st.sampled_from([10_000, 50_000, 250_000]))
def test_the_inverse_liquidation_price_is_that_of_the_ledger(size: int, entry: int, coins: int, rate_ppm: int) -> None:
    """With 10^12 atoms a coin what is rounded is nothing: the first tick beyond the formula's price, or the price."""
    book, one = Book(listed(kind="inverse", multiplier_atoms=10**12, tiers=tiers_of((0, rate_ppm)))), 10**12
    book.mark(entry)
    account = book.account(book.user(coins * one // 100, (0, size, entry)))
    margin = margin_of(account, book.ledger)
    assume(margin.equity_atoms * 10**6 >= margin.requirement_microatoms)
    price = inverse.liquidation_price(size, entry, Fraction(coins, 100), Fraction(rate_ppm, 10**6))
    below, above = liquidation_prices(account, book.ledger.markets, margin)[0]
    if price is None:
        assert (below, above) == (None, None) or (above is not None and above > 10**9)
    elif size > 0:
        assert above is None
        assert -1 <= (below or 0) - price <= 0
    else:
        assert below is None
        assert above is not None
        assert -price * Fraction(1, 10**6) <= above - price <= 1


@given(SIZES, PRICES, MONEY, st.integers(1, 50))
def test_at_hyperliquids_price_equity_is_the_requirement(
    size: int, price: Fraction, value: Fraction, max_leverage: int
) -> None:
    """An account with one position: value moved to that price equals maintenance margin there."""
    leverage = hyperliquid.maintenance_leverage(max_leverage)
    available = value - abs(size) * price / leverage
    found = hyperliquid.liquidation_price(price, size, available, leverage)
    assert value + size * (found - price) == abs(size) * found / leverage


@given(
    st.dictionaries(st.sampled_from("ABC"), st.integers(-(10**9), 10**9).filter(bool), min_size=1),
    st.integers(-(10**13), 10**13),
    st.data(),
)
def test_dydx_prices_are_rounded_up(positions: dict[str, int], quote: int, data: st.DataObject) -> None:
    """The price is the exact one or less than a quantum above it."""
    perpetuals = {"A": Perpetual(Fraction(500), 100_000), "B": Perpetual(Fraction(3), 50_000)} | {
        "C": Perpetual(Fraction(7, 10), 30_000)
    }
    holding, name = Holding(quote, positions), data.draw(st.sampled_from(sorted(positions)))
    held = positions[name]
    part = data.draw(st.integers(1, abs(held)))
    delta = -part if held > 0 else part
    assume(dydx.risk_of(holding, perpetuals).requirement)
    found = dydx.bankruptcy_price_quote_quantums(holding, perpetuals, name, delta)
    total = dydx.risk_of(holding, perpetuals)
    one = {name: perpetuals[name]}
    before = dydx.risk_of(Holding(0, {name: held}), one)
    after = dydx.risk_of(Holding(0, {name: held + delta}), one)
    share = Fraction(total.collateral * abs(after.requirement - before.requirement), total.requirement)
    assert 0 <= found - (before.collateral - after.collateral - share) < 1


def test_dydx_rounds_a_notional_toward_zero_and_its_requirement_up() -> None:
    """3 base quantums at 0.7 are 2 quote quantums, minus 2 when short; 3% of that is 1. No position requires none."""
    perpetuals = {"C": Perpetual(Fraction(7, 10), 30_000)}
    assert dydx.risk_of(Holding(5, {"C": 3}), perpetuals) == (7, 1)
    assert dydx.risk_of(Holding(5, {"C": -3}), perpetuals) == (3, 1)
    assert not dydx.is_liquidatable(dydx.risk_of(Holding(-5, {}), perpetuals))


@pytest.mark.parametrize("number", [0.5, Decimal("NaN"), Decimal("Infinity")])
def test_floats_and_no_numbers_are_refused(number: Number) -> None:
    """A formula takes exact numbers only."""
    with pytest.raises(ValueError, match="is not an exact number"):
        bankruptcy_price(1, number, 1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bankruptcy_price(0, 1, 1),
        lambda: binance.liquidation_price(Wallet(1), 1, 1, 1, 0),
        lambda: hyperliquid.liquidation_price(1, 1, 1, 1),
        lambda: inverse.liquidation_price(1, 1, 1, 1),
        lambda: cross_bankruptcy_prices([], 1),
        lambda: dydx.bankruptcy_price_quote_quantums(Holding(1, {"A": 1}), {"A": Perpetual(Fraction(1), 0)}, "A", -1),
    ],
)
def test_what_has_no_price_is_refused(ask: object) -> None:
    """In one line that says what to do."""
    with pytest.raises(ValueError, match=r"^[^\n]*(give|lie|it is|needs)[^\n]*$"):
        ask()  # type: ignore[operator]


def test_printed_figures_are_rounded_half_away_from_zero() -> None:
    """To decimals as they are printed, and to steps halves up."""
    assert [rounded(Fraction(n, 1000), 2) for n in (1005, -1005, 1004)] == [Decimal("1.01"), Decimal("-1.01"), 1]
    assert rounded_to_step(Fraction(775, 100), Decimal("0.5")) == 8
