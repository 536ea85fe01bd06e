"""`why` under rulebooks whose fund triggers by its fall, and whose losses are shared by another rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Run, Scenario, explain, open_run, run
from deleverage.events.bodies.waterfall import LossSocialized, PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event

from .support.crash import SMALL_CRASH


def recorded(folder: Path, venue: str) -> Run:
    """The small crash under a rulebook."""
    path = folder / f"{venue}.run"
    run(Scenario.load(SMALL_CRASH, [f"venue={venue}"]), path)
    return open_run(path)


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_a_drawdown_is_not_told_as_an_empty_fund(tmp_path: Path, venue: str) -> None:
    """The shortfall and the reduction both say how far the fund had fallen, and its books still reconcile."""
    told = recorded(tmp_path, venue)

    def drawn(event: Event) -> bool:
        return isinstance(event.body, ShortfallDeclared) and event.body.trigger == "drawdown"

    shortfall = next(filter(drawn, told.events()))
    answer = explain(told, shortfall.seq)
    assert "The insurance fund fell too far within the window" in answer.paragraph
    assert answer.fund is not None
    assert answer.fund.reconciles
    later = (event for event in told.events(shortfall.seq) if isinstance(event.body, PositionDeleveraged))
    assert "further from its peak than its rule allows" in explain(told, next(later).seq).paragraph


def test_a_loss_names_the_rule_it_is_shared_by(tmp_path: Path) -> None:
    """Under Drift's rulebook the answer names the policy, and claims nothing of profits."""
    told = recorded(tmp_path, "drift")
    shared = next(event for event in told.events() if isinstance(event.body, LossSocialized))
    assert "shared by the rule open-interest" in explain(told, shared.seq).paragraph
