"""Whether a decision stands without each ground: the verdicts against records that never had the ground."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
)
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.venue import TradingHalted
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import MemoryRecord, RecordSettings, RecordWriter
from deleverage.events.vocabulary import Body
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.again.proof import is_same_decision, proved, removal_of
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds.graph import Verdict
from deleverage.replay.why.grounds.lookback import Decision, Lookback
from deleverage.replay.why.names import RunNames
from deleverage.sim.limits import admitted
from deleverage.sim.pending import Pending, maker_of, pending_after
from deleverage.sim.resumption import Resumption

from .support.command_line import call, small_record
from .support.squeeze import ANNA, CLEO, IVAN, squeeze
from .support.venue import FUND

BY_PAGE = RecordSettings(pages_per_block=1, durability="none")
KINDS = (
    PositionDeleveraged,
    LiquidationStarted,
    BankruptcyDeclared,
    ShortfallDeclared,
    MarginCalled,
    LiquidationOrdered,
    LiquidationFilled,
    TradingHalted,
)
NEAR = 3_000
"""A ground that lies further back is left to others, so that the test ends."""


@cache
def small() -> Run:
    """The small crash."""
    return open_run(small_record(Path(mkdtemp())))


def asked_in(run: Run, each: int) -> list[Event]:
    """Some decisions of each type, by chance."""
    events = list(run.events())
    of_kinds = [[one for one in events if isinstance(one.body, kind)] for kind in KINDS]
    return sorted((e for some in of_kinds for e in Random(3).sample(some, min(each, len(some)))), key=lambda e: e.seq)


def began(run: Run, event: Event) -> int:
    """The first event that the same delivery led to."""
    seq = event.seq
    while maker_of(event) is not None and maker_of(run.event(seq - 1)) == maker_of(event):
        seq -= 1
    return seq


def without(run: Run, ground: Event, bodies: tuple[Body, ...], until_ns: int) -> Iterator[Event]:
    """What follows from a record on disk that never had the ground: all handlers are built and primed behind it."""
    start = began(run, ground)
    batch = [one for one in run.events(start, start + 5_000) if maker_of(one) == maker_of(ground)]
    batch = list(takewhile(lambda one: one.seq - start < len(batch), batch)) if maker_of(ground) else [ground]
    path = Path(mkdtemp()) / "never.run"
    writer = RecordWriter(path, settings=BY_PAGE)
    writer.append_many(run.events(0, start))
    seq = start
    for event in batch:
        put: tuple[Body, ...] = bodies if event.seq == ground.seq else (event.body,)
        for body in put:
            later = not bodies and event.seq > ground.seq and type(body) is type(ground.body)
            writer.append(msgspec.structs.replace(event, seq=seq, body=renumbered(body) if later else body))
            seq += 1
    writer.seal("interrupted")
    never = open_run(path)
    ledger, pending = pending_after(never, never.count)
    made, done = MemoryRecord(), maker_of(ground)  # where nothing is left of the decision, it still was made
    queue = tuple(one for one in pending.queue if (one.event.seq, one.producer) != done)
    delayed = tuple(one for one in pending.delayed if (one.event.seq, one.producer) != done)
    pending = Pending(pending.producers, queue, delayed)
    resumption = Resumption(never, ledger, pending, made)
    resumption.begin()
    inputs = (e for e in run.events(batch[-1].seq + 1) if e.origin is Origin.INPUT and e.at_ns <= until_ns)
    resumption.follow(inputs, lambda body: resumption.bus.publish_input(admitted(ledger, body)))
    resumption.run_until(until_ns)
    yield from never.events(start)
    yield from made.events()


def renumbered(body: Any) -> Body:
    """A body that is counted without the one before it, where its type is counted."""
    fields = [name for name in ("liquidation_id",) if isinstance(body, LiquidationStarted)]
    fields += [name for name in ("order_id",) if isinstance(body, LiquidationOrdered)]
    changed: Body = msgspec.structs.replace(body, **{name: getattr(body, name) - 1 for name in fields})
    return changed


def lots_or_one(body: Any) -> int:
    """What a decision counts for."""
    return abs(body.size_lots) if isinstance(body, PositionDeleveraged | LiquidationFilled) else 1


def test_each_verdict_is_that_of_a_record_without_the_ground() -> None:
    """Over decisions of eight types: executed again from a record that never had the ground, it stands or does not."""
    run, seen = small(), dict[str, int]()
    for asked in asked_in(run, 3):
        ledger = run.before(asked.seq)
        case = Decision(Lookback(run, ledger), asked, RunNames(ledger))
        for ground in proved(run, asked.seq, explain(run, asked.seq).grounds, events_max=NEAR):
            verdict, event = ground.proof, run.event(ground.step.seq)
            assert verdict is not None
            seen[verdict.verdict] = seen.get(verdict.verdict, 0) + 1
            if verdict.verdict not in ("necessary", "one of several"):
                continue
            start, same = began(run, event), lambda one, asked=asked: is_same_decision(one.body, asked.body)
            recorded = sum(lots_or_one(one.body) for one in run.events(start, asked.seq) if same(one))
            bodies = removal_of(case, event, ground.kinds).bodies
            again = sum(lots_or_one(one.body) for one in without(run, event, bodies, asked.at_ns) if same(one))
            assert (verdict.verdict == "one of several") == (again > recorded), (asked, ground)
    assert seen["necessary"] > 10
    assert seen["one of several"] > 10
    assert seen["not removable"] > 10


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The squeeze, of which every figure is known."""
    return squeeze(tmp_path_factory.mktemp("squeeze") / "a.run")


