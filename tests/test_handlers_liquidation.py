"""The liquidation engine: part, cooldown, whole, and the four ways in which it ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from deleverage.events.bodies.venue import TimerFired, TimerSet, TradingHalted, TradingResumed
from deleverage.events.bodies.waterfall import InsuranceFundDebited
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.insurance_fund import FundParameters, InsuranceFund
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import NO_DEPTH, DepthMarket
from deleverage.handlers.policies.liquidation.partial_then_whole import LiquidationParameters, PartialThenWhole
from deleverage.handlers.protocol import Handler, NoParameters

from .support.made import made
from .support.stage import Stage, ticks
from .support.venue import FUND, Book, filled, listed

DEEP = ((10, 10_000),)
SHALLOW = ((10, 3),)
RULES = LiquidationParameters(first_share_bps=2_000, cooldown_ns=30, restored_bps=11_000)
STEPS = {
    LiquidationStarted,
    LiquidationOrdered,
    LiquidationFilled,
    LiquidationEnded,
    BankruptcyDeclared,
    OrdersCancelled,
}
STEPS |= {TimerSet, TimerFired, InsuranceFundDebited}


def opening(balance: int = 1100, depth: Sequence[tuple[int, int]] = DEEP, *others: int) -> Book:
    """Trader 4 holds 10 lots bought at 1000 at 10% maintenance; `others` the same with other balances."""
    book = Book(listed(), fund_atoms=10**6)
    book.depth(depth, depth)
    for amount in (balance, *others):
        book.user(amount, (0, 10, 1000))
    return book


def stage(book: Book, rules: LiquidationParameters = RULES, *more: Handler, latencies_ns: Sequence[int] = ()) -> Stage:
    """Marks, the monitor, the engine and the market, and whatever else is given."""
    handlers = [
        IndexMarkPricing(NoParameters()),
        MarginMonitor(MarginParameters(10_000, 10_000)),
        LiquidationEngine(PartialThenWhole(rules)),
    ]
    return Stage(book, *handlers, DepthMarket(NoParameters()), *more, latencies_ns=latencies_ns)


def story(events: Sequence[Event], account: int = 4) -> list[tuple[int, Body]]:
    """What happened to an account's liquidation, and when."""
    return [(e.at_ns, e.body) for e in events if type(e.body) in STEPS and getattr(e.body, "account", None) == account]


def test_part_first_and_restored() -> None:
    """At 960 equity is 700 of 960: 2 of 10 lots go at 959, and then 698 against 768 is not enough, at 990 it is."""
    told = story(stage(opening()).run(*ticks((0, 1000), (5, 960), (20, 1010)), until_ns=90))
    assert told == [
        (5, LiquidationStarted(1, 4, 700, 960)),
        (5, made(LiquidationOrdered, liquidation_id=1, order_id=1, account=4, size_lots=-2, limit_ticks=890, step=1)),
        (
            5,
            filled(4, -2, 959, value_atoms=-1918, eaten_lots=2),
        ),
        (5, TimerSet("liquidation cooldown", 35, 4, None, 1)),
        (35, TimerFired(told[4][1].timer, "liquidation cooldown", 4, None, 1)),  # type: ignore[union-attr]
        (35, LiquidationEnded(1, 4, "restored", 1098)),
    ]


def test_after_the_cooldown_the_whole() -> None:
    """Nothing got better: the remaining 8 go at once, and the money that remains is the trader's."""
    told = story(stage(opening()).run(*ticks((0, 1000), (5, 960)), until_ns=90))[5:]
    assert told == [
        (
            35,
            made(
                LiquidationOrdered,
                liquidation_id=1,
                order_id=2,
                account=4,
                size_lots=-8,
                limit_ticks=873,
                step=2,
                whole=True,
            ),
        ),
        (
            35,
            filled(4, -8, 959, value_atoms=-7672, order_id=2, trade_id=2, eaten_lots=8),
        ),
        (35, LiquidationEnded(1, 4, "closed", 690)),
    ]


def test_restored_at_once_needs_no_cooldown() -> None:
    """If the first part is enough, it ends there: 20 atoms missing and half of the position gone."""
    rules = LiquidationParameters(first_share_bps=5_000, cooldown_ns=30)
    told = story(stage(opening(1380), rules).run(*ticks((0, 1000), (5, 957)), until_ns=90))
    assert [type(body).__name__ for _, body in told][-2:] == ["LiquidationFilled", "LiquidationEnded"]
    assert told[-1] == (5, LiquidationEnded(1, 4, "restored", 945))


