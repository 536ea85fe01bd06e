"""Bybit's and OKX's triggers, stops and prices of auto-deleveraging against their sources, each figure worked by hand.

Bybit: v5 API page adl-alert, its three examples (the first is case 42); help article 900000167723. OKX: help page
iv-introduction-to-auto-deleveraging-adl, and the later text of which a third party has a copy.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.venue import HandlerStateNoted
from deleverage.events.bodies.waterfall import LossSocialized, PositionDeleveraged, ShortfallDeclared
from deleverage.events.ledger import Ledger
from deleverage.events.vocabulary import Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.drawdowns import drawdown_noted
from deleverage.handlers.inventory import Inventory
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.policies.adl.bybit import Bybit
from deleverage.handlers.policies.adl.okx import Okx
from deleverage.handlers.policies.fund.drawdown import Drawdown, DrawdownParameters, Fall, WindowParameters
from deleverage.handlers.policies.fund.symbol_drawdown import SymbolDrawdown
from deleverage.handlers.policies.fund.windows import averaged, with_sample
from deleverage.handlers.policies.liquidation.tier_step_down import StepDownParameters, TierStepDown
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.valuation import margin_of
from deleverage.sim.scenario import Scenario

from .support.crash import recorded
from .support.funded import Funded
from .support.stage import Stage, ticks
from .support.venue import FUND, Book, bodies, listed, tiers_of

SECOND = 10**9
HALF_PERCENT = tiers_of((0, 5_000))
POOL = {"stop_fall_bps": 2_500, "threshold_atoms": 1, "capital_bps": 0, "sale_interval_ns": 10**15}


def pool_of(atoms: int, *, lots: int = 0) -> Funded:
    """A pool for two instruments at 1,000, with so many lots of the first, taken over at the mark."""
    book = Book(listed(0), listed(1), fund_atoms=atoms)
    book.mark(1000, 1000)
    funded = Funded(book, SymbolDrawdown(WindowParameters(**POOL)))
    if lots:
        funded.asked(book.bankrupt(book.user(0, (0, lots, 1000))))
    return funded


def shortfalls(said: list[Body]) -> list[ShortfallDeclared]:
    """Of these the shortfalls."""
    return [body for body in said if isinstance(body, ShortfallDeclared)]


def test_drawdown_venues_42() -> None:
    """Bybit, example 1: -350,000 of a pool that had 1,000,000 is -0.35, of which the deleveraged subsidise 50,000."""
    fall = Fall(-350_000, 1_000_000)
    assert Fraction(fall.change_atoms, fall.reference_atoms) == Fraction("-0.35")
    assert fall.is_beyond(3_000)
    assert fall.beyond_atoms(3_000) == 50_000
    assert not Fall(-300_000, 1_000_000).is_beyond(3_000)


@pytest.mark.decided
def test_a_run_closes_the_symbol_at_a_drawdown_of_30_percent_venues_42() -> None:
    """Example 1 in a run: the pool takes 10,000 lots at 990 and stands at -350,000 at 955; ADL closes them at 960.

    So the pool is left with 700,000, which is -0.30, and who is short gets 50,000 less than at the mark.
    """
    book = Book(listed(0, tiers=HALF_PERCENT), listed(1, tiers=HALF_PERCENT), fund_atoms=1_000_000)
    book.user(100_000, (0, 10_000, 1000))
    winner = book.user(1_000_000, (0, -10_000, 1000))
    stage = Stage(
        book,
        IndexMarkPricing(NoParameters()),
        MarginMonitor(MarginParameters(10_000, 10_000)),
        SymbolDrawdown(WindowParameters(**POOL)),
        LiquidationEngine(TierStepDown(StepDownParameters(fill_or_kill=True))),
        AdlEngine(Bybit(NoParameters())),
    )
    path = [(0, 1000), (SECOND, 990), (2 * SECOND, 955)]
    events = [event.body for event in stage.run(*ticks(*path), until_ns=20 * SECOND)]
    assert [(b.size_lots, b.price_ticks) for b in events if isinstance(b, PositionTakenOver)] == [(10_000, 990)]
    (declared,) = shortfalls(events)
    assert declared == ShortfallDeclared(None, FUND, "drawdown", 50_000, 650_000, 1_000_000)
    (closed,) = [body for body in events if isinstance(body, PositionDeleveraged)]
    assert (closed.account, closed.size_lots, closed.price_ticks) == (winner, 10_000, 960)
    assert stage.ledger.accounts[FUND].balance_atoms == 700_000
    assert stage.ledger.accounts[winner].balance_atoms == 1_000_000 + 10_000 * (1000 - 960)


def test_profit_of_another_symbol_saves_no_symbol() -> None:
    """The fall is one symbol's: -350,000 by the first one triggers though the pool as a whole has gained 50,000."""
    funded = pool_of(1_000_000, lots=10_000)
    funded.asked(funded.book.bankrupt(funded.book.user(0, (1, 10_000, 1000))))
    funded.book.mark(965, 1040)
    fund = funded.fund
    assert isinstance(fund, SymbolDrawdown)
    assert fund.value_atoms(funded.book.ledger, FUND) == 1_050_000
    said = funded.due("fund sample")
    assert [body.needed_atoms for body in shortfalls(said)] == [350_000 - 315_000]  # 30% of the pool's 1,050,000
    assert drawdown_noted("instrument 0", (1, 35_000)) in said


