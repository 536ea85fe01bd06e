"""What a living market came to: falls against real paired runs, generations against cases by hand."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.trading import BookPriced, LiquidityReturned, LiquidityWithdrawn, OrderFilled, OrderPlaced
from deleverage.events.bodies.venues import IndexPriced
from deleverage.events.ledger import Ledger
from deleverage.replay.lab.meter import measured
from deleverage.replay.lab.metrics import metrics_of
from deleverage.sim.living.contagion import FromElsewhere
from deleverage.sim.living.displacement import OWN, Displacement, place_of
from deleverage.sim.living.generations import Generations
from deleverage.sim.living.liquidity import MINUTE_NS, NEAR_BPS, DepthPath
from deleverage.sim.living.market import LivingMarket
from deleverage.sim.living.swings import Swing
from deleverage.sim.runner import RunResult

from .support.command_line import call
from .support.crash import SMALL_CRASH, recorded
from .support.living import LIVING, SMALL_SPIRAL, spiral
from .support.made import made
from .support.venue import LIQUIDITY, Book, filled, listed

SECOND = 10**9
NOBODY_TRADES = ("margin.policy=none", "crowd.policy=none")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small spiral, recorded."""
    return open_run(spiral(tmp_path_factory.mktemp("living") / "spiral.run"))


def ran(*more: str, seed: int = 1) -> RunResult:
    """The small spiral with more settings."""
    return run(Scenario.load("spiral", (*SMALL_SPIRAL, *more), seed=seed))


def living(result: RunResult) -> LivingMarket:
    """What its market came to."""
    assert result.summary.living is not None
    return result.summary.living


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_feedback_is_a_paired_run(seed: int) -> None:
    """The same draws with nobody trading: the price falls just as the recorded value outside did, and when it did."""
    with_feedback, paired = living(ran(seed=seed)), living(ran(*NOBODY_TRADES, seed=seed))
    assert with_feedback.swings.without[0] == paired.swings.prices[0]
    assert paired.swings.amplification(0) == (paired.swings.prices[0].fallen_ticks * 100_000,) * 2
    fell, fell_without = with_feedback.swings.prices[0], paired.swings.prices[0]
    wanted = Fraction(fell.fallen_ticks, fell_without.fallen_ticks)
    times = with_feedback.swings.amplification(0)
    assert times is not None
    assert Fraction(*times) == wanted > 1


@pytest.mark.parametrize(
    "policy", [(), ("mark.smoothing_ns=30s",), ('mark={policy="index"}',)], ids=["as given", "smoothed", "held"]
)
def test_without_a_book_it_is_a_run_without_forced_orders(tmp_path: Path, policy: tuple[str, ...]) -> None:
    """The fall without feedback is that of the marks of a paired run in which nobody is liquidated."""
    run(Scenario.load(SMALL_CRASH, policy), tmp_path / "crash.run")
    paired = run(Scenario.load(SMALL_CRASH, (*policy, "margin.policy=none"))).summary
    found = measured(open_run(tmp_path / "crash.run").events())
    lows = run(Scenario.load(SMALL_CRASH, policy)).summary
    for number, name in enumerate(found.lot_sizes):
        marks, held = lows.extremes(number), paired.extremes(number)
        assert marks is not None
        assert held is not None
        wanted = Fraction(marks[0] - marks[1], marks[0]) / Fraction(held[0] - held[1], held[0])
        times = found.amplifications[name]
        assert times is not None
        assert Fraction(*times) == wanted
        assert (wanted == 1) == any("index" in one for one in policy)


def test_half_of_a_fall_made_good() -> None:
    """It counts from the lowest price on: a lower one begins it anew."""
    swing = Swing(1000, 1000, 0)
    for at_ns, ticks in ((1, 900), (2, 949), (3, 950), (4, 800), (7, 899), (9, 900), (10, 990)):
        swing.take(at_ns, ticks)
        if at_ns == 3:
            assert swing.recovery_ns == 2
    assert (swing.fallen_ticks, swing.low_at_ns, swing.recovery_ns) == (200, 4, 5)


def test_who_never_fell_recovers_from_nothing() -> None:
    """A price that only rises has no low to come back from."""
    swing = Swing(1000, 1000, 0)
    swing.take(1, 1010)
    assert swing.recovery_ns is None


