"""The ADL engine: who is made to close what, at which value, and never beyond what they have."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import PositionTakenOver
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.valuation import bankruptcy_values

from .support.oracles import equity
from .support.venue import FUND, Book, bodies, listed


def engine_on(book: Book) -> AdlEngine:
    """An engine that ranks by profit over equity, primed with the book so far; in it all happens in one instant."""
    engine = AdlEngine(ProfitShare(NoParameters()))
    engine.prime(book.ledger, book.events)
    return engine


def deleverage(book: Book, account: int, engine: AdlEngine | None = None) -> list[Body]:
    """Declare a shortfall for a bankrupt account and let rounds follow each other; all that was recorded."""
    liquidation_id = book.account(account).liquidation_id
    trigger = "bankruptcy" if account != FUND else "inventory"
    return follow(book, engine or engine_on(book), book.put(ShortfallDeclared(liquidation_id, account, trigger, 1, 0)))


def follow(book: Book, engine: AdlEngine, event: Event) -> list[Body]:
    """Deliver an event to the engine, fold what it says, and deliver each end of a round."""
    said: list[Body] = []
    queue = [event]
    while queue:
        products = book.take(engine.handle(queue.pop(0), book.ledger, book.now_ns))
        for product in products:
            if type(product.body) in engine.observes:
                engine.observe(product, book.ledger)
        said += [product.body for product in products]
        queue += [product for product in products if isinstance(product.body, DeleveragingEnded)]
    return said


def reductions(said: list[Body]) -> list[PositionDeleveraged]:
    """The reductions among them."""
    return [body for body in said if isinstance(body, PositionDeleveraged)]


def bankrupt_long(book: Book, lots: int = 10, balance: int = 0, mark: int = 900) -> int:
    """A trader who bought at 1000 and is bankrupt at this mark."""
    user = book.user(balance, (0, lots, 1000))
    book.mark(mark)
    book.bankrupt(user)
    return user


def test_the_first_in_line_closes_first() -> None:
    """Ten lots: the winner with the greater share of profit gives all its 6, the next the remaining 4, at 1000 each."""
    book = Book()
    modest, greedy = book.user(10_000, (0, -6, 1000)), book.user(1_000, (0, -6, 1000))
    user = bankrupt_long(book)
    said = deleverage(book, user)
    assert [(b.account, b.size_lots, b.value_atoms, b.rank, b.score) for b in reductions(said)] == [
        (greedy, 6, 6000, 1, 600 * 10**9 // 1600),
        (modest, 4, 4000, 2, 600 * 10**9 // 10_600),
    ]
    assert said[-1] == DeleveragingEnded(1, "bankruptcy", 1, user, 0, 0, 10, 0)
    assert (book.account(user).balance_atoms, book.account(user).positions) == (0, {})
    assert book.account(greedy).balance_atoms == 1_000


def test_a_round_says_what_it_closes_and_at_what_value() -> None:
    """Number, trigger, policy, the position as held, the bankruptcy value and price, how many could be taken."""
    book = Book()
    book.user(1_000, (0, -6, 1000)), book.user(1_000, (0, 6, 800)), book.user(1_000, (0, -6, 850))
    user = bankrupt_long(book, balance=55)
    started = deleverage(book, user)[0]
    assert isinstance(started, DeleveragingStarted)
    assert started.ranking_digest != b""
    figures = (started.round, started.trigger, started.policy, started.account, started.size_lots)
    assert figures == (1, "bankruptcy", "profit-share", user, 10)
    assert (started.value_atoms, started.price_ticks, started.candidates, started.base_round) == (9945, 994, 1, None)


def test_ties_are_broken_by_account() -> None:
    """Three alike: in the order of their numbers."""
    book = Book()
    alike = [book.user(1_000, (0, -3, 1000)) for _ in range(4)]
    user = bankrupt_long(book, 8)
    assert [b.account for b in reductions(deleverage(book, user))] == alike[:3]


def test_a_short_is_closed_against_longs() -> None:
    """The other way round: who is long at a profit sells."""
    book = Book()
    winner = book.user(1_000, (0, 20, 1000))
    user = book.user(0, (0, -10, 1000))
    book.mark(1100)
    book.bankrupt(user)
    (reduction,) = reductions(deleverage(book, user))
    assert (reduction.account, reduction.size_lots, reduction.value_atoms) == (winner, -10, -10_000)
    assert book.account(winner).positions[0, 0].size_lots == 10


def test_who_is_no_candidate() -> None:
    """Losers, the same side, liquidated accounts, accounts without equity, and outside liquidity are left alone."""
    book = Book()
    book.user(1_000, (0, -5, 850))
    book.user(1_000, (0, 5, 800))
    book.liquidate(book.user(1_000, (0, -5, 1000)))
    broke = book.user(0, (0, -5, 1000))
    book.hold(broke, 0, 100, 1000, leg=1)
    user = bankrupt_long(book)
    said = deleverage(book, user)
    assert said[0].candidates == 0  # type: ignore[union-attr]
    assert said[1] == DeleveragingEnded(1, "bankruptcy", 1 + 1, user, 0, 0, 0, 10)
    assert book.account(user).status == "bankrupt"


def test_positions_are_closed_in_the_order_of_instruments() -> None:
    """Two positions are two rounds; the second takes the rest of what the account owes, so that it ends at zero."""
    book = Book(listed(0), listed(1))
    winner = book.user(10_000, (0, -50, 1000), (1, -50, 1000))
    user = book.user(0, (1, 10, 1000), (0, 20, 1000))
    book.mark(990, 970)
    book.bankrupt(user)
    said = deleverage(book, user)
    starts = [(b.round, b.instrument, b.size_lots) for b in said if isinstance(b, DeleveragingStarted)]
    assert starts == [(1, 0, 20), (2, 1, 10)]
    assert {b.account for b in reductions(said)} == {winner}
    assert (book.account(user).balance_atoms, book.account(user).positions) == (0, {})


def test_inventory_at_a_loss_is_closed_at_what_it_cost() -> None:
    """Of the fund's lots only those under water, the oldest first; the winners pay what the fund paid."""
    book = Book(fund_atoms=100)
    winner = book.user(10_000, (0, -50, 1000))
    for price in (1000, 880, 950):
        user = book.user(0, (0, 4, price))
        book.bankrupt(user)
        book.put(PositionTakenOver(book.ledger.liquidations_started, user, FUND, 0, 0, 4, 4 * price, price))
    book.mark(900)
    said = deleverage(book, FUND)
    assert [(b.against_leg, b.account, b.size_lots, b.value_atoms) for b in reductions(said)] == [
        (1, winner, 4, 4000),
        (3, winner, 4, 3800),
    ]
    assert set(book.ledger.inventory(FUND)) == {(0, 2)}