def verdicts(run: Run, kind: type, account: int, place: int = 0) -> dict[str, Verdict]:
    """The verdict on each ground of a decision about an account, by what it sets."""
    events = [one for one in run.events() if isinstance(one.body, kind) and getattr(one.body, "account", -1) == account]
    asked = events[place]
    found: dict[str, Verdict] = {}
    for ground in proved(run, asked.seq, explain(run, asked.seq).grounds):
        assert ground.proof is not None
        found |= dict.fromkeys(ground.sets.split("; "), ground.proof)
    return found


def test_planted_grounds_are_told_apart(squeezed: Run) -> None:
    """At 1,000 ivan would have equity left. The fund is short of anna with or without his lot, of his only with it."""
    ivan = verdicts(squeezed, LiquidationStarted, IVAN)
    marked = next(told for sets, told in ivan.items() if sets.startswith("the mark"))
    assert (marked.verdict, marked.from_seq) == ("necessary", 36)
    assert marked.text.startswith("as if the mark had stayed at 1,000 (event 29), it was not decided")
    assert ivan["the balance of user5"].verdict == "one of several"
    assert "earlier, at 1970-01-01T00:00:00Z" in ivan["the balance of user5"].text
    assert {told.verdict for sets, told in ivan.items() if sets.startswith("the rule")} == {"not removable"}
    anna = verdicts(squeezed, ShortfallDeclared, ANNA)
    lot = "a lot of I0 in the fund's inventory"
    assert anna[lot].verdict == "one of several"
    assert anna["liquidation 2"].verdict == "necessary"
    assert verdicts(squeezed, ShortfallDeclared, FUND)[lot].verdict == "necessary"


def test_of_a_reduction_the_shortfall_behind_its_round_is_tried(squeezed: Run) -> None:
    """Its round was decided together with it, so that the grounds of the round are taken away in its place."""
    asked = next(e for e in squeezed.events() if isinstance(e.body, PositionDeleveraged) and e.body.account == CLEO)
    grounds = proved(squeezed, asked.seq, explain(squeezed, asked.seq).grounds)
    rounds = next(one for one in grounds if one.kinds == ("ROUND",))
    assert rounds.proof is not None
    assert rounds.proof.verdict == "not removable"
    below = {one.sets: one.proof for one in rounds.rests_on}
    assert below["the shortfall"] is not None
    assert below["the shortfall"].verdict == "necessary"
    assert all(told is not None for told in below.values())


def test_the_bounds_are_told(squeezed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies too far back, or comes after so many others, is not tried, and says so."""
    asked = next(e for e in squeezed.events() if isinstance(e.body, PositionDeleveraged))
    near = proved(squeezed, asked.seq, explain(squeezed, asked.seq).grounds, events_max=10)
    far = [one.proof for one in near if one.proof is not None and one.proof.verdict == "not tried"]
    assert far
    assert all("would have to be executed again, more than 10; --prove-whole does it" in told.text for told in far)
    monkeypatch.setattr("deleverage.replay.why.again.proof.TRIALS_MAX", 1)
    once = proved(squeezed, asked.seq, explain(squeezed, asked.seq).grounds)
    texts = [one.proof.text for one in once if one.proof is not None and one.proof.verdict == "not tried"]
    assert texts
    assert set(texts) == {"1 others were tried before it"}


def test_the_page_and_the_json_have_the_verdicts(squeezed: Run) -> None:
    """The definition stands above them, and each ground has its own; nothing else of the page changes."""
    asked = next(e for e in squeezed.events() if isinstance(e.body, PositionDeleveraged))
    page = call("why", squeezed.path, str(asked.seq), "--prove").stdout
    assert "A ground is necessary if it does not stand without it" in " ".join(page.split())
    assert page.count("NECESSARY: ") >= 3
    assert page.count("NOT REMOVABLE: ") >= 2
    document = msgspec.json.decode(call("why", squeezed.path, str(asked.seq), "--prove", "--json").stdout)
    assert {one["proof"]["verdict"] for one in document["grounds"]} == {"necessary", "not removable"}
    without_it = msgspec.json.decode(call("why", squeezed.path, str(asked.seq), "--json").stdout)
    assert {one["proof"] for one in without_it["grounds"]} == {None}


def test_old_grounds_are_tried_where_that_is_asked(squeezed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """--prove-whole tries what --prove leaves out; how much of the page is shown (--all) makes no difference."""
    asked = next(e for e in squeezed.events() if isinstance(e.body, PositionDeleveraged))
    monkeypatch.setattr("deleverage.replay.why.again.proof.EVENTS_MAX", 10)

    def not_tried(*options: str) -> int:
        return call("why", squeezed.path, str(asked.seq), *options).stdout.count("NOT TRIED: ")

    assert not_tried("--prove") == not_tried("--prove", "--all") > 0
    assert not_tried("--prove-whole") == not_tried("--prove", "--prove-whole") == 0


def test_a_listing_has_no_grounds_to_prove(squeezed: Run) -> None:
    """--prove is about one event."""
    for option in ("--prove", "--prove-whole"):
        refused = call("why", squeezed.path, option)
        assert refused.exit_code == 2
        assert "--prove is about one event; give its number, or an account" in refused.stderr