def market_book() -> Book:
    """A market without a book of its own, 100 lots a side within 10%; three traders long 10 at 1,000."""
    book = Book(listed(impact_bps=10_000, refill_half_life_ns=10**15))
    for balance in (1_000, 1_400, 2_000):
        book.user(balance, (0, 10, 1_000))
    book.depth([(1_000, 100)], [(1_000, 100)])
    return book


def taken(events: list[Any]) -> Generations:
    """The generations of a story."""
    ledger, found = Ledger(), Generations()
    for event in events:
        ledger.fold(event)
        if type(event.body) in Generations.KINDS:
            found.take(event, ledger)
    return found


def marked(book: Book, index: int, impact: int) -> None:
    """A mark that forced orders have moved from its index by so much."""
    book.put(MarkPriced(0, index, impact, index + impact))


def test_generations_by_hand() -> None:
    """The first begins by itself; the second needs what the first sold, the third what both did."""
    book = market_book()
    first, second, third = 4, 5, 6
    marked(book, 990, 0)
    book.liquidate(first)  # 10 x 990 - 10,000 + 1,000 = 900 under a requirement of 990
    book.put(filled(first, -50, 900, eaten_lots=50))  # half the depth, half of 10%: 49.5, rounded toward zero
    marked(book, 990, -49)
    book.liquidate(second)  # at 941 it has 810 and needs 941; at 990 it has 1,300 and needs 990
    book.put(filled(second, -50, 900, liquidation_id=2, order_id=2, trade_id=2, eaten_lots=100))
    marked(book, 990, -99)
    book.liquidate(third)  # at 891 it has 910 and needs 891: by the mark it is not due
    found = taken(book.events).figures()
    assert found.by_generation == (2, 1)
    assert (found.liquidations, found.forced_by_forced) == (3, 1)


def test_a_third_generation() -> None:
    """With what the first sold alone the third would be safe; with what the second sold it is not."""
    book = market_book()
    fourth = book.user(1_800, (0, 10, 1_000))
    marked(book, 990, 0)
    book.liquidate(4)
    book.put(filled(4, -50, 900, eaten_lots=50))
    marked(book, 990, -49)
    book.liquidate(5)
    book.put(filled(5, -50, 900, liquidation_id=2, order_id=2, trade_id=2, eaten_lots=100))
    marked(book, 990, -99)
    book.liquidate(fourth)  # at 891 it has 710 and needs 891; at 941 1,210 and 941
    assert taken(book.events).figures().by_generation == (1, 1, 1)


def test_who_entered_below_was_not_forced_by_what_went_before() -> None:
    """What forced orders had moved the mark by when a position was entered counts for nothing against it."""
    book = market_book()
    marked(book, 990, 0)
    book.liquidate(4)
    book.put(filled(4, -50, 900, eaten_lots=50))
    marked(book, 990, -49)
    late = book.user(200)
    book.put(OrderPlaced(1, late, 0, 0, 1, "market", "dip_buyer"))
    book.put(
        made(
            OrderFilled,
            order_id=1,
            trade_id=2,
            account=late,
            counterparty=LIQUIDITY,
            size_lots=1,
            price_ticks=941,
            value_atoms=941,
            eaten_lots=1,
        )
    )
    marked(book, 830, -41)
    book.liquidate(late)
    assert taken(book.events).figures().by_generation == (2,)


@pytest.mark.parametrize(
    ("scenario", "given"), [(SMALL_CRASH, ()), ("spiral", SMALL_SPIRAL)], ids=["without a book", "with a book"]
)
def test_held_marks_are_forced_by_nobody(tmp_path: Path, scenario: str, given: tuple[str, ...]) -> None:
    """Where the mark is the index whatever is sold, no liquidation needed a forced order; where it is not, some did."""
    found = []
    for number, more in enumerate(((), ('mark={policy="index"}',))):
        run(Scenario.load(scenario, (*given, *more)), tmp_path / f"{number}.run")
        found.append(measured(open_run(tmp_path / f"{number}.run").events()))
    moved, held = found
    assert moved.forced_by_forced > 0
    assert held.liquidations > 0
    assert (held.forced_by_forced, held.generations) == (0, 1)


