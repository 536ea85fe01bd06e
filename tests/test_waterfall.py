"""The way down: a fund pays what it has as its rule says, and money that it does not have is never spent.

Under every rulebook the laws are asked after every event: in the shortened crash, in a spiral that uses the fund up,
and in worlds drawn at random; and each has an oracle of its own here, which reads nothing but the record.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated, Deposited, PriceTicked, Withdrawn
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.venue import TradingResumed
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    FundDeficitDeclared,
    InsuranceFundDebited,
    LossSocialized,
    ShortfallDeclared,
    ShortfallRemained,
)
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.handlers.inventory import capacity_atoms, inventory_atoms
from deleverage.handlers.registry import AT_ONCE, SLOTS
from deleverage.sim.rulebooks import venues_with_positions

from .support.insolvent import BROKE, SPIRAL, deciding, told, watched, worlds
from .support.shortened import SHORT_CRASH
from .support.venue import FUND, Book, listed

VENUES = venues_with_positions()
FAST = ("dydx", "deribit", "drift")
"""Rulebooks with a step a second or so: their crash is cut short, as each event is looked at."""

of_every_venue = pytest.mark.parametrize("venue", VENUES)


def overdrawn(events: Iterable[Event]) -> list[str]:
    """Where a fund's cash was below its floor by more than the deficits declared; told from the record alone."""
    ledger, floors, found = Ledger(), dict[int, int](), []
    for event in events:
        ledger.fold(event)
        body = event.body
        from_outside = event.origin is Origin.INPUT and isinstance(body, BalanceStated | Deposited | Withdrawn)
        for number in ledger.funds:
            cash_atoms = ledger.accounts[number].balance_atoms
            if number not in floors or (from_outside and body.account == number):  # type: ignore[union-attr]
                rule = next(one for one in ledger.producers if one.handler == "insurance_fund")
                floors[number] = min(rule.parameters["floor_atoms"], cash_atoms)
            if isinstance(body, FundDeficitDeclared) and body.fund == number:
                floors[number] -= body.deficit_atoms
            if cash_atoms < floors[number]:
                found.append(f"event {event.seq}: {cash_atoms} under {floors[number]} after {body}")
    return found


def undeclared(events: Iterable[Event]) -> list[str]:
    """Deficits of an inventory that are not what was lacking to the atom, or were declared before."""
    ledger, found = Ledger(), []
    for event in events:
        ledger.fold(event)
        body = event.body
        if isinstance(body, FundDeficitDeclared) and body.account == body.fund:
            fund = ledger.accounts[body.fund]
            held_atoms = inventory_atoms(ledger, body.fund)
            left_atoms = fund.balance_atoms + held_atoms - body.floor_atoms + ledger.funds[body.fund].deficit_atoms
            if left_atoms or held_atoms != body.inventory_atoms:
                found.append(f"event {event.seq}: {left_atoms} left after {body}")
    return found


def stopped_trading(events: Iterable[Event]) -> list[str]:
    """What traded or resumed after a deficit of the fund behind it, beside the round that was under way."""
    ledger, stopped, found = Ledger(), set[int](), []
    for event in events:
        ledger.fold(event)
        body = event.body
        if isinstance(body, FundDeficitDeclared):
            stopped.update(ledger.instruments_of(body.fund))
        if isinstance(body, LiquidationFilled | LiquidationOrdered | TradingResumed) and body.instrument in stopped:
            found.append(f"event {event.seq}: {body}")
    return found


@of_every_venue
def test_in_the_shortened_crash(venue: str) -> None:
    """Every law at every event, and no fund is overdrawn but by a declared deficit."""
    short = ("end=2025-10-10T21:20:00Z",) if venue in FAST else ()
    events, _ = watched(SHORT_CRASH[0], *SHORT_CRASH[1:], f"venue={venue}", *short)
    assert len(told(events, MarkPriced)) > 500
    assert overdrawn(events) == []
    assert stopped_trading(events) == []


@of_every_venue
def test_in_the_spiral(venue: str) -> None:
    """What is sold makes prices fall further: the plain fund lost its money and more in it."""
    short = ("end=2025-10-10T20:49:00Z",) if venue in FAST else ()
    events, _ = watched(SPIRAL, f"venue={venue}", *short)
    assert overdrawn(events) == []
    assert stopped_trading(events) == []


def test_the_spiral_uses_the_fund_up() -> None:
    """It takes over and sells, its capacity goes at a mark, and its lots are closed by auto-deleveraging."""
    events, _ = watched(SPIRAL)
    short = [body for body in told(events, ShortfallDeclared) if body.trigger == "inventory"]
    assert min(body.capacity_atoms for body in short) < 0
    assert told(events, PositionTakenOver)
    rounds = told(events, DeleveragingStarted)
    assert any(body.trigger == "inventory" for body in rounds)


@of_every_venue
def test_where_nobody_is_left_to_pay_it_is_said_and_the_venue_stops(venue: str) -> None:
    """Nearly all are long: most rulebooks end in a deficit. It equals what nobody paid, and ends all trading."""
    events, ledger = watched(*BROKE, f"venue={venue}")
    assert overdrawn(events) == []
    assert undeclared(events) == []
    assert stopped_trading(events) == []
    declared = told(events, FundDeficitDeclared)
    for fund, standing in ledger.funds.items():
        own = [body.deficit_atoms for body in declared if body.fund == fund]
        assert standing.deficit_atoms == sum(own)
        assert [ledger.is_stopped(number) for number in ledger.instruments_of(fund)] == [
            bool(own) for _ in ledger.instruments_of(fund)
        ]
    if declared:
        first = next(event.seq for event in events if isinstance(event.body, FundDeficitDeclared))
        assert any(isinstance(event.body, MarkPriced) for event in events[first:])


