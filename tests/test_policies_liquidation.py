"""The step policies one by one, on a small venue with a real bus: how much, at which limit, when, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    OrdersCancelled,
)
from deleverage.events.bodies.venue import HandlerStateNoted, TimerSet
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import NO_DEPTH, DepthMarket, Liquidators
from deleverage.handlers.policies.liquidation.choices import LIQUIDATION_CHOICES
from deleverage.handlers.policies.liquidation.chunk_and_cooldown import ChunkAndCooldown, ChunkParameters
from deleverage.handlers.policies.liquidation.fillable_price import FillableParameters, FillablePrice
from deleverage.handlers.policies.liquidation.incremental import Incremental, IncrementalParameters
from deleverage.handlers.policies.liquidation.liquidator_fee import LiquidatorFee, LiquidatorFeeParameters
from deleverage.handlers.policies.liquidation.step import Situation, StepPolicy
from deleverage.handlers.policies.liquidation.tier_step_down import (
    StepDownParameters,
    TierStepDown,
    lots_above_lower_tier,
)
from deleverage.handlers.policies.liquidation.whole_takeover import TakeoverParameters, WholeTakeover
from deleverage.handlers.protocol import Handler, NoParameters
from deleverage.handlers.valuation import largest_position, margin_of

from .support.stage import Stage, ticks
from .support.venue import Book, listed, tiers_of

DEEP = ((10, 10_000),)
SHALLOW = ((10, 3),)
TOLD = (LiquidationOrdered, LiquidationFilled, OrdersCancelled, LiquidationEnded, BankruptcyDeclared, TimerSet)
TWO_TIERS = tiers_of((0, 50_000), (5_000, 100_000))


def opening(balance: int = 1100, depth: Sequence[tuple[int, int]] = DEEP, **listing: Any) -> Book:
    """Trader 4 holds 10 lots bought at 1000 at 10% maintenance, or as `listing` says."""
    book = Book(listed(**listing), fund_atoms=10**6)
    book.depth(depth, depth)
    book.user(balance, (0, 10, 1000))
    return book


def run(
    book: Book, policy: StepPolicy, *path: tuple[int, int], until_ns: int = 90, market: Handler | None = None
) -> list[tuple[int, Body]]:
    """What happened to trader 4's liquidation, and when."""
    market = market or DepthMarket(NoParameters())
    monitor = MarginMonitor(MarginParameters(10_000, 10_000))
    stage = Stage(book, IndexMarkPricing(NoParameters()), monitor, LiquidationEngine(policy), market)
    events = stage.run(*ticks((0, 1000), *path), until_ns=until_ns)
    stage.ledger.check()
    return [(e.at_ns, e.body) for e in events if _is_told(e)]


def _is_told(event: Event) -> bool:
    body = event.body
    return isinstance(body, TOLD) and getattr(body, "reason", "") != "liquidation started"


def orders(told: list[tuple[int, Body]]) -> list[tuple[int, int, int | None]]:
    """When, how many lots and at which limit was ordered."""
    return [(at_ns, b.size_lots, b.limit_ticks) for at_ns, b in told if isinstance(b, LiquidationOrdered)]


def reasons(told: list[tuple[int, Body]]) -> list[tuple[int, str]]:
    """When and why the account was handed over."""
    return [(at_ns, b.reason) for at_ns, b in told if isinstance(b, BankruptcyDeclared)]


def test_whole_takeover_sends_one_order_for_the_whole() -> None:
    """Depth for all of it: closed in the same instant, and what is left is the trader's."""
    told = run(opening(), WholeTakeover(TakeoverParameters()), (5, 960))
    assert orders(told) == [(5, -10, 890)]
    assert told[-1] == (5, LiquidationEnded(1, 4, "closed", 690))


def test_whole_takeover_hands_over_what_the_order_left() -> None:
    """Three lots find a buyer; the account is still short, so the rest goes to the fund at once, with no second try."""
    told = run(opening(1000, SHALLOW), WholeTakeover(TakeoverParameters()), (5, 960))
    assert orders(told) == [(5, -10, 900)]
    assert reasons(told) == [(5, "still under the requirement after the one order")]


def test_whole_takeover_stops_when_margin_suffices() -> None:
    """The three lots that found a buyer were enough: no takeover."""
    told = run(opening(1100, SHALLOW), WholeTakeover(TakeoverParameters()), (5, 960))
    assert told[-1] == (5, LiquidationEnded(1, 4, "restored", 697))


def test_whole_takeover_of_a_share_is_one_order_too() -> None:
    """Half of it in one order, filled, and not enough: the other half is taken over."""
    told = run(opening(1000), WholeTakeover(TakeoverParameters(reduction_bps=5_000)), (5, 930))
    assert [lots for _, lots, _ in orders(told)] == [-5]
    assert reasons(told) == [(5, "still under the requirement after the one order")]


