"""Payoffs: value at a price and price at a value, linear and inverse, against sweeps and fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.errors import LedgerError
from deleverage.events.payoff import PRICE_TICKS_MOST, InversePayoff, LinearPayoff, Payoff, payoff_of

from .support.oracles import worth
from .support.venue import listed

LOTS = st.integers(-(10**6), 10**6).filter(bool)
PRICES = st.integers(1, 10**7)
PAYOFFS = st.builds(LinearPayoff, st.integers(1, 10**6)) | st.builds(InversePayoff, st.integers(1, 10**15))


@given(PAYOFFS, LOTS, PRICES)
def test_both_sides_of_a_trade_are_worth_the_same(payoff: Payoff, lots: int, ticks: int) -> None:
    """Value is odd in the size, so money and size of a trade sum to zero whatever was rounded."""
    assert payoff.value_atoms(-lots, ticks) == -payoff.value_atoms(lots, ticks)
    assert payoff.value_atoms(lots, ticks) != 0


@given(PAYOFFS, LOTS, PRICES, PRICES)
def test_a_long_gains_as_the_price_rises(payoff: Payoff, lots: int, ticks: int, other: int) -> None:
    """Never worth less at a higher price when long, nor more when short."""
    low, high = sorted((ticks, other))
    gained = payoff.value_atoms(lots, high) - payoff.value_atoms(lots, low)
    assert gained >= 0 if lots > 0 else gained <= 0


@given(st.integers(1, 10**15), LOTS, PRICES)
def test_an_inverse_value_is_rounded_away_from_zero(multiplier: int, lots: int, ticks: int) -> None:
    """Minus size x multiplier / price, less than an atom farther from zero than it is."""
    value, exact = InversePayoff(multiplier).value_atoms(lots, ticks), Fraction(-lots * multiplier, ticks)
    assert value == worth(listed(kind="inverse", multiplier_atoms=multiplier), lots, ticks)
    assert 0 <= abs(value) - abs(exact) < 1


@given(
    st.sampled_from([LinearPayoff(3), InversePayoff(50), InversePayoff(400)]),
    st.integers(-4, 4).filter(bool),
    st.data(),
)
def test_the_ends_are_those_that_a_sweep_finds(payoff: Payoff, lots: int, data: st.DataObject) -> None:
    """At least and at most this much: the prices where that begins or ends, by looking at every price."""
    farthest = 2_000  # beyond which these inverse positions are worth an atom each, whatever the price
    bound = data.draw(st.integers(-1_700, 1_700))
    values = {ticks: payoff.value_atoms(lots, ticks) for ticks in range(1, farthest)}
    for found, fits, floor in (
        (payoff.price_at_least(lots, bound), {t for t, v in values.items() if v >= bound}, lots > 0),
        (payoff.price_at_most(lots, bound), {t for t, v in values.items() if v <= bound}, lots < 0),
    ):
        assert fits == {ticks for ticks in values if (ticks >= found if floor else ticks <= found)}


@given(st.integers(1, 10**12), st.integers(-1000, 1000).filter(bool), st.integers(1, 10**4))
def test_a_price_is_read_back_from_its_value(multiplier: int, lots: int, ticks: int) -> None:
    """Where a tick is worth more than two atoms, value to price to value ends where it began; linear always does."""
    payoff = InversePayoff(multiplier * 4 * 10**8)
    assert payoff.price_ticks(lots, payoff.value_atoms(lots, ticks)) == ticks
    assert LinearPayoff(multiplier).price_ticks(lots, LinearPayoff(multiplier).value_atoms(lots, ticks)) == ticks


def test_no_price_is_high_enough_for_nothing() -> None:
    """A long owes coins at every price: for a value of zero or more there is none; a short is worth that anywhere."""
    payoff = InversePayoff(100)
    assert payoff.price_at_least(5, 0) == payoff.price_at_least(-5, 0) == PRICE_TICKS_MOST
    assert payoff.price_ticks(5, 0) == payoff.price_ticks(5, 7) == payoff.price_ticks(-5, -7) == PRICE_TICKS_MOST
    assert payoff.value_atoms(5, 0) == 0


@pytest.mark.parametrize(("rate", "paid"), [(100_000, 3_333_333), (-100_000, -3_333_333)])
def test_funding_of_an_inverse_lot_is_of_its_notional(rate: int, paid: int) -> None:
    """100 of quote at a price of 3 are 33.3 coins, of which 0.01% is paid by a long, in nanoatoms toward zero."""
    assert InversePayoff(100).funding_nanoatoms(3, rate) == paid
    assert LinearPayoff(100).funding_nanoatoms(3, rate) == 300 * rate


def test_other_kinds_have_none() -> None:
    """A kind without a payoff is refused with the instrument's name."""
    with pytest.raises(LedgerError, match="'I0': no payoff for kind 'swap'"):
        payoff_of(listed(kind="swap"))  # type: ignore[arg-type]
