"""Black's formula in whole numbers: against sixty digits, published tables, and the laws that prices keep."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from deleverage.handlers.options.black76 import (
    DAY_NS,
    NANO,
    PICO,
    PPB,
    YEAR_NS,
    OptionKind,
    OptionPricer,
    discount_factor,
    price_nanoticks,
    price_picocoins,
)
from deleverage.handlers.options.fixed_point import ONE, divided
from deleverage.handlers.options.greeks import greeks_of
from deleverage.handlers.options.implied import VOLATILITY_MOST_PPB, implied_volatility_ppb

from .support.black import EXACT, exact_greeks, exact_price

KINDS: st.SearchStrategy[OptionKind] = st.sampled_from(["call", "put"])
TICKS = st.integers(1, 10**9) | st.integers(1, 100) | st.integers(6_000_000, 8_000_000)
VOLATILITIES = st.integers(0, 10**11) | st.integers(100_000_000, 2 * PPB) | st.integers(0, 100)
TIMES = st.integers(0, 50 * YEAR_NS) | st.integers(DAY_NS, YEAR_NS) | st.integers(0, 10**6)
RATES = st.integers(-PPB // 10, PPB // 2)
A_HALF = EXACT.mpf(1) / 2 + EXACT.mpf(10) ** -20

# Haug, "Option pricing formulas", McGraw-Hill 1998, page 24: options on futures at 90, 100 and 110, strike 100, rate
# 10%, for each time in years and volatility in percent, the call's and the put's prices; as cited by QuantLib's own
# tests.
HAUG = {
    (Fraction(1, 10), 15): ((0.0205, 9.9210), (1.8734, 1.8734), (9.9413, 0.0408)),
    (Fraction(1, 10), 25): ((0.3150, 10.2155), (3.1217, 3.1217), (10.3556, 0.4551)),
    (Fraction(1, 10), 35): ((0.9474, 10.8479), (4.3693, 4.3693), (11.1381, 1.2376)),
    (Fraction(1, 2), 15): ((0.8069, 10.3192), (4.0232, 4.0232), (10.5769, 1.0646)),
    (Fraction(1, 2), 25): ((2.7026, 12.2149), (6.6997, 6.6997), (12.7857, 3.2734)),
    (Fraction(1, 2), 35): ((4.9329, 14.4452), (9.3679, 9.3679), (15.3086, 5.7963)),
}
CENT = 100
"""Ticks to one of the published prices' units."""