@pytest.mark.parametrize(("mark", "on"), [(1040, False), (1039, True)], ids=["30 percent exactly", "more"])
def test_profit_that_is_lost_again_is_a_fall_too(mark: int, on: bool) -> None:
    """Bybit, example 2: A gained 1,000,000, the pool's maximum is 2,000,000; a fall of 600,000 is -0.30.

    The condition is strict where the example is not: at -0.30 exactly nothing begins, one tick below it does.
    """
    funded = pool_of(1_000_000, lots=10_000)
    funded.book.mark(1100, 1000)
    funded.due("fund sample")
    funded.book.mark(mark, 1000)
    said = funded.due("fund sample")
    noted = [b.values for b in said if isinstance(b, HandlerStateNoted) and b.key == "drawdown of instrument 0"]
    assert noted == ([(1, 10_000)] if on else [])


def test_a_pool_at_nothing_takes_nothing_over() -> None:
    """Bybit, example 3: no symbol has fallen by 30%, but the balance is 0: deleveraged, whatever margin it brings."""
    funded = pool_of(1_000_000)
    funded.book.put(BalanceStated(FUND, 0))
    said = funded.asked(funded.book.bankrupt(funded.book.user(100, (0, 10, 1000))))
    assert [body.trigger for body in shortfalls(said)] == ["bankruptcy"]


@pytest.mark.parametrize(
    ("marks", "on"),
    [((965,), True), ((965, 975), True), ((965, 976), False), ((974,), False)],
    ids=["-0.35", "then -0.25 exactly", "then -0.24", "-0.26 without a trigger"],
)
def test_it_stops_above_the_stop_ratio(marks: tuple[int, ...], on: bool) -> None:
    """On under -0.30, over above -0.25 (strict); while it is on, an account below zero is deleveraged."""
    funded = pool_of(1_000_000, lots=10_000)
    for mark in marks:
        funded.book.mark(mark, 1000)
        funded.due("fund sample")
    said = funded.asked(funded.book.bankrupt(funded.book.user(0, (0, 10, marks[-1] + 1))))
    assert [body.trigger for body in shortfalls(said)] == (["drawdown"] if on else [])
    assert any(isinstance(body, PositionTakenOver) for body in said) != on


def test_the_pool_still_takes_what_brings_it_margin() -> None:
    """While it is on, a position with equity left is taken over (recovery 2 of the page), and so are other symbols."""
    funded = pool_of(1_000_000, lots=10_000)
    funded.book.mark(965, 1000)
    funded.due("fund sample")
    user = funded.book.user(1000, (0, 10, 965))
    assert [type(body) for body in funded.asked(funded.book.bankrupt(user))] == [PositionTakenOver]
    both = funded.book.user(0, (0, 10, 966), (1, 10, 1001))
    said = funded.asked(funded.book.bankrupt(both))
    assert [(b.instrument, b.account) for b in said if isinstance(b, PositionTakenOver)] == [(1, both)]
    assert [body.trigger for body in shortfalls(said)] == ["drawdown"]


@pytest.mark.decided
@pytest.mark.parametrize(
    ("threshold", "on"), [(649_999, True), (650_000, False)], ids=["over the threshold", "at the threshold"]
)
def test_the_balance_must_be_over_the_threshold_venues_42(threshold: int, on: bool) -> None:
    """With 650,000 left of a pool of 1,000,000."""
    book = Book(listed(0), fund_atoms=1_000_000)
    book.mark(1000)
    rules = WindowParameters(threshold_atoms=threshold, capital_bps=0)
    funded = Funded(book, SymbolDrawdown(rules))
    funded.asked(book.bankrupt(book.user(0, (0, 10_000, 1000))))
    book.mark(965)
    assert bool(shortfalls(funded.due("fund sample"))) == on


