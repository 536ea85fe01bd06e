"""Black's formula and the scan of a portfolio against QuantLib, which nobody here wrote: in float, over keyed draws.

What keeps the two apart is rounding: ours to a unit of the last place, QuantLib's of numbers with 53 binary places. So
a price may differ by 10^-12 of the greater of forward and strike, beside the units that ours is rounded to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from deleverage.events.ledger.options import Option
from deleverage.handlers.draws import draw_below
from deleverage.handlers.options.black76 import (
    DAY_NS,
    NANO,
    PICO,
    PPB,
    OptionKind,
    OptionPricer,
    discount_factor,
    price_nanoticks,
)
from deleverage.handlers.options.greeks import greeks_of
from deleverage.handlers.options.implied import implied_volatility_ppb
from deleverage.handlers.options.portfolio import lost_in_cells
from deleverage.handlers.options.price_grid import GridOption, PriceGrid
from deleverage.handlers.options.scan_grid import ScanParameters, cells_of

from .support.option_chain import PERP, ChainBook, producers_of

ql = pytest.importorskip("QuantLib", reason="the oracle of the extra `test`")

DRAWS = 1_500
SEED = 11
FLOAT = 1e-12
"""Of the greater of forward and strike."""

MICRO = 10**6
BPS = 10**4
TODAY = ql.Date(1, 1, 2025)
YEAR = ql.Actual365Fixed()


class Drawn(NamedTuple):
    """An option, at a forward in ticks, a volatility and a rate in ppb, so many days before it expires."""

    forward: int
    strike: int
    kind: OptionKind
    volatility: int
    days: int
    rate: int

    @property
    def tolerance(self) -> float:
        """How far apart two prices may be, in ticks."""
        return FLOAT * max(self.forward, self.strike)

    @property
    def pricer(self) -> OptionPricer:
        """Ours."""
        return OptionPricer(self.strike, self.kind, self.volatility, self.days * DAY_NS)


def drawn(number: int = DRAWS) -> Iterator[Drawn]:
    """Keyed by what each figure is: strikes from a third to thrice the forward, a day to three years, 1 to 300%."""
    for n in range(number):

        def below(what: str, bound: int, n: int = n) -> int:
            return draw_below(SEED, 0, f"quantlib {what}", n, bound)

        forward = 100 + below("forward", 10 ** (3 + below("size", 5)))
        yield Drawn(
            forward,
            max(1, forward * (333 + below("strike", 2_667)) // 1_000),
            ("call", "put")[below("kind", 2)],
            PPB // 100 * (1 + below("volatility", 300)),
            1 + below("days", 1_095),
            below("rate", PPB // 5) - PPB // 20,
        )


def engine(one: Drawn) -> tuple[object, object]:
    """QuantLib's European option, and the process that its analytic engine prices it by: Black's, of a forward."""
    ql.Settings.instance().evaluationDate = TODAY
    rate = ql.YieldTermStructureHandle(ql.FlatForward(TODAY, one.rate / PPB, YEAR))
    volatility = ql.BlackConstantVol(TODAY, ql.NullCalendar(), one.volatility / PPB, YEAR)
    process = ql.BlackProcess(
        ql.QuoteHandle(ql.SimpleQuote(float(one.forward))), rate, ql.BlackVolTermStructureHandle(volatility)
    )
    option = ql.VanillaOption(payoff(one.kind, one.strike), ql.EuropeanExercise(TODAY + one.days))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return option, process


def payoff(kind: OptionKind, strike: int) -> object:
    """Of a call or put, as QuantLib has it."""
    return ql.PlainVanillaPayoff(ql.Option.Call if kind == "call" else ql.Option.Put, float(strike))


def black(one: Drawn, forward: float, volatility: float) -> float:
    """QuantLib's price without discount."""
    return ql.BlackCalculator(payoff(one.kind, one.strike), forward, volatility * (one.days / 365) ** 0.5).value()


def test_prices_are_those_of_the_analytic_engine() -> None:
    """Discounted, in and out of the money, of calls and puts."""
    apart = []
    for one in drawn():
        option, _ = engine(one)
        discount = discount_factor(one.rate, one.days * DAY_NS)
        price = price_nanoticks(one.forward, one.strike, one.kind, one.volatility, one.days * DAY_NS, discount)
        apart.append(abs(price / NANO - option.NPV()) / (one.tolerance + 1 / NANO))
    assert len(apart) == DRAWS
    assert max(apart) <= 1