@pytest.mark.parametrize("mark", [('mark={policy="smoothed"}',), ("mark.smoothing_ns=20s",)], ids=["index", "average"])
def test_marks_that_follow_in_another_way(mark: tuple[str, ...]) -> None:
    """A mark that adds the passing impact to the index, or averages the price of the book, is moved by less."""
    followed = living(ran(*mark)).cascade
    assert sum(followed.by_generation) == followed.liquidations
    assert 0 < followed.forced_by_forced < followed.liquidations


def test_cascades_are_told_apart_by_quiet() -> None:
    """Two within a minute are one, a third after more than that another; the largest counts."""
    book = market_book()
    marked(book, 800, 0)
    for number, at_s in ((4, 0), (5, 59), (6, 200)):
        book.now_ns = at_s * SECOND
        book.liquidate(number)
    found = taken(book.events).figures()
    assert (found.largest, found.length_ns) == (2, 59 * SECOND)


TRADES = st.lists(
    st.tuples(st.integers(1, 40), st.booleans(), st.integers(OWN, 4), st.integers(0, 3 * SECOND)), max_size=12
)


@settings(deadline=None)
@given(TRADES)
def test_the_parts_are_all_of_what_is_eaten(trades: list[tuple[int, bool, int, int]]) -> None:
    """Whoever traded in whatever order, the places' parts sum to the move of the mark, but for rounding."""
    book = Book(listed(impact_bps=10_000, refill_half_life_ns=4 * SECOND))
    book.depth([(10, 100), (400, 1_000)], [(20, 100), (300, 1_000)])
    marked(book, 100_000, 0)
    market, displaced = book.ledger.markets[0], Displacement()
    for lots, sells, place, later_ns in trades:
        book.now_ns += later_ns
        eaten = _eaten(market, book.now_ns, sells=sells) + lots
        market.eat(-lots if sells else lots, eaten, book.now_ns, 0)
        displaced.trade(-lots if sells else lots, eaten, place)
    moved = sum(displaced.moved_microticks(market, book.now_ns))
    assert abs(moved - _impact_ticks(market, book.now_ns) * 10**6) <= 10**6 + 100


def _eaten(market: Any, now_ns: int, *, sells: bool) -> int:
    from deleverage.handlers.depth import eaten_lots  # noqa: PLC0415 - what the market itself says

    return eaten_lots(market, selling=sells, now_ns=now_ns)


def _impact_ticks(market: Any, now_ns: int) -> int:
    from deleverage.handlers.depth import impact_ticks  # noqa: PLC0415 - what the market itself says

    return impact_ticks(market, market.index_ticks, now_ns)


def test_in_a_book_all_places_sum_to_how_far_the_price_is_from_outside(past: Run) -> None:
    """At every price of the record, to a few ticks of rounding: what trades of all did is the whole difference."""
    ledger, displaced, places, filled_at, worst = Ledger(), Displacement(), 0, dict[int, int](), 0
    for event in past.events():
        ledger.fold(event)
        body: Any = event.body
        if hasattr(body, "eaten_lots"):
            filled_at[event.seq] = OWN if isinstance(body, OrderFilled) else place_of(0)
            displaced.trade(body.size_lots, body.eaten_lots, filled_at[event.seq])
        elif isinstance(body, BookPriced):
            displaced.price(body, filled_at[event.links[0]] if event.links else None)
            moved = displaced.moved_microticks(ledger.markets[0], event.at_ns)
            worst = max(worst, abs(sum(moved) - (body.price_ticks - body.outside_ticks) * 10**6))
            places = max(places, len(moved))
    assert places == 2
    assert worst <= 3 * 10**6


def test_liquidity_as_the_events_say(past: Run) -> None:
    """Time away by each maker's own pairs of events; the depth at the end as the bands say."""
    market, ledger = LivingMarket(), Ledger()
    away: dict[int, int] = {}
    away_ns = 0
    for event in past.events():
        ledger.fold(event)
        market.take(event, ledger)
        if isinstance(event.body, LiquidityWithdrawn):
            away[event.body.account] = event.at_ns
        elif isinstance(event.body, LiquidityReturned):
            away_ns += event.at_ns - away.pop(event.body.account)
    market.end(past.end_ns)
    away_ns += sum(past.end_ns - since_ns for since_ns in away.values())
    first = next(event.at_ns for event in past.events() if isinstance(event.body, BookPriced))
    assert market.liquidity.away(past.end_ns) == (away_ns, 4 * (past.end_ns - first))
    assert away_ns > 0
    path, last = market.liquidity.paths[0], ledger.markets[0]
    near = [up_to for distance_bps, up_to in last.bids if distance_bps <= NEAR_BPS][-1]
    assert path.now[0] == max(0, near - last.eaten_bid_lots)
    assert len(path.minutes) == (past.end_ns - first) // MINUTE_NS + 1
    assert path.least == tuple(min(column) for column in zip(*path.minutes, strict=True))
    assert path.least[0] < path.start[0]


