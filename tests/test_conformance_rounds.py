"""Deribit liquidates in one round a second (support article 25944769313309): figures worked out by hand."""

from __future__ import annotations

from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.venue import TimerSet
from deleverage.events.vocabulary import Body
from deleverage.handlers.liquidation_engine import LiquidationEngine
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.market import DepthMarket
from deleverage.handlers.policies.liquidation.incremental import Incremental, IncrementalParameters
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.scenario import Scenario

from .support.stage import Stage, ticks
from .support.venue import Book, listed

SECOND = 10**9
TENTHS = IncrementalParameters(pause_ns=SECOND)


def run(*path: tuple[int, int], until_ns: int) -> list[tuple[int, Body]]:
    """What happens to a trader with 10 lots from 1000, a balance of 1,100 and 10% maintenance, and when."""
    book = Book(listed(), fund_atoms=10**6)
    book.depth(((10, 10_000),), ((10, 10_000),))
    book.user(1100, (0, 10, 1000))
    monitor, engine = MarginMonitor(MarginParameters(10_000, 10_000)), LiquidationEngine(Incremental(TENTHS))
    stage = Stage(book, IndexMarkPricing(NoParameters()), monitor, engine, DepthMarket(NoParameters()))
    events = stage.run(*ticks((0, 1000), *path), until_ns=until_ns)
    stage.ledger.check()
    return [(event.at_ns, event.body) for event in events]


def test_the_rulebook_has_one_round_a_second() -> None:
    """As a run under it records it."""
    scenario = Scenario.load("calm", ["venue=deribit"])
    (liquidation,) = [one for one in scenario.producers if one.handler == "liquidation"]
    assert liquidation.parameters["pause_ns"] == SECOND


def test_a_round_a_second_until_the_requirement_is_met() -> None:
    """At 960, 700 of 960: each round sells a lot at 959, so 699 of 864, 698 of 768, and 697 of 672 in the third."""
    told = run((5, 960), until_ns=10 * SECOND)
    assert [(at_ns, b.size_lots) for at_ns, b in told if isinstance(b, LiquidationOrdered)] == [
        (5, -1),
        (5 + SECOND, -1),
        (5 + 2 * SECOND, -1),
    ]
    assert [(at_ns, b.due_ns) for at_ns, b in told if isinstance(b, TimerSet)] == [
        (5, 5 + SECOND),
        (5 + SECOND, 5 + 2 * SECOND),
    ]
    assert [(at_ns, b.outcome, b.equity_atoms) for at_ns, b in told if isinstance(b, LiquidationEnded)] == [
        (5 + 2 * SECOND, "restored", 697)
    ]


def test_whoever_is_under_again_within_the_second_waits_for_the_next_round() -> None:
    """At 987 one lot is enough: 970 of 987, then 969 of 888.3; half a second later, at 965, 771 of 868.5 waits."""
    told = run((5, 987), (5 + SECOND // 2, 965), until_ns=5 + SECOND)
    assert [at_ns for at_ns, b in told if isinstance(b, LiquidationStarted)] == [5, 5 + SECOND // 2]
    assert [at_ns for at_ns, b in told if isinstance(b, LiquidationOrdered)] == [5, 5 + SECOND]
