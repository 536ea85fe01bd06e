"""What moved a mark that a book makes: exact parts, held against prices worked out again from a plain fold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.trading import BookPriced, DepthFormed, OrderFilled, OrderPlaced
from deleverage.events.bodies.venues import IndexPriced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, Market
from deleverage.handlers.depth import impact_ticks
from deleverage.handlers.living.index import index_of
from deleverage.replay.why.explain import explain
from deleverage.replay.why.mark_moves import MarkMoves, MarkStep, mark_step, moved_mark
from deleverage.replay.why.names import RunNames

from .support.command_line import call, small_record
from .support.living import spiral

TWO_VENUES = str(Path(__file__).parent / "support" / "living.toml")

SCENARIOS = {
    "spiral": ("spiral", ()),
    "average": ("spiral", ("mark.smoothing_ns=30s",)),
    "median": ("spiral", ('mark={policy="median"}',)),
    "reversion": ("spiral", ("impact.reversion_ns=20s",)),
    "latency": ("spiral", ("impact.latency_ns=300ms",)),
    "two venues": (TWO_VENUES, ()),
    "maker-exit": ("maker-exit", ("prices.duration_ns=8m",)),
}


@pytest.fixture(scope="module", params=SCENARIOS)
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Records of small living markets."""
    name, settings = SCENARIOS[request.param]
    path = tmp_path_factory.mktemp("moves") / "living.run"
    if name == "spiral":
        return open_run(spiral(path, *settings))
    run(Scenario.load(name, settings), path)
    return open_run(path)


def told(past: Run) -> Iterator[tuple[Event, MarkStep]]:
    """Every mark of a record whose step is known."""
    moves, ledger = MarkMoves(past, 0), Ledger()
    for event in past.events():
        ledger.fold(event)
        if type(event.body) in MarkMoves.KINDS:
            moves.take(event, ledger)
        found = moves.step(event.seq)
        if found is not None:
            yield event, mark_step(found, RunNames(ledger))


def test_the_parts_sum_to_the_move_of_every_mark(past: Run) -> None:
    """In whole ticks, the sources to their part; of every mark but the first of each instrument."""
    last: dict[int, Event] = {}
    known = 0
    steps = {event.seq: step for event, step in told(past)}
    for event in past.events():
        if not isinstance(event.body, MarkPriced):
            continue
        before = last.get(event.body.instrument)
        last[event.body.instrument] = event
        if before is None:
            continue
        step, known = steps[event.seq], known + 1
        assert isinstance(before.body, MarkPriced)
        assert step.since_seq == before.seq
        assert step.moved.number == event.body.mark_ticks - before.body.mark_ticks
        assert sum(part.moved.number for part in step.parts) == step.moved.number
        for part in step.parts:
            if part.sources:
                assert sum(one.moved.number for one in part.sources) == part.moved.number
            assert part.kind != "law"
    assert known > 100