CHUNKS = ChunkParameters(chunk_over_atoms=5_000, cooldown_ns=30, pause_ns=2)


def test_a_chunk_first_and_the_whole_in_the_next_block() -> None:
    """20% of a position over the size, noted; the next order within the cooldown is for all the rest."""
    told = run(opening(), ChunkAndCooldown(CHUNKS), (5, 960))
    assert orders(told) == [(5, -2, 890), (7, -8, 873)]
    assert told[-1] == (7, LiquidationEnded(1, 4, "closed", 690))


def test_a_small_position_is_sent_whole() -> None:
    """At the size exactly it is not over it."""
    told = run(opening(), ChunkAndCooldown(ChunkParameters(chunk_over_atoms=9_600)), (5, 960))
    assert orders(told) == [(5, -10, 890)]


@pytest.mark.parametrize(("again_ns", "lots"), [(34, -8), (35, -2)], ids=["within the cooldown", "when it is over"])
def test_the_cooldown_outlives_the_liquidation(again_ns: int, lots: int) -> None:
    """Restored after a chunk at 5 and under again: for the whole until 30 later, after that in a chunk again."""
    book = opening()
    told = run(book, ChunkAndCooldown(CHUNKS), (5, 960), (6, 1010), (again_ns, 950))
    assert [(at_ns, size) for at_ns, size, _ in orders(told)][:2] == [(5, -2), (again_ns, lots)]


@pytest.mark.parametrize(
    ("equity", "handed_over"), [(640, False), (639, True)], ids=["two thirds exactly", "one atom less"]
)
def test_the_backstop_steps_in_below_two_thirds(equity: int, handed_over: bool) -> None:
    """At 960 the requirement is 960: 640 of equity is not below two thirds of it, 639 is."""
    told = run(opening(400 + equity), ChunkAndCooldown(CHUNKS), (5, 960))
    assert bool(reasons(told)) == handed_over
    assert bool(orders(told)) == (not handed_over)


def test_what_finds_no_depth_is_tried_again_until_the_backstop() -> None:
    """Without buyers a block passes between tries; as the mark falls on, the backstop takes over."""
    told = run(opening(1100, ()), ChunkAndCooldown(CHUNKS), (5, 960), (10, 920))
    assert [at_ns for at_ns, _, _ in orders(told)] == [5, 7, 9]
    assert reasons(told) == [(11, "below the backstop's share of the requirement")]


def test_a_chunk_is_noted_under_its_account() -> None:
    """The memory is an event in the ledger, not in the policy."""
    book = opening()
    monitor = MarginMonitor(MarginParameters(10_000, 10_000))
    engine = LiquidationEngine(ChunkAndCooldown(CHUNKS))
    stage = Stage(book, IndexMarkPricing(NoParameters()), monitor, engine, DepthMarket(NoParameters()))
    events = stage.run(*ticks((0, 1000), (5, 960)))
    noted = [e.body for e in events if isinstance(e.body, HandlerStateNoted)]
    assert noted == [HandlerStateNoted("liquidation", "last chunk of account 4", (5,))]


def test_down_a_tier_first() -> None:
    """5% up to 5,000 and 10% above: at 700 seven lots are 4,900, so three are sold, and that is enough."""
    told = run(opening(3_400, tiers=TWO_TIERS), TierStepDown(StepDownParameters()), (5, 700))
    assert [lots for _, lots, _ in orders(told)] == [-3]
    assert told[-1] == (5, LiquidationEnded(1, 4, "restored", 397))


def test_in_the_lowest_tier_it_is_taken_over() -> None:
    """BitMEX: no order for a position in the lowest tier, or after the last step down."""
    told = run(opening(3_200, tiers=TWO_TIERS), TierStepDown(StepDownParameters()), (5, 700))
    assert [lots for _, lots, _ in orders(told)] == [-3]
    assert reasons(told) == [(5, "still under the requirement in the lowest tier")]


def test_in_the_lowest_tier_an_order_may_come_first() -> None:
    """Bybit: the rest is sent whole, at its bankruptcy price at worst."""
    told = run(opening(3_200, tiers=TWO_TIERS), TierStepDown(StepDownParameters(lowest="order")), (5, 700))
    assert [lots for _, lots, _ in orders(told)] == [-3, -7]
    assert told[-1] == (5, LiquidationEnded(1, 4, "closed", 190))


