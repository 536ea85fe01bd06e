"""The steps of an account's history: which events, and the account on both sides of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited, TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from deleverage.events.bodies.margin import FundingAccrued, MarginCalled
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import QueryError
from deleverage.events.ledger import Account, Ledger
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.events.vocabulary import accounts_named
from deleverage.replay.history.steps import HistoryStep, history, step_fields
from deleverage.replay.run import Run, open_run
from deleverage.replay.state.view import account_view

from .support.command_line import small_record
from .support.crash import recorded
from .support.made import made
from .support.venue import FUND, LIQUIDITY, Book

EVENTS = recorded()
OWN = ("status", "calls", "called_seq", "liquidation_id", "balance_atoms")


def first_named(body_type: type) -> int:
    """The account of the first event of a type."""
    return next(event.body.account for event in EVENTS if isinstance(event.body, body_type))  # type: ignore[union-attr]


TRADERS = sorted({first_named(kind) for kind in (MarginCalled, LiquidationFilled, PositionTakenOver)})
DELEVERAGED = first_named(PositionDeleveraged)
POINTS = st.integers(1_000, len(EVENTS))
"""All accounts are open by then."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


def holdings(view: dict[str, Any]) -> dict[tuple[int, int], tuple[int, int]]:
    """What a view says of sizes and costs."""
    return {(one["instrument"], one["leg"]): (one["size_lots"], one["cost_atoms"]) for one in view["positions"]}


def held_by(account: Account) -> dict[tuple[int, int], tuple[int, int]]:
    """What the ledger says of them."""
    return {key: (held.size_lots, held.cost_atoms) for key, held in account.positions.items()}


@pytest.mark.parametrize("account", [*TRADERS, DELEVERAGED])
def test_each_step_begins_where_the_last_one_ended(run: Run, account: int) -> None:
    """What a trader holds itself changes at its own events and at no other."""
    steps = list(history(run, account))
    assert len(steps) > 4
    assert steps[0].before is None
    for earlier, later in pairwise(steps):
        assert earlier.after is not None
        assert later.before is not None
        assert [earlier.after[name] for name in OWN] == [later.before[name] for name in OWN]
        assert holdings(earlier.after) == holdings(later.before)


def test_the_funds_steps_chain_too(run: Run) -> None:
    """The fund's balance goes from step to step, and its inventory is what the steps moved, one after the other."""
    balance_atoms, held = 0, dict[tuple[int, int], tuple[int, int]]()
    for step in history(run, FUND):
        if step.before is not None and step.after is not None:
            before, after = holdings(step.before), holdings(step.after)
            assert step.before["balance_atoms"] == balance_atoms
            assert before.items() <= held.items()
            assert not (after.keys() - before.keys()) & held.keys()
            held = {key: lots for key, lots in held.items() if key not in before} | after
            balance_atoms = step.after["balance_atoms"]
    end = Ledger.of(EVENTS).accounts[FUND]
    assert (balance_atoms, held) == (end.balance_atoms, held_by(end))


def folded(account: int) -> Iterator[HistoryStep]:
    """The history of a trader by folding the whole record, once."""
    ledger = Ledger()

    def view() -> dict[str, Any] | None:
        return account_view(ledger, ledger.accounts[account]) if account < len(ledger.accounts) else None

    for event in EVENTS:
        if account in accounts_named(event.body):
            before = view()
            ledger.fold(event)
            yield HistoryStep(event, before, view())
        else:
            ledger.fold(event)


@pytest.mark.parametrize("account", [*TRADERS, DELEVERAGED])
def test_both_sides_are_the_ledgers(run: Run, account: int) -> None:
    """Before is the fold of all earlier events, after has the event too, in every figure."""
    assert list(history(run, account)) == list(folded(account))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_span_is_a_part_of_the_whole(run: Run, data: st.DataObject) -> None:
    """From one event to another the steps are those of the whole history that lie between."""
    account = data.draw(st.sampled_from(TRADERS))
    first, stop = sorted(data.draw(st.tuples(POINTS, POINTS)))
    whole = [step for step in history(run, account) if first <= step.event.seq < stop]
    assert list(history(run, account, first, stop)) == whole


@pytest.mark.parametrize("account", [LIQUIDITY, FUND])
def test_the_venues_own_accounts_show_what_moved(run: Run, account: int) -> None:
    """Every event that names it is a step, with the one position that the event trades, at most."""
    named = [event for event in EVENTS if account in accounts_named(event.body)]
    steps = list(history(run, account))
    assert [step.event for step in steps] == named
    moved = [len(view["positions"]) for step in steps for view in step[1:] if view is not None]
    assert set(moved) == {0, 1}


def written(book: Book, path: Path) -> Run:
    """A hand-made venue as a record."""
    writer = RecordWriter(path, settings=RecordSettings(durability="none"))
    writer.append_many(book.events)
    writer.seal("interrupted")
    return open_run(path)


def test_by_hand(tmp_path: Path) -> None:
    """Opened with 120, long 5 from 100; at 90, owing 10 of funding, equity is 60; 30 more make it 90; 2 are sold."""
    book = Book()
    book.mark(100)
    number = book.user(120, (0, 5, 100))
    book.mark(90)
    book.put(FundingAccrued(0, 1, 90, 2 * 10**9))
    book.put(Deposited(number, 30))
    book.put(
        made(
            TradeExecuted,
            account=number,
            counterparty=LIQUIDITY,
            size_lots=-2,
            price_ticks=90,
            value_atoms=-180,
            trade_id=1,
            order_id=1,
            maker=True,
        )
    )
    run = written(book, tmp_path / "a.run")
    steps = [step_fields(step, run.directory) for step in history(run, number)]
    assert [step["event"]["type"] for step in steps] == [
        "AccountOpened",
        "BalanceStated",
        "PositionStated",
        "Deposited",
        "TradeExecuted",
    ]
    names = ("balance_atoms", "equity_atoms", "requirement_atoms", "margin_ratio_bps")
    sides = [(step["before"], step["after"]) for step in steps]
    figures = [[view and tuple(view[name] for name in names) for view in both] for both in sides]
    assert figures == [
        [None, (0, 0, 0, None)],
        [(0, 0, 0, None), (120, 120, 0, None)],
        [(120, 120, 0, None), (120, 120, 50, 24_000)],
        [(120, 60, 45, 13_333), (150, 90, 45, 20_000)],
        [(150, 90, 45, 20_000), (126, 90, 27, 33_333)],
    ]
    assert [holdings(view) for view in sides[-1]] == [{(0, 0): (5, 500)}, {(0, 0): (3, 300)}]


def test_an_account_that_is_not_open_yet_has_no_history(run: Run) -> None:
    """Before an account is opened there is nothing to show, and the message says what to do; from then on there is."""
    opened = next(event.seq for event in EVENTS if TRADERS[0] in accounts_named(event.body))
    with pytest.raises(QueryError, match=rf"is not open yet after event {opened - 1}; let --to name a later point"):
        history(run, TRADERS[0], 0, opened)
    assert len(list(history(run, TRADERS[0], 0, opened + 1))) == 1
