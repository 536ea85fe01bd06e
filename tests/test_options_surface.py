"""Surfaces of implied volatility: what they say between strikes and expiries, and which are refused where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deleverage.events.errors import ScenarioError
from deleverage.handlers.options.arbitrage import GRID, density_sign
from deleverage.handlers.options.black76 import DAY_NS, PPB, YEAR_NS
from deleverage.handlers.options.smiles import VARIANCE, Smile, StrikeSmile, SviSmile, variance_of, volatility_of
from deleverage.handlers.options.surface import VolatilitySurface

from .support.black import EXACT

FORWARD = 6_700_000
VOGT = {
    "a_ppb": -41_000_000,
    "b_ppb": 133_100_000,
    "rho_ppb": 306_000_000,
    "m_ppb": 358_600_000,
    "sigma_ppb": 415_300_000,
}
"""Example 3.1 of Gatheral & Jacquier (2014), found by Axel Vogt: no calendar spread, and yet a negative density."""
NEAR = {"a_ppb": 8_000_000, "b_ppb": 60_000_000, "rho_ppb": -200_000_000, "m_ppb": 0, "sigma_ppb": 150_000_000}
FAR = {"a_ppb": 24_000_000, "b_ppb": 90_000_000, "rho_ppb": -200_000_000, "m_ppb": 0, "sigma_ppb": 200_000_000}
LISTED = {
    5_000_000: 800_000_000,
    6_000_000: 700_000_000,
    6_500_000: 650_000_000,
    7_000_000: 640_000_000,
    8_000_000: 670_000_000,
    9_000_000: 720_000_000,
}


def svi(name: str, days: int, forward: int = FORWARD, **figures: int) -> SviSmile:
    """A smile of so many days, with these figures instead of the near one's."""
    return SviSmile(name, days * DAY_NS, forward, **{**NEAR, **figures})


def refusal(smiles: Sequence[Smile], at_ns: int = 0) -> str:
    """What the surface says as it refuses these."""
    with pytest.raises(ScenarioError) as refused:
        VolatilitySurface(smiles, at_ns)
    return str(refused.value)


def exact_svi(k: Any, a_ppb: int, b_ppb: int, rho_ppb: int, m_ppb: int, sigma_ppb: int) -> Any:
    """The total variance by the formula, to sixty digits."""
    a, b, rho, m, sigma = (EXACT.mpf(figure) / PPB for figure in (a_ppb, b_ppb, rho_ppb, m_ppb, sigma_ppb))
    return a + b * (rho * (k - m) + EXACT.sqrt((k - m) ** 2 + sigma**2))


@given(st.integers(-2 * VARIANCE, 2 * VARIANCE), st.sampled_from([VOGT, NEAR, FAR]))
def test_an_svi_is_its_formula(k: int, figures: dict[str, int]) -> None:
    """w, its slope, its curvature and g, against mpmath and its derivatives."""
    smile, x = svi("one", 30, **figures), EXACT.mpf(k) / VARIANCE

    def exact(at: Any) -> Any:
        return exact_svi(at, **figures)

    w, slope, curvature = exact(x), EXACT.diff(exact, x), EXACT.diff(exact, x, 2)
    g = (1 - x * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + EXACT.mpf(1) / 4) + curvature / 2
    for found, right in zip((*smile.bend(k), density_sign(smile, k)), (w, slope, curvature, g), strict=True):
        assert abs(EXACT.mpf(found) / VARIANCE - right) <= EXACT.mpf(10) ** -18


@given(st.integers(1_000_000, 40_000_000))
def test_a_volatility_of_an_svi_is_the_root_of_its_variance(strike: int) -> None:
    """At the expiry of the smile, to the nearest ppb."""
    found = VolatilitySurface([svi("one", 30)], 0).volatility_ppb(strike, FORWARD, 30 * DAY_NS)
    variance = exact_svi(EXACT.log(EXACT.mpf(strike) / FORWARD), **NEAR)
    assert abs(found - EXACT.sqrt(variance * YEAR_NS / (30 * DAY_NS)) * PPB) <= 0.5 + 1e-9


