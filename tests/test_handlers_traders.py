"""How traders answer a margin call: when, with what, and that each draw is the account's own."""

from __future__ import annotations

from collections import Counter

import pytest

from deleverage.events.bodies.margin import CollateralAdded, MarginCalled, MarginCallMet, PositionReduced
from deleverage.events.bodies.venue import TimerFired, TimerSet, TradingHalted
from deleverage.events.vocabulary import Body
from deleverage.handlers.trader_response import (
    LevelMix,
    LevelResponse,
    LevelResponseParameters,
    ResponseParameters,
    TraderResponse,
)
from deleverage.handlers.valuation import margin_of, slack

from .support.venue import LIQUIDITY, Book, bodies, listed

BANDS = ((10, 4), (100, 1000))
ADD, REDUCE, SIT = (10_000, 0), (0, 10_000), (0, 0)


def traders(mix: tuple[int, int] = ADD, **figures: int) -> TraderResponse:
    """Traders of whom so many of 10,000 add or reduce."""
    return TraderResponse(ResponseParameters(*mix, **figures))


def called_book(balance: int = 1_100, lots: int = 10, seed: int = 1) -> tuple[Book, int]:
    """A trader who holds 10 lots bought at 1000 (requirement 1000) with this balance, and is called."""
    book = Book(listed(multiplier_atoms=1, impact_bps=0), seed=seed)
    book.mark(1000)
    book.depth(BANDS, BANDS)
    user = book.user(balance, (0, lots, 1000))
    book.put(MarginCalled(user, balance, 1000, 12_500))
    return book, user


def answer(book: Book, handler: TraderResponse) -> list[Body]:
    """Set the timer that the last call asks for, let it fire, and give what the trader then does."""
    call = next(event for event in reversed(book.events) if isinstance(event.body, MarginCalled))
    (timer,) = book.take(handler.handle(call, book.ledger, book.now_ns))
    return fire(book, handler, timer.seq)


def fire(book: Book, handler: TraderResponse, timer: int) -> list[Body]:
    """Let a timer fire."""
    body = book.ledger.timers[timer].timer
    book.now_ns = body.due_ns
    fired = book.put(TimerFired(timer, body.purpose, body.account))
    return bodies(handler.handle(fired, book.ledger, book.now_ns))


def test_collateral_brings_equity_to_the_target() -> None:
    """Equity of 1100 against a requirement of 1000: 900 more make 200%, and not an atom beyond."""
    book, user = called_book()
    assert answer(book, traders(ADD)) == [CollateralAdded(user, 900)]
    book.put(CollateralAdded(user, 900))
    assert slack(margin_of(book.account(user), book.ledger), 20_000) == 0


def test_collateral_is_rounded_up() -> None:
    """A target of 100.01% of 1000 is 1000.1 atoms: 901 on top of 100."""
    book, user = called_book(100)
    assert answer(book, traders(ADD, target_bps=10_001)) == [CollateralAdded(user, 901)]


def test_nobody_adds_to_what_is_enough() -> None:
    """The price came back before the answer: nothing is missing."""
    book, _ = called_book(1_100)
    handler = traders(ADD)
    (timer,) = book.take(handler.handle(book.events[-1], book.ledger, 0))
    book.mark(2000)
    assert fire(book, handler, timer.seq) == []


def test_a_reduction_sells_a_share_into_the_depth() -> None:
    """Half of 10 lots: 4 at 10 basis points below 1000, one at 100, worth 4 x 999 + 990; 5 lots of bids are gone."""
    book, user = called_book()
    assert answer(book, traders(REDUCE)) == [PositionReduced(user, LIQUIDITY, 0, 0, -5, 997, -4986, 5)]


def test_a_short_is_reduced_by_buying() -> None:
    """The other side: 4 at 1001, one at 1010."""
    book, user = called_book(lots=-10)
    assert answer(book, traders(REDUCE)) == [PositionReduced(user, LIQUIDITY, 0, 0, 5, 1002, 5014, 5)]


def test_the_share_is_rounded_up_to_a_lot() -> None:
    """A tenth of a percent of 10 lots is one lot."""
    book, user = called_book()
    assert answer(book, traders(REDUCE, reduce_share_bps=10)) == [
        PositionReduced(user, LIQUIDITY, 0, 0, -1, 999, -999, 1)
    ]


def test_a_reduction_never_leaves_a_debt() -> None:
    """Nothing trades beyond the bankruptcy price: with 30 atoms of equity, 997 and better is all that is taken."""
    book, user = called_book(30)
    (reduced,) = answer(book, traders(REDUCE, reduce_share_bps=10_000))
    assert reduced == PositionReduced(user, LIQUIDITY, 0, 0, -4, 999, -3996, 4)


def test_in_a_halt_or_without_depth_nobody_can_reduce() -> None:
    """The order finds nothing, and there is none."""
    book, _ = called_book()
    book.put(TradingHalted(0, 1, 1, 10**18))
    assert answer(book, traders(REDUCE)) == []
    book, _ = called_book()
    book.depth((), ())
    assert answer(book, traders(REDUCE)) == []