@pytest.mark.parametrize(("depth", "sent"), [(((10, 3),), True), (((10, 2),), False)], ids=["enough", "one too few"])
def test_fill_or_kill(depth: tuple[tuple[int, int], ...], sent: bool) -> None:
    """A step is sent only where the depth within its limit fills it whole; else it is killed and handed over."""
    policy = TierStepDown(StepDownParameters(fill_or_kill=True))
    told = run(opening(3_400, depth, tiers=TWO_TIERS), policy, (5, 700))
    assert bool(orders(told)) == sent
    assert reasons(told) == ([] if sent else [(5, "the depth cannot fill the whole step: killed")])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 60),
    st.booleans(),
    st.integers(1, 2_000),
    st.lists(st.integers(1, 100_000), max_size=4, unique=True),
)
def test_the_step_down_is_the_least_that_does_it(lots: int, short: bool, price: int, floors: list[int]) -> None:
    """Under the floor afterwards, and with one lot less it would not be; in the lowest tier nothing."""
    tiers = tiers_of((0, 10_000), *((floor, 20_000 + 10_000 * n) for n, floor in enumerate(sorted(floors))))
    book = Book(listed(tiers=tiers))
    book.mark(price)
    account = book.user(10**6, (0, -lots if short else lots, price))
    situation = situation_of(book, account)
    down = lots_above_lower_tier(situation)
    floor = max([f for f in floors if f <= lots * price], default=None)
    if floor is None:
        assert down == 0
    else:
        assert 1 <= down <= lots
        assert (lots - down) * price < floor <= (lots - down + 1) * price


def situation_of(book: Book, account: int) -> Situation:
    """What a step policy is asked about."""
    liquidation, held = book.ledger.liquidations[book.liquidate(account)], book.account(account)
    key = largest_position(held, book.ledger)
    assert key is not None
    return Situation(book.ledger, liquidation, held, margin_of(held, book.ledger), key, 0)


def test_steps_until_the_requirement_is_met() -> None:
    """Deribit: 10% of what is held, rounded up, every 3, until equity suffices."""
    told = run(opening(), Incremental(IncrementalParameters(step_bps=1_000, pause_ns=3)), (5, 960))
    assert orders(told) == [(5, -1, None), (8, -1, None), (11, -1, None)]
    assert told[-1] == (11, LiquidationEnded(1, 4, "restored", 697))


def test_steps_go_on_below_zero_and_end_in_a_debt() -> None:
    """At any price: an account that is negative is sold out all the same, and what it lacks is bankruptcy."""
    rules = IncrementalParameters(step_bps=5_000, pause_ns=3, whole_below_atoms=5_000)
    told = run(opening(1100, ((1000, 100),)), Incremental(rules), (5, 900))
    assert [lots for _, lots, _ in orders(told)] == [-5, -5]
    assert told[-1][1] == BankruptcyDeclared(1, 4, -800, 0, "the balance is negative after the last fill")


def test_steps_with_a_limit_end_without_equity() -> None:
    """At the bankruptcy price at worst: nothing trades beyond it, and without equity the account is handed over."""
    rules = IncrementalParameters(pause_ns=3, limit="bankruptcy")
    told = run(opening(1100, ((1000, 100),)), Incremental(rules), (5, 960), (20, 880))
    assert not any(isinstance(body, LiquidationFilled) for _, body in told)
    assert reasons(told) == [(20, "no equity left")]


WHOLE_BLOCKS = FillableParameters(spread_to_maintenance_ppm=100_000, portion_ppm_max=10**6, pause_ns=4)
"""dYdX without its bounds on a block, at the spread of its keeper's tests."""


def test_nobody_at_the_fillable_price_is_no_bankruptcy_yet() -> None:
    """dYdX: with equity left the whole is offered again a block later, as the fillable price falls."""
    told = run(opening(1100, ((200, 100),)), FillablePrice(WHOLE_BLOCKS), (5, 960), (8, 930))
    assert orders(told)[:2] == [(5, -10, 958), (9, -10, 925)]
    assert not reasons(told)


def test_negative_and_nobody_is_handed_over() -> None:
    """Below zero, at 10% of the requirement under the mark, nobody buys: to be deleveraged."""
    told = run(opening(1100, ((200, 100),)), FillablePrice(WHOLE_BLOCKS), (5, 880))
    assert orders(told) == [(5, -10, 872)]
    assert reasons(told) == [(5, "negative, and no fill at the fillable price")]


def test_the_limit_is_no_worse_than_the_fund_can_pay_for() -> None:
    """With 30 atoms in the fund the whole may bring 30 less than its bankruptcy value of 8,900, and no less."""
    book = Book(listed(), fund_atoms=30)
    book.depth(DEEP, DEEP)
    book.user(1100, (0, 10, 1000))
    assert orders(run(book, FillablePrice(WHOLE_BLOCKS), (5, 880)))[0][2] == 887