def published(forward: int, strike: int, kind: OptionKind, percent: int, years: Fraction, rate_percent: int) -> float:
    """A discounted price in the units of the published examples, which have four digits at most behind the point."""
    time_ns = int(years * YEAR_NS)
    discount = discount_factor(rate_percent * PPB // 100, time_ns)
    nanoticks = price_nanoticks(forward * CENT, strike * CENT, kind, percent * PPB // 100, time_ns, discount)
    return nanoticks / (NANO * CENT)


@given(TICKS, TICKS, KINDS, VOLATILITIES, TIMES)
@example(6_712_345, 7_000_000, "call", 650_000_000, 30 * DAY_NS)
@example(10**30, 10**30 + 1, "put", 650_000_000, 30 * DAY_NS)
@example(100, 100, "call", 1, 1)
@example(7_000_001, 7_000_000, "put", PPB, 1000)
def test_a_price_is_the_nearest_nanotick(
    forward: int, strike: int, kind: OptionKind, volatility: int, time: int
) -> None:
    """Half a unit at most from the exact price, whatever is asked; 10^-15 of a forward of 10^6 ticks."""
    price = price_nanoticks(forward, strike, kind, volatility, time)
    with EXACT.workdps(120):
        assert abs(price - exact_price(forward, strike, kind, volatility, time) * NANO) <= A_HALF


@given(TICKS, st.integers(200, 5000), KINDS, VOLATILITIES, TIMES)
def test_a_price_in_coins_is_off_by_less_than_a_trillionth(
    forward: int, permille: int, kind: OptionKind, volatility: int, time: int
) -> None:
    """Half a picocoin out of the money, one in the money."""
    strike = max(forward * permille // 1000, 1)
    price = price_picocoins(forward, strike, kind, volatility, time)
    inside = forward > strike if kind == "call" else strike > forward
    exact = exact_price(forward, strike, kind, volatility, time) / forward * PICO
    assert abs(price - exact) <= (2 * A_HALF if inside else A_HALF)


@given(TICKS, TICKS, KINDS, VOLATILITIES, TIMES, RATES)
def test_a_discounted_price_is_off_by_less_than_a_unit(
    forward: int, strike: int, kind: OptionKind, volatility: int, time: int, rate: int
) -> None:
    """Of a nanotick, with the discount factor as it is rounded."""
    discount = discount_factor(rate, min(time, 10 * YEAR_NS))
    exact = exact_price(forward, strike, kind, volatility, time) * NANO * discount / ONE
    assert abs(price_nanoticks(forward, strike, kind, volatility, time, discount) - exact) <= 2 * A_HALF


@given(TICKS, TICKS, VOLATILITIES, TIMES, st.just(ONE) | st.integers(1, 2 * ONE))
def test_put_call_parity_is_exact(forward: int, strike: int, volatility: int, time: int, discount: int) -> None:
    """Call less put is D (F - K), rounded by its amount; in coins that over F."""
    side = 1 if forward >= strike else -1
    apart = abs(forward - strike)
    for price, whole, parts in (
        (price_nanoticks, apart * NANO * discount, ONE),
        (price_picocoins, apart * PICO * discount, ONE * forward),
    ):
        call, put = (price(forward, strike, kind, volatility, time, discount) for kind in ("call", "put"))
        assert call - put == side * divided(whole, parts)


@given(TICKS, TICKS, KINDS, VOLATILITIES, TIMES, st.integers(0, 3) | st.integers(0, 10**12))
def test_prices_rise_where_they_must(
    forward: int, strike: int, kind: OptionKind, volatility: int, time: int, more: int
) -> None:
    """With volatility and time for both, with the forward for calls, with the strike for puts; never the other way."""
    price = price_nanoticks(forward, strike, kind, volatility, time)
    assert price_nanoticks(forward, strike, kind, volatility + more, time) >= price
    assert price_nanoticks(forward, strike, kind, volatility, time + more) >= price
    further = price_nanoticks(forward + more, strike, kind, volatility, time)
    dearer = price_nanoticks(forward, strike + more, kind, volatility, time)
    assert further >= price >= dearer if kind == "call" else further <= price <= dearer


@given(TICKS, TICKS, KINDS, VOLATILITIES, TIMES)
def test_prices_stay_within_their_bounds(
    forward: int, strike: int, kind: OptionKind, volatility: int, time: int
) -> None:
    """From what is paid at once to the forward of a call, the strike of a put."""
    pricer = OptionPricer(strike, kind, volatility, time)
    most = forward if kind == "call" else strike
    assert pricer.payoff_nanoticks(forward) <= pricer.price_nanoticks(forward) <= most * NANO


@given(TICKS, TICKS, KINDS, VOLATILITIES, TIMES)
def test_at_expiry_and_without_volatility_a_price_is_the_payoff(
    forward: int, strike: int, kind: OptionKind, volatility: int, time: int
) -> None:
    """max(F - K, 0) or max(K - F, 0), to the last digit."""
    pays = max(forward - strike if kind == "call" else strike - forward, 0)
    assert price_nanoticks(forward, strike, kind, volatility, 0) == pays * NANO
    assert price_nanoticks(forward, strike, kind, 0, time) == pays * NANO
    assert price_picocoins(forward, strike, kind, volatility, 0) == divided(pays * PICO, forward)


def test_a_price_that_lies_near_a_boundary_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a nanotick, as far as the tables can tell, is settled by the series, and only then are they asked."""
    asked = []
    series = OptionPricer._outer

    def outer(self: OptionPricer, forward: int, places: int) -> int:
        asked.append(places)
        return series(self, forward, places)

    pricer = OptionPricer(7_000_000, "call", 650_000_000, 30 * DAY_NS)
    rightly = pricer.price_nanoticks(6_712_345)
    monkeypatch.setattr(OptionPricer, "_outer", outer)
    assert (pricer.price_nanoticks(6_712_345), asked) == (rightly, [])
    monkeypatch.setattr(OptionPricer, "_outer_quick", lambda self, forward: (1 << 79) // NANO)
    assert (pricer.price_nanoticks(6_712_345), asked) == (rightly, [256])


@pytest.mark.parametrize("years", [Fraction(1, 10), Fraction(1, 2)])
@pytest.mark.parametrize("percent", [15, 25, 35])
def test_haugs_table_comes_out(years: Fraction, percent: int) -> None:
    """The 36 prices of page 24, to 10^-4: one is printed as 1.8734 and is 1.87334."""
    for forward, (call, put) in zip((90, 100, 110), HAUG[years, percent], strict=True):
        assert published(forward, 100, "call", percent, years, 10) == pytest.approx(call, abs=1e-4)
        assert published(forward, 100, "put", percent, years, 10) == pytest.approx(put, abs=1e-4)


def test_the_examples_of_haug_and_hull_come_out() -> None:
    """Haug 1998, pages 2-8: 1.7011; Hull, "Options, Futures, and Other Derivatives", on Black's model: 3.35."""
    assert published(19, 19, "call", 28, Fraction(3, 4), 10) == pytest.approx(1.7011, abs=5e-5)
    assert published(19, 19, "put", 28, Fraction(3, 4), 10) == pytest.approx(1.7011, abs=5e-5)
    assert published(60, 60, "put", 25, Fraction(1, 3), 9) == pytest.approx(3.35, abs=5e-3)


def test_haugs_deltas_come_out() -> None:
    """Haug 1998, pages 11-16: an option on a future at 105, strike 100, half a year, rate 10%, volatility 36%."""
    for kind, delta in (("call", 0.5946), ("put", -0.3566)):
        found = greeks_of(OptionPricer(100, kind, 360_000_000, YEAR_NS // 2), 105, PPB // 10)
        assert found.delta_ppt / PICO == pytest.approx(delta, abs=5e-5)


@given(
    st.integers(1000, 10**8),
    st.integers(300, 3000),
    KINDS,
    st.integers(PPB // 100, 5 * PPB),
    st.integers(1, 3 * YEAR_NS),
    RATES,
)
def test_greeks_are_those_of_the_formula(
    forward: int, permille: int, kind: OptionKind, volatility: int, time: int, rate: int
) -> None:
    """Each within a unit of the exact one, which for theta and rho is that of a price half a unit off."""
    strike = forward * permille // 1000
    pricer, discount = OptionPricer(strike, kind, volatility, time), discount_factor(rate, time)
    found = greeks_of(pricer, forward, rate)
    delta, gamma, vega, decay = exact_greeks(forward, strike, kind, volatility, time, discount)
    value = exact_price(forward, strike, kind, volatility, time) * discount / ONE
    gained = value * rate / PPB / 365
    assert abs(found.delta_ppt - delta * PICO) <= 1
    assert abs(found.premium_adjusted_delta_ppt - (delta - value / forward) * PICO) <= 2
    assert abs(found.gamma_quintillionths - gamma * ONE) <= 1 + gamma * ONE / 10**12
    assert abs(found.vega_nanoticks - vega * NANO) <= 1 + vega * NANO / 10**12
    assert abs(found.theta_nanoticks - (gained - decay) * NANO) <= 2 + decay * NANO / 10**12
    assert abs(found.rho_nanoticks + value * time / YEAR_NS / 100 * NANO) <= 2


@given(
    st.integers(1000, 10**7),
    st.integers(500, 2000),
    KINDS,
    st.integers(PPB // 10, 3 * PPB),
    st.integers(DAY_NS, YEAR_NS),
)
def test_the_premium_adjusted_delta_is_the_slope_in_coins(
    forward: int, permille: int, kind: OptionKind, volatility: int, time: int
) -> None:
    """F times the slope of the price in coins: what must be held in futures so that the coins do not change."""
    strike = forward * permille // 1000
    pricer = OptionPricer(strike * 10**6, kind, volatility, time)
    centre, step = forward * 10**6, forward * 10
    rise = pricer.price_picocoins(centre + step) - pricer.price_picocoins(centre - step)
    adjusted = greeks_of(pricer, centre).premium_adjusted_delta_ppt
    assert abs(divided(rise * centre, 2 * step) - adjusted) <= PICO // 10**6


@pytest.mark.parametrize(
    ("forward", "kind", "delta"),
    [(99, "call", 0), (100, "call", PICO // 2), (101, "call", PICO), (99, "put", -PICO), (100, "put", -PICO // 2)],
)
def test_greeks_at_expiry_are_those_of_the_payoff(forward: int, kind: OptionKind, delta: int) -> None:
    """Delta of the side, half of it at the strike, nothing else; neither is there any without volatility."""
    for pricer in (OptionPricer(100, kind, PPB, 0), OptionPricer(100, kind, 0, DAY_NS)):
        found = greeks_of(pricer, forward)
        assert (found.delta_ppt, found.gamma_quintillionths, found.vega_nanoticks, found.theta_nanoticks) == (
            delta,
            0,
            0,
            0,
        )


@given(RATES, st.integers(0, 10 * YEAR_NS))
def test_the_discount_factor_is_the_nearest(rate: int, time: int) -> None:
    """e^(-rate x time) with 18 digits; the exponent is rounded there as well."""
    assert abs(discount_factor(rate, time) - EXACT.exp(-EXACT.mpf(rate) * time / (PPB * YEAR_NS)) * ONE) <= 2
    assert discount_factor(0, time) == discount_factor(rate, 0) == ONE


@given(
    st.integers(10_000, 10**8),
    st.integers(400, 2500),
    KINDS,
    st.integers(0, 5 * PPB),
    st.integers(3600 * 10**9, 3 * YEAR_NS),
    st.just(ONE) | st.integers(ONE // 2, ONE),
)
def test_an_implied_volatility_gives_the_price_back(
    forward: int, permille: int, kind: OptionKind, volatility: int, time: int, discount: int
) -> None:
    """The least volatility of that price: the one put in, or one that the price does not tell from it."""
    strike = forward * permille // 1000
    price = price_nanoticks(forward, strike, kind, volatility, time, discount)
    found = implied_volatility_ppb(price, forward, strike, kind, time, discount)
    assert found <= volatility
    assert price_nanoticks(forward, strike, kind, found, time, discount) == price
    assert found == 0 or price_nanoticks(forward, strike, kind, found - 1, time, discount) < price


@given(st.integers(10_000, 10**8), st.integers(900, 1100), KINDS, st.integers(PPB // 10, 3 * PPB))
def test_near_the_money_the_implied_volatility_is_the_one_put_in(
    forward: int, permille: int, kind: OptionKind, volatility: int
) -> None:
    """A month before expiry a nanotick tells ppb of volatility apart."""
    strike, time = forward * permille // 1000, 30 * DAY_NS
    assume(volatility > PPB // 5 or forward == strike)
    price = price_nanoticks(forward, strike, kind, volatility, time)
    assert implied_volatility_ppb(price, forward, strike, kind, time) == volatility


@given(st.integers(10**6, 10**7), st.integers(400, 2500), KINDS, st.integers(1, NANO * 10**6))
def test_any_price_between_the_bounds_has_its_volatility(
    forward: int, permille: int, kind: OptionKind, over: int
) -> None:
    """The first that reaches the price; one ppb less does not."""
    strike = forward * permille // 1000
    price = OptionPricer(strike, kind, 0, 0).payoff_nanoticks(forward) + min(over, strike * NANO // 2)
    found = implied_volatility_ppb(price, forward, strike, kind, DAY_NS)
    assert price_nanoticks(forward, strike, kind, found - 1, DAY_NS) < price
    assert price <= price_nanoticks(forward, strike, kind, found, DAY_NS)


def test_a_price_that_no_volatility_gives_is_refused() -> None:
    """Below the intrinsic value, and above the forward."""
    with pytest.raises(ValueError, match="below its intrinsic value by 1"):
        implied_volatility_ppb(10 * NANO - 1, 110, 100, "call", DAY_NS)
    with pytest.raises(ValueError, match="no volatility up to"):
        implied_volatility_ppb(110 * NANO + 1, 110, 100, "call", DAY_NS)
    assert implied_volatility_ppb(10 * NANO, 110, 100, "call", DAY_NS) == 0
    most = price_nanoticks(110, 100, "call", VOLATILITY_MOST_PPB, 1000)
    assert implied_volatility_ppb(most, 110, 100, "call", 1000) <= VOLATILITY_MOST_PPB


@pytest.mark.parametrize(
    ("forward", "strike", "volatility", "time"), [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)]
)
def test_what_is_no_option_has_no_price(forward: int, strike: int, volatility: int, time: int) -> None:
    """A forward, strike, volatility or time below its least."""
    with pytest.raises(ValueError, match=r"positive|below zero"):
        price_nanoticks(forward, strike, "call", volatility, time)
