"""A reduction is explained whole under every rulebook: whose loss, what it rests on, at which place, at what cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.run import open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.page.sections import answer_sections
from deleverage.sim.rulebooks import venues_with_positions
from deleverage.sim.runner import run
from deleverage.sim.scenario import Scenario

from .support.crash import SMALL_CRASH

SHORT = ("prices.duration_ns=36m", "settle_ns=1m", "population.accounts=120", "insurance_fund.balance=1_000")


@pytest.mark.parametrize("venue", venues_with_positions())
def test_a_reduction_is_explained_whole(venue: str, tmp_path: Path) -> None:
    """Every event that an answer names exists and came before; the figures agree, and the page can be drawn."""
    path = tmp_path / "a.run"
    run(Scenario.load(SMALL_CRASH, (f"venue={venue}", *SHORT)), path)
    record = open_run(path)
    reductions = [event for event in record.events() if isinstance(event.body, PositionDeleveraged)]
    if not reductions:  # a venue that touches nobody's position, or whose fund was enough
        return
    for event in {one.seq: one for one in (reductions[0], reductions[len(reductions) // 2], reductions[-1])}.values():
        answer = explain(record, event.seq)
        assert answer.ranking is not None
        assert answer.ranking.proved
        assert answer.grounds[-1].sets.startswith("the rule, adl:")
        named = [ground.step.seq for ground in answer.grounds]
        named += [below.step.seq for ground in answer.grounds for below in ground.rests_on]
        if answer.cap is None:
            assert answer.losing is not None
            named += [mark.seq for mark in answer.losing.marks]
        assert all(0 <= seq < event.seq for seq in named)
        assert answer.later is not None
        titles = [section.title for section in answer_sections(answer)]
        last = ["What its figures rest on", "What is proved, asserted and inferred", "What set it off"]
        assert titles[-3:] == last
