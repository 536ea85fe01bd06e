"""Batches at one price, side indices and the haircut: the order of an instant decides nothing, by slow oracles."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.sharing import BatchSettled
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.waterfall import DeleveragingEnded, PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.adl_engines.batch import BatchParameters
from deleverage.handlers.policies.adl.choices import ADL_CHOICES
from deleverage.handlers.policies.socialization.haircut import haircut_shares
from deleverage.handlers.valuation import bankruptcy_values

from .support.venue import FUND, Book, bodies

BATCHES = ("uniform-price", "side-index")
Trader = tuple[int, int, int]
"""Lots, entry price, balance."""
WINNERS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(950, 1_300), st.integers(1, 40_000)), min_size=1, max_size=6
)
LOSERS = st.lists(st.tuples(st.integers(1, 20), st.integers(920, 1_100), st.integers(1, 60)), min_size=2, max_size=4)
MARK = 900


def short_of(losers: Sequence[Trader], winners: Sequence[Trader]) -> tuple[Book, list[int]]:
    """Shorts who win and longs who are bankrupt at a mark of 900."""
    book = Book()
    for lots, entry, balance in winners:
        book.user(balance, (0, -lots, entry))
    users = [book.user(balance, (0, lots, entry)) for lots, entry, balance in losers]
    book.mark(930), book.mark(MARK)
    for user in users:
        book.bankrupt(user)
    return book, users


def engine_of(name: str, book: Book) -> AdlEngine:
    """The engine of a policy, primed."""
    made: Any = ADL_CHOICES[name].make(ADL_CHOICES[name].parameters())
    made.prime(book.ledger, ())
    return made  # type: ignore[no-any-return]


def deliver(engine: AdlEngine, book: Book, event: Event) -> None:
    """An event and all that the engine makes of it, first in, first out; what it observes, it observes."""
    queue = [event]
    while queue:
        one = queue.pop(0)
        if type(one.body) not in engine.subscribes:
            continue
        for body in bodies(list(engine.handle(one, book.ledger, book.now_ns))):
            made = book.put(body)
            if type(body) in engine.observes:
                engine.observe(made, book.ledger)
            queue.append(made)


def fall_short(engine: AdlEngine, book: Book, users: Sequence[int]) -> None:
    """The fund says of each, in this order, that it cannot pay."""
    for user in users:
        number = book.account(user).liquidation_id
        deliver(engine, book, book.put(ShortfallDeclared(number, user, "bankruptcy", 1, 0)))


def next_due_ns(book: Book) -> int:
    """When the next timer is due."""
    return min(pending.timer.due_ns for pending in book.ledger.timers.values())


def fire(engine: AdlEngine, book: Book) -> None:
    """All timers that are due next."""
    book.now_ns = next_due_ns(book)
    for seq, pending in list(book.ledger.timers.items()):
        if pending.timer.due_ns == book.now_ns:
            deliver(engine, book, book.put(TimerFired(seq, pending.timer.purpose, pending.timer.account)))


def closed(name: str, losers: Sequence[Trader], winners: Sequence[Trader], order: Sequence[int]) -> Book:
    """The venue after all of them were short, in this order, and their batch was due."""
    book, users = short_of(losers, winners)
    engine = engine_of(name, book)
    fall_short(engine, book, [users[place] for place in order])
    if book.ledger.timers:
        fire(engine, book)
    return book


def outcome(book: Book) -> list[tuple[int, dict[Any, int]]]:
    """What everybody is left with: balance and lots."""
    return [(a.balance_atoms, {key: p.size_lots for key, p in a.positions.items()}) for a in book.ledger.accounts]


@pytest.mark.parametrize("name", BATCHES)
@settings(max_examples=25, deadline=None)
@given(losers=LOSERS, winners=WINNERS, seed=st.randoms(use_true_random=False))
def test_the_order_of_an_instant_decides_nothing(
    name: str, losers: list[Trader], winners: list[Trader], seed: Any
) -> None:
    """In whatever order accounts become bankrupt within a batch, everybody ends with the same: a spread of nothing."""
    order = list(range(len(losers)))
    first = outcome(closed(name, losers, winners, order))
    seed.shuffle(order)
    other = closed(name, losers, winners, order)
    assert outcome(other) == first
    other.ledger.check()


def closed_around(name: str, losers: Sequence[Trader], winners: Sequence[Trader], late: int, *, before: bool) -> Book:
    """The venue after all batches, where the last `late` are short at the due time of the others' batch."""
    book, users = short_of(losers, winners)
    engine = engine_of(name, book)

    fall_short(engine, book, users[:-late])
    if before:
        book.now_ns = next_due_ns(book)
        fall_short(engine, book, users[-late:])
        fire(engine, book)
    else:
        fire(engine, book)
        fall_short(engine, book, users[-late:])
    while book.ledger.timers:
        fire(engine, book)
    return book


@pytest.mark.parametrize("name", BATCHES)
@settings(max_examples=25, deadline=None)
@given(losers=LOSERS, winners=WINNERS)
def test_who_falls_short_as_a_batch_is_closed_is_in_the_next(
    name: str, losers: list[Trader], winners: list[Trader]
) -> None:
    """Whether that is recorded before or after the batch's timer decides nothing either, and nobody is forgotten."""
    first, other = (closed_around(name, losers, winners, 1, before=before) for before in (True, False))
    assert outcome(first) == outcome(other)
    assert sum(type(event.body) is TimerFired for event in first.events) == 2
    first.ledger.check()