def test_greeks_are_those_of_the_analytic_engine() -> None:
    """Delta, gamma, vega a point, theta a day; rho by a rate that the forward does not answer to, so both of its."""
    for one in drawn(DRAWS // 3):
        option, _ = engine(one)
        found, years = greeks_of(one.pricer, one.forward, one.rate), one.days / 365
        for ours, unit, theirs in (
            (found.delta_ppt, PICO, option.delta()),
            (found.gamma_quintillionths, PICO * MICRO, option.gamma()),
            (found.vega_nanoticks, NANO, option.vega() / 100),
            (found.theta_nanoticks, NANO, option.theta() / 365),
            (found.rho_nanoticks, NANO, (option.rho() + option.dividendRho()) / 100),
        ):
            largest = max(one.forward, one.strike) * (1 + years) if unit == NANO else 1
            assert abs(ours / unit - theirs) <= 10 * FLOAT * largest + 2 / unit


def test_the_implied_volatility_is_the_one_that_quantlib_finds() -> None:
    """Where a price has enough to tell it by: both solve for a price of QuantLib's, which is not put in as a figure."""
    asked = 0
    for one in drawn(DRAWS // 3):
        option, process = engine(one._replace(rate=0))
        price, vega = option.NPV(), option.vega()
        if vega < one.forward / 1_000 or price < one.forward / 1_000:
            continue
        asked += 1
        theirs = option.impliedVolatility(price, process, 1e-10, 500, 1e-4, 10.0)
        ours = implied_volatility_ppb(round(price * NANO), one.forward, one.strike, one.kind, one.days * DAY_NS)
        assert abs(ours / PPB - theirs) <= 2e-9 + (one.tolerance + 1 / NANO) / vega
    assert asked > DRAWS // 6


def test_a_grid_is_the_price_in_each_of_its_scenarios() -> None:
    """17 prices and 3 volatilities; 10^-12 of the greater of forward and strike by each, and 1.01 microticks."""
    moves, ways = range(-1_600, 1_601, 200), (-2_500, 0, 5_000)
    for one in drawn(DRAWS // 30):
        option = GridOption(one.kind, one.strike, one.volatility, one.days * DAY_NS)
        (prices,) = PriceGrid([option], moves, ways).prices_microticks(one.forward)
        for way, row in zip(ways, prices, strict=True):
            for move, price in zip(moves, row, strict=True):
                theirs = black(one, one.forward * (1 + move / BPS), one.volatility / PPB * (1 + way / BPS))
                assert abs(int(price) / MICRO - theirs) <= 3 * one.tolerance + 1.01 / MICRO


SPOT = 100_000
TWENTY: tuple[tuple[int, OptionKind, int], ...] = tuple(
    (60_000 + 4_000 * n, ("call", "put")[n % 2], (7, 30, 75)[n % 3])  # type: ignore[misc]
    for n in range(20)
)
GRID = {"model": "deribit", "extended_bps": ()}


def test_a_portfolio_of_twenty_options_loses_in_each_cell_what_quantlib_says() -> None:
    """Long and short, of three expiries, beside a future; volatility shocked as Deribit says, worked out again here."""
    book = ChainBook(TWENTY, producers=producers_of("portfolio", GRID))
    book.mark(SPOT)
    lots = {number: draw_below(SEED, number, "portfolio", 0, 41) - 20 or 1 for number in range(1, 21)}
    trader = book.ledger.accounts[book.trader(10**9, {**lots, PERP: 7})]
    rules = ScanParameters(**GRID)  # type: ignore[arg-type]
    losses = lost_in_cells(trader.positions, PERP, book.ledger, book.ledger.markets, rules)
    for cell, loss in zip(cells_of(rules), losses, strict=True):
        moved = SPOT * (1 + cell.price_bps / BPS)
        theirs = 7 * (SPOT - moved)
        for number, held in lots.items():
            theirs += held * (
                worth(book.ledger.options[number], SPOT, 0) - worth(book.ledger.options[number], moved, cell.row)
            )
        most = sum(map(abs, lots.values())) * (6 * FLOAT * SPOT * 1.16 + 4 / MICRO)
        assert abs(loss / MICRO - theirs) <= most


def worth(option: Option, forward: float, row: int) -> float:
    """An option at a forward, at 60%, or at that moved up or down; a power of 0.3 below 30 days, of 0.13 from there."""
    days, flat = option.expiry_ns // DAY_NS, 0.6
    scale = (30 / days) ** (0.3 if days < 30 else 0.13)
    volatility = (flat, max(flat * (1 + 0.5 * scale), 0.5), flat * (1 - 0.25 * scale))[row]
    return black(Drawn(SPOT, option.strike_ticks, option.right, 0, days, 0), forward, volatility)