def test_vogts_example_is_refused_where_its_density_is_negative() -> None:
    """From k = 0.65 to 1.25 g is negative, as the paper draws it; the first strike of the grid there is named."""
    said = refusal([svi("26DEC25", 365, 1_000_000, **VOGT)])
    assert said == (
        "surface 26DEC25, strike 1915541 ticks: butterfly arbitrage, g = -0.002297 at k = 0.650000 is negative"
    )
    smile = svi("26DEC25", 365, **VOGT)
    negative = [hundredths for hundredths in GRID if density_sign(smile, hundredths * VARIANCE // 100) < 0]
    assert negative == list(range(65, 126))


@given(st.integers(100_000_000, 2 * PPB), st.integers(1, 1000))
def test_a_flat_surface_is_free_of_arbitrage(volatility: int, days: int) -> None:
    """By SVI and by strikes, at two expiries, and gives its volatility back everywhere between."""
    variances = [variance_of(volatility, time * DAY_NS) * PPB // VARIANCE for time in (days, days + 1)]
    assume(min(variances) > 0)
    flat = [svi(str(n), days + n, a_ppb=variance, b_ppb=0, sigma_ppb=PPB) for n, variance in enumerate(variances)]
    VolatilitySurface(flat, 0)
    listed = [StrikeSmile(str(n), (days + n) * DAY_NS, FORWARD, dict.fromkeys(LISTED, volatility)) for n in range(2)]
    surface = VolatilitySurface(listed, 0)
    for expiry in (DAY_NS, days * DAY_NS, days * DAY_NS + 1, days * DAY_NS + DAY_NS // 3, (days + 9) * DAY_NS):
        assert surface.volatility_ppb(6_600_000, 6_800_000, expiry) == volatility


def test_a_common_surface_is_accepted_and_read_back() -> None:
    """Two expiries of SVI, one of strikes; listed strikes have the volatility that was listed."""
    VolatilitySurface([svi("near", 30), svi("far", 90, **FAR)], 0)
    surface = VolatilitySurface([StrikeSmile("near", 30 * DAY_NS, FORWARD, LISTED)], 0)
    for strike, volatility in LISTED.items():
        assert surface.volatility_ppb(strike, FORWARD, 30 * DAY_NS) == volatility
    assert surface.volatility_ppb(1, FORWARD, 30 * DAY_NS) == 800_000_000
    assert surface.volatility_ppb(10**8, FORWARD, 30 * DAY_NS) == 720_000_000
    assert surface.volatility_ppb(2 * 6_500_000, 2 * FORWARD, 30 * DAY_NS) == 650_000_000


@given(st.dictionaries(st.integers(1, 10**7), st.integers(1, 3 * PPB), min_size=1, max_size=8), st.data())
def test_between_strikes_a_volatility_is_monotone(volatilities: dict[int, int], data: st.DataObject) -> None:
    """It goes from one listed volatility to the next without turning."""
    smile = StrikeSmile("any", DAY_NS, FORWARD, volatilities)
    for low, high in zip(smile.strikes_ticks, smile.strikes_ticks[1:], strict=False):
        asked = sorted(data.draw(st.lists(st.integers(low * 1000, high * 1000), min_size=2, max_size=4)))
        found = [smile.volatility_ppb(strike, 1000) for strike in (low * 1000, *asked, high * 1000)]
        assert found in (sorted(found), sorted(found, reverse=True))
        assert (found[0], found[-1]) == (volatilities[low], volatilities[high])


@given(st.integers(1_000_000, 40_000_000), st.integers(30, 90))
def test_between_expiries_total_variance_is_linear_in_time(strike: int, days: int) -> None:
    """At the same moneyness; before the first and after the last the volatility stands."""
    near, far = svi("near", 30), svi("far", 90, FORWARD + 50_000, **FAR)
    surface = VolatilitySurface([near, far], 0)
    ends = [surface.total_variance(strike, FORWARD, at * DAY_NS) for at in (30, 90)]
    between = surface.total_variance(strike, FORWARD, days * DAY_NS)
    assert abs(between * 60 - (ends[0] * (90 - days) + ends[1] * (days - 30))) <= 60
    assert ends[0] <= between <= ends[1]
    for days_outside, end in ((7, 30), (900, 90)):
        outside = surface.volatility_ppb(strike, FORWARD, days_outside * DAY_NS)
        assert abs(outside - surface.volatility_ppb(strike, FORWARD, end * DAY_NS)) <= 1


def test_a_falling_total_variance_is_refused() -> None:
    """The later expiry and its strike are named: 135,335 is e^-2 of its forward."""
    said = refusal([svi("near", 30, **FAR), svi("far", 90, 1_000_000)])
    assert said == (
        "surface far, strike 135335 ticks: calendar arbitrage, "
        "total variance 0.152337 is below 0.240897 of near at the same moneyness"
    )
    listed = [
        StrikeSmile(name, days * DAY_NS, FORWARD, {FORWARD: ppb})
        for name, days, ppb in (("near", 30, PPB), ("far", 31, PPB // 2))
    ]
    assert refusal(listed).startswith(f"surface far, strike {FORWARD} ticks: calendar arbitrage")


def test_the_same_total_variance_twice_is_accepted() -> None:
    """Nothing is earned by a calendar spread of what is worth the same."""
    VolatilitySurface([svi("near", 30), svi("far", 31)], 0)


def test_listed_strikes_are_refused_where_calls_are_not_convex() -> None:
    """A bump amid them, and a call that costs more than the one below; a single strike stands by itself."""
    month = 30 * DAY_NS
    bump = StrikeSmile(
        "26DEC25", month, FORWARD, {6_000_000: 700_000_000, 6_500_000: 950_000_000, 7_000_000: 640_000_000}
    )
    assert refusal([bump]) == (
        "surface 26DEC25, strike 6500000 ticks: butterfly arbitrage, calls are not convex from 6000000 to 7000000 ticks"
    )
    steep = StrikeSmile("26DEC25", month, FORWARD, {6_000_000: 700_000_000, 6_500_000: 1_500_000_000})
    assert refusal([steep]) == (
        "surface 26DEC25, strike 6500000 ticks: vertical arbitrage, a call costs more than the one below"
    )
    VolatilitySurface([StrikeSmile("26DEC25", month, FORWARD, {FORWARD: 700_000_000})], 0)


@pytest.mark.parametrize(
    ("figures", "rule"),
    [
        ({"b_ppb": -1}, "b is not negative"),
        ({"rho_ppb": PPB}, "rho lies between -1 and 1"),
        ({"sigma_ppb": 0}, "sigma is positive"),
        ({"a_ppb": -50_000_000}, "its least total variance, is positive"),
        ({"b_ppb": 2 * PPB}, "its slope far out, is at most 2"),
    ],
)
def test_figures_that_make_no_smile_are_refused(figures: dict[str, int], rule: str) -> None:
    """Each by its name and bound."""
    with pytest.raises(ScenarioError, match=rule) as refused:
        svi("26DEC25", 30, **figures)
    assert str(refused.value).startswith("surface 26DEC25: ")


def test_what_is_no_surface_is_refused() -> None:
    """No smile, one that has expired, two out of order, no strikes, a volatility or forward of nothing."""
    assert "has smiles" in refusal([])
    assert "expired" in refusal([svi("near", 30)], 30 * DAY_NS)
    assert refusal([svi("near", 30), svi("again", 30)]) == "surface again: it does not expire after near"
    for volatilities in ({}, {0: PPB}, {FORWARD: 0}):
        with pytest.raises(ScenarioError, match="surface none: it has strikes"):
            StrikeSmile("none", DAY_NS, FORWARD, volatilities)
    with pytest.raises(ScenarioError, match="a forward is positive, not 0 ticks"):
        svi("none", 30, 0)
    with pytest.raises(ValueError, match="expired"):
        VolatilitySurface([svi("near", 30)], DAY_NS).volatility_ppb(FORWARD, FORWARD, DAY_NS)


@given(st.integers(PPB // 100, 10 * PPB), st.integers(1, 50 * YEAR_NS))
def test_a_volatility_comes_back_from_its_total_variance(volatility: int, time: int) -> None:
    """Even a nanosecond before expiry, from a percent up."""
    assert volatility_of(variance_of(volatility, time), time) == volatility