def test_who_is_bankrupt_but_not_short_is_in_no_batch() -> None:
    """The fund has not said yet that it cannot take the position on."""
    losers, winners = [(10, 1_000, 30), (10, 930, 30)], [(30, 1_200, 50_000)]
    for name in BATCHES:
        book = closed(name, losers, winners, (0,))
        held = [
            [p.size_lots for p in one.positions.values()] for one in book.ledger.accounts if one.status == "bankrupt"
        ]
        assert held == [[10]]


def test_without_a_batch_the_order_decides() -> None:
    """One after the other at once: who gives for whom depends on who is first, so the test above can fail."""
    losers, winners = [(10, 1_000, 30), (10, 930, 30)], [(10, 1_200, 50_000), (10, 1_100, 50_000)]
    found = {str(outcome(closed("profit-leverage", losers, winners, order))) for order in permutations(range(2))}
    assert len(found) == 2


RICH = st.lists(
    st.tuples(st.integers(20, 90), st.integers(1_000, 1_300), st.integers(50_000, 90_000)), min_size=2, max_size=6
)


@pytest.mark.parametrize("name", BATCHES)
@settings(max_examples=25, deadline=None)
@given(losers=LOSERS, winners=RICH)
def test_a_batch_has_one_price_and_its_bankrupt_end_with_nothing(
    name: str, losers: list[Trader], winners: list[Trader]
) -> None:
    """Every reduction is at V / Q, in fractions, but for two roundings; who was closed whole ends at zero."""
    before, users = short_of(losers, winners)
    values = {user: bankruptcy_values(before.account(user), before.ledger)[0, 0] for user in users}
    price = Fraction(sum(values.values()), sum(lots for lots, _, _ in losers))
    book = closed(name, losers, winners, range(len(losers)))
    taken = [event.body for event in book.events if isinstance(event.body, PositionDeleveraged)]
    for body in taken:
        assert abs(body.value_atoms - price * body.size_lots) < 2
    ended = [event.body for event in book.events if isinstance(event.body, DeleveragingEnded)]
    settled = [event.body for event in book.events if isinstance(event.body, BatchSettled)]
    if not any(body.left_lots for body in ended):
        assert sum(body.amount_atoms for body in settled) == 0 == book.account(FUND).balance_atoms
        assert all(book.account(user).balance_atoms == 0 and not book.account(user).positions for user in users)


@settings(max_examples=25, deadline=None)
@given(losers=LOSERS, winners=RICH)
def test_lots_and_losses_are_those_of_the_side_s_indices(losers: list[Trader], winners: list[Trader]) -> None:
    """A and K kept in fractions, one bankruptcy after the other in every order, say what each is left with.

    To within a lot for each bankruptcy, and what a lot loses.
    """
    assume(sum(lots for lots, _, _ in losers) < sum(lots for lots, _, _ in winners))
    before, users = short_of(losers, winners)
    held = {account.account: -account.positions[0, 0].size_lots for account in before.ledger.accounts[4 : users[0]]}
    owed = [(losers[i][0], bankruptcy_values(before.account(u), before.ledger)[0, 0]) for i, u in enumerate(users)]
    found = set[tuple[Fraction, Fraction]]()
    for order in permutations(owed):
        open_lots, a, k = Fraction(sum(held.values())), Fraction(1), Fraction(0)
        for lots, value in order:
            deficit = value - lots * MARK
            k -= deficit * a / open_lots
            a *= (open_lots - lots) / open_lots
            open_lots -= lots
        found.add((a, k))
    assert len(found) == 1
    ((a, k),) = found
    book, slack = closed("side-index", losers, winners, range(len(losers))), len(losers)
    per_lot = Fraction(sum(v - q * MARK for q, v in owed), sum(q for q, _ in owed))
    for account, lots in held.items():
        position = book.ledger.position(account, (0, 0))
        left = 0 if position is None else -position.size_lots
        assert abs(left - lots * a) <= slack
        taken = [e.body for e in book.events if isinstance(e.body, PositionDeleveraged) and e.body.account == account]
        lost = sum(body.value_atoms - body.size_lots * MARK for body in taken)
        assert abs(lost + lots * k) <= slack * (abs(per_lot) + 2)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.integers(0, 10**7), st.randoms(use_true_random=False)
)
def test_every_profit_is_cut_by_the_same_ratio(profits: list[int], loss: int, seed: Any) -> None:
    """Parts sum to the loss, or to all there is; each is profit x (1 - h) to within an atom, however listed."""
    parts, whole = haircut_shares(profits, loss), sum(profits)
    residual = max(0, whole - loss)
    h = Fraction(min(residual, whole), whole)
    assert sum(parts) == min(loss, whole)
    assert all(abs(part - profit * (1 - h)) < 1 for part, profit in zip(parts, profits, strict=True))
    listed = list(range(len(profits)))
    seed.shuffle(listed)
    again = haircut_shares([profits[place] for place in listed], loss)
    assert all(abs(part - parts[place]) <= 1 for part, place in zip(again, listed, strict=True))


def test_one_timer_a_batch() -> None:
    """Two shortfalls of one batch set one timer, a second later; one that has nothing to be closed sets none."""
    losers: list[Trader] = [(10, 1_000, 30), (5, 1_010, 20)]
    book = closed("uniform-price", losers, [(40, 1_200, 50_000)], (1, 0))
    timers = [event.body for event in book.events if isinstance(event.body, TimerSet)]
    assert [timer.due_ns for timer in timers] == [1_000_000_000]
    with pytest.raises(ValueError, match="batch_ns must be at least 1"):
        BatchParameters(0)