def test_a_small_position_goes_whole_at_once() -> None:
    """Under `whole_below_atoms` of notional there is no first part and no cooldown."""
    rules = LiquidationParameters(whole_below_atoms=9_601)
    told = story(stage(opening(), rules).run(*ticks((0, 1000), (5, 960)), until_ns=90))
    assert told[1] == (
        5,
        made(
            LiquidationOrdered,
            liquidation_id=1,
            order_id=1,
            account=4,
            size_lots=-10,
            limit_ticks=890,
            step=1,
            whole=True,
        ),
    )
    assert told[-1] == (5, LiquidationEnded(1, 4, "closed", 690))


def test_without_a_cooldown_the_whole_follows_the_part() -> None:
    """Both orders in one instant."""
    told = story(stage(opening(), LiquidationParameters(cooldown_ns=0)).run(*ticks((0, 1000), (5, 960))))
    assert [body.size_lots for _, body in told if isinstance(body, LiquidationOrdered)] == [-2, -8]


def test_the_position_that_needs_most_margin_goes_first() -> None:
    """Of two positions the one with the greater requirement, then, since the account is not restored, the other."""
    book = Book(listed(0), listed(1))
    for instrument in (0, 1):
        book.depth(DEEP, DEEP, instrument)
    book.user(1640, (0, 10, 1000), (1, -4, 2000))
    path = [*ticks((0, 1000)), *ticks((0, 2000), instrument=1), *ticks((5, 980))]
    told = story(stage(book).run(*path, until_ns=90))
    assert [(b.instrument, b.size_lots) for _, b in told if isinstance(b, LiquidationOrdered)][:1] == [(0, -2)]
    whole = [(b.instrument, b.size_lots, b.whole) for _, b in told if isinstance(b, LiquidationOrdered)][1:]
    assert whole == [(1, 4, True)]


def test_no_equity_is_bankruptcy_at_once() -> None:
    """At 890 the account has nothing left: no order at all, over to the waterfall."""
    told = story(stage(opening()).run(*ticks((0, 1000), (5, 890)), until_ns=90))
    assert told[1:] == [(5, BankruptcyDeclared(1, 4, 0, 890, "no equity left"))]


def test_a_whole_order_without_depth_is_bankruptcy() -> None:
    """Three lots are there at a time: two for the part, three of the whole after the cooldown, none for the rest."""
    told = story(stage(opening(1100, SHALLOW)).run(*ticks((0, 1000), (5, 900)), until_ns=90))
    assert told[-3:] == [
        (
            35,
            filled(4, -3, 899, value_atoms=-2697, order_id=2, trade_id=2, left_lots=5, eaten_lots=3),
        ),
        (35, OrdersCancelled(1, 4, 2, 5, NO_DEPTH)),
        (35, BankruptcyDeclared(1, 4, 95, 450, "no depth above the bankruptcy price")),
    ]


def test_a_part_without_depth_waits_for_the_whole() -> None:
    """The first order finds nobody: that is no bankruptcy yet; after the cooldown the whole is tried."""
    told = story(stage(opening(1100, ())).run(*ticks((0, 1000), (5, 960)), until_ns=90))
    assert [type(body).__name__ for _, body in told[2:]] == [
        "OrdersCancelled",
        "TimerSet",
        "TimerFired",
        "LiquidationOrdered",
        "OrdersCancelled",
        "BankruptcyDeclared",
    ]


def test_no_order_trades_beyond_the_bankruptcy_price() -> None:
    """Bids only far below: the limit is the price at which 10 lots leave exactly nothing, and nothing trades."""
    told = story(stage(opening(1100, ((1000, 100),))).run(*ticks((0, 1000), (5, 960)), until_ns=90))
    assert [body.limit_ticks for _, body in told if isinstance(body, LiquidationOrdered)] == [890, 890]
    assert not any(isinstance(body, LiquidationFilled) for _, body in told)
    assert told[-1] == (35, BankruptcyDeclared(1, 4, 700, 960, "no depth above the bankruptcy price"))


