"""The living market as a whole, on two venues in small: conserved, re-executed, forked anywhere."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.trading import BookPriced, OrderFilled, OrderPlaced
from deleverage.events.bodies.venues import IndexPriced, TransferArrived, TransferStarted
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.handlers.at_venue import venue_of_event
from deleverage.handlers.living.characters import StrategyName, characters_of
from deleverage.handlers.living.crowd import Crowd
from deleverage.handlers.registry import build
from deleverage.sim.scenario import Scenario

from .support.crash import checked
from .support.living import LIVING
from .support.past import goes_on_the_same
from .support.priming import producers_of

ONE_VENUE = (
    "venues=[]",
    "index.policy=none",
    "mark.policy=book",
    "arbitrage.policy=none",
    "hedgers.policy=none",
    "ties.policy=none",
)


@cache
def run_of(*overrides: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events and the last ledger; every law of the ledger was checked at every event."""
    return checked(LIVING, *overrides)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_it_goes_on_the_same_from_any_event(data: st.DataObject) -> None:
    """Primed in the middle of whatever it is: the same bytes follow, with all actors at work."""
    events, _ = run_of()
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])


def test_every_actor_acts() -> None:
    """So that the tests here look at something."""
    events, _ = run_of()
    counts = Counter(type(event.body).__name__ for event in events)
    purposes = {event.body.purpose for event in events if isinstance(event.body, OrderPlaced)}
    assert purposes >= {"stop", "follower", "dip_buyer", "arbitrage", "hedge"}
    for name in ("LiquidityWithdrawn", "LiquidityReturned", "CollateralWithdrawn", "TransferArrived", "OrderCancelled"):
        assert counts[name], name


def test_what_is_sent_arrives_or_is_on_its_way() -> None:
    """Over all venues: sent is arrived and under way, to the atom, and nothing arrives that was not sent."""
    events, ledger = run_of()
    sent = {e.seq: e.body for e in events if isinstance(e.body, TransferStarted)}
    arrived = {e.body.transfer: e.body for e in events if isinstance(e.body, TransferArrived)}
    assert sent.keys() - arrived.keys() == ledger.transfers.keys()
    for seq, body in arrived.items():
        assert (sent[seq].to_account, sent[seq].amount_atoms) == (body.account, body.amount_atoms)
        assert ledger.venue_of(sent[seq].account) != ledger.venue_of(body.account)


def test_a_venue_decides_for_its_own() -> None:
    """Whoever decides for a venue says nothing of another's accounts and instruments."""
    events, ledger = run_of()
    for event in events:
        if event.producer is not None and ledger.producers[event.producer].venue:
            assert venue_of_event(event, ledger) in (ledger.producers[event.producer].venue, None)


