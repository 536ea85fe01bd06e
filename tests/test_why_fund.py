"""How the fund came to be unable to pay: its books are the ledger's to the atom, with funding, floor and latencies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event
from deleverage.handlers.valuation import margin_of
from deleverage.replay.run import Run
from deleverage.replay.why import fund_books
from deleverage.replay.why.explain import explain
from deleverage.replay.why.fund import fund_past
from deleverage.replay.why.fund_books import Accruals, accruals_of
from deleverage.replay.why.parts import Fund

from .support.command_line import call
from .support.crash import recorded
from .support.squeeze import USDT, squeeze
from .support.told import written

EVENTS = recorded()
LATE = (
    "adl.latency_ns=30ms",
    "insurance_fund.latency_ns=1s",
    "funding.latency_ns=7ms",
    "insurance_fund.floor=500",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return written(tmp_path_factory.mktemp("records") / "small.run", EVENTS)


def shortfalls(events: tuple[Event, ...]) -> list[Event]:
    """The shortfalls of a run."""
    return [event for event in events if isinstance(event.body, ShortfallDeclared)]


def fund_at(run: Run, seq: int) -> Fund:
    """The fund's part of the answer about a shortfall."""
    fund = explain(run, seq).fund
    assert fund is not None
    return fund


def assert_reconciled(fund: Fund, event: Event) -> None:
    """The lines add up to the capacity recorded; drains come by size; each sum is of its parts."""
    assert isinstance(event.body, ShortfallDeclared)
    assert fund.reconciles
    assert sum(line.amount.number for line in fund.lines) == fund.sum.number == event.body.capacity_atoms
    drains = [line for line in fund.lines if line.kind == "drain"]
    assert [line.amount.number for line in drains] == sorted(line.amount.number for line in drains)
    assert len(drains) <= 10
    for line in fund.lines:
        if line.kind in ("drain", "drains", "gains"):
            assert line.realised is not None
            assert line.unrealised is not None
            assert line.amount.number == line.realised.number + line.unrealised.number
    if any(line.kind == "drains" for line in fund.lines):
        (rest,) = [line for line in fund.lines if line.kind == "drains"]
        assert len(drains) == 10
        assert rest.count >= 1
        assert rest.amount.number < 0


def test_every_shortfall_reconciles_exactly(run: Run) -> None:
    """With funding every ten minutes, cash paid, sales, reductions: to the atom, at each shortfall of the crash."""
    found = shortfalls(EVENTS)
    assert len(found) > 40
    assert sum(isinstance(event.body, FundingAccrued) for event in EVENTS[: found[-1].seq]) >= 3
    funds = [fund_at(run, event.seq) for event in found[::3]]
    for fund, event in zip(funds, found[::3], strict=True):
        assert_reconciled(fund, event)
    kinds = {line.kind for fund in funds for line in fund.lines}
    assert kinds == {"opening", "fees", "cash_paid", "socialised", "drain", "drains", "gains", "rounding"}


def test_with_latencies_and_a_floor(tmp_path: Path) -> None:
    """What a late fund and late funding decide is explained from the state that they decided in."""
    events = recorded(*LATE)
    late = written(tmp_path / "late.run", events)
    found = shortfalls(events)
    assert len(found) > 10
    for event in found[::5]:
        fund = fund_at(late, event.seq)
        assert_reconciled(fund, event)
        assert [line.amount.number for line in fund.lines if line.kind == "floor"] == [-500 * USDT]


@given(st.integers(500, len(EVENTS) - 1))
@settings(max_examples=20, deadline=None)
def test_the_books_are_the_ledgers_at_any_point(run: Run, seq: int) -> None:
    """Balance and lots at any event; and what came in, went out, was realised and stands open is the fund's equity."""
    ledger = run.before(seq)
    books = fund_past(run, ledger, ledger.fund(0), None).books
    assert books.agree_with(ledger)
    fund = ledger.accounts[ledger.fund(0)]
    assert sum(books.paid_atoms.values()) + sum(books.realised_atoms.values()) == fund.balance_atoms
    open_atoms = sum(books.unrealised_atoms(ledger).values())
    assert fund.balance_atoms + open_atoms == margin_of(fund, ledger).equity_atoms


