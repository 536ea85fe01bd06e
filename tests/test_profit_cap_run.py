"""The cap on profits in whole runs: the shortened flash crash as GMX would have it, over pools of several sizes."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run, run
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ProfitCapExceeded,
)
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings
from deleverage.handlers import adl_engine
from deleverage.handlers.policies.adl.gmx import is_enabled
from deleverage.handlers.pool import Pool
from deleverage.handlers.valuation import margin_of
from deleverage.replay.lab.cascade import Solvency
from deleverage.replay.lab.waves import Waves
from deleverage.replay.run import Run
from deleverage.replay.why.explain import explain
from deleverage.sim.scenario import Scenario

from .support.command_line import call
from .support.crash import checked
from .support.priming import differences
from .support.shortened import SHORT_CRASH

POOLS = ("30_000", "200_000", "300_000")
NAME, *SHORT = SHORT_CRASH
FINAL_FACTOR_PPM = 770_000


@cache
def crash(pool: str, *more: str) -> tuple[Event, ...]:
    """The events over a pool of this size; every law was checked at every event."""
    return checked(NAME, *SHORT, "venue=gmx", f"insurance_fund.balance={pool}", *more)[0]


def of_type(events: tuple[Event, ...], kind: type) -> list[Event]:
    """The events of one type."""
    return [event for event in events if type(event.body) is kind]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of them, recorded."""
    path = tmp_path_factory.mktemp("records") / "gmx.run"
    overrides = [*SHORT, "venue=gmx", f"insurance_fund.balance={POOLS[1]}"]
    run(Scenario.load(NAME, overrides), path, settings=RecordSettings(durability="none"))
    return path


@pytest.mark.parametrize("pool", POOLS)
def test_every_round_goes_down_to_the_minimum(pool: str) -> None:
    """Each begins strictly above the cap and ends at or under the minimum, and nobody loses equity."""
    events, ledger = crash(pool), Ledger()
    sums, cap = Pool(), None
    seen: Counter[str] = Counter()
    equities: dict[int, int] = {}
    for event in events:
        body = event.body
        if isinstance(body, DeleveragingStarted) and body.trigger == "profit_cap":
            assert event.cause is not None
            cap = events[event.cause].body
            assert isinstance(cap, ProfitCapExceeded)
            assert is_enabled(cap.profit_atoms, cap.pool_atoms, cap.max_factor_ppm)
            assert body.liquidation_id == 0
            equities = {}
        elif isinstance(body, PositionDeleveraged) and body.liquidation_id == 0:
            equities[body.account] = margin_of(ledger.accounts[body.account], ledger).equity_atoms
        ledger.fold(event)
        if isinstance(body, DeleveragingEnded) and body.trigger == "profit_cap":
            sums = Pool(ledger)
            assert isinstance(cap, ProfitCapExceeded)
            profit = sums.profit_atoms(ledger, body.instrument, 1 if cap.open_lots > 0 else -1)
            rounding = 2 * len(equities)
            kept = not is_enabled(profit - rounding, sums.value_atoms(ledger, 0) + rounding, FINAL_FACTOR_PPM)
            seen["kept" if kept else "used up"] += 1
            for account, before in equities.items():
                assert abs(margin_of(ledger.accounts[account], ledger).equity_atoms - before) <= 2
    assert seen["kept"] > 2
    assert seen["used up"] == 0 or pool == POOLS[0]


def test_the_smaller_the_pool_the_more_is_closed() -> None:
    """And none at all over a pool that is large enough, which runs as it would without the cap but for who is there."""
    lots = [sum(abs(e.body.value_atoms) for e in of_type(crash(pool), PositionDeleveraged)) for pool in POOLS]
    assert lots == sorted(lots, reverse=True)
    assert of_type(crash("100_000_000"), ProfitCapExceeded) == []


def test_only_gmx_has_a_cap() -> None:
    """Elsewhere the slot is empty and no producer stands for it; it can be filled and emptied by name."""
    for overrides, expected in (
        ((), None),
        (("venue=binance",), None),
        (("venue=gmx",), "pool-profit"),
        (("venue=gmx", "profit_cap.policy=none"), None),
        (("profit_cap.policy=pool-profit",), "pool-profit"),
    ):
        chosen = {producer.handler: producer.policy for producer in Scenario.load("calm", overrides).producers}
        assert chosen.get("profit_cap") == expected


