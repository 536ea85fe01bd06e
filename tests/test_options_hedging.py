"""Hedges within a liquidation: when one is sent, how large it is, and that it is not closed again at once."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationFilled, LiquidationOrdered
from deleverage.events.bodies.options import HedgeOrdered
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.options.sensitivities import unit_greeks
from deleverage.handlers.valuation import margin_of
from deleverage.replay.verify.verification import verify
from deleverage.replay.why.explain import explain

from .support.crash import checked, simulation_of
from .support.past import goes_on_the_same

SHORT = ("population.accounts=20", "prices.interval_ns=10s", "option_holders[0].accounts=30")
FIRST, LAST = "option_rules.hedges=delta first", "option_rules.hedges=delta last"
NO_DEPTH = "options[0].depth=[]"


def _ordered(events: tuple[Event, ...]) -> list[LiquidationOrdered]:
    return [one.body for one in events if isinstance(one.body, LiquidationOrdered)]


class Seen(NamedTuple):
    """A hedge as it was decided: the delta before and after it, the equity, and what its limit leaves of that."""

    body: HedgeOrdered
    before_atoms: int
    after_atoms: int
    equity_atoms: int
    left_atoms: int


@cache
def seen(*overrides: str) -> tuple[Seen, ...]:
    """Each hedge of a run, with what the ledger says of the account there and then."""
    found, record = list[Seen](), MemoryRecord()
    simulation = simulation_of(record, *SHORT, *overrides, name="options")

    def look(event: Event, ledger: Ledger) -> None:
        body = event.body
        if isinstance(body, HedgeOrdered):
            account, market = ledger.accounts[body.account], ledger.markets[body.instrument]
            (unit,) = unit_greeks(account, ledger)
            margin = margin_of(account, ledger)
            assert (body.requirement_atoms, account.status) == (margin.requirement_atoms, "liquidating")
            assert body.limit_ticks is not None
            worth = market.payoff.value_atoms(body.size_lots, market.mark_ticks)
            lost = market.payoff.value_atoms(body.size_lots, body.limit_ticks) - worth
            after = unit.delta_atoms + worth // 100
            found.append(Seen(body, unit.delta_atoms, after, margin.equity_atoms, margin.equity_atoms - lost))

    simulation.bus.tap(look)
    simulation.open()
    simulation.drive()
    return tuple(found)


@pytest.mark.parametrize("overrides", [(FIRST,), (LAST, NO_DEPTH)], ids=["first", "last"])
def test_a_hedge_makes_up_for_the_delta_and_lowers_what_is_required(overrides: tuple[str, ...]) -> None:
    """To within a lot, a thousandth of the underlying; the requirement that it is held against is the account's."""
    hedges = seen(*overrides)
    assert len(hedges) > 4
    for one in hedges:
        assert one.body.would_atoms < one.body.requirement_atoms
        assert abs(one.after_atoms) < abs(one.before_atoms)
        assert abs(one.after_atoms) <= 120_000 * 10**6 // 1_000 // 100 + 2


@pytest.mark.parametrize("overrides", [(FIRST,), (LAST, NO_DEPTH)], ids=["first", "last"])
def test_of_two_orders_in_a_row_one_at_most_is_a_hedge(overrides: tuple[str, ...]) -> None:
    """In each liquidation; the steps of what is held are numbered without the hedges among them."""
    events, ledger = checked("options", *SHORT, *overrides)
    by_liquidation: dict[int, list[LiquidationOrdered]] = {}
    for one in _ordered(events):
        if ledger.accounts[one.account].kind == "user":
            by_liquidation.setdefault(one.liquidation_id, []).append(one)
    for orders in by_liquidation.values():
        hedging = [isinstance(one, HedgeOrdered) for one in orders]
        assert not any(first and second for first, second in pairwise(hedging))
        own = [one.step for one, hedges in zip(orders, hedging, strict=True) if not hedges]
        assert own == sorted(set(own))


def test_a_hedge_alone_restores_an_account_that_keeps_its_options() -> None:
    """OKX hedges first: a liquidation ends so without an order on what is held, which without hedges it never does."""
    events, _ = checked("options", *SHORT, FIRST)
    restored = {one.body.liquidation_id for one in events if _is_restored(one)}
    own = {one.liquidation_id for one in _ordered(events) if not isinstance(one, HedgeOrdered)}
    hedged = {one.liquidation_id for one in _ordered(events) if isinstance(one, HedgeOrdered)}
    assert (restored & hedged) - own


def _is_restored(event: Event) -> bool:
    return isinstance(event.body, LiquidationEnded) and event.body.outcome == "restored"


def test_where_somebody_quotes_the_options_deribit_sends_no_hedge() -> None:
    """The same liquidations as without; where nobody does, hedges come, and their fills open positions."""
    plain, _ = checked("options", *SHORT)
    quoted, _ = checked("options", *SHORT, LAST)
    assert [one.body for one in plain[1:]] == [one.body for one in quoted[1:]]
    events, _ = checked("options", *SHORT, LAST, NO_DEPTH)
    hedges = {one.order_id for one in _ordered(events) if isinstance(one, HedgeOrdered)}
    filled = [one.body for one in events if isinstance(one.body, LiquidationFilled)]
    assert hedges
    assert {one.order_id for one in filled} >= hedges


def test_no_hedge_costs_more_than_the_equity() -> None:
    """At its limit all of the equity is gone, to a tick of the price, and not more."""
    for one in seen(FIRST):
        ticks = abs(one.body.size_lots) * 1_000
        assert one.left_atoms >= 0
        assert one.left_atoms <= ticks or one.body.limit_ticks == 1
        assert one.equity_atoms > 0


def test_it_goes_on_the_same_is_verified_and_tells_its_steps(tmp_path: Path) -> None:
    """Taken up anywhere, executed again on disk, and explained."""
    events, _ = checked("options", *SHORT, FIRST)
    first = next(one for one in events if isinstance(one.body, HedgeOrdered))
    goes_on_the_same(events, [first.seq, len(events) - 50])
    path = tmp_path / "hedged.run"
    run(Scenario.load("options", (*SHORT, FIRST)), path)
    assert verify(path).sound
    told = explain(open_run(path), first.seq).paragraph
    assert "before any other order" in told
    assert "hedged its options: it made up for their delta" in told
    assert "a hedge that lowers nothing is not sent" in told


def test_hedges_where_futures_go_first_are_refused() -> None:
    """What would be opened would be closed first."""
    with pytest.raises(ScenarioError, match="would close its hedge"):
        Scenario.load("options", [FIRST, "option_rules.liquidates=futures first"])