def test_a_liquidator_takes_what_covers_the_shortage() -> None:
    """At 960: 1,056 needed with the buffer, 356 short; a lot taken at 1% less frees 105.6 less 9.6: four lots."""
    rules = LiquidatorFeeParameters(insurance_fee_ppm=0)
    told = run(opening(), LiquidatorFee(rules), (5, 960), market=Liquidators(NoParameters()))
    filled = [b for _, b in told if isinstance(b, LiquidationFilled)]
    assert [(b.size_lots, b.price_ticks) for b in filled] == [(-4, 950)]
    assert told[-1] == (5, LiquidationEnded(1, 4, "restored", 660))


def test_a_short_is_bought_back_above_the_mark() -> None:
    """The liquidator's fee is on the other side of the price, rounded against the account."""
    book = Book(listed(), fund_atoms=10**6)
    book.depth(DEEP, DEEP)
    book.user(1100, (0, -10, 1000))
    told = run(book, LiquidatorFee(LiquidatorFeeParameters()), (5, 1_055), market=Liquidators(NoParameters()))
    assert next(b.price_ticks for _, b in told if isinstance(b, LiquidationFilled)) == 1_066


def test_liquidators_take_no_more_than_they_can_sell_on() -> None:
    """Five lots would cover it, three are within the limit: three go at the limit, two more are enough later."""
    rules = LiquidatorFeeParameters(pause_ns=20)
    told = run(opening(1000, SHALLOW), LiquidatorFee(rules), (5, 960), market=Liquidators(NoParameters()))
    filled = [(at_ns, b.size_lots, b.price_ticks) for at_ns, b in told if isinstance(b, LiquidationFilled)]
    assert filled == [(5, -3, 950), (25, -2, 950)]
    assert next(b.reason for _, b in told if isinstance(b, OrdersCancelled)) == NO_DEPTH


def test_an_order_without_a_limit_trades_against_the_depth() -> None:
    """The liquidators' market serves a fund's sale as the plain one does."""
    policy = Incremental(IncrementalParameters(step_bps=10_000))
    told = run(opening(), policy, (5, 960), market=Liquidators(NoParameters()))
    assert [b.price_ticks for _, b in told if isinstance(b, LiquidationFilled)] == [959]


@pytest.mark.parametrize("name", LIQUIDATION_CHOICES)
@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3_000),
    st.lists(st.integers(600, 1_300), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 12)), max_size=3),
    st.booleans(),
)
def test_every_policy_orders_sensibly(
    name: str, balance: int, prices: list[int], bands: list[tuple[int, int]], short: bool
) -> None:
    """One order at a time, a whole number of lots within the position, on its right side; and the books balance."""
    depth = tuple(sorted(dict(bands).items()))
    depth = tuple((distance, sum(lots for d, lots in depth if d <= distance)) for distance, _ in depth)
    book = Book(listed(tiers=TWO_TIERS), fund_atoms=10**4)
    book.depth(depth, depth)
    book.user(balance, (0, -10 if short else 10, 1000))
    choice = LIQUIDATION_CHOICES[name]
    monitor, engine = MarginMonitor(MarginParameters(10_000, 10_000)), choice.make(choice.parameters())
    stage = Stage(book, IndexMarkPricing(NoParameters()), monitor, engine, DepthMarket(NoParameters()))
    path = [(10**9 * at, price) for at, price in enumerate([1000, *prices])]
    held, is_open = (-10 if short else 10), False
    for event in stage.run(*ticks(*path), until_ns=10**9 * 20):
        body = event.body
        if isinstance(body, LiquidationOrdered):
            assert not is_open
            assert 0 < abs(body.size_lots) <= abs(held)
            assert (body.size_lots > 0) == (held < 0)
            assert body.whole == (abs(body.size_lots) == abs(held))
            assert body.limit_ticks is None or body.limit_ticks >= 1
            is_open = True
        elif isinstance(body, LiquidationFilled):
            held, is_open = held + body.size_lots, body.left_lots > 0
        elif isinstance(body, OrdersCancelled) and body.order_id is not None:
            is_open = False
    stage.ledger.check()


REFUSED = [
    (TakeoverParameters, {"reduction_bps": 0}),
    (ChunkParameters, {"pause_ns": 0}),
    (ChunkParameters, {"backstop_numerator": 4}),
    (StepDownParameters, {"restored_bps": 9_999}),
    (IncrementalParameters, {"pause_ns": 0}),
    (FillableParameters, {"spread_to_maintenance_ppm": -1}),
    (LiquidatorFeeParameters, {"liquidator_fee_ppm": 10**6}),
]


@pytest.mark.parametrize(("kind", "figures"), REFUSED, ids=[f"{k.__name__} {f}" for k, f in REFUSED])
def test_figures_that_cannot_be_are_refused(kind: type, figures: dict[str, int]) -> None:
    """No shares over the whole, no end below the requirement, no orders without end in one instant."""
    with pytest.raises(ValueError, match="must"):
        kind(**figures)