def test_columns_reduce_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranked in columns, as where holders are many, the whole run has the same bytes."""
    plain = crash(POOLS[1])
    monkeypatch.setattr(adl_engine, "_MANY", 1)
    assert checked.__wrapped__(NAME, *SHORT, "venue=gmx", f"insurance_fund.balance={POOLS[1]}")[0] == plain


LATE = ("adl.latency_ns=7s", "profit_cap.latency_ns=1s")


@pytest.mark.parametrize("more", [(), LATE], ids=["prompt", "late"])
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_primed_anywhere_it_says_the_same(more: tuple[str, ...], data: st.DataObject) -> None:
    """Before, within and after rounds, also where the engine comes to them late."""
    events = crash(POOLS[1], *more)
    rounds = [event.seq for event in of_type(events, DeleveragingStarted)]
    seq = data.draw(st.one_of(st.integers(1, len(events) - 1), st.sampled_from(rounds).map(lambda found: found + 1)))
    assert list(differences(events, seq, 700)) == []


def test_late_reductions_do_not_overshoot() -> None:
    """Told again at each mark while the engine is late, it looks again: never two rounds for one excess."""
    events = crash(POOLS[1], *LATE)
    told, rounds = of_type(events, ProfitCapExceeded), of_type(events, DeleveragingStarted)
    assert 0 < len([one for one in rounds if one.body.trigger == "profit_cap"]) < len(told)


def test_it_is_verified_and_forked(record: Path, tmp_path: Path) -> None:
    """Executed again it is the same byte for byte; a fork with a larger pool has fewer reductions, and is sound."""
    assert call("verify", record).exit_code == 0
    first = of_type(tuple(open_run(record).events()), ProfitCapExceeded)[0].seq
    child = tmp_path / "child.run"
    more = ("--set", "insurance_fund.balance=+1_000_000")
    assert call("fork", record, "--at", str(first - 50), *more, "-o", child).exit_code == 0
    assert call("verify", child).exit_code == 0
    mother, forked = (of_type(tuple(open_run(path).events(0)), PositionDeleveraged) for path in (record, child))
    assert len(forked) < len(mother)
    without = tmp_path / "without.run"
    assert call("fork", record, "--at", str(first - 1), "--set", "profit_cap.policy=none", "-o", without).exit_code == 0
    assert call("verify", without).exit_code == 0
    assert of_type(tuple(open_run(without).events(first)), ProfitCapExceeded) == []


def test_why_says_that_nobody_was_bankrupt(record: Path) -> None:
    """And what was compared: profit, pool, factor, and both levels; no story, no fund, the ranking made again."""
    found = open_run(record)
    events = tuple(found.events(0))
    reduction = of_type(events, PositionDeleveraged)[0]
    cap_event = next(e for e in of_type(events, ProfitCapExceeded) if e.seq < reduction.seq)
    cap = cap_event.body
    answer = explain(found, reduction.seq)
    assert (answer.story, answer.fund) == (None, None)
    assert answer.cap is not None
    assert (answer.cap.seq, answer.cap.profit.number, answer.cap.pool.number) == (
        cap_event.seq,
        cap.profit_atoms,
        cap.pool_atoms,
    )
    for part in ("Nobody was bankrupt", answer.cap.profit, answer.cap.pool, answer.cap.factor, "85%", "77%"):
        assert str(part) in answer.paragraph
    assert answer.ranking is not None
    assert answer.ranking.proved
    for seq in (cap_event.seq, reduction.seq - 1, *[e.seq for e in of_type(events, DeleveragingEnded)][:1]):
        asked = call("why", record, str(seq))
        assert asked.exit_code == 0
        paragraph = asked.stdout.split("\n\n")[1].splitlines()
        assert len(paragraph) > 4
        assert max(map(len, paragraph)) <= 60


def test_why_another_was_spared(record: Path) -> None:
    """Behind the last that was needed; the liquidity account is no trader."""
    found = open_run(record)
    reduction = of_type(tuple(found.events(0)), PositionDeleveraged)[0]
    behind = next(place for place in found_places(found, reduction.seq) if place.gave.number == 0)
    spared = explain(found, reduction.seq, against=behind.account).spared
    assert spared is not None
    assert (spared.reason, "Enough profit was paid" in spared.text) == ("behind", True)
    other = explain(found, reduction.seq, against=reduction.body.against).spared
    assert other is not None
    assert other.reason == "no_trader"


def found_places(record: Run, seq: int) -> list:
    """The places around the last that was taken, as the answer about the round's start has them."""
    started = max(e.seq for e in of_type(tuple(record.events(0, seq)), DeleveragingStarted))
    answer = explain(record, started)
    assert answer.ranking is not None
    return list(answer.ranking.places)


def test_a_receipt_of_such_a_reduction_is_checked(record: Path, tmp_path: Path) -> None:
    """Its place in the ranking holds like any other."""
    events = tuple(open_run(record).events())
    reduction = of_type(events, PositionDeleveraged)[1]
    path = tmp_path / "r.json"
    assert call("receipt", record, str(reduction.seq), "-o", path).exit_code == 0
    result = call("check", path, "--head", open_run(record).head, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ranking"]["scores_checked"] is True


def test_nobody_fell_short_in_such_a_round() -> None:
    """A run with no other rounds takes the lab no time to solvency, and no deficit is held against its survivors."""
    solvency, waves, ledger = Solvency(), Waves(), Ledger()
    events = crash(POOLS[2])
    assert {event.body.trigger for event in of_type(events, DeleveragingStarted)} == {"profit_cap"}
    for event in events:
        solvency.take(event)
        waves.take(event, ledger)
        ledger.fold(event)
    waves.close(ledger)
    assert (solvency.time_ns, waves.ptsr, waves.pmr, waves.needed_atoms) == (0, None, None, 0)


def test_the_run_names_its_factors() -> None:
    """In the record of the run itself, so that a reader needs no other file."""
    started = crash(POOLS[1])[0].body
    assert isinstance(started, RunStarted)
    (cap,) = (producer for producer in started.producers if producer.handler == "profit_cap")
    assert cap.parameters == {"max_factor_ppm": 850_000, "min_factor_ppm": FINAL_FACTOR_PPM}
    slots = [producer.handler for producer in started.producers]
    assert ("profit_cap", "adl") in pairwise(slots)