def test_deficits_are_not_rare_there() -> None:
    """So the test above has something to look at."""
    found = [venue for venue in VENUES if told(watched(*BROKE, f"venue={venue}")[0], FundDeficitDeclared)]
    assert len(found) >= 6, found


FUND_SETTINGS = st.fixed_dictionaries(
    {
        "floor": st.one_of(st.just(0), st.integers(0, 500)),
        "payment": st.sampled_from(["partial", "whole", "none"]),
        "capital_bps": st.sampled_from([0, 0, 500]),
        "sale_parts": st.integers(1, 4),
    }
)
LATENCIES = st.dictionaries(
    st.sampled_from([slot for slot in SLOTS if slot not in ("mark", *AT_ONCE)]),
    st.sampled_from([1, 10**6, 10**9, 3 * 10**9]),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_in_any_world(data: st.DataObject) -> None:
    """Whatever the rulebook, floor, payment, latencies, prices, depth and funding: the laws hold after every event."""
    venue = data.draw(st.sampled_from(VENUES))
    producers = deciding(venue, data.draw(FUND_SETTINGS), data.draw(LATENCIES))
    world = data.draw(worlds(producers))
    events, ledger = world.run(producers)
    assert overdrawn(events) == []
    assert undeclared(events) == []
    assert stopped_trading(events) == []
    for body in told(events, FundDeficitDeclared):
        assert body.deficit_atoms > 0
    for body in told(events, InsuranceFundDebited):
        assert body.amount_atoms >= 0
    if not told(events, FundDeficitDeclared):
        assert ledger.accounts[FUND].balance_atoms >= ledger.funds[FUND].floor_atoms


LOSS = 101


@pytest.mark.parametrize(
    ("venue", "paid"),
    [("deribit", 40), ("drift", 39), ("dydx", 0), ("hyperliquid", 0), ("generic", 40), ("binance", 40), ("okx", 40)],
)
def test_a_loss_of_101_with_40_in_the_fund(venue: str, paid: int) -> None:
    """The fund pays what its rulebook says, the others the rest, and the books balance to the atom."""
    producers = deciding(venue, {"floor": 1 if venue == "drift" else 0}, {})
    book = Book(listed(0), producers=producers)
    book.put(BalanceStated(FUND, 40))
    book.mark(1000)
    winner = book.user(5_000, (0, 5, 900))
    other = book.user(5_000, (0, -5, 1100))
    bankrupt = book.user(-LOSS)
    book.bankrupt(bankrupt)
    said = _played(book, producers)
    debited = [body.amount_atoms for body in told(said, InsuranceFundDebited)]
    assert debited == ([paid] if paid else [])
    short = told(said, ShortfallDeclared)
    assert [(body.needed_atoms, body.cash_atoms) for body in short] == [(LOSS - paid, 40 - paid - (venue == "drift"))]
    shared = told(said, LossSocialized)
    assert sum(body.amount_atoms for body in shared) == LOSS - paid
    assert {body.account for body in shared} <= {winner, other}
    assert book.account(bankrupt).balance_atoms == 0
    assert book.account(FUND).balance_atoms == 40 - paid
    assert told(said, BalanceWrittenOff) == []


def _played(book: Book, producers: tuple) -> list[Event]:
    """What the handlers make of the book's last event, to the end."""
    from collections import deque  # noqa: PLC0415

    from deleverage.handlers.registry import build  # noqa: PLC0415

    handlers = [build(producer) for producer in producers]
    for handler in handlers:
        handler.prime(book.ledger, book.events)
    waiting, first = deque([book.events[-1]]), len(book.events)
    while waiting:
        event = waiting.popleft()
        for handler in handlers:
            if type(event.body) in handler.subscribes and handler.gate(type(event.body)):
                made = book.take(list(handler.handle(event, book.ledger, book.now_ns)))
                for one in made:
                    for observer in handlers:
                        if type(one.body) in observer.observes:
                            observer.observe(one, book.ledger)
                waiting.extend(made)
    return book.events[first:]


def test_the_loss_of_an_inventory_goes_all_the_way_down() -> None:
    """A lot taken at 1,000 stands 300 under with 100 in cash and nobody to close it: a winner pays 200."""
    producers = deciding("generic", {"capital_bps": 0}, {})
    book = Book(listed(0), listed(1), producers=producers)
    book.put(BalanceStated(FUND, 100))
    book.mark(1000, 1000)
    left = book.user(0, (0, 1, 1000))
    winner = book.user(5_000, (1, 5, 900))
    book.bankrupt(left)
    _played(book, producers)
    book.put(PriceTicked(((0, 700), (1, 1000))))
    said = _played(book, producers)
    kinds = [type(event.body) for event in said if not isinstance(event.body, MarkPriced)]
    assert kinds.index(ShortfallDeclared) < kinds.index(DeleveragingStarted) < kinds.index(ShortfallRemained)
    assert told(said, LossSocialized) == [LossSocialized(0, FUND, winner, 200)]
    assert (capacity_atoms(book.ledger, FUND), book.account(FUND).balance_atoms) == (0, 300)
    book.ledger.check()
