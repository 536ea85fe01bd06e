"""Under every rulebook, and with every policy that keeps something: primed anywhere goes on as it ran.

As tests/test_prime.py and tests/test_resumption.py, for the venues' own liquidation, fund and loss-sharing rules.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.registry import SLOTS
from deleverage.sim.rulebooks import venues_with_positions

from .support.crash import recorded
from .support.past import goes_on_the_same
from .support.priming import differences

LATE = ("liquidation.latency_ns=20ms", "insurance_fund.latency_ns=7ms", "socialization.latency_ns=11ms")
SHORT = ("prices.duration_ns=36m", "settle_ns=1m", "population.accounts=120")
VENUES = [venue for venue in venues_with_positions() if venue != "generic"]
RUNS = {venue: (f"venue={venue}", *SHORT) for venue in VENUES} | {
    "deribit": ("venue=deribit", "insurance_fund.balance=1_000", *SHORT),
    "drift": ("venue=drift", "insurance_fund.balance=1_000", *SHORT),
    "drawdown, late": ("venue=bybit", "insurance_fund.fall_bps=500", "insurance_fund.stop_fall_bps=300", *LATE, *SHORT),
    "drawdown over a short window": ("venue=okx", "insurance_fund.window_ns=4m", "insurance_fund.least_fall=0", *SHORT),
    "small chunks, late": ("venue=hyperliquid", "liquidation.chunk_over=1_000", *LATE, *SHORT),
    "drift, late": ("venue=drift", "market.latency_ns=1s", "liquidation.liquidator_fee_ppm=2_000", *LATE, *SHORT),
    "dydx, late": ("venue=dydx", "liquidation.spread_to_maintenance_ppm=1_500_000", *LATE, *SHORT),
    "socialized, a day's end": ("adl.policy=socialized-loss", "socialization.policy=day-profits",
        "socialization.day_starts_ns=21h", *SHORT),
    "batches, tranches, a haircut, late": ("adl.policy=uniform-price", "adl.latency_ns=3ms",
        "socialization.policy=haircut", "insurance_fund.policy=tranched-vault", "insurance_fund.balance=1_000",
        'actors=[{name="junior",balance=3_000,accounts=2},{name="senior",balance=3_000,accounts=1}]', *LATE, *SHORT),
}  # fmt: skip

of_each_run = pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
NEEDED = {
    "binance": "PositionTakenOver",
    "bitmex": "PositionTakenOver",
    "bybit": "HandlerStateNoted ShortfallDeclared",
    "okx": "HandlerStateNoted ShortfallDeclared",
    "deribit": "InsuranceFundDebited LossSocialized HandlerStateNoted",
    "hyperliquid": "PositionTakenOver ShortfallDeclared",
    "small chunks, late": "HandlerStateNoted",
    "dydx": "InsuranceFundCredited PositionDeleveraged",
    "dydx, late": "InsuranceFundDebited",
    "drift": "LossSocialized",
    "drift, late": "InsuranceFundCredited",
    "gmx": "BankruptcyDeclared ProfitCapExceeded",
    "drawdown, late": "PositionDeleveraged",
    "socialized, a day's end": "LossSocialized",
    "batches, tranches, a haircut, late": "BatchSettled VaultDeposited VaultShared",
}


@pytest.mark.parametrize(("run", "names"), NEEDED.items(), ids=NEEDED)
def test_the_runs_have_it_in_them(run: str, names: str) -> None:
    """What a rulebook is for happens in its run, so the comparisons below exercise it."""
    seen = Counter(type(event.body).__name__ for event in recorded(*RUNS[run]))
    assert {name for name in names.split() if not seen[name]} == set()


@of_each_run
def test_primed_before_the_first_tick(overrides: tuple[str, ...]) -> None:
    """Handlers that never saw the opening say the same as those that did, to the end."""
    assert list(differences(recorded(*overrides), 1)) == []


@of_each_run
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_primed_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """Whatever event it is, also in the middle of an instant or of what was appended together."""
    events = recorded(*overrides)
    assert list(differences(events, data.draw(st.integers(1, len(events) - 1)), 800)) == []


@of_each_run
@settings(max_examples=4, deadline=None)
@given(st.data())
def test_taken_up_again_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """With pauses, samples and chunks pending: the same bytes follow."""
    events = recorded(*overrides)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


@of_each_run
def test_the_books_balance_at_every_event(overrides: tuple[str, ...]) -> None:
    """`Ledger.check()` after each event, and nobody is left in a liquidation that nothing goes on with but a stop."""
    ledger = Ledger()
    for event in recorded(*overrides):
        ledger.fold(event)
        ledger.check()
    assert {account.status for account in ledger.accounts if account.liquidation_id is None} <= {"healthy", "called"}
    stuck = [a for a in ledger.accounts if a.liquidation_id is not None and not _goes_on(ledger, a.liquidation_id)]
    assert stuck == [] or ledger.is_stopped(0)


def _goes_on(ledger: Ledger, liquidation_id: int) -> bool:
    return ledger.liquidations[liquidation_id].is_waiting()


def test_every_policy_of_these_slots_is_in_a_run() -> None:
    """No liquidation, fund or loss-sharing policy is left without a run of its own, the generic ones aside.

    Mitigations have theirs in a living market (tests/test_mitigations.py).
    """
    elsewhere = {("market", "banded"), ("market", "auction"), ("liquidation", "staged")}
    elsewhere.add(("insurance_fund", "depositor-vault"))
    slots = ("liquidation", "insurance_fund", "socialization", "market")
    used = {(p.handler, p.policy) for overrides in RUNS.values() for p in _started(recorded(*overrides))}
    assert {(slot, policy) for slot in slots for policy in SLOTS[slot]} - elsewhere <= used


def _started(events: tuple[Event, ...]) -> tuple:
    return events[0].body.producers  # type: ignore[union-attr]
