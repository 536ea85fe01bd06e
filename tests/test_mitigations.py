"""Mitigations: each policy does what it says, goes on the same from any event, and conserves money and size."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage import run as run_scenario
from deleverage.events.bodies.auctions import AuctionEnded, AuctionFilled, AuctionOpened, VaultDeposited, VaultShared
from deleverage.events.bodies.liquidation import (
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.trading import BookPriced, OrderFilled
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings
from deleverage.handlers.bands import OUT_OF_BAND, BandParameters, band_limit_ticks, tighter
from deleverage.handlers.valuation import margin_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.lab.definition import Definition, varied
from deleverage.sim.scenario import Scenario

from .support.faulty import SMALL, lawful
from .support.past import goes_on_the_same

ACTORS = (
    {"name": "backstop", "balance": 20_000, "accounts": 3},
    {"name": "depositor", "balance": 1_111, "accounts": 3},
    {"name": "attacker", "balance": 50_000, "accounts": 1},
)
POLICIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "none": {},
    "median": {"mark": {"policy": "median"}},
    "speed bump": {"market": {"latency_ns": 2 * 10**9}},
    "bands": {"market": {"policy": "banded", "band_bps": 150, "widest_bps": 200}},
    "staged": {"liquidation": {"policy": "staged", "pause_ns": 5 * 10**9}},
    "auction": {"market": {"policy": "auction"}},
    "vault": {"insurance_fund": {"policy": "depositor-vault", "balance": 100, "share_interval_ns": 20 * 10**9}},
}


@cache
def ran(policy: str) -> tuple[tuple[Event, ...], Ledger]:
    """The small living market under a mitigation; the laws were checked at every event."""
    tree = dict(Scenario.load("outage", (*SMALL, "faults=[]")).tree)
    tree["actors"] = [*tree["actors"], *ACTORS]
    tree.update(POLICIES[policy])
    return lawful(Scenario(tree))


def of(policy: str, *kinds: type) -> list[Any]:
    """The events of some types under a mitigation."""
    return [event for event in ran(policy)[0] if isinstance(event.body, kinds)]


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=6, deadline=None)
@given(st.data())
def test_it_goes_on_the_same_from_any_event(policy: str, data: st.DataObject) -> None:
    """All that a mitigation remembers is in the record."""
    events, _ = ran(policy)
    goes_on_the_same(events, [data.draw(st.integers(1, len(events)))])


def test_the_median_is_the_middle_one_of_three() -> None:
    """Of the book's price, its average and the index; one that is far off moves nothing."""
    events, _ = ran("median")
    marks = of("median", MarkPriced)
    assert len(marks) > 200
    for mark in marks:
        book = events[mark.cause].body
        assert isinstance(book, BookPriced)
        three = sorted((book.price_ticks, max(1, mark.body.smoothed_microticks // 10**6), book.outside_ticks))
        assert (mark.body.mark_ticks, mark.body.index_ticks) == (three[1], book.outside_ticks)
    lowest = min(mark.body.mark_ticks for mark in marks)
    assert lowest > min(mark.body.mark_ticks for mark in of("none", MarkPriced))


def test_behind_a_speed_bump_no_forced_order_fills_at_once() -> None:
    """Each waits for two seconds, and trades at the depth as it is then."""
    ordered = {event.body.order_id: event.at_ns for event in of("speed bump", LiquidationOrdered)}
    filled = of("speed bump", LiquidationFilled)
    assert len(filled) > 20
    assert all(event.at_ns == ordered[event.body.order_id] + 2 * 10**9 for event in filled)


@settings(deadline=None)
@given(st.integers(1, 3_000), st.integers(0, 6_000), st.booleans(), st.none() | st.integers(1, 10**6))
def test_a_band_only_ever_tightens(width: int, more: int, selling: bool, limit: int | None) -> None:
    """The limit within a band is no worse than the order's own, and the band holds the index."""
    market = ran("none")[1].markets[0]
    band = BandParameters(band_bps=width, widest_bps=width + more)
    limit_ticks = band_limit_ticks(market, band, selling=selling)
    outside_ticks = market.book.outside_ticks  # type: ignore[union-attr]
    away = outside_ticks - limit_ticks if selling else limit_ticks - outside_ticks
    assert 0 <= away * 10_000 <= outside_ticks * band.widest_bps
    tight = tighter(limit, limit_ticks, selling=selling)
    assert tight in (limit_ticks, limit)
    assert (tight >= limit_ticks) if selling else (tight <= limit_ticks)


def test_beyond_the_band_nothing_trades() -> None:
    """Neither forced nor own orders: what is left is cancelled, and a liquidation tries again after a while."""
    fills = of("bands", LiquidationFilled, OrderFilled)
    assert len(fills) > 50
    outside = {}
    for event in ran("bands")[0]:
        if isinstance(event.body, BookPriced):
            outside[event.body.instrument] = event.body.outside_ticks
        elif isinstance(event.body, LiquidationFilled | OrderFilled):
            index = outside[event.body.instrument]
            worse = index - event.body.price_ticks if event.body.size_lots < 0 else event.body.price_ticks - index
            assert worse * 10_000 <= 200 * index
    cancelled = of("bands", OrdersCancelled)
    assert any(event.body.reason == OUT_OF_BAND for event in cancelled)


def held_before(order: Event) -> int:
    """What the account of a forced order held before it, unsigned."""
    body: Any = order.body
    ledger = Ledger.of(ran("staged")[0][: order.seq])
    return abs(ledger.accounts[body.account].positions[body.instrument, body.leg].size_lots)


def test_stages_are_equal_parts_of_what_was_held() -> None:
    """A quarter of the position at first, the same again, at least a pause apart."""
    _, ledger = ran("staged")
    orders: dict[int, list[Event]] = {}
    for event in of("staged", LiquidationOrdered):
        if ledger.accounts[event.body.account].kind == "user":
            orders.setdefault(event.body.liquidation_id, []).append(event)
    several = [found for found in orders.values() if len(found) > 1]
    assert several
    for found in several[::5]:
        sizes = [abs(event.body.size_lots) for event in found]  # type: ignore[union-attr]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] == -(-held_before(found[0]) // 4)
        assert sizes[1] in (sizes[0], held_before(found[1]))
        times = [event.at_ns for event in found]
        assert all(later - sooner >= 5 * 10**9 for sooner, later in itertools.pairwise(times))


def test_an_auction_sells_at_a_discount_that_grows() -> None:
    """A provider takes part at what it wants or more, at the mark less that, before the book gets the rest."""
    events, ledger = ran("auction")
    opened = {event.body.order_id: event for event in of("auction", AuctionOpened)}
    fills, ended = of("auction", AuctionFilled), of("auction", AuctionEnded)
    assert len(fills) > 20
    assert len(ended) == len(opened)
    mark_ticks = 0
    for event in events:
        body = event.body
        if isinstance(body, MarkPriced):
            mark_ticks = body.mark_ticks
        elif isinstance(body, AuctionFilled):
            begun = opened[body.order_id]
            steps = (event.at_ns - begun.at_ns) // 10**9 - 1
            assert body.wanted_bps <= body.discount_bps == 10 + 20 * steps
            assert body.price_ticks == mark_ticks * (10_000 - body.discount_bps) // 10_000
            assert body.price_ticks >= (begun.body.limit_ticks or 0)
            assert ledger.name(body.counterparty).startswith("backstop-")
    over = {event.body.order_id: event.seq for event in ended}
    for event in of("auction", LiquidationFilled):
        assert over.get(event.body.order_id, 0) < event.seq


def test_an_auction_moves_no_price() -> None:
    """What is traded beside the book leaves its price as it is."""
    events, _ = ran("auction")
    for fill in of("auction", AuctionFilled):
        assert not [
            e for e in events[fill.seq : fill.seq + 20] if isinstance(e.body, BookPriced) and fill.seq in e.links
        ]


def test_depositors_share_the_vault_s_result_exactly() -> None:
    """The parts sum to the result, each pro rata to within an atom, and the claims to what the vault is worth."""
    events, _ = ran("vault")
    deposits = of("vault", VaultDeposited)
    assert len(deposits) == 3
    by_cause: dict[int, list[Event]] = {}
    for event in of("vault", VaultShared):
        by_cause.setdefault(event.cause, []).append(event)
    assert len(by_cause) > 3
    for shared in by_cause.values():
        bodies: list[Any] = [event.body for event in shared]
        gained = bodies[0].gained_atoms
        before = sum(body.claim_atoms - body.part_atoms for body in bodies)
        assert sum(body.part_atoms for body in bodies) == gained
        for body in bodies:
            assert abs(body.part_atoms * before - gained * (body.claim_atoms - body.part_atoms)) < before
        ledger = Ledger.of(events[: shared[-1].seq + 1])
        fund = bodies[0].fund
        worth = margin_of(ledger.accounts[fund], ledger).equity_atoms
        assert sum(ledger.vaults[fund].values()) == worth


def test_a_mitigation_changes_nothing_before_the_first_liquidation() -> None:
    """Up to there the market's path is the one without it."""
    first = of("none", LiquidationStarted)[0].at_ns

    def told(policy: str) -> list[object]:
        return [(event.at_ns, event.body) for event in of(policy, BookPriced) if event.at_ns < first]

    for policy in ("speed bump", "staged", "auction"):
        assert told(policy) == told("none"), policy


BAD = {
    "mark.policy=median mark.smoothing_ns=0": "smoothing_ns must be above 0",
    "market.policy=banded market.band_bps=0": "band_bps must lie above 0",
    "market.policy=banded market.band_bps=500 market.widest_bps=400": "up to widest_bps",
    "market.policy=auction market.step_bps=0": "step_bps and step_ns be above 0",
    "market.policy=auction market.nearest_bps=200 market.furthest_bps=100": "between 0 and furthest_bps",
    "insurance_fund.policy=depositor-vault insurance_fund.deposit_bps=0": "deposit_bps must lie above 0",
    "market.latency_ns=-1": "is not a whole number of nanoseconds from 0 on",
}


@pytest.mark.parametrize("overrides", BAD)
def test_a_bad_figure_is_refused(overrides: str) -> None:
    """The message says which and what to do."""
    with pytest.raises(ScenarioError) as error:
        Scenario.load("outage", overrides.split())
    assert BAD[overrides] in str(error.value)


def test_a_lab_compares_whole_tables() -> None:
    """A slot's table is one value of what is varied; faults are of the scenario, as they are timed from its start."""
    markets = varied('market={policy="depth"},{policy="depth",latency_ns="2s"},{policy="banded"},{policy="auction"}')
    definition = Definition(("spiral",), ("faults=[]",), (markets,), 1)
    definition.check()
    assert len(definition.variants) == len(markets.values)
    for variant, value in zip(definition.variants, markets.values, strict=True):
        assert variant.decided == (f"market={value}",)
        assert variant.given == ("spiral", ("faults=[]",))


def test_a_fork_does_not_leave_an_auction_without_an_end(tmp_path: Path) -> None:
    """While an order is offered another market is refused; before and after it is not."""
    tree = dict(Scenario.load("outage", (*SMALL, "faults=[]")).tree)
    tree["actors"] = [*tree["actors"], *ACTORS]
    tree.update(POLICIES["auction"])
    run_scenario(Scenario(tree), tmp_path / "run", settings=RecordSettings(durability="none"))
    parent, changes = open_run(tmp_path / "run"), Changes(settings=("market.policy=depth",))
    opened, ended = of("auction", AuctionOpened)[0].seq, of("auction", AuctionEnded)[-1].seq
    with pytest.raises(ScenarioError, match="is offered in an auction there"):
        fork(parent, opened, changes)
    assert fork(parent, opened - 1 - 300, changes).head != parent.head
    assert fork(parent, min(ended + 1, parent.count - 2), changes).status == "complete"
