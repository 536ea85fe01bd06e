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

from deleverage.events.bodies.inputs import DepthQuoted, PriceTicked
from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
)
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.venue import TradingHalted
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import DeleverageError
from deleverage.events.record import MemoryRecord, RecordSettings, RecordWriter
from deleverage.events.vocabulary import Body
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.decision import Decision
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds import Ground, Verdict
from deleverage.replay.why.lookback import Lookback
from deleverage.replay.why.names import Names
from deleverage.replay.why.proof import is_same_decision, proved
from deleverage.replay.why.removal import removal_of
from deleverage.sim.admission import admitted
from deleverage.sim.pending import Pending, maker_of, pending_after
from deleverage.sim.resumption import Resumption

from .support.command_line import call, small_record
from .support.squeeze import ANNA, CLEO, IVAN, squeeze

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
        case = Decision(Lookback(run, ledger), asked, Names(ledger))
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


def test_a_planted_mark_is_necessary_and_a_planted_call_is_one_of_several(squeezed: Run) -> None:
    """Without the fall to 870 ivan has equity left; anna is bankrupt at 590 whether she had been called or not."""
    ivan = verdicts(squeezed, LiquidationStarted, IVAN)
    assert ivan["the mark of BTC-PERP"].verdict == "necessary"
    assert "had stayed at 1,000" in ivan["the mark of BTC-PERP"].text
    anna = verdicts(squeezed, LiquidationStarted, ANNA)
    assert anna["the mark of BTC-PERP"].verdict == "necessary"
    assert {told.verdict for sets, told in anna.items() if sets.startswith("the rule")} == {"not removable"}
