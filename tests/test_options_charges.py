"""What portfolio margin asks beside the worst cell, against venues' own examples, by hand, and by a slow oracle."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import exp
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Position
from deleverage.handlers.options.black76 import OptionPricer
from deleverage.handlers.options.charges import closing_cost, delta_shock, roll_shock
from deleverage.handlers.options.greeks import greeks_of
from deleverage.handlers.options.portfolio import lost_in_cells, unit_risk
from deleverage.handlers.options.risk_table import table_of
from deleverage.handlers.options.scan_grid import ScanParameters, cells_of
from deleverage.sim.rulebooks import alternatives

from .support.crash import checked
from .support.option_chain import PERP, ChainBook, producers_of

OPTIONS = str(Path(__file__).parent / "support" / "options.toml")
PPM = MICRO = 10**6
OKX = {key: value for key, value in alternatives("okx", "margin")["portfolio"].items() if key != "closing_floors"}
OKX["closing_multiples"] = tuple(OKX["closing_multiples"])
FLOORS = (10_000, 70_000, 170_000, 300_000, 470_000, 700_000)
DERIBIT = {"delta_step_ppb": 50_000, "delta_most_ppm": 100_000, "delta_free_atoms": 20_000_000}


def okx(**stated: Any) -> ScanParameters:
    """The rulebook's figures, floors in atoms."""
    return ScanParameters(**({**OKX, "closing_floors_atoms": FLOORS, **stated}))


def charged(rules: ScanParameters, lots: int, spot_ticks: int = 1, **book: Any) -> tuple[int, int, int]:
    """Roll shock or basis, delta shock and cost of closing of so many lots of the underlying alone, in microatoms."""
    made = ChainBook([(1, "call", 30)], spot_ticks=spot_ticks, producers=producers_of("portfolio"), **book)
    made.ledger.markets[PERP].mark_ticks = spot_ticks
    table = table_of(made.ledger, made.ledger.markets, PERP, rules)
    held, market = {(PERP, 0): Position(lots, 0, 0)}, made.ledger.markets[PERP]
    return (
        roll_shock(held, table, market, rules),
        delta_shock(held, table, market, rules),
        closing_cost(held, table, made.ledger.markets, market, rules),
    )


@pytest.mark.parametrize(
    ("delta", "changed", "basis", "closing"),
    [
        ("-9704.9036898", {}, "19.4098073796", "43.6720666041"),
        ("1019.5308", {"least_move_ppm": 8_000, "closing_ppm": 7_000}, "8.1562464", "7.1367156"),
    ],
    ids=["BTC-USDT-SWAP", "LTC-USDT-SWAP"],
)
def test_okxs_own_example_of_basis_and_closing(delta: str, changed: dict[str, int], basis: str, closing: str) -> None:
    """docs-v5, position builder, example of 15 January 2025: mr4 and mr7 of one perpetual, digit by digit."""
    scale = 10**7
    floors = tuple(one * scale for one in FLOORS)
    rules = okx(closing_floors_atoms=floors, **changed)
    found = charged(rules, int(Fraction(delta) * scale))
    assert Fraction(found[0], scale * MICRO) == Fraction(basis)
    assert found[1] == 0
    assert Fraction(found[2], scale * MICRO) == Fraction(closing)


def test_okxs_own_example_of_the_whole() -> None:
    """The same example: mmr is mr1 + mr4, as mr6 is no more than mr1 and mr7 less; imr is 1.3 times that."""
    mr1, mr4, mr6, mr7 = 1164.4109244719994, 19.4098073796, 2328.8218489440005 / 2, 43.67206660410001
    assert max(max(mr1, mr6) + mr4, mr7) == pytest.approx(1183.8207318516002, abs=1e-9)
    assert pytest.approx(1538.9669514070802, abs=1e-9) == 1.3 * 1183.8207318516002
    assert pytest.approx(191.6629744572, abs=1e-9) == (0.18 * 1019.4818225399998 + 8.1562464)
    book = ChainBook([(1, "call", 30)], spot_ticks=1, producers=producers_of("portfolio"))
    book.ledger.markets[PERP].mark_ticks = 1
    rules = okx(closing_floors_atoms=tuple(one * 10**7 for one in FLOORS))
    risk = unit_risk({(PERP, 0): Position(-97_049_036_898, 0, 0)}, PERP, book.ledger, book.ledger.markets, rules)
    assert risk.microatoms == 97_049_036_898 * (120_000 + 2_000)