def test_without_a_limit_the_fund_covers_the_debt() -> None:
    """Sold 10% under the mark, the account ends 440 short: the fund pays in cash, and the account is free at zero."""
    rules = LiquidationParameters(limit="none", whole_below_atoms=10**6)
    fund = InsuranceFund(FundParameters(fee_bps=0))
    staged = stage(opening(1100, ((1000, 100),)), rules, fund)
    told = story(staged.run(*ticks((0, 1000), (5, 940)), until_ns=90))
    debt = 1100 - 10 * (1000 - 846)
    assert told[1:] == [
        (5, made(LiquidationOrdered, liquidation_id=1, order_id=1, account=4, size_lots=-10, step=1, whole=True)),
        (
            5,
            filled(4, -10, 846, value_atoms=-8460, eaten_lots=10),
        ),
        (5, BankruptcyDeclared(1, 4, debt, 0, "the balance is negative after the last fill")),
        (5, InsuranceFundDebited(1, 4, FUND, -debt)),
        (5, LiquidationEnded(1, 4, "bankrupt", 0)),
    ]
    assert staged.ledger.accounts[4].status == "healthy"
    staged.ledger.check()


def halted(at_ns: int, resumed_ns: int) -> list[tuple[int, Body]]:
    """A halt and its end, as if from outside."""
    return [(at_ns, TradingHalted(0, 1, 1, resumed_ns)), (resumed_ns, TradingResumed(0))]


def test_a_liquidation_queues_in_a_halt_and_goes_on_after() -> None:
    """Started while halted: no order until trading resumes, and then the first."""
    path = sorted([*ticks((0, 1000), (5, 960)), *halted(3, 50)], key=lambda entry: entry[0])
    told = story(stage(opening()).run(*path, until_ns=60))
    assert [(at_ns, type(body).__name__) for at_ns, body in told] == [
        (5, "LiquidationStarted"),
        (50, "LiquidationOrdered"),
        (50, "LiquidationFilled"),
        (50, "TimerSet"),
    ]


def test_a_cooldown_that_ends_in_a_halt_waits_too() -> None:
    """Its timer fires, nothing can be done, and the whole goes when trading resumes."""
    path = sorted([*ticks((0, 1000), (5, 960)), *halted(6, 50)], key=lambda entry: entry[0])
    told = story(stage(opening()).run(*path, until_ns=60))
    assert [at_ns for at_ns, body in told if isinstance(body, LiquidationOrdered)] == [5, 50]


def test_several_that_waited_go_on_in_the_order_they_started() -> None:
    """Three accounts queue in a halt: at its end three orders with numbers in a row."""
    path = sorted([*ticks((0, 1000), (5, 960)), *halted(3, 50)], key=lambda entry: entry[0])
    events = stage(opening(1100, DEEP, 1090, 1080)).run(*path, until_ns=50)
    ordered = [e.body for e in events if isinstance(e.body, LiquidationOrdered)]
    assert [(b.order_id, b.account) for b in ordered] == [(1, 4), (2, 5), (3, 6)]


@pytest.mark.parametrize("engine_ns", [0, 7])
@pytest.mark.parametrize("market_ns", [0, 11])
def test_at_most_one_order_works_however_slow_things_are(engine_ns: int, market_ns: int) -> None:
    """Halts and resumptions around delayed deliveries never put out a second order while one is open."""
    for halt_ns in range(1, 40, 3):
        path = sorted([*ticks((0, 1000), (5, 960)), *halted(halt_ns, halt_ns + 9)], key=lambda entry: entry[0])
        events = stage(opening(), latencies_ns=(0, 0, engine_ns, market_ns)).run(*path, until_ns=300)
        is_open = False
        for _, body in story(events):
            if isinstance(body, LiquidationOrdered):
                assert not is_open
                is_open = True
            elif isinstance(body, LiquidationFilled) or (isinstance(body, OrdersCancelled) and body.order_id):
                is_open = bool(isinstance(body, LiquidationFilled) and body.left_lots)
        assert isinstance(story(events)[-1][1], LiquidationEnded)


def test_a_halt_is_not_a_want_of_depth() -> None:
    """A whole order cancelled by a halt is tried again when trading resumes, even if heard of only then."""
    rules = LiquidationParameters(whole_below_atoms=10**6)
    path = sorted([*ticks((0, 1000), (5, 960)), *halted(11, 12)], key=lambda entry: entry[0])
    told = story(stage(opening(), rules, latencies_ns=(0, 0, 5, 1)).run(*path, until_ns=90))
    assert told[-1][1] == LiquidationEnded(1, 4, "closed", 690)
    assert not any(isinstance(body, BankruptcyDeclared) for _, body in told)


@pytest.mark.parametrize("figures", [{"first_share_bps": 0}, {"first_share_bps": 10_001}, {"restored_bps": 9_999}])
def test_figures_that_cannot_be_are_refused(figures: dict[str, int]) -> None:
    """A part is more than nothing and at most the whole; nobody is restored below the requirement."""
    with pytest.raises(ValueError, match="first_share_bps must lie"):
        LiquidationParameters(**figures)
