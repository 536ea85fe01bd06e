"""Margin of options: published figures of venues, a scan against a slow one, and the monitor against a sweep."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import mpmath
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet
from deleverage.events.bodies.options import VolatilityMarked
from deleverage.events.envelope import Event
from deleverage.events.ledger import Position
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters, everyone_under
from deleverage.handlers.options.black76 import OptionPricer
from deleverage.handlers.options.book import initial_microatoms, scan_rules, scans_of
from deleverage.handlers.options.greeks import greeks_of
from deleverage.handlers.options.parameters import VENUES, OptionsParameters
from deleverage.handlers.options.portfolio import UnitBound, lost_in_cells, unit_risk
from deleverage.handlers.options.scan_grid import ScanCell, ScanParameters, cells_of
from deleverage.handlers.options.sensitivities import unit_greeks
from deleverage.handlers.portfolio_monitor import PortfolioMonitor, PortfolioParameters
from deleverage.handlers.protocol import Product
from deleverage.handlers.valuation import BPS, margin_of, requirements, slack

from .support.option_chain import DAY_NS, PERP, ChainBook, producers_of
from .support.venue import bodies

MICRO = 10**6
GRID = {"model": "deribit", "extended_bps": (), "least_move_ppm": 0, "annual_risk_ppm": 0, "maintenance_ppm": MICRO}


class Short(NamedTuple):
    """A short option at an index of 100,000, its mark as a share of a coin, and what Deribit requires of a coin."""

    right: str
    strike: int
    mark: str
    initial: str
    maintenance: str


DERIBIT = (
    Short("call", 110_000, "0.02", "0.12", "0.095"),
    Short("call", 102_000, "0.04", "0.17", "0.115"),
    Short("put", 95_000, "0.03", "0.13", "0.105"),
    Short("put", 250_000, "1.50", "1.65", "1.6125"),
    Short("put", 500_000, "4.00", "4.30", "4.30"),
)
"""Worked from the standard margin of article 25944811528477; in the last the maintenance margin is more."""


@pytest.mark.parametrize("case", DERIBIT, ids=lambda case: f"{case.right}-{case.strike}")
@pytest.mark.parametrize("settled_in", ["coin", "cash"])
def test_the_standard_margin_of_deribit(case: Short, settled_in: str) -> None:
    """Per coin of a short option, settled in coins or, with the same shares of the index, in cash."""
    book = ChainBook([(case.strike, case.right, 30)], settled_in=settled_in)  # type: ignore[arg-type,list-item]
    unit = MICRO if settled_in == "coin" else 100_000
    markets = book.ledger.markets
    markets[PERP].mark_ticks, markets[1].mark_ticks = 100_000, int(Fraction(case.mark) * unit)
    option, held = book.ledger.options[1], Position(-1, 0, 0)
    assert initial_microatoms(OptionsParameters(), option, held, markets) == Fraction(case.initial) * unit * MICRO
    trader = book.ledger.accounts[book.trader(1, {1: -1})]
    assert requirements(trader, book.ledger)[1, 0] == Fraction(case.maintenance) * unit * MICRO


def test_the_maintenance_margin_of_bybit_as_published() -> None:
    """Help 000001546: at an index of 30,000 and a mark of 300, a short of 1 BTC requires 900 + 300 + 60."""
    rules = VENUES["bybit"]
    book = ChainBook([(40_000, "call", 30)], spot_ticks=30_000, producers=producers_of(**rules))
    book.ledger.markets[PERP].mark_ticks, book.ledger.markets[1].mark_ticks = 30_000, 300
    trader = book.ledger.accounts[book.trader(1, {1: -1})]
    assert margin_of(trader, book.ledger).requirement_microatoms == 1_260 * MICRO


def test_the_initial_margin_of_okx_as_published() -> None:
    """A copy of its worked example, without the factor of its position tier: max(0.1, 0.15 - 100 / 5900) + m."""
    book = ChainBook(
        [(6_000, "call", 30)], spot_ticks=5_900, settled_in="coin", producers=producers_of(**VENUES["okx"])
    )
    book.ledger.markets[PERP].mark_ticks, book.ledger.markets[1].mark_ticks = 5_900, 57_500
    option, held = book.ledger.options[1], Position(-1, 0, 0)
    rules = OptionsParameters(**VENUES["okx"])
    found = initial_microatoms(rules, option, held, book.ledger.markets)
    exact = (Fraction("0.15") - Fraction(100, 5_900) + Fraction("0.0575")) * MICRO * MICRO
    assert abs(found - exact) <= MICRO


def test_long_options_require_nothing_and_futures_their_tiers() -> None:
    """Of a book under the standard margin each short option counts by itself: nothing is netted."""
    book = ChainBook([(110_000, "call", 30), (90_000, "put", 30)], producers=producers_of())
    book.mark(100_000)
    alone = book.ledger.accounts[book.trader(10**9, {1: -1})]
    both = book.ledger.accounts[book.trader(10**9, {1: -1, 2: 5, PERP: 2})]
    needs = requirements(both, book.ledger)
    assert (needs[1, 0], needs[2, 0]) == (requirements(alone, book.ledger)[1, 0], 0)
    assert needs[PERP, 0] == 20_000 * MICRO
    assert margin_of(both, book.ledger).requirement_microatoms == sum(needs.values())


DERIBIT_ETH = {-1_800: "0.219399597", -1_350: "0.155989308849711", -900: "0.09885036787912", -450: "0.04709624857068"}
DERIBIT_ETH |= {450: "-0.04304011233014", 900: "-0.08252645391743", 1_350: "-0.11888171996035"}
DERIBIT_ETH |= {1_800: "-0.15246412672881"}


def test_portfolio_margin_of_a_future_is_deribits_to_all_of_its_digits() -> None:
    """A live reply of 15 February 2026 for -0.999487053 ETH: each cell, and maintenance with the roll shock.

    The margins of the reply are 2.7 x 10^-10 more than the sum of its own parts, so that they are held to a billionth.
    """
    grid = {"price_range_bps": 1_800, "least_move_ppm": 5_000, "annual_risk_ppm": 50_000, "extended_bps": ()}
    rules = ScanParameters(**grid)  # type: ignore[arg-type]
    book = ChainBook([(1, "call", 30)], spot_ticks=1, settled_in="coin", producers=producers_of("portfolio", grid))
    book.ledger.markets[PERP].mark_ticks = 1
    held = {(PERP, 0): Position(-999_487_053, 0, 0)}
    risk = unit_risk(held, PERP, book.ledger, book.ledger.markets, rules)
    atoms = 10**15
    assert risk.cell.price_bps == 1_800
    assert abs(Fraction(risk.losses[PERP, 0], atoms) - Fraction("0.15246412672881")) < Fraction(1, 10**13)
    assert abs(Fraction(risk.microatoms, atoms) - Fraction("0.125969249812")) < Fraction(1, 10**9)
    losses = lost_in_cells(held, PERP, book.ledger, book.ledger.markets, rules)
    cells = {cell.price_bps: loss for cell, loss in zip(cells_of(rules), losses, strict=True)}
    for bps, gain in DERIBIT_ETH.items():
        assert abs(Fraction(-cells[bps], atoms) - Fraction(gain)) < Fraction(1, 10**13)


def test_portfolio_margin_is_deribits_published_example() -> None:
    """docs.deribit.com, private/simulate_portfolio: BTC of June 2024, both contracts on one price; without orders."""
    book = ChainBook([(1, "call", 30)], spot_ticks=1, settled_in="coin", producers=producers_of("portfolio"))
    book.ledger.markets[PERP].mark_ticks = 1
    held = {(PERP, 0): Position(314_538_364 - 1_187_534, 0, 0)}
    risk = unit_risk(held, PERP, book.ledger, book.ledger.markets, ScanParameters(extended_bps=()))
    assert risk.cell.price_bps == -1_600
    assert abs(Fraction(risk.losses[PERP, 0], 10**15) - Fraction("0.05968587238095")) < Fraction(1, 10**13)


STRANGLE = {
    (-1_600, 2): -427.808731,
    (-1_600, 0): -1_865.716590,
    (-1_600, 1): -5_449.947930,
    (-800, 2): 1_216.686803,
    (-800, 0): -109.857596,
    (-400, 1): -4_031.787896,
    (0, 2): 1_399.781564,
    (0, 1): -4_334.994836,
    (800, 0): -1_392.923491,
    (1_600, 2): -2_185.955910,
    (1_600, 0): -4_235.927046,
    (1_600, 1): -8_947.385071,
}


def test_a_short_strangle_loses_in_each_cell_what_black_says() -> None:
    """F 100,000, 30 days, 60%: short the 120,000 call and the 80,000 put, volatility up by half, down by a quarter.

    The greatest gain lies inside of the grid on every row, so the value is not monotone in the price.
    """
    book = ChainBook([(120_000, "call", 30), (80_000, "put", 30)], producers=producers_of("portfolio", GRID))
    book.mark(100_000)
    trader = book.ledger.accounts[book.trader(10**9, {1: -1, 2: -1})]
    rules = ScanParameters(**GRID)  # type: ignore[arg-type]
    losses = lost_in_cells(trader.positions, PERP, book.ledger, book.ledger.markets, rules)
    found = dict(zip(((cell.price_bps, cell.row) for cell in cells_of(rules)), losses, strict=True))
    for cell, gain in STRANGLE.items():
        assert abs(_by_mpmath(*cell) - gain) < 1e-5
        assert abs(found[cell] / MICRO + gain) < 1e-5
    (risk,) = scans_of(trader, book.ledger, book.ledger.markets, rules)
    assert risk.cell == ScanCell(1_600, 1)
    assert abs(risk.microatoms - 8_947_385_071) <= 3
    assert margin_of(trader, book.ledger).requirement_microatoms == risk.microatoms


def _by_mpmath(move_bps: int, row: int) -> float:
    """What the strangle gains in a cell; the down row is that of 45%, the up row of 90%."""
    volatility = mpmath.mpf([6, 9, 4.5][row]) / 10
    total = mpmath.mpf(0)
    for strike, sign in ((120_000, 1), (80_000, -1)):
        total += _black(100_000, strike, sign, mpmath.mpf("0.6"))
        total -= _black(100_000 * (1 + mpmath.mpf(move_bps) / BPS), strike, sign, volatility)
    return float(total)


def _black(forward: object, strike: int, sign: int, volatility: object) -> mpmath.mpf:
    v = mpmath.mpf(volatility) * mpmath.sqrt(mpmath.mpf(30) / 365)
    first = mpmath.log(mpmath.mpf(forward) / strike) / v + v / 2
    return sign * (mpmath.mpf(forward) * mpmath.ncdf(sign * first) - strike * mpmath.ncdf(sign * (first - v)))


SPAN = (
    (0, -460), (0, 610), (3_330, -2_640), (3_330, -1_730), (-3_330, 1_270), (-3_330, 2_340), (6_670, -5_210),
    (6_670, -4_540), (-6_670, 2_540), (-6_670, 3_430), (10_000, -8_060), (10_000, -7_640), (-10_000, 3_380),
    (-10_000, 3_990), (7_000, -3_130), (-7_000, 1_500),
)  # fmt: skip
"""McMillan, Options as a Strategic Investment, chapter 34: what a future and a short call gain in each scenario."""


def test_the_sixteen_scenarios_of_span_are_in_its_order() -> None:
    """Price by thirds, each with volatility up and down; then twice the range at a weight, volatility as it is."""
    cells = cells_of(ScanParameters(model="span", price_range_bps=3_000))
    assert [cell.price_bps for cell in cells] == [
        *(0, 0, 1_000, 1_000, -1_000, -1_000, 2_000, 2_000, -2_000, -2_000, 3_000, 3_000, -3_000, -3_000),
        *(6_000, -6_000),
    ]
    assert [cell.row for cell in cells] == [1, 2] * 7 + [0, 0]
    assert [cell.weight_ppm for cell in cells] == [MICRO] * 14 + [350_000] * 2


def test_spans_published_table_nets_a_covered_write() -> None:
    """The future gains by the cells what the table says, to its rounding; beside it the call, 6,620 is the worst."""
    cells = cells_of(ScanParameters(model="span", price_range_bps=3_000))
    future = [Fraction(cell.price_bps * 10_000, 3_000) * Fraction(cell.weight_ppm, MICRO) for cell in cells]
    assert all(abs(gain - told) <= 5 for gain, (told, _) in zip(future, SPAN, strict=True))
    sums = [a + b for a, b in SPAN]
    assert max(-one for one in sums) == 6_620
    assert sums.index(-6_620) == 12
    assert max(call for _, call in SPAN) == 3_990


def test_okx_moves_price_and_volatility_and_takes_half_of_the_extreme() -> None:
    """Notice of 2 January 2025: 4, 8 and 12%, and 24% at a half; a future's requirement is 12% of it by either."""
    grid = {"model": "okx", "price_range_bps": 1_200, "maintenance_ppm": MICRO}
    book = ChainBook([(120_000, "call", 30)], producers=producers_of("portfolio", grid))
    book.mark(100_000)
    rules = ScanParameters(**grid)  # type: ignore[arg-type]
    prices = {abs(cell.price_bps) for cell in cells_of(rules)}
    assert prices == {0, 400, 800, 1_200, 2_400}
    risk = unit_risk({(PERP, 0): Position(7, 0, 0)}, PERP, book.ledger, book.ledger.markets, rules)
    assert risk.microatoms == 7 * 12_000 * MICRO