def _price(market: Market, at_ns: int, outside_ticks: int = 0) -> int:
    """What a book trades at, from its rule: the value outside, what trades left behind, what is eaten."""
    book = market.book
    assert book is not None
    centre = max(1, (outside_ticks or book.outside_ticks) * (10**9 + book.permanent_ppb) // 10**9)
    return max(1, centre + impact_ticks(market, centre, at_ns))


def _worked_out(past: Run) -> dict[int, Counter[object]]:
    """Of each price of the book, what has moved it since the start, by what: a copy of the market for every event."""
    ledger, orders, trades = Ledger(), dict[int, int](), dict[int, int]()
    sums, found, price = Counter[object](), dict[int, Counter[object]](), 0
    for event in past.events():
        before, body = deepcopy(ledger.markets[0]) if ledger.markets else None, event.body
        ledger.fold(event)
        if isinstance(body, OrderPlaced | LiquidationOrdered):
            orders[body.order_id] = event.seq
        if not isinstance(body, BookPriced | DepthFormed | LiquidationFilled | OrderFilled):
            continue
        assert before is not None
        market, key = ledger.markets[0], "quotes" if isinstance(body, DepthFormed) else "outside"
        now = _price(market, event.at_ns)
        if before.book is not None:
            waited = _price(before, event.at_ns)
            sums["time"], price = sums["time"] + waited - price, waited
            if isinstance(body, LiquidationFilled | OrderFilled):
                trades[event.seq] = orders[body.order_id]
                sums[trades[event.seq]] += now - price
            elif isinstance(body, BookPriced) and event.links:
                sums[trades[event.links[0]]] += now - price
            else:
                sums[key] += now - price
        price = now
        if isinstance(body, BookPriced):
            assert price == body.price_ticks
            found[event.seq] = Counter(sums)
    return found


def _by_what(step: MarkStep) -> dict[object, int]:
    """A step by what did it, as the test above calls it."""
    found = Counter[object]()
    for part in step.parts:
        if part.kind in ("forced", "inventory", "own"):
            for one in part.sources:
                found[one.seq] += one.moved.number
        else:
            found["quotes" if part.kind == "withdrawal" else part.kind] += part.moved.number
    return {key: ticks for key, ticks in found.items() if ticks}


@pytest.mark.parametrize("name", ["spiral", "maker-exit"])
def test_each_part_is_what_the_price_changed_by_at_its_events(name: str, tmp_path: Path) -> None:
    """Over all marks of a run: outside, time, quotes, and every single order, held against a fold with copies."""
    scenario, settings = SCENARIOS[name]
    path = tmp_path / "living.run"
    past = open_run(spiral(path)) if name == "spiral" else None
    if past is None:
        run(Scenario.load(scenario, settings), path)
        past = open_run(path)
    sums, kinds = _worked_out(past), set[str]()
    for event, step in told(past):
        assert event.cause is not None
        before = past.event(step.since_seq)
        assert before.cause is not None
        moved = {key: ticks - sums[before.cause][key] for key, ticks in sums[event.cause].items()}
        assert _by_what(step) == {key: ticks for key, ticks in moved.items() if ticks}
        kinds |= {part.kind for part in step.parts}
    assert kinds >= {"outside", "own", "time", "withdrawal", "quotes"}


def test_of_an_index_every_part_is_weighted(tmp_path: Path) -> None:
    """What came from outside and from the book elsewhere is what the index moves by at their weights, to a tick."""
    run(Scenario.load(TWO_VENUES, ("index.outlier_bps=150",)), tmp_path / "two.run")
    past = open_run(tmp_path / "two.run")
    kinds = set[tuple[str, str | None]]()
    for event, step in told(past):
        assert event.cause is not None
        before, after = (past.event(past.event(seq).cause or 0).body for seq in (step.since_seq, event.seq))
        assert isinstance(before, IndexPriced)
        assert isinstance(after, IndexPriced)
        weights = {name: weight for name, _, weight in before.constituents}
        moved = {name: ticks for name, ticks, *_ in (*after.constituents, *after.left_out)}
        parts = {(part.kind, part.name): part.moved.number for part in step.parts}
        kinds |= parts.keys()
        own = past.directory.instruments[after.instrument].name.partition("@")[2]
        for name, ticks, weight in before.constituents:
            exact = weight * (moved[name] - ticks) / sum(weights.values())
            if name not in ("book", own, "outside"):
                assert abs(parts.get(("elsewhere", name), 0) - exact) <= 1
        counted = {name for name, *_ in after.constituents}
        changed = [f"{name} left out" for name in sorted(weights.keys() - counted)]
        changed += [f"{name} counts again" for name in sorted(counted - weights.keys())]
        assert changed or ("index", "other weights") not in parts
        if changed and all(name in moved for name in weights):
            all_of_them = index_of((moved[name], weight) for name, weight in weights.items())
            assert parts.get(("index", " and ".join(changed)), 0) == after.index_ticks - all_of_them
    assert {("elsewhere", "alpha"), ("elsewhere", "beta"), ("outside", None), ("own", "arbitrage")} <= kinds
    assert {("index", "outside left out"), ("index", "outside counts again")} <= kinds


def test_the_page_and_the_document_of_a_reduction_have_them(tmp_path: Path) -> None:
    """Every row below the first has its step; over the whole way the sums are those of all steps between."""
    path = spiral(tmp_path / "spiral.run", "insurance_fund.balance=100")
    past = open_run(path)
    seq = next(event.seq for event in past.events() if isinstance(event.body, PositionDeleveraged))
    losing = explain(past, seq, whole=True).losing
    assert losing is not None
    for earlier, later in pairwise(losing.marks):
        assert later.step is not None
        assert later.step.since_seq == earlier.seq
        assert later.mark.number - earlier.mark.number == later.step.moved.number
    (moved,) = losing.moved
    sums = Counter[object]()
    for mark in losing.marks[1:]:
        assert mark.step is not None
        sums.update({(part.kind, part.name): part.moved.number for part in mark.step.parts})
    assert {(part.kind, part.name): part.moved.number for part in moved.parts} == dict(sums)
    assert moved.moved.number == losing.marks[-1].mark.number - losing.marks[0].mark.number == sum(sums.values())
    page = " ".join(call("why", path, str(seq), "--all").stdout.replace("│", " ").split())
    assert f"what moved the mark of COIN-PERP from {moved.begun.text} (event {moved.from_seq})" in page
    document = json.loads(call("why", path, str(seq), "--all", "--json").stdout)["losing"]
    assert [mark["step"] and mark["step"]["moved"]["ticks"] for mark in document["marks"][1:]] == [
        mark.step and mark.step.moved.number for mark in losing.marks[1:]
    ]


def test_where_no_book_makes_the_price_nothing_is_said(tmp_path: Path) -> None:
    """A mark that follows an index is told by its index and its forced part, as ever."""
    past = open_run(small_record(tmp_path))
    seq = next(event.seq for event in past.events() if isinstance(event.body, PositionDeleveraged))
    losing = explain(past, seq).losing
    assert losing is not None
    assert losing.moved == ()
    assert {mark.step for mark in losing.marks} == {None}


def test_known_steps_are_joined_without_a_gap(tmp_path: Path) -> None:
    """From one mark to a later one there are all steps, or those known where the first lies before the walk."""
    past = open_run(spiral(tmp_path / "spiral.run"))
    moves, ledger, marks = MarkMoves(past, 0), Ledger(), list[Event]()
    for event in past.events():
        ledger.fold(event)
        if type(event.body) in MarkMoves.KINDS:
            moves.take(event, ledger)
        if isinstance(event.body, MarkPriced):
            marks.append(event)
    steps: Any = moves.steps(marks[0].seq, marks[-1].seq)
    assert len(steps) == len(marks) - 1
    assert moved_mark(steps, RunNames(ledger)).to_seq == marks[-1].seq
    assert len(moves.steps(marks[0].seq - 1, marks[3].seq)) == 3