def test_some_sit() -> None:
    """Neither adding nor reducing: the timer fires and nothing comes of it."""
    book, _ = called_book()
    assert answer(book, traders(SIT)) == []


def test_an_answer_to_a_call_that_was_met_is_none() -> None:
    """By the time of the answer the account is healthy, or in liquidation: the timer is ignored."""
    for end in ("met", "liquidated"):
        book, user = called_book()
        handler = traders(ADD)
        (timer,) = book.take(handler.handle(book.events[-1], book.ledger, 0))
        if end == "met":
            book.put(MarginCallMet(user, 1, 1, 15_000))
        else:
            book.liquidate(user)
        assert fire(book, handler, timer.seq) == []


def test_the_timer_of_an_earlier_call_does_not_answer_a_later_one() -> None:
    """Called, released, and called again before the first answer is due: only the second call's timer answers."""
    book, user = called_book()
    handler = traders(ADD, fastest_ns=5, slowest_ns=5)
    (first,) = book.take(handler.handle(book.events[-1], book.ledger, 0))
    book.put(MarginCallMet(user, 1, 1, 15_000))
    again = book.put(MarginCalled(user, 1_100, 1_000, 12_500))
    (second,) = book.take(handler.handle(again, book.ledger, 0))
    assert fire(book, handler, first.seq) == []
    assert fire(book, handler, second.seq) == [CollateralAdded(user, 900)]


def test_answers_come_between_the_fastest_and_the_slowest() -> None:
    """Delays of 300 calls lie within the bounds, spread over them."""
    handler = traders(ADD, fastest_ns=100, slowest_ns=199)
    delays = Counter(delay_of(handler, account=4 + n) for n in range(300))
    assert set(delays) <= set(range(100, 200))
    assert len(delays) > 80


def delay_of(handler: TraderResponse, account: int = 4, calls: int = 1, seed: int = 1) -> int:
    """The delay of an account's n-th answer."""
    book = Book(seed=seed)
    while len(book.ledger.accounts) <= account:
        book.user(10)
    for _ in range(calls - 1):
        book.put(MarginCalled(account, 1, 1, 12_500))
        book.put(MarginCallMet(account, 1, 1, 15_000))
    call = book.put(MarginCalled(account, 1, 1, 12_500))
    (timer,) = bodies(handler.handle(call, book.ledger, 0))
    assert isinstance(timer, TimerSet)
    return timer.due_ns


def test_draws_are_keyed_by_seed_account_and_call() -> None:
    """Another account, call or seed gives another delay; the same again whatever happened in between."""
    handler = traders(ADD)
    first = delay_of(handler)
    assert delay_of(handler, account=5) != first
    assert delay_of(handler, calls=2) != first
    assert delay_of(handler, seed=2) != first
    book, _ = called_book()
    for _ in range(7):
        book.mark(1000)
    call = next(event for event in book.events if isinstance(event.body, MarginCalled))
    assert bodies(handler.handle(call, book.ledger, 0)) == [TimerSet("margin response", first, 4)]


def test_the_mix_is_the_mix() -> None:
    """Of 400 traders about a quarter add, a quarter reduce, and half sit."""
    kinds: Counter[str] = Counter()
    for seed in range(400):
        book, _ = called_book(seed=seed)
        kinds.update(type(body).__name__ for body in answer(book, traders((2_500, 2_500))) or [None])
    assert abs(kinds["CollateralAdded"] - 100) < 45
    assert abs(kinds["PositionReduced"] - 100) < 45
    assert abs(kinds["NoneType"] - 200) < 50


@pytest.mark.parametrize(
    "figures",
    [
        {"add_bps": 6_000, "reduce_bps": 5_000},
        {"add_bps": -1},
        {"reduce_bps": -1},
        {"reduce_share_bps": 10_001},
        {"fastest_ns": 0},
        {"fastest_ns": 9, "slowest_ns": 8},
        {"target_bps": 9_999},
    ],
)
def test_figures_that_cannot_be_are_refused(figures: dict[str, int]) -> None:
    """Shares over the whole or below nothing, and times that are not later than now."""
    with pytest.raises(ValueError, match=r"must"):
        ResponseParameters(**figures)


@pytest.mark.parametrize(
    ("called_bps", "answered"),
    [(15_000, 15_000), (13_000, 15_000), (12_500, 12_500), (11_000, 11_000), (10_500, 11_000)],
)
def test_each_level_of_a_call_has_answers_of_its_own(called_bps: int, answered: int) -> None:
    """Those of the lowest level that is not under the call's; under all of them those of the last."""
    book = Book()
    user = book.user(100)
    book.put(MarginCalled(user, 1, 1, called_bps))
    mix = LevelResponse(LevelResponseParameters()).mix_of(book.account(user))
    assert isinstance(mix, LevelMix)
    assert mix.level_bps == answered