def test_a_minute_without_a_change_is_like_the_one_before() -> None:
    """And one with changes has the least of what stood in it."""
    path = DepthPath((9, 9), (9, 9), (9, 9), [(9, 9)])
    path.take(0, (5, 8))
    path.take(0, (7, 7))
    path.take(3, (6, 9))
    assert path.minutes == [(5, 7), (7, 7), (7, 7), (6, 7)]
    assert path.least == (5, 7)


def test_watched_or_read_back_the_figures_are_the_same(past: Run) -> None:
    """The summary of the run and the lab's meter over its record; volumes are those of the fills by their orders."""
    found, watched = measured(past.events()), living(ran())
    assert found.living
    assert found.amplifications == {"COIN-PERP": watched.swings.amplification(0)}
    assert found.forced_by_forced == watched.cascade.forced_by_forced > 0
    assert found.generations == len(watched.cascade.by_generation)
    assert found.liquidations == sum(isinstance(event.body, LiquidationStarted) for event in past.events())
    purposes = {e.body.order_id: e.body.purpose for e in past.events() if isinstance(e.body, OrderPlaced)}
    sums: dict[str, int] = {}
    for event in past.events():
        if isinstance(event.body, OrderFilled):
            purpose = purposes[event.body.order_id]
            sums[purpose] = sums.get(purpose, 0) + abs(event.body.value_atoms)
    assert found.own_orders_atoms == sums
    assert set(sums) >= {"stop", "follower"}


def test_the_summary_of_a_living_market() -> None:
    """Its lines and its document say the same; an older scenario has neither."""
    asked = [argument for one in SMALL_SPIRAL for argument in ("--set", one)]
    told = call("run", "spiral", *asked).output
    document = json.loads(call("run", "spiral", *asked, "--json").output)["living"]
    (one,) = document["instruments"]
    times = Fraction(one["amplification"]["numerator"], one["amplification"]["denominator"])
    assert f"amplified {float(times):.2f} times" in " ".join(told.split())
    cascade = document["cascade"]
    whole = f"{cascade['forced_by_forced']} of {cascade['liquidations']} liquidations forced by forced orders"
    assert whole in " ".join(told.split())
    assert sum(cascade["by_generation"]) == cascade["liquidations"]
    assert one["depth"]["minutes"]
    old = call("run", SMALL_CRASH).output
    assert not any(label in old for label in ("\nfell ", "\ndepth ", "\ncascade ", "\nown orders"))
    assert "living" not in json.loads(call("run", SMALL_CRASH, "--json").output)