def test_bybit_s_rulebook_has_the_page_s_figures() -> None:
    """-0.3 and -0.25, 8 hours, 10,000 as in the responses; fill-or-kill, then takeover in the lowest tier."""
    rules = {one.handler: one for one in Scenario.load("calm", ["venue=bybit"]).producers}
    fund, steps = rules["insurance_fund"].parameters, rules["liquidation"].parameters
    assert (fund["fall_bps"], fund["stop_fall_bps"], fund["window_ns"]) == (3_000, 2_500, 8 * 3_600 * SECOND)
    assert fund["threshold_atoms"] == 10_000 * 10**6
    assert (steps["fill_or_kill"], steps["lowest"], steps["limit"]) == (True, "takeover", "bankruptcy")


def test_bybit_s_reductions_are_filled_whole_or_not_sent() -> None:
    """In a run under its rulebook every order of a trader's account trades all of its lots."""
    ordered: dict[int, int] = {}
    filled: Counter[int] = Counter()
    for event in recorded("venue=bybit"):
        body = event.body
        if isinstance(body, LiquidationOrdered) and body.account != FUND:
            ordered[body.order_id] = body.size_lots
        elif isinstance(body, LiquidationFilled) and body.account != FUND:
            filled[body.order_id] += body.size_lots
    assert ordered == dict(filled)


def test_what_a_pool_gained_by_its_symbols_is_what_it_gained() -> None:
    """All through a run: the gains by instrument sum to the pool's value less what it was given, to a few atoms.

    Given: what it began with, and what others paid for losses of its own. Funding is rounded lot by lot in one sum.
    """
    ledger, given_atoms, checked = Ledger(), 0, 0
    for event in recorded("venue=bybit", "insurance_fund.per=asset"):
        ledger.fold(event)
        if isinstance(event.body, BalanceStated) and event.body.account == FUND:
            given_atoms = event.body.balance_atoms
        elif isinstance(event.body, LossSocialized) and event.body.bankrupt == FUND:
            given_atoms += event.body.amount_atoms
        if event.seq % 97 or not ledger.markets or not all(market.mark_ticks for market in ledger.markets):
            continue
        inventory = Inventory()
        inventory.rebuild(ledger)
        gained_atoms = sum(inventory.gained_atoms(ledger, number) for number in range(len(ledger.markets)))
        value_atoms = margin_of(ledger.accounts[FUND], ledger).equity_atoms
        assert abs(gained_atoms - (value_atoms - given_atoms)) <= 1_000
        checked += 1
    assert checked > 20


def average_fund(atoms: int) -> Funded:
    """OKX's trigger with so much in the fund through the whole window."""
    book = Book(fund_atoms=atoms)
    book.mark(1000)
    rules = DrawdownParameters(against="average", least_fall_atoms=50_000, capital_bps=0)
    funded = Funded(book, Drawdown(rules))
    funded.asked(book.bankrupt(book.user(0, (0, 1, 1000))))
    return funded


@pytest.mark.parametrize(
    ("average", "left", "on"),
    [
        (1_000_000, 700_000, False),
        (1_000_000, 699_999, True),
        (100_000, 50_000, False),
        (100_000, 49_999, True),
        (40_000, 1, False),
        (166_000, 116_000, False),
        (166_000, 115_999, True),
    ],
    ids=["30 percent", "more", "50,000 of 100,000", "more than 50,000", "a small fund", "50,000 of 166,000", "more"],
)
def test_okx_triggers_below_the_average_less_30_percent_or_50_000(average: int, left: int, on: bool) -> None:
    """The threshold is the 8-hour average less max(30%, 50,000): 700,000, 50,000, none, and 116,000 of 166,000."""
    funded = average_fund(average)
    funded.book.put(BalanceStated(FUND, left))
    said = funded.asked(funded.book.bankrupt(funded.book.user(0, (0, 1, 1000))))
    assert [body.trigger for body in shortfalls(said)] == (["drawdown"] if on else [])


