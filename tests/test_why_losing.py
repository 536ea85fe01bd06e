"""Whose loss a reduction closed: the marks from the last solvent moment on, each held against a plain fold."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
)
from deleverage.events.bodies.margin import MarginCalled, MarkPriced, PositionReduced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.handlers.valuation import BPS, MICRO, margin_of, profit_atoms
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.answer import Answer
from deleverage.replay.why.explain import explain

from .support.command_line import small_record
from .support.crash import recorded
from .support.living import spiral

EVENTS = recorded()
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]
CHOSEN = [event.seq for event in REDUCTIONS[:: len(REDUCTIONS) // 9]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module", params=CHOSEN)
def answer(run: Run, request: pytest.FixtureRequest) -> Answer:
    """Why one of the reductions."""
    return explain(run, request.param)


def test_each_row_is_what_a_fold_gives(answer: Answer) -> None:
    """Mark, index and forced part are the event's; the equity is the account's, or the lot's profit, at that mark."""
    assert answer.losing is not None
    assert answer.story is not None
    body = EVENTS[answer.event.seq].body
    assert isinstance(body, PositionDeleveraged)
    for row in answer.losing.marks:
        event, ledger = EVENTS[row.seq], Ledger.of(EVENTS[: row.seq + 1])
        assert isinstance(event.body, MarkPriced)
        marked = event.body
        assert (row.instrument, row.mark.number, row.index.number) == (
            marked.instrument,
            marked.mark_ticks,
            marked.index_ticks,
        )
        assert row.forced.number == marked.impact_ticks
        account = ledger.accounts[answer.losing.account]
        if not answer.losing.of_lot:
            assert row.equity.number == margin_of(account, ledger).equity_atoms
        elif answer.story.lot is not None and row.seq > (answer.story.lot.taken_seq or 0):
            held = account.positions[body.instrument, body.against_leg]
            assert row.equity.number == profit_atoms(ledger.markets[body.instrument], held)


def test_it_begins_solvent_and_ends_at_the_decision(answer: Answer) -> None:
    """Where the first row was solvent, it was; the last is the mark that held when the round was decided."""
    assert answer.losing is not None
    assert answer.story is not None
    assert answer.ranking is not None
    first, last = answer.losing.marks[0], answer.losing.marks[-1]
    later = [e.seq for e in EVENTS[last.seq + 1 : answer.ranking.started_seq] if _marks(e.body, last.instrument)]
    assert later == []
    if answer.losing.from_solvent and not answer.losing.of_lot:
        ledger = Ledger.of(EVENTS[: first.seq + 1])
        margin = margin_of(ledger.accounts[answer.losing.account], ledger)
        assert margin.equity_atoms * BPS * MICRO >= margin.requirement_microatoms * BPS
        assert first.seq < (answer.story.called_seq or answer.story.started_seq)


def _marks(body: object, instrument: int) -> bool:
    return isinstance(body, MarkPriced) and body.instrument == instrument


def test_who_moved_a_mark_did_trade(answer: Answer) -> None:
    """Whoever is named had as many forced trades in an instrument of the account before that mark."""
    assert answer.losing is not None
    for row in answer.losing.marks:
        for mover in row.moved_by:
            trades = [e for e in EVENTS[: row.seq] if _trades(e.body, mover.account)]
            assert len(trades) >= mover.orders > 0


def _trades(body: object, account: int) -> bool:
    return isinstance(body, LiquidationFilled | PositionReduced) and body.account == account


def test_later_prices_are_those_of_the_record(answer: Answer) -> None:
    """What the same lots would have been closed at later: its price against the mark then."""
    body = EVENTS[answer.event.seq].body
    assert isinstance(body, PositionDeleveraged)
    assert answer.later is not None
    for one in answer.later:
        state = Ledger.of(event for event in EVENTS if event.at_ns <= one.at_ns)
        market = state.markets[body.instrument]
        assert one.mark.number == market.mark_ticks
        assert one.gained.number == body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)


def test_the_fund_now_is_the_fold(answer: Answer) -> None:
    """Cash, inventory and capacity are those of the state before the round, and the rounds between are counted."""
    assert answer.fund is not None
    now = answer.fund.now
    assert now is not None
    ledger = Ledger.of(EVENTS[: now.before_seq])
    fund = ledger.accounts[answer.fund.account]
    assert now.cash.number == fund.balance_atoms
    assert now.inventory_cost.number == sum(held.cost_atoms for held in fund.positions.values())
    had_atoms = now.capacity.number + now.floor.number
    assert abs(had_atoms - margin_of(fund, ledger).equity_atoms) <= len(fund.positions)
    between = EVENTS[answer.fund.shortfall_seq : now.before_seq]
    assert now.rounds_since == sum(type(event.body).__name__ == "DeleveragingStarted" for event in between)


def test_the_page_says_it(run: Run, tmp_path: Path) -> None:
    """Both are in the page, before what set it off."""
    from .support.command_line import call  # noqa: PLC0415

    page = call("why", small_record(tmp_path), str(CHOSEN[0])).stdout
    assert page.index("Whose loss it was: ") < page.index("How the fund came") < page.index("What set it off")


def test_a_call_and_a_liquidation_have_their_marks(run: Run) -> None:
    """Of a call down to the mark that took it under its level, from the last at which it was not; each a plain fold."""
    called = [event for event in EVENTS if isinstance(event.body, MarginCalled | LiquidationStarted)]
    solvent = 0
    for event in called[:: len(called) // 25]:
        body = event.body
        assert isinstance(body, MarginCalled | LiquidationStarted)
        answer = explain(run, event.seq)
        assert answer.losing is not None
        assert answer.losing.decided.number == body.equity_atoms
        assert (answer.losing.account, answer.losing.of_lot) == (body.account, False)
        first = answer.losing.marks[0]
        ledger = Ledger.of(EVENTS[: first.seq + 1])
        margin = margin_of(ledger.accounts[body.account], ledger)
        assert first.equity.number == margin.equity_atoms
        if answer.losing.from_solvent and isinstance(body, MarginCalled):
            solvent += 1
            assert margin.equity_atoms * BPS * MICRO >= margin.requirement_microatoms * body.warning_bps
    assert solvent


def test_what_earlier_orders_left_of_the_depth_is_told(tmp_path: Path) -> None:
    """An order that found less at its turn than there was when it was sent traded exactly that."""
    run, told = open_run(spiral(tmp_path / "spiral.run", "impact.depth=20_000")), 0
    for event in (one for one in run.events() if isinstance(one.body, BankruptcyDeclared)):
        story = explain(run, event.seq).story
        assert story is not None
        for step in story.steps:
            if step.depth_at_turn is None or step.depth is None or step.depth_at_turn.number >= step.depth.number:
                continue
            order = run.event(step.seq).body
            assert isinstance(order, LiquidationOrdered)
            fills = [one.body for one in run.events(step.seq, event.seq) if _fills(one.body, order.order_id)]
            filled = sum(abs(fill.size_lots) for fill in fills)  # type: ignore[union-attr]
            assert filled == min(step.depth_at_turn.number, abs(order.size_lots))
            told += 1
    assert told


def _fills(body: object, order_id: int) -> bool:
    return isinstance(body, LiquidationFilled) and body.order_id == order_id