@given(st.integers(500, len(EVENTS) - 1))
@settings(max_examples=20, deadline=None)
def test_accruals_are_those_of_the_record(run: Run, seq: int) -> None:
    """At any point, between an accrual and the next timer too: the cumulative funding before any event is as read."""
    ledger = run.before(seq)
    found = accruals_of(run, ledger)
    read = Accruals(event for event in EVENTS[:seq] if isinstance(event.body, FundingAccrued))
    assert found.explain(ledger)
    for instrument in range(len(ledger.markets)):
        for before in (0, seq // 2, seq):
            assert found.before(instrument, before) == read.before(instrument, before)


def test_accruals_are_found_without_reading_everything(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walking back from the pending timers is enough at every shortfall of the crash."""
    ledgers = [run.before(event.seq) for event in shortfalls(EVENTS)[::20]]
    monkeypatch.setattr(Run, "events", None)
    assert all(accruals_of(run, ledger).explain(ledger) for ledger in ledgers)
    assert any(ledger.markets[0].cumulative_funding_nanoatoms for ledger in ledgers)


def test_where_the_walk_fails_the_record_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the timers' chain the cumulative funding is still that of the ledger."""
    ledger = run.before(len(EVENTS) - 1)
    monkeypatch.setattr(fund_books, "_walked", lambda _run, _ledger: iter(()))
    assert not Accruals(()).explain(ledger)
    assert accruals_of(run, ledger).explain(ledger)


def test_sales_and_reductions_are_realised(tmp_path: Path) -> None:
    """The lot of liquidation 1 was closed at what it had cost: nothing realised, and the fund is whole again."""
    run = squeeze(tmp_path / "squeeze.run")
    ledger = run.at()
    books = fund_past(run, ledger, ledger.fund(0), 1).books
    assert (books.realised_atoms, books.unrealised_atoms(ledger)) == ({1: 0}, {})
    assert ledger.accounts[ledger.fund(0)].balance_atoms == 300 * USDT
    assert [event.seq for event in fund_past(run, ledger, ledger.fund(0), 1).lot_events] == [39, 56, 57, 58]


def test_a_floor_is_a_line(tmp_path: Path) -> None:
    """A floor of 15 leaves 285 to begin with, and 5 when anna fails: the fund keeps what it must."""
    run = squeeze(tmp_path / "squeeze.run", floor_atoms=15 * USDT)
    fund = fund_at(run, 46)
    assert [(line.kind, line.amount.number) for line in fund.lines] == [
        ("opening", 300 * USDT),
        ("drain", -280 * USDT),
        ("floor", -15 * USDT),
    ]
    assert (fund.capacity.number, fund.reconciles) == (5 * USDT, True)
    assert fund.text == (
        "To take over user4, whose equity was -100.000000 USDT, the fund had to keep 324.500000 USDT of capital (5% of "
        "all that it would then have held): it needed 424.500000 USDT and had 5.000000 USDT. 419.500000 USDT was "
        "missing."
    )


def test_a_rule_that_keeps_a_full_fund_from_paying_is_named(tmp_path: Path) -> None:
    """A vault that takes on nobody who owes: no figure below zero is "too little", and the policy is said instead."""
    run = written(tmp_path / "vault.run", recorded("venue=hyperliquid", "insurance_fund.balance=50_000_000"))
    seen = 0
    for event in run.events():
        if isinstance(event.body, PositionDeleveraged) and seen < 20:
            answer = explain(run, event.seq)
            fund = answer.fund
            assert fund is not None
            if fund.capacity.number >= fund.needed.number > 0 and fund.equity is not None:
                seen += 1
                assert fund.barred_by == "backstop-vault"
                assert fund.missing == fund.needed
                assert "its rule (backstop-vault) does not let it" in fund.text
                page = " ".join(call("why", run.path, str(event.seq)).stdout.split())
                assert "but its rule (backstop-vault) does not let it" in page
                assert "too little" not in page
                assert "What the fund had, and did not pay" in page
    assert seen


def test_what_was_missing_is_above_nothing(run: Run) -> None:
    """Where money was what it lacked, no rule is named."""
    for event in shortfalls(EVENTS)[:20]:
        fund = fund_at(run, event.seq)
        assert fund.barred_by is None
        assert fund.missing.number > 0