def test_a_price_is_what_its_event_says() -> None:
    """The centre follows from the outside value and what trades left behind, the index from its constituents."""
    events, _ = run_of()
    for body in (event.body for event in events):
        if isinstance(body, BookPriced):
            assert body.centre_ticks == max(1, body.outside_ticks * (10**9 + body.permanent_ppb) // 10**9)
            assert body.price_ticks == body.centre_ticks or body.eaten_bid_lots or body.eaten_ask_lots
        if isinstance(body, IndexPriced):
            weights = sum(weight for _, _, weight in body.constituents)
            exact = sum(ticks * weight for _, ticks, weight in body.constituents) / weights
            assert abs(body.index_ticks - exact) <= 0.5


def test_nobody_trades_with_itself_and_makers_take_the_other_side() -> None:
    """The counterparty of a fill is whose band it was."""
    events, ledger = run_of()
    fills = [event.body for event in events if isinstance(event.body, LiquidationFilled | OrderFilled)]
    assert all(fill.account != fill.counterparty for fill in fills)
    names = {ledger.name(fill.counterparty).partition("-")[0] for fill in fills}
    assert names == {"maker", "liquidity:USDT@alpha", "liquidity:USDT@beta"}


def characters(events: tuple[Event, ...], ledger: Ledger) -> dict[str, tuple[tuple[str, int], ...]]:
    """What each trader follows, and from which threshold on."""
    found = {}
    for producer in producers_of(events):
        handler = build(producer)
        if isinstance(handler, Crowd):
            mixes = [(name, getattr(handler.rule, name)) for name in get_args(StrategyName)]
            stated = [(name, mix) for name, mix in mixes if mix is not None]
            for account in ledger.accounts:
                own = characters_of(account, ledger, stated, handler.rule.groups)
                found[ledger.name(account.account)] = tuple((one.strategy, one.threshold) for one in own)
    return found


@pytest.mark.parametrize(
    "off", ["makers.withdraws=false", "arbitrage.policy=none", "hedgers.policy=none", "crowd.runner.accounts_bps=0"]
)
def test_who_is_switched_off_changes_no_draw_of_the_others(off: str) -> None:
    """Prices differ then, and who comes to act; but everybody follows what it followed, from the same threshold on."""
    with_all, without = (characters(*run_of(*overrides)) for overrides in ((), (off,)))
    kept = {name: tuple(one for one in own if one[0] != "runner") for name, own in with_all.items()}
    assert any(kept.values())
    assert kept == {name: tuple(one for one in own if one[0] != "runner") for name, own in without.items()}


def test_the_order_of_the_population_s_rows_changes_nothing(tmp_path: Path) -> None:
    """The same accounts in another order of the file: the same prices, and the same end for everybody."""
    traders = [f"t-{n},{120 + 15 * (n % 9)},COIN-PERP,{'1.5' if n % 3 else '-2'},1000" for n in range(90)]

    def outcome(name: str, rows: list[str]) -> tuple[dict[str, int], list[tuple[int, int]]]:
        path = tmp_path / name
        path.write_text("\n".join(["account,balance,instrument,size,entry_price", *rows]) + "\n", encoding="utf-8")
        events, ledger = checked(LIVING, f'population={{source="csv", file="{path}"}}')
        prices = [(e.at_ns, e.body.price_ticks) for e in events if isinstance(e.body, BookPriced)]
        return {ledger.name(one.account): one.balance_atoms for one in ledger.accounts}, prices

    one, other = outcome("a.csv", traders), outcome("b.csv", traders[::-1])
    assert one == other
    assert len({ticks for _, ticks in one[1]}) > 50


def test_without_impact_the_book_trades_at_the_outside_value() -> None:
    """Held against the paired run: with nobody trading but the makers, prices are those from outside."""
    events, _ = run_of("crowd.policy=none", "margin.policy=none", "arbitrage.policy=none", "hedgers.policy=none")
    books = [event.body for event in events if isinstance(event.body, BookPriced)]
    assert not any(isinstance(event.body, LiquidationStarted) for event in events)
    assert all(body.price_ticks == body.outside_ticks for body in books)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (('actors=[{name="maker", balance=0}]',), "an actor without capital cannot act"),
        (("index.weights={}",), "at least one constituent"),
        (("index.weights={gamma=1}",), "no venue"),
        (('index.weights={"alpha.index"=1}', 'venues[0].slots.index={weights={"beta.index"=1}}'), "cycle"),
        (("bridge.delay_ns=-1",), "delay_ns is -1"),
        (('venues=[{name="a"}, {name="a"}]',), "names must differ"),
        (('venues=[{name="a", instruments=["X"]}]',), "unknown instrument 'X'"),
        (('venues=[{name="a b"}]',), "letters and digits"),
        (("impact.policy=none",), "impact.policy"),
        (("makers.group=nobody",), "no actor 'nobody'"),
        (("hedgers.group=nobody",), "no actor 'nobody'"),
        (("hedgers.leverage_bps=0",), "leverage_bps is 0"),
        ((*ONE_VENUE, "hedgers.policy=neutral"), "there is one"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(overrides: tuple[str, ...], said: str) -> None:
    """Before anything is made; the line names the key and what to do."""
    with pytest.raises(ScenarioError, match=said) as caught:
        Scenario.load(LIVING, overrides).resolve()
    assert "\n" not in str(caught.value)