def test_okx_takes_what_a_day_costs_as_one_more_cell() -> None:
    """MR2: the whole unit a day on, price and volatility as they are, long and short of a straddle."""
    grid = {"model": "okx", "price_range_bps": 1_200, "maintenance_ppm": MICRO, "decay_ns": DAY_NS}
    book = ChainBook([(100_000, "call", 30), (100_000, "put", 30)], producers=producers_of("portfolio", grid))
    book.mark(100_000)
    rules = ScanParameters(**grid)  # type: ignore[arg-type]
    today, tomorrow = (
        OptionPricer(100_000, "call", 600_000_000, days * DAY_NS).price_nanoticks(100_000) for days in (30, 29)
    )
    assert cells_of(rules)[-1] == ScanCell(0, 5)
    for lots in (7, -7):
        held = {(1, 0): Position(lots, 0, 0), (2, 0): Position(lots, 0, 0)}
        losses = lost_in_cells(held, PERP, book.ledger, book.ledger.markets, rules)
        assert abs(losses[-1] - 2 * lots * (today - tomorrow) // 1_000) <= 2 * abs(lots) * 2
        without = msgspec.structs.replace(rules, decay_ns=msgspec.UNSET)
        assert lost_in_cells(held, PERP, book.ledger, book.ledger.markets, without) == losses[:-1]


def test_time_is_the_worst_for_whoever_is_long_of_what_expires_tomorrow() -> None:
    """Long of what expires tomorrow: all of the premium is gone in a day, where no move of the grid takes so much."""
    grid = {"model": "okx", "price_range_bps": 30, "maintenance_ppm": MICRO, "decay_ns": DAY_NS}
    book = ChainBook([(100_000, "call", 1), (100_000, "put", 1)], producers=producers_of("portfolio", grid))
    book.mark(100_000)
    held = {(1, 0): Position(1, 0, 0), (2, 0): Position(1, 0, 0)}
    rules = ScanParameters(**grid)  # type: ignore[arg-type]
    risk = unit_risk(held, PERP, book.ledger, book.ledger.markets, rules)
    assert risk.cell == ScanCell(0, 5)
    premium = 2 * OptionPricer(100_000, "call", 600_000_000, DAY_NS).price_nanoticks(100_000)
    assert abs(risk.microatoms - premium // 1_000) <= 4


def test_a_hedged_book_requires_less_than_its_parts() -> None:
    """A long future against a short call, and options of several expiries: netted in each cell."""
    options = [(100_000, "call", 30), (110_000, "call", 60)]
    book = ChainBook(options, producers=producers_of("portfolio", GRID))  # type: ignore[arg-type]
    book.mark(100_000)
    held = [{1: -1}, {PERP: 1, 2: 1}, {1: -1, PERP: 1, 2: 1}]
    first, second, both = (
        margin_of(book.ledger.accounts[book.trader(10**9, one)], book.ledger).requirement_microatoms for one in held
    )
    assert both < first + second


BOOKS = st.lists(
    st.tuples(
        st.integers(0, 120_000),
        st.dictionaries(st.integers(0, 4), st.integers(-4, 4).filter(bool), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.integers(70_000, 140_000)),
        st.tuples(st.just("slight"), st.integers(99_000, 101_000)),
        st.tuples(st.just("volatility"), st.integers(300_000, 3_000_000)),
        st.tuples(st.just("deposit"), st.integers(1, 50_000)),
        st.tuples(st.just("later"), st.integers(1, 5)),
    ),
    min_size=1,
    max_size=10,
)
FOUR = [(110_000, "call", 30), (90_000, "put", 30), (100_000, "call", 9), (100_000, "put", 9)]


class Watched:
    """A monitor that hears a book's events as the bus would tell it, beside a sweep over all accounts."""

    def __init__(self, book: ChainBook) -> None:
        scanned = any(one.policy == "portfolio" for one in book.ledger.producers)
        self.book = book
        self.monitor = PortfolioMonitor(PortfolioParameters()) if scanned else MarginMonitor(MarginParameters())
        for event in book.events:
            self._observe(event)

    def _observe(self, event: Event) -> None:
        if type(event.body) in self.monitor.observes:
            self.monitor.observe(event, self.book.ledger)

    def put(self, *new: Body) -> None:
        """Fold what comes together, deliver the first, and hold what is said against the sweep."""
        events = [self.book.put(body) for body in new]
        for event in events:
            self._observe(event)
        expected = sorted(self._swept())
        said = list(self.monitor.handle(events[0], self.book.ledger, 0))
        assert sorted((one.account, type(one).__name__) for one in bodies(said)) == expected  # type: ignore[union-attr]
        self._take(said)

    def _take(self, said: Iterable[Product]) -> None:
        for made in self.book.take(said):
            self._observe(made)

    def _swept(self) -> Iterable[tuple[int, str]]:
        for account in self.book.ledger.accounts:
            if account.kind != "user" or account.status not in ("healthy", "called"):
                continue
            margin, called = margin_of(account, self.book.ledger), account.status == "called"
            if slack(margin, BPS) < 0:
                yield account.account, LiquidationStarted.__name__
            elif called and slack(margin, 15_000) >= 0:
                yield account.account, MarginCallMet.__name__
            elif not called and slack(margin, 12_500) < 0:
                yield account.account, MarginCalled.__name__


@given(BOOKS, STEPS, st.sampled_from(["tiered", "portfolio"]))
@settings(max_examples=60, deadline=None)
def test_the_monitor_says_of_every_book_what_a_sweep_does(
    books: list[tuple[int, dict[int, int]]], steps: list[tuple[str, int]], policy: str
) -> None:
    """Marks of all options together, volatilities, time, deposits: nobody is missed, nobody is spoken to early."""
    book = ChainBook(FOUR, producers=producers_of(policy))  # type: ignore[arg-type]
    book.mark(100_000)
    for balance, held in books:
        book.trader(balance, held)
    watched = Watched(book)
    for what, amount in steps:
        if what == "deposit":
            watched.put(Deposited(4, amount))
            continue
        if what == "later":
            book.now_ns += amount * DAY_NS // 4
        if what == "volatility":
            watched.put(VolatilityMarked(PERP, book.ledger.markets[PERP].mark_ticks, amount, 0))
        spot = amount if what in ("mark", "slight") else book.ledger.markets[PERP].mark_ticks
        before = len(book.events)
        book.mark(spot)
        marks, book.events[before:] = book.events[before:], []
        for event in marks:
            watched._observe(event)
        expected = sorted(watched._swept())
        said = list(watched.monitor.handle(marks[0], book.ledger, 0))
        assert sorted((one.account, type(one).__name__) for one in bodies(said)) == expected  # type: ignore[union-attr]
        watched._take(said)


@given(BOOKS, STEPS, st.sampled_from(["deribit", "okx", "okx by days", "span"]))
@settings(max_examples=60, deadline=None)
def test_no_unit_requires_more_than_its_bound(
    books: list[tuple[int, dict[int, int]]], steps: list[tuple[str, int]], model: str
) -> None:
    """Whatever price, volatility and time do; where nothing has happened it is the requirement, but for rounding."""
    grid = {"model": model.split(maxsplit=1)[0], "dampener_atoms": 500} | ({"decay_ns": DAY_NS} if " " in model else {})
    book = ChainBook(FOUR, producers=producers_of("portfolio", grid))  # type: ignore[arg-type]
    book.mark(100_000)
    accounts = [book.ledger.accounts[book.trader(balance, held)] for balance, held in books]
    rules = scan_rules(book.ledger)
    assert rules is not None
    bound, markets = UnitBound(PERP, book.ledger, rules), book.ledger.markets
    for place, (what, amount) in enumerate([("slight", 100_000), *steps]):
        if what == "later":
            book.now_ns += amount * DAY_NS // 4
        if what == "volatility":
            book.put(VolatilityMarked(PERP, markets[PERP].mark_ticks, amount, 0))
        book.mark(amount if what in ("mark", "slight") else markets[PERP].mark_ticks)
        for account in accounts:
            most = bound.most_microatoms(account.account, account.positions, book.ledger)
            required = unit_risk(account.positions, PERP, book.ledger, markets, rules).microatoms
            assert most is not None
            assert required <= most
            if place == 0:
                assert most <= required + 10 * len(account.positions) * MICRO


def test_the_table_of_a_chain_at_hand_is_what_would_be_worked_out_anew() -> None:
    """Volatility, time, price and an average that begins: each makes another table."""
    book = ChainBook([(100_000, "call", 1), (100_000, "put", 30)], producers=producers_of("portfolio"))
    trader = book.ledger.accounts[book.trader(10**9, {1: -1, 2: -1})]
    rules = scan_rules(book.ledger)
    seen = []
    assert rules is not None
    for spot, level, at_ns in (
        (100_000, MICRO, 0),
        (101_000, MICRO, 0),
        (101_000, 2 * MICRO, 0),
        (101_000, MICRO, 9**12),
    ):
        book.now_ns = at_ns
        book.put(VolatilityMarked(PERP, spot, level, 0))
        book.mark(spot)
        again = msgspec.structs.replace(rules)  # another object, for which nothing is at hand
        first, second = (scans_of(trader, book.ledger, book.ledger.markets, one) for one in (rules, again))
        assert first == second
        seen.append(first[0].microatoms)
    assert len(set(seen)) == len(seen)
    assert list(everyone_under(book.ledger, BPS)) == []


def test_the_greeks_of_a_book_are_what_its_worth_does() -> None:
    """A percent up, a point of volatility and a day, each against the marks themselves, in fine ticks."""
    scale = 1_000
    book = ChainBook([(100_000, "call", 30), (95_000, "put", 60)], multiplier_atoms=scale, producers=producers_of())
    book.mark(100_000)
    account = book.ledger.accounts[book.trader(10**12, {1: 30, 2: -20, PERP: 5})]
    (found,) = unit_greeks(account, book.ledger)

    def worth(*, spot: int = 100_000, level_ppm: int = MICRO, days: int = 0) -> int:
        total = 5 * spot * scale
        for instrument, lots in ((1, 30), (2, -20)):
            option = book.ledger.options[instrument]
            left_ns = option.expiry_ns - days * DAY_NS
            pricer = OptionPricer(option.strike_ticks, option.right, 600 * level_ppm, left_ns)
            total += lots * scale * pricer.price_nanoticks(spot) // 10**9
        return total

    up, down = worth(spot=101_000) - worth(), worth() - worth(spot=99_000)
    assert abs(found.delta_atoms * 2 - (up + down)) < abs(up + down) // 100
    assert abs(found.gamma_atoms - (up - down)) < abs(up - down) // 20
    vega = worth(level_ppm=MICRO * 61 // 60) - worth()
    assert abs(found.vega_atoms - vega) < abs(vega) // 50
    theta = worth(days=1) - worth()
    assert abs(found.theta_atoms - theta) < abs(theta) // 10
    assert found.underlying == PERP


def test_a_covered_call_of_coins_has_the_delta_of_its_coins() -> None:
    """Net transaction delta of the option, and of the contract that covers it what it is worth in coins."""
    book = ChainBook([(100_000, "call", 30)], settled_in="coin", multiplier_atoms=10**9, producers=producers_of())
    book.mark(100_000)
    account = book.ledger.accounts[book.trader(10**12, {1: -1, PERP: 100_000})]
    (found,) = unit_greeks(account, book.ledger)
    option = book.ledger.options[1]
    pricer = OptionPricer(option.strike_ticks, "call", 600_000_000, option.expiry_ns)
    adjusted = greeks_of(pricer, 100_000).premium_adjusted_delta_ppt
    assert abs(found.delta_atoms - (10**7 - adjusted * 10**15 // (10**12 * 100))) <= 2