def test_the_second_round_at_a_mark_names_the_first() -> None:
    """Two bankruptcies at one mark: the second ranking continues the first; at the next mark it begins anew."""
    book = Book()
    book.user(10_000, (0, -50, 1000))
    first, second, third = (book.user(0, (0, 4, 1000)) for _ in range(3))
    book.mark(900)
    for user in (first, second, third):
        book.bankrupt(user)
    engine = engine_on(book)
    bases = [deleverage(book, user, engine)[0].base_round for user in (first, second)]  # type: ignore[union-attr]
    book.mark(899)
    assert [*bases, deleverage(book, third, engine)[0].base_round] == [None, 1, None]  # type: ignore[union-attr]


def test_both_sides_can_be_ranked_in_turn_at_one_mark() -> None:
    """Longs and shorts of one instrument in turn: each continues its own side, also an engine primed between."""
    book = Book()
    book.user(10**6, (0, -50, 1000)), book.user(10**6, (0, 50, 800))
    users = [book.user(0, (0, size, 900)) for size in (4, -4, 4, -4, 4, -4)]
    engine, found = engine_on(book), []
    for mark, pair in ((901, users[:2]), (899, users[2:])):
        book.mark(mark)
        for user in pair:
            before = len(book.events)
            book.bankrupt(user)
            for event in book.events[before:]:
                if type(event.body) in engine.observes:
                    engine.observe(event, book.ledger)
            anew = engine_on(book)
            event = book.put(ShortfallDeclared(book.account(user).liquidation_id, user, "bankruptcy", 1, 0))
            foreseen = bodies(list(anew.handle(event, book.ledger, 0)))
            said = follow(book, engine, event)
            assert said == foreseen
            found.append(said[0].base_round)  # type: ignore[union-attr]
    assert found == [None, None, None, None, 3, 4]


