"""The same past, run once: a cell that is forked has the figures of one that is run whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.waterfall import ShortfallDeclared
from deleverage.handlers.registry import SLOTS
from deleverage.replay.fair.fair import FairQuestion, fair
from deleverage.replay.fair.reckoning import reckoned
from deleverage.replay.lab.definition import Cell, Variant
from deleverage.replay.lab.fairness import with_fairness
from deleverage.replay.lab.past import forked, leaving_seq, run_whole

from .support.crash import SMALL_CRASH

SEED = 3


def cell(*settings: str) -> Cell:
    """The small crash with these settings."""
    return Cell(0, Variant(SMALL_CRASH, settings, settings), SEED)


def producers(*settings: str) -> tuple[Producer, ...]:
    """Who decides there."""
    return cell(*settings).variant.load(SEED).producers


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash as it is, recorded."""
    path = tmp_path_factory.mktemp("past") / "past.run"
    run_whole(cell(), path)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        *[(f"adl.policy={policy}",) for policy in SLOTS["adl"]],
        ("adl.latency_ns=2s",),
        ("insurance_fund.capital_bps=2000",),
        ("liquidation.cooldown_ns=1s", "adl.policy=profit-share"),
        ("socialization.payers_max=3",),
        ("breaker.policy=none",),
        ("traders.policy=none",),
        ("margin.warning_bps=24_000",),
        ("funding.policy=none",),
    ],
    ids=" ".join,
)
def test_forked_or_whole_the_figures_are_the_same(past: Path, settings: tuple[str, ...]) -> None:
    """Whichever slot is filled otherwise."""
    assert forked(cell(*settings), past, cell()) == run_whole(cell(*settings))


def test_the_past_of_another_adl_policy_goes_up_to_the_first_shortfall(past: Path) -> None:
    """Where the fork leaves, nothing was declared yet, and what follows at once is the first shortfall's decision."""
    run = open_run(past)
    leaving = leaving_seq(run, run.started.producers, producers("adl.policy=profit-share"))
    first = next(event for event in run.events() if isinstance(event.body, ShortfallDeclared))
    assert leaving is not None
    assert leaving <= first.seq
    assert {(run.event(seq).cause, run.event(seq).producer) for seq in range(leaving, first.seq + 1)} == {
        (first.cause, first.producer)
    }
    before = run.event(leaving - 1)
    assert (before.cause, before.producer) != (first.cause, first.producer)


def test_nothing_otherwise_is_the_same_run(past: Path) -> None:
    """A cell that only spells its settings out is read back."""
    run = open_run(past)
    assert leaving_seq(run, run.started.producers, producers("adl.policy=profit-leverage")) is None
    assert forked(cell(), past, cell()) == run_whole(cell())


def test_the_spread_is_that_of_fair_and_nothing_is_left_of_its_record(tmp_path: Path) -> None:
    """A cell's `fairness_spread` is the sum that `fair` tells of its three largest instants; without it, it is None."""
    settings = ("population.accounts=150", "liquidation.order=arrival")
    own = Cell(0, Variant(SMALL_CRASH, settings, (), fairness=3), 2)
    figures = run_whole(own, tmp_path / "past.run")
    run = open_run(tmp_path / "past.run")
    assert not [*tmp_path.glob("*.jsonl")]
    found = reckoned(run, fair(run, FairQuestion(orders=3, instants=3)))
    assert figures.fairness_spread_atoms == sum(one.spread_atoms for one in found.instants) > 0
    assert with_fairness(figures, run, 0) is figures
