"""How exact the prices of options are, what they cost, and how arbitrage is refused: python benchmarks/options.py.

Errors are the greatest of so many draws, by a generator with a fixed seed, against mpmath with sixty digits; they are
the same each time. Costs are the least of several turns of many calls each, in microseconds of one core. The oracle is
that of the tests: pip install -e '.[test]'.
"""

from __future__ import annotations

import random
import sys
import timeit
from collections.abc import Callable
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from deleverage.events.errors import ScenarioError
from deleverage.handlers.options import price_grid
from deleverage.handlers.options.black76 import DAY_NS, NANO, PICO, PPB, YEAR_NS, OptionPricer, price_nanoticks
from deleverage.handlers.options.book import scan_rules
from deleverage.handlers.options.fixed_point import ONE, exp, ln, normal_density, normal_distribution, sqrt
from deleverage.handlers.options.greeks import greeks_of
from deleverage.handlers.options.implied import implied_volatility_ppb
from deleverage.handlers.options.portfolio import UnitBound, unit_risk
from deleverage.handlers.options.price_grid import BPS, GridOption, PriceGrid
from deleverage.handlers.options.risk_table import table_of
from deleverage.handlers.options.smiles import SviSmile
from deleverage.handlers.options.surface import VolatilitySurface
from deleverage.handlers.options.tables import UNIT, NormalTable, ln_of, normal_table
from deleverage.handlers.valuation import margin_of

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.black import EXACT, exact_price
from tests.support.option_chain import PERP, ChainBook, producers_of

DRAWS, GRIDS, TURNS = 2000, 20, 25
FORWARD, STRIKE, MONTH = 6_712_345, 7_000_000, 30 * DAY_NS
MOVES, VOLATILITY_MOVES = tuple(range(-1600, 1601, 200)), (-2500, 0, 5000)


def errors(draw: random.Random) -> None:
    """Print the greatest errors found."""
    functions: tuple[tuple[Any, Any, int, int], ...] = (
        (exp, EXACT.exp, -45, 45),
        (ln, EXACT.log, 0, 10**6),
        (sqrt, EXACT.sqrt, 0, 10**6),
        (normal_density, EXACT.npdf, -12, 12),
        (normal_distribution, EXACT.ncdf, -12, 12),
    )
    for rounded, exact, low, high in functions:
        arguments = [draw.randrange(low * ONE + 1, high * ONE) for _ in range(DRAWS)]
        worst = max(abs(rounded(x) - exact(EXACT.mpf(x) / ONE) * ONE) for x in arguments)
        told(rounded.__name__, worst, "units of 10^-18")
    table, arguments = normal_table(), [draw.randrange(-11 * UNIT, 11 * UNIT) for _ in range(DRAWS)]
    worst = max(abs(table.distribution(x) - EXACT.ncdf(EXACT.mpf(x) / UNIT) * UNIT) for x in arguments)
    told("table of N", worst, "units of 2^-80")
    numbers = [draw.randrange(1, 1 << draw.randrange(2, 64)) for _ in range(DRAWS)]
    told("table of ln", max(abs(ln_of(n) - EXACT.log(n) * UNIT) for n in numbers), "units of 2^-80")
    options = [an_option(draw) for _ in range(DRAWS)]
    pricers = [
        (option, OptionPricer(option.strike_ticks, option.kind, option.volatility_ppb, option.time_ns))
        for option in options
    ]
    prices = [exact_price(FORWARD, o.strike_ticks, o.kind, o.volatility_ppb, o.time_ns) for o in options]
    found = [(pricer.price_nanoticks(FORWARD), pricer.price_picocoins(FORWARD)) for _, pricer in pricers]
    told("price", max(abs(f[0] - p * NANO) for f, p in zip(found, prices, strict=True)), "nanoticks")
    told("price in coins", max(abs(f[1] - p * PICO / FORWARD) for f, p in zip(found, prices, strict=True)), "picocoins")
    told("grid", max(grid_error(draw) for _ in range(GRIDS)) * PICO, "x 10^-12 of forward or strike, after a microtick")


def grid_error(draw: random.Random) -> Any:
    """By how much of the greater of forward and strike, beyond a microtick, a grid of five options is off."""
    options = [an_option(draw) for _ in range(5)]
    grid, worst = PriceGrid(options, MOVES, [0]).prices_microticks(FORWARD), EXACT.mpf(0)
    for option, prices in zip(options, grid[:, 0, :], strict=True):
        for move, price in zip(MOVES, prices, strict=True):
            forward = Fraction(FORWARD * (BPS + move), BPS)
            exact = exact_price(forward, option.strike_ticks, option.kind, option.volatility_ppb, option.time_ns)
            off = abs(int(price) - exact * 10**6) - 1
            worst = max(worst, off / 10**6 / max(float(forward), option.strike_ticks))
    return worst