@pytest.mark.parametrize(
    ("lots", "price_range_bps", "left", "right"),
    [
        (314_538_364, 1_600, "0.05991206933333", "-0.04338460193103"),
        (-999_487_053, 1_800, "-0.219399597", "0.1524641267288"),
    ],
    ids=["docs.deribit.com, June 2024", "a live reply, February 2026"],
)
def test_deribits_own_examples_of_a_future_beyond_the_range(
    lots: int, price_range_bps: int, left: str, right: str
) -> None:
    """private/pme/simulate: a future loses in each extended cell what it loses at that end of the range."""
    rules = ScanParameters(price_range_bps=price_range_bps, extended_at_end=True)
    book = ChainBook([(1, "call", 30)], spot_ticks=1, settled_in="coin", producers=producers_of("portfolio"))
    book.ledger.markets[PERP].mark_ticks = 1
    held = {(PERP, 0): Position(lots, 0, 0)}
    losses = lost_in_cells(held, PERP, book.ledger, book.ledger.markets, rules)
    cells = cells_of(rules, True)[-8:]
    weighed = [Fraction(loss * cell.weight_ppm, 10**15 * PPM) for loss, cell in zip(losses[-8:], cells, strict=True)]
    told = [Fraction(left)] * 2 + [Fraction(right)] * 6
    assert all(abs(one - due) < Fraction(1, 10**6) for one, due in zip(weighed, told, strict=True))
    assert cells_of(rules)[-1].weight_ppm == price_range_bps * 20


@pytest.mark.parametrize(
    ("coins", "rate"),
    [
        (304, Fraction(0)),
        (-1_000, Fraction(5, 10**5) * (1_000 - Fraction(20_000_000, 65_666))),
        (3_000, Fraction(1, 10)),
    ],
    ids=["free", "by its step", "at most"],
)
def test_the_delta_shock_of_a_future_by_hand(coins: int, rate: Fraction) -> None:
    """BTC at 65,666: beyond 20 million USD the rate rises by 0.005% a coin, up to 10%, and is of the whole delta."""
    found = charged(ScanParameters(**DERIBIT), coins, spot_ticks=65_666)[1]
    due = abs(coins) * 65_666 * MICRO * rate
    assert due <= found <= due + Fraction(abs(coins) * 65_666 * MICRO, 10**9) + 1


LEGS = st.dictionaries(st.sampled_from([PERP, 1, 2, 3, 4]), st.integers(-2_000, 2_000).filter(bool), min_size=1)


