"""Oracle price, mark and what both were before the instant, and at which of them a round closes."""

from __future__ import annotations

from itertools import groupby

import pytest

from deleverage import Scenario
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.waterfall import BalanceWrittenOff, LossSocialized, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Market
from deleverage.events.record import MemoryRecord
from deleverage.handlers.closing_task import ClosingTask, priced
from deleverage.handlers.policies.ranking import Worth
from deleverage.sim.runner import Simulation
from deleverage.sim.toml_tree import parse_toml

from .support.venue import Book

GAP = """
name = "gap"
seed = 7
[[assets]]
name = "USDT"
decimals = 6
[[instruments]]
name = "BTC-PERP"
asset = "USDT"
tick_size = 0.1
lot_size = 0.001
start_price = 117_000
tiers = [{ floor = 0, rate = 0.01 }]
[prices]
source = "generator"
duration_ns = "2m"
interval_ns = "1s"
volatility = 0.05
phases = [{ from_ns = "60s", to_ns = "61s", move = -0.35 }]
[depth]
source = "profile"
measure = "notional"
bands = [[10, 200_000], [100, 2_000_000], [500, 5_000_000]]
[population]
source = "seeded"
accounts = 300
median_notional = 10_000
max_notional = 1_000_000
leverage = [[3, 5], [10, 3], [20, 1]]
[insurance_fund]
balance = 20_000
"""


def gap(*overrides: str) -> list[Event]:
    """The events of a fall of 35% within a second, under Hyperliquid's rulebook."""
    tree = parse_toml(GAP, "gap") | {"venue": "hyperliquid"}
    for override in overrides:
        slot, _, rest = override.partition(".")
        key, _, value = rest.partition("=")
        tree.setdefault(slot, {})[key] = value
    record = MemoryRecord()
    simulation = Simulation(Scenario(tree).resolve(), record)
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    return list(record.events())


def prices(market: Market) -> tuple[int, int, int, int]:
    """Oracle, mark, and what both were before."""
    return market.oracle_ticks, market.mark_ticks, market.previous_oracle_ticks, market.previous_mark_ticks


def test_a_mark_of_the_same_instant_moves_nothing_that_was_before() -> None:
    """Forced orders mark an instrument again and again; what stood before the oracle's price stays what it was."""
    book = Book()
    market = book.ledger.markets[0]
    book.now_ns = 1
    book.put(PriceTicked(((0, 1000),)))
    book.put(MarkPriced(0, 1000, -4, 996))
    assert prices(market) == (1000, 996, 0, 0)
    book.now_ns = 2
    book.put(PriceTicked(((0, 700),)))
    assert prices(market) == (700, 996, 1000, 996)
    for mark in (700, 690, 680):
        book.put(MarkPriced(0, 700, mark - 700, mark))
        assert prices(market) == (700, mark, 1000, 996)
    book.now_ns = 3
    book.put(MarkPriced(0, 700, -30, 670))
    assert prices(market) == (700, 670, 1000, 996)


def test_two_ticks_of_one_instant_are_one_price() -> None:
    """The second corrects the first: before it still stands what the instant began with."""
    book = Book()
    for now_ns, ticks in ((1, 1000), (2, 700), (2, 710)):
        book.now_ns = now_ns
        book.put(PriceTicked(((0, ticks),)))
        book.put(MarkPriced(0, ticks, 0, ticks))
    assert prices(book.ledger.markets[0]) == (710, 710, 1000, 1000)


def test_the_price_may_stand_still() -> None:
    """An oracle that says the same again has that as its previous price."""
    book = Book()
    for now_ns, ticks in ((1, 1000), (2, 700), (3, 700)):
        book.now_ns = now_ns
        book.put(PriceTicked(((0, ticks),)))
    assert prices(book.ledger.markets[0])[2] == 700


@pytest.mark.parametrize(
    ("worth", "ticks"),
    [("mark", 680), ("oracle", 700), ("previous mark", 996), ("previous oracle", 1000), ("bankruptcy", 5)],
)
def test_each_named_price_is_its_own(worth: Worth, ticks: int) -> None:
    """A task of ten lots is worth ten times the price that is named; at bankruptcy what it was worth already."""
    book = Book()
    for now_ns, oracle, marks in ((1, 1000, (996,)), (2, 700, (700, 680))):
        book.now_ns = now_ns
        book.put(PriceTicked(((0, oracle),)))
        for mark in marks:
            book.put(MarkPriced(0, oracle, mark - oracle, mark))
    task = ClosingTask("bankruptcy", 4, 1, (0, 0), 10, 50)
    assert priced(task, worth, book.ledger).value_atoms == 10 * ticks


def test_before_there_was_another_price_the_present_one_stands_in() -> None:
    """In the first instant, and where marks came without a price from an oracle."""
    book, task = Book(), ClosingTask("bankruptcy", 4, 1, (0, 0), 10, 50)
    book.mark(900)
    named: tuple[Worth, ...] = ("oracle", "previous oracle", "previous mark")
    assert [priced(task, worth, book.ledger).value_atoms for worth in named] == [9_000] * 3


def test_one_instant_has_one_price() -> None:
    """Every reduction of an instant and instrument is at the oracle price before it, and no bad debt comes of it."""
    events, oracle, before, rounds = gap(), 0, 0, 0
    for event in events:
        if isinstance(event.body, PriceTicked):
            before, oracle = oracle, event.body.prices[0][1]
        elif isinstance(event.body, PositionDeleveraged):
            rounds += 1
            assert event.body.price_ticks == before
    assert rounds > 100
    assert not any(isinstance(event.body, LossSocialized | BalanceWrittenOff) for event in events)


def test_the_rulebook_says_at_which_price_and_a_scenario_may_say_another() -> None:
    """The same gap at the mark has as many prices as the instant had marks."""
    at_mark = [event for event in gap("adl.closes_at=mark") if isinstance(event.body, PositionDeleveraged)]
    counts = [
        len({event.body.price_ticks for event in group})  # type: ignore[union-attr]
        for _, group in groupby(at_mark, key=lambda event: event.at_ns)
    ]
    assert max(counts) > 1
    with pytest.raises(ScenarioError, match=r"\$\.adl\.closes_at: Invalid enum value 'tomorrow'"):
        gap("adl.closes_at=tomorrow")


@pytest.mark.parametrize(
    ("before", "ticks"),
    [(None, {"previous mark": 680, "previous oracle": 700}), ((1, 2), {"previous mark": 1, "previous oracle": 2})],
    ids=["none", "of a tick"],
)
def test_a_previous_price_of_a_tick_is_one(before: tuple[int, int] | None, ticks: dict[Worth, int]) -> None:
    """Only where there was no price before does the present one stand in, however low the one before was."""
    book, task = Book(), ClosingTask("bankruptcy", 4, 1, (0, 0), 10, 50)
    for now_ns, (mark, oracle) in enumerate(filter(None, (before, (680, 700))), 1):
        book.now_ns = now_ns
        book.put(PriceTicked(((0, oracle),)))
        book.put(MarkPriced(0, oracle, mark - oracle, mark))
    assert {worth: priced(task, worth, book.ledger).value_atoms for worth in ticks} == {
        worth: 10 * price for worth, price in ticks.items()
    }