def an_option(draw: random.Random) -> GridOption:
    """Around the forward, from an hour to two years before expiry."""
    return GridOption(
        kind=draw.choice(("call", "put")),
        strike_ticks=draw.randrange(FORWARD // 3, FORWARD * 3),
        volatility_ppb=draw.randrange(PPB // 10, 2 * PPB),
        time_ns=draw.randrange(3600 * 10**9, 2 * YEAR_NS),
    )


def costs() -> None:
    """Print what calls cost."""
    pricer, forwards = OptionPricer(STRIKE, "call", 650_000_000, MONTH), count(6_000_000)
    price, table = pricer.price_nanoticks(FORWARD), normal_table()
    options = [
        GridOption(("call", "put")[n % 2], 4_000_000 + 300_000 * n, 650_000_000 + 10**6 * n, (7 + n) * DAY_NS)
        for n in range(20)
    ]
    grid = PriceGrid(options, MOVES, VOLATILITY_MOVES)
    smile = SviSmile(
        "one", MONTH, FORWARD, a_ppb=8 * 10**6, b_ppb=6 * 10**7, rho_ppb=-2 * 10**8, m_ppb=0, sigma_ppb=15 * 10**7
    )
    surface = VolatilitySurface([smile], 0)
    cost("table of N, once", NormalTable, 1)
    cost("table of a grid, once", price_grid._points.__wrapped__, 1)
    cost("N(x), correctly rounded", lambda: normal_distribution(7 * ONE // 5), 500)
    cost("N(x) by the table", lambda: table.distribution(7 * UNIT // 5), 1000)
    cost("price of a pricer at a forward seen before", lambda: pricer.price_nanoticks(FORWARD), 1000)
    cost("price of a pricer at a new forward", lambda: pricer.price_nanoticks(next(forwards)), 1000)
    cost("price with nothing at hand", lambda: price_nanoticks(FORWARD, STRIKE, "call", 650_000_000, MONTH), 1000)
    cost("price by the series", lambda: pricer._outer(FORWARD, 256), 200)
    cost("greeks", lambda: greeks_of(pricer, FORWARD, PPB // 20), 1000)
    cost("implied volatility", lambda: implied_volatility_ppb(price - 12_345, FORWARD, STRIKE, "call", MONTH), 50)
    cost("volatility of a surface", lambda: surface.volatility_ppb(STRIKE, FORWARD, MONTH), 1000)
    cost("making a grid of 20 options, 51 scenarios", lambda: PriceGrid(options, MOVES, VOLATILITY_MOVES), 20)
    cost("its 1,020 prices at a forward", lambda: grid.prices_microticks(next(forwards)), 50)


def margins() -> None:
    """Print what it costs to margin a portfolio of 20 options and the perpetual anew, by a grid of 35 cells."""
    chain = [(70_000 + 3_000 * n, ("call", "put")[n // 2 % 2], (30, 90)[n % 2]) for n in range(20)]
    book = ChainBook(chain, multiplier_atoms=10_000, producers=producers_of("portfolio"))  # type: ignore[arg-type]
    book.mark(100_000)
    account = book.ledger.accounts[book.trader(10**12, {n: (-1) ** n * 7 for n in range(21)})]
    rules, ledger, spots = scan_rules(book.ledger), book.ledger, count(100_001)
    assert rules is not None
    markets, held, perpetual = ledger.markets, account.positions, ledger.markets[PERP]

    def moved() -> None:
        perpetual.mark_ticks = next(spots)
        table_of(ledger, markets, PERP, rules)

    bound = UnitBound(PERP, ledger, rules)
    cost("a table of 20 options, once a mark for all", moved, 20)
    cost("requirement of a portfolio of all 20", lambda: unit_risk(held, PERP, ledger, markets, rules), 200)
    cost("its margin, equity and all", lambda: margin_of(account, ledger), 200)
    cost("the bound that saves a scan", lambda: bound.most_microatoms(account.account, held, ledger), 200)


def refused() -> None:
    """Print what is said of a surface with arbitrage: example 3.1 of Gatheral & Jacquier (2014), by Axel Vogt."""
    figures = {"a_ppb": -41_000_000, "b_ppb": 133_100_000, "rho_ppb": 306_000_000, "m_ppb": 358_600_000}
    try:
        VolatilitySurface([SviSmile("26DEC25", YEAR_NS, 1_000_000, **figures, sigma_ppb=415_300_000)], 0)
    except ScenarioError as error:
        print(error)


def told(what: str, worst: Any, unit: str) -> None:
    """One line: a greatest error."""
    print(f"{what:44}{float(worst):10.5f} {unit}")


def cost(what: str, call: Callable[[], object], times: int) -> None:
    """One line: what a call costs."""
    least = min(timeit.repeat(call, number=times, repeat=TURNS)) / times
    print(f"{what:44}{least * 10**6:10.2f} us")


if __name__ == "__main__":
    np.seterr(all="raise")
    print(f"greatest errors in {DRAWS:,} draws, of the grid in {5 * GRIDS * len(MOVES):,} prices")
    errors(random.Random(76))
    print("least costs")
    costs()
    margins()
    print("an SVI with a negative density")
    refused()