WINNERS = st.lists(st.tuples(st.integers(-40, -1), st.integers(901, 2000), st.integers(-20_000, 5000)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(-30_000, 9_000), WINNERS, st.sampled_from([0, 0, 1, -777_777_777]))
def test_nobody_loses_more_than_position_or_equity(
    lots: int, balance: int, winners: list[tuple[int, int, int]], funding: int
) -> None:
    """Any bankrupt account, any winners, with funding and without: lots, values and equity stay within their bounds."""
    book = Book(listed())
    for size, entry, money in winners:
        book.user(money, (0, size, entry))
    user = book.user(balance, (0, lots, 1000))
    book.mark(900)
    book.put(FundingAccrued(0, 1, 900, funding))
    book.bankrupt(user)
    before = {a.account: equity(a, book.ledger) for a in book.ledger.accounts}
    sizes = {a.account: p.size_lots for a in book.ledger.accounts for p in a.positions.values()}
    value = bankruptcy_values(book.account(user), book.ledger)[0, 0]
    said = reductions(deleverage(book, user))
    closed = sum(b.size_lots for b in said)
    assert 0 <= closed <= lots
    assert sum(b.value_atoms for b in said) == value * closed // lots
    assert all(a.rank < b.rank and (-a.score, a.account) < (-b.score, b.account) for a, b in pairwise(said))
    for b in said:
        assert 0 < b.size_lots <= -sizes[b.account]
        assert equity(book.account(b.account), book.ledger) >= 0
    atoms_lost = len(said) + 1 if funding else 0  # funding settles in whole atoms, part by part
    gained = sum(equity(book.account(b.account), book.ledger) - before[b.account] for b in said)
    assert abs(gained - before[user] + equity(book.account(user), book.ledger)) <= atoms_lost
    if closed == lots:
        assert abs(book.account(user).balance_atoms) <= atoms_lost


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(-9, -1), st.integers(901, 1500)), min_size=1, max_size=6))
def test_whoever_can_give_is_taken_before_the_next(lots: int, winners: list[tuple[int, int]]) -> None:
    """With money enough everywhere, each in line gives all of its lots until the position is closed."""
    book = Book()
    for size, entry in winners:
        book.user(10**9, (0, size, entry))
    said = reductions(deleverage(book, bankrupt_long(book, lots)))
    available = -sum(size for size, _ in winners)
    assert sum(b.size_lots for b in said) == min(lots, available)
    assert all((0, 0) not in book.account(b.account).positions for b in said[:-1])


def test_the_leverage_policy_prefers_the_leveraged() -> None:
    """The same profit share at more leverage comes first: that is what distinguishes it from nothing but profit."""
    book = Book()
    book.user(10_000, (0, -6, 1000))
    levered = book.user(100, (0, -6, 1000))
    user = bankrupt_long(book, 2)
    engine = AdlEngine(ProfitLeverage(NoParameters()))
    engine.prime(book.ledger, ())
    (reduction,) = reductions(deleverage(book, user, engine))
    assert (reduction.account, reduction.score) == (levered, 600 * 5400 * 10**9 // (6000 * 700))


def test_products_are_one_batch() -> None:
    """A round is told at once: its start, its reductions, its end."""
    book = Book()
    book.user(1_000, (0, -60, 1000))
    user = bankrupt_long(book)
    event = book.put(ShortfallDeclared(1, user, "bankruptcy", 1, 0))
    said = bodies(list(engine_on(book).handle(event, book.ledger, 0)))
    assert [type(body) for body in said] == [DeleveragingStarted, PositionDeleveraged, DeleveragingEnded]