def test_okx_s_average_is_not_the_peak() -> None:
    """After 1,000,000 in 5 of 9 hours and 600,000 in the last 4 the average is 822,222: 27% above, not 40%."""
    noted: tuple[int, ...] = ()
    for hour in range(5):
        for _ in range(360):
            noted = with_sample(noted, hour, 1_000_000 if hour < 1 else 600_000, 360)
    assert averaged(noted, 600_000) == (5 * 1_000_000 + 4 * 600_000) // 9 == 822_222
    assert not Fall(600_000 - 822_222, 822_222, 50_000).is_beyond(3_000)
    assert Fall(600_000 - 1_000_000, 1_000_000, 50_000).is_beyond(3_000)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 50)), min_size=1, max_size=40), st.integers(1, 4))
def test_the_average_is_that_of_all_samples(samples: list[tuple[int, int]], many: int) -> None:
    """Against all samples kept, those that stand for the window before the first look among them."""
    noted: tuple[int, ...] = ()
    step, kept = 0, [(at, samples[0][1]) for at in range(samples[0][0] - 8, samples[0][0]) for _ in range(many)]
    for later, value in samples:
        step += later
        kept.append((step, value))
        noted = with_sample(noted, step, value, many)
        window = [v for at, v in kept if at >= step - 8]
        assert averaged(noted, 0) == sum(window) // len(window)


@pytest.mark.parametrize(("fund_atoms", "price"), [(1_000, 900), (999, 1000)], ids=["the mark", "the bankruptcy price"])
def test_okx_closes_at_the_mark_while_the_fund_can_bear_it(fund_atoms: int, price: int) -> None:
    """10 lots for -10,000 at a mark of 900 would leave 1,000 to the fund; where it has less, they go at 1,000."""
    book = Book(fund_atoms=fund_atoms)
    winner, user = book.user(10_000, (0, -10, 1100)), book.user(0, (0, 10, 1000))
    book.mark(900)
    book.bankrupt(user)
    event = book.put(ShortfallDeclared(1, user, "drawdown", 0, 0))
    engine = AdlEngine(Okx(NoParameters()))
    engine.prime(book.ledger, ())
    said = bodies(engine.handle(event, book.ledger, 0))
    assert [(b.account, b.price_ticks) for b in said if isinstance(b, PositionDeleveraged)] == [(winner, price)]


def test_okx_ranks_by_profit_share_times_leverage() -> None:
    """20% of 1,000 with a leverage of 4 stands before 40% of 500 with a leverage of 1.5: 0.8 and 0.6.

    The first: entry 1,000, mark 800, equity 200 of notional 800. The second: entry 1,333 1/3 on 3 lots for 4,000, mark
    800 x 3 = 2,400, profit 1,600 of 4,000, equity 1,600.
    """
    book = Book(fund_atoms=10**6)
    first, second = book.user(0, (0, -1, 1000)), book.user(0)
    book.put(PositionStated(second, 0, 0, -3, -4_000))
    user = book.user(0, (0, 2, 1000))
    book.mark(800)
    book.bankrupt(user)
    event = book.put(ShortfallDeclared(1, user, "drawdown", 0, 0))
    engine = AdlEngine(Okx(NoParameters()))
    engine.prime(book.ledger, ())
    said = bodies(engine.handle(event, book.ledger, 0))
    closed = [(b.account, b.score) for b in said if isinstance(b, PositionDeleveraged)]
    assert closed == [(first, 800_000_000), (second, 600_000_000)]


def test_okx_sends_no_order_once_it_is_on() -> None:
    """Under its rulebook the account is handed over at once while a drawdown is on; before, an order goes out."""
    rules = {one.handler: one for one in Scenario.load("calm", ["venue=okx"]).producers}
    given = {key: value for key, value in rules["liquidation"].parameters.items() if key != "order"}
    parameters = StepDownParameters(**given)
    assert not parameters.orders_in_drawdown
    book = Book(listed(0, tiers=HALF_PERCENT))
    book.mark(1000)
    book.depth(((1, 10**6),), ((1, 10**6),))
    engine = LiquidationEngine(TierStepDown(parameters))
    told = []
    for on in (0, 1):
        book.put(drawdown_noted(f"fund {FUND}", (on, 0)))
        user = book.user(10, (0, 10, 1000))
        book.liquidate(user)
        told.append([type(body).__name__ for body in bodies(engine.handle(book.events[-1], book.ledger, 0))])
    assert told == [["LiquidationOrdered"], ["BankruptcyDeclared"]]