def test_the_lab_has_them(tmp_path: Path) -> None:
    """A column each, and only for markets that make their own price those of depth, makers and own orders."""
    asked = [argument for one in SMALL_SPIRAL for argument in ("--set", one)]
    told = call("lab", "spiral", *asked, "--seeds", "1", "--jobs", "1", "--no-bar", "-o", tmp_path / "lab")
    assert told.exit_code == 0
    assert "branching ratio of liquidations (forced by forced, of all)" in told.output
    with (tmp_path / "lab" / "results.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    found, times = living(ran()), living(ran()).swings.amplification(0)
    assert times is not None
    assert row["amplification:COIN-PERP"] == f"{float(Fraction(*times)):.9f}"
    assert row["branching_ratio"] == f"{found.cascade.forced_by_forced / found.cascade.liquidations:.9f}"
    assert Fraction(row["contract_value_stops"]) == Fraction(found.own_orders.volumes_atoms[0]["stop"], 10**6)
    assert Fraction(row["depth_start:COIN-PERP"]) == Fraction(found.liquidity.paths[0].start[0], 100)
    away_ns, all_ns = found.liquidity.away(ran().end_ns)
    assert row["makers_away"] == f"{away_ns / all_ns:.9f}"
    old = measured(recorded())
    assert not any(metric.name.startswith(("depth_", "makers_", "contract_value_st")) for metric in metrics_of(old))
    assert {"branching_ratio", "cascade_generations"} <= {metric.name for metric in metrics_of(old)}


def test_of_several_venues_each_instrument_has_its_figures() -> None:
    """Both books' falls, depth and recovery stand in the summary, and the liquidations of both count together."""
    document = json.loads(call("run", LIVING, "--json").output)["living"]
    assert [one["name"] for one in document["instruments"]] == ["COIN-PERP@alpha", "COIN-PERP@beta"]
    assert all(one["amplification"] and one["depth"]["minutes"] for one in document["instruments"])
    told = " ".join(call("run", LIVING).stdout.split())
    assert told.count("without feedback, amplified") == 2
    cascade = document["cascade"]
    assert 0 < cascade["forced_by_forced"] < cascade["liquidations"]


def test_contagion_is_told_of_each_of_several_venues(tmp_path: Path) -> None:
    """From elsewhere through the index by its weights: none of a book of its own; the lab has the same as a share."""
    document = json.loads(call("run", LIVING, "--json").output)["living"]
    found = {one["venue"]: one for one in document["contagion"]}
    assert set(found) == {"alpha", "beta"}
    assert all(0 <= one["from_elsewhere"] <= one["with_carried"] <= one["liquidations"] for one in found.values())
    assert found["beta"]["from_elsewhere"] > 0
    assert sum(one["liquidations"] for one in found.values()) == document["cascade"]["liquidations"]
    told = " ".join(call("run", LIVING).stdout.split())
    assert f"beta: {found['beta']['from_elsewhere']:,} of {found['beta']['liquidations']:,} liquidation" in told
    alone = living(run(Scenario.load(LIVING, ["index.weights={book=1}"]))).contagion
    assert [one.from_elsewhere for one in alone] == [0] * len(alone)
    assert any(one.with_carried for one in alone), "arbitrage carries it all the same"
    measured_run = tmp_path / "venues.run"
    run(Scenario.load(LIVING), measured_run)
    shares = measured(open_run(measured_run).events()).contagions
    assert shares == {one["venue"]: (one["from_elsewhere"], one["liquidations"]) for one in found.values()}


def test_what_moved_a_mark_from_elsewhere_by_hand() -> None:
    """Sold at alpha, beta's index falls by alpha's weight: only that is put back for who is liquidated at beta."""
    spread = FromElsewhere()
    assert spread._place_of("alpha") == 2
    assert spread._place_of("beta") == 3
    spread._latest = {0: [0, -1_000], 1: [-70, 0, -500]}
    book_of_two = Book(*(replace(listed(n), name=f"COIN@{venue}") for n, venue in enumerate(("alpha", "beta"))))
    body = IndexPriced(1, 90, (("outside", 100, 2), ("book", 90, 5), ("alpha", 80, 3)), ())
    spread._index(body, book_of_two.ledger)
    assert spread._indexed[1] == [-70 * 5 // 10, -1_000 * 3 // 10, -500 * 5 // 10]


def test_an_index_of_constituents_is_moved_by_their_weights() -> None:
    """Of the value outside alone by nobody, of the own book alone as that is; between them by its share."""
    outside, book = (
        living(run(Scenario.load(LIVING, [f"index.weights={{{name}=1}}"]))).cascade for name in ("outside", "book")
    )
    marked_at_book = living(run(Scenario.load(LIVING, ["index.weights={book=1}", "mark.policy=book"]))).cascade
    assert outside.liquidations > 20
    assert outside.forced_by_forced == 0
    assert (book.liquidations, book.forced_by_forced) == (marked_at_book.liquidations, marked_at_book.forced_by_forced)
    assert book.forced_by_forced > 20
    both = Generations()
    both._latest = {0: [-500, -300], 1: [-1_000]}
    book_of_two = Book(*(replace(listed(n), name=f"COIN@{venue}") for n, venue in enumerate(("alpha", "beta"))))
    body = IndexPriced(0, 90, (("outside", 100, 2), ("book", 90, 5), ("beta", 80, 3)), ())
    both._index(body, book_of_two.ledger)
    assert both._indexed[0] == [(-500 * 5 - 1_000 * 3) // 10, -300 * 5 // 10]