@settings(max_examples=40, deadline=None)
@given(LEGS)
def test_the_charges_are_what_the_rules_say(legs: dict[int, int]) -> None:
    """Each of the three by the words of its rule in fractions, of any book on two expiries; none is ever less."""
    book = ChainBook([(90_000, "put", 7), (110_000, "call", 7), (100_000, "call", 90), (100_000, "put", 90)])
    book.mark(100_000)
    rules, markets = okx(**DERIBIT), book.ledger.markets
    table, held = table_of(book.ledger, markets, PERP, rules), {(key, 0): Position(n, 0, 0) for key, n in legs.items()}
    worth, deltas = 100_000, {PERP: Fraction(1)}
    for number, option in book.ledger.options.items():
        pricer = OptionPricer(option.strike_ticks, option.right, 600_000_000, option.expiry_ns)
        deltas[number] = Fraction(greeks_of(pricer, worth).delta_ppt, 10**12)

    def net(numbers: Iterable[int]) -> Fraction:
        return sum((legs[one] * deltas[one] * worth for one in numbers if one in legs), Fraction(0))

    grown = {days: max(0.002, exp(0.05 * days / 365) - 1) for days in (7, 90)}
    basis = abs(net([PERP])) * Fraction("0.002") + abs(net([1, 2])) * Fraction(grown[7])
    basis += abs(net([3, 4])) * Fraction(grown[90])
    assert abs(roll_shock(held, table, markets[PERP], rules) / MICRO - basis) <= 2 + sum(map(abs, legs.values())) // 5

    rest = net(one for one, lots in legs.items() if one == PERP or lots < 0)
    bought = net(one for one, lots in legs.items() if one != PERP and lots > 0)
    left = max(0, min(rest, rest + bought)) if rest > 0 else max(0, min(-rest, -rest - bought))
    rate = min(Fraction(1, 10), Fraction(5, 10**5) * max(0, left - 20_000_000) / worth)
    shock = delta_shock(held, table, markets[PERP], rules) / MICRO
    assert abs(shock - left * rate) <= 1 + left / 10**9 + Fraction(1, 10)

    raw = abs(net([PERP])) * Fraction("0.0045")
    for number, lots in legs.items():
        mark = markets[number].mark_ticks
        if number != PERP:
            slips = Fraction("0.02") * max(1, abs(deltas[number])) * worth
            fee = min(Fraction("0.0003") * worth, Fraction(1, 8) * mark)
            raw += abs(lots) * ((slips if lots < 0 else min(slips, Fraction(mark))) + fee)
    steps = list(zip((0, *FLOORS), (1, *OKX["closing_multiples"]), (*FLOORS, 10**15), strict=True))
    due = sum(max(0, min(raw, end) - floor) * multiple for floor, multiple, end in steps)
    assert abs(closing_cost(held, table, markets, markets[PERP], rules) / MICRO - due) <= 1
    whole = unit_risk(held, PERP, book.ledger, markets, rules).microatoms
    assert whole >= closing_cost(held, table, markets, markets[PERP], rules)


def test_what_is_bought_hedges_and_no_more() -> None:
    """Long puts take the delta of a long future down to nothing, and beyond that add none of the other side."""
    book = ChainBook([(150_000, "put", 7)], spot_ticks=100_000)
    book.mark(100_000)
    rules = ScanParameters(**DERIBIT)

    def shock(future: int, puts: int) -> int:
        held = {(PERP, 0): Position(future, 0, 0), (1, 0): Position(puts, 0, 0)}
        table = table_of(book.ledger, book.ledger.markets, PERP, rules)
        return delta_shock(held, table, book.ledger.markets[PERP], rules)

    assert shock(1_000, 1) > shock(1_000, 500) > shock(1_000, 810) == shock(1_000, 5_000) == 0
    assert shock(-1_000, 1) == shock(-1_000, 5_000)
    assert shock(-1_000, -1_000) == 0
    assert shock(1_000, -1_000) > shock(1_000, -100) > 0


def test_a_venue_margins_by_all_of_it() -> None:
    """Every law holds in a run of either rulebook's portfolio margin, with books large enough for all of it."""
    found = set()
    small = ("prices.interval_ns=20s", "population.accounts=10", "option_holders[0].accounts=20")
    for venue in ("okx", "deribit"):
        stated = (f"venue={venue}", 'margin={policy="portfolio"}', "liquidation={}", "option_holders[0].units_most=90")
        events, _ = checked(OPTIONS, *stated, *small)
        found.add(sum(isinstance(event.body, LiquidationStarted) for event in events))
    assert 0 not in found
    assert len(found) == 2


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ("delta_step_ppb=1", "delta_step_ppb, delta_most_ppm and delta_free belong together"),
        ("closing_ppm=1", "closing_ppm, closing_option_ppm and closing_delta_ppm belong together"),
        ("closing_floors=[10, 5]", "closing_floors and closing_multiples rise together"),
        ("closing_floors=[-1]", "-1 is not an amount of USDT from 0 on"),
    ],
)
def test_half_of_a_charge_is_refused(stated: str, says: str) -> None:
    """One line that says what belongs together."""
    with pytest.raises(ScenarioError, match=says):
        Scenario.load(OPTIONS, [f"margin.{stated}"])
