"""Options at several venues of one run: each lists, marks, margins, settles and liquidates its own by its own rules."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run
from deleverage.events.bodies.faults import FaultEnded
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.options import DeliveryPriced, HedgeOrdered, OptionExpired, OptionSettled
from deleverage.events.bodies.run import RunStarted
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.kinds import kinds_of
from deleverage.events.ledger import Ledger
from deleverage.events.venue_names import venue_of
from deleverage.handlers.at_venue import venue_of_event
from deleverage.handlers.options.parameters import rules_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.verify.verification import verify
from deleverage.sim.toml_tree import read_toml

from .support.command_line import call
from .support.crash import checked
from .support.living import LIVING
from .support.past import goes_on_the_same
from .support.priming import differences

OPTIONS = str(Path(__file__).parent / "support" / "options.toml")
SMALL = (
    "liquidation={}",
    "prices.interval_ns=15s",
    "population.accounts=20",
    "option_holders[0].accounts=30",
    "options[0].refill_half_life_ns=10m",
    "options[0].moneyness=[0.85, 0.95, 1, 1.05]",
    "seed=3",
)
ALPHA = '{name="alpha", rulebook="okx"}'
BETA = '{name="beta", rulebook="deribit"}'
BOTH = (*SMALL, f"venues=[{ALPHA}, {BETA}]")
AT_ALPHA = ('options[0].venue="alpha"', 'volatility[0].venue="alpha"', 'option_holders[0].venue="alpha"')


def failed(from_s: int, for_s: int) -> str:
    """Alpha fails so many seconds after the start."""
    return f'faults=[{{kind="venue-failure", venue="alpha", from_ns={from_s * 10**9}, for_ns={for_s * 10**9}}}]'


def told(events: tuple[Event, ...], ledger: Ledger, venue: str) -> list[tuple[Any, ...]]:
    """What happened at a venue and when, with names in place of numbers that count what other venues have as well."""
    found, numbers = list[tuple[Any, ...]](), dict[tuple[str, int], int]()
    for event in events:
        if venue_of_event(event, ledger) != venue:
            continue
        fields: list[Any] = [event.at_ns, type(event.body).__name__]
        for field, kind in kinds_of(type(event.body)).items():
            value, what = getattr(event.body, field), "" if kind is None else kind.name
            if value is not None and what in {"liquidation", "round", "order"}:
                value = numbers.setdefault((what, value), len(numbers))
            elif value is not None and what == "account":
                value = ledger.name(value)
            elif value is not None and what == "instrument":
                value = ledger.markets[value].listing.name
            elif what in {"asset", "event"}:
                continue
            fields.append(value)
        found.append(tuple(fields))
    return found


def test_each_venue_margins_liquidates_and_settles_by_its_own_rules() -> None:
    """Every law holds at every event; both are marked and settled alike, and one hedges where the other does not."""
    events, ledger = checked(OPTIONS, *BOTH)
    seen = Counter((type(event.body).__name__, venue_of_event(event, ledger)) for event in events)
    for venue in ("alpha", "beta"):
        for stage in ("VolatilityMarked", "MarginCalled", "LiquidationStarted", "DeliveryPriced", "OptionSettled"):
            assert seen[stage, venue], (stage, venue)
        names = [one.listing.name for one in ledger.markets if one.listing.kind == "option"]
        assert sum(venue_of(name) == venue for name in names) == 16
    assert rules_of(ledger, "alpha").hedges == "delta first"
    assert rules_of(ledger, "beta").hedges == "delta last"
    assert seen["HedgeOrdered", "alpha"]
    expired = {event.body.instrument for event in events if isinstance(event.body, OptionExpired)}
    assert len(expired) == 16
    assert not any(key[0] in expired for account in ledger.accounts for key in account.positions)
    assert any(isinstance(event.body, HedgeOrdered) for event in events)


def test_the_same_people_hold_the_same_books_at_both() -> None:
    """Who holds what is drawn at each venue by the same draws; equity is by what the venue's rules ask for."""
    events, ledger = checked(OPTIONS, *BOTH)
    began = Ledger.of(takewhile(lambda event: not isinstance(event.body, PriceTicked), events))

    def books(venue: str) -> dict[str, list[tuple[str, int]]]:
        named = {ledger.name(one.account): one for one in began.accounts}
        return {
            name.partition("@")[0]: [
                (ledger.markets[key[0]].listing.name.partition("@")[0], held.size_lots)
                for key, held in account.positions.items()
            ]
            for name, account in named.items()
            if name.startswith("writer") and venue_of(name) == venue
        }

    assert books("alpha") == books("beta")
    assert len(books("alpha")) == 30


def test_a_venue_decides_with_another_beside_it_as_it_does_alone() -> None:
    """Options at alpha alone: what happens there is the same, event for event, whether beta is in the run or not."""
    both, both_ledger = checked(OPTIONS, *BOTH, *AT_ALPHA)
    alone, alone_ledger = checked(OPTIONS, *SMALL, f"venues=[{ALPHA}]", *AT_ALPHA)
    assert told(both, both_ledger, "alpha") == told(alone, alone_ledger, "alpha")
    assert any(isinstance(event.body, OptionSettled) for event in alone)
    assert not any(one.listing.kind == "option" and one.listing.venue == "beta" for one in both_ledger.markets)
    start = next(event.body for event in both if isinstance(event.body, RunStarted))
    assert [one.handler for one in start.producers if one.slot == "option_rules"] == ["option_rules@alpha"]


def test_a_surface_of_one_venue_stands_before_that_of_all() -> None:
    """Beta is drawn more volatile than alpha, so that its options are marked dearer."""
    tree = read_toml(Path(OPTIONS))
    dearer = [
        {**one, "moneyness": [[k, 2 * v] for k, v in one["moneyness"]]} for one in tree["volatility"][0]["smiles"]
    ]
    tree["volatility"].append({**tree["volatility"][0], "smiles": dearer, "venue": "beta"})
    del tree["liquidation"]
    tree["venues"] = [{"name": "alpha"}, {"name": "beta"}]
    chains = Scenario(tree).resolve().chains
    first, second = (one.smiles[0].strikes_ppb for one in chains.surfaces)
    assert [(strike, 2 * figure) for strike, figure in first] == list(second)


@settings(max_examples=3, deadline=None)
@given(st.data())
def test_taken_up_anywhere_it_goes_on_the_same(data: st.DataObject) -> None:
    """From any event, also within the windows of both averages; and handlers that are primed there say the same."""
    events, _ = checked(OPTIONS, *BOTH)
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])
    assert not list(differences(events, data.draw(st.integers(0, len(events))), 300))


@pytest.mark.parametrize(
    ("from_s", "for_s", "window_ns", "settled_s"),
    [(500, 760, 0, 1260), (700, 560, 600 * 10**9, 1260), (700, 60, 600 * 10**9, 1200)],
    ids=["before its window", "within it", "back before the expiry"],
)
def test_a_venue_that_had_failed_settles_when_it_is_back(
    from_s: int, for_s: int, window_ns: int, settled_s: int
) -> None:
    """At the average until the expiry, or, where none had begun, at its index; the other venue settles in time."""
    events, ledger = checked(OPTIONS, *BOTH, failed(from_s, for_s))
    start_ns = events[0].at_ns
    priced = {venue_of_event(one, ledger): one for one in events if isinstance(one.body, DeliveryPriced)}
    assert priced["beta"].at_ns - start_ns == 1200 * 10**9
    assert priced["alpha"].at_ns - start_ns == settled_s * 10**9
    body = priced["alpha"].body
    assert isinstance(body, DeliveryPriced)
    assert body.window_ns == window_ns
    assert body.expiry_ns - start_ns == 1200 * 10**9
    ended = next(event.seq for event in events if isinstance(event.body, FaultEnded))
    assert (priced["alpha"].seq > ended) == (settled_s >= from_s + for_s)
    assert {one.at_ns for one in events if isinstance(one.body, OptionSettled) and one.seq > priced["alpha"].seq}


def test_it_is_verified_forked_compared_and_told(tmp_path: Path) -> None:
    """Sound on disk; forked without changes the same; with another rule at alpha beta says what it said."""
    path, changed = tmp_path / "both.run", tmp_path / "changed.run"
    run(Scenario.load(OPTIONS, BOTH), path)
    assert verify(path).sound
    parent = open_run(path)
    seqs = {type(event.body).__name__: event.seq for event in parent.events()}
    assert fork(parent, seqs["DeliveryStarted"], output=tmp_path / "same.run").head == parent.head
    fork(parent, 600, Changes(settings=("option_rules@alpha.window_ns=5m",)), changed)
    assert "BTC-PERP@alpha" in call("diff", path, changed).output
    first, second = (tuple(one.events()) for one in (parent, open_run(changed)))
    before, after = Ledger.of(first), Ledger.of(second)
    assert told(first, before, "beta") == told(second, after, "beta")
    assert told(first, before, "alpha") != told(second, after, "alpha")
    for name in ("OptionSettled", "OptionExpired", "VolatilityMarked", "HedgeOrdered", "DeliveryPriced"):
        said = call("why", path, str(seqs[name]))
        assert said.exit_code == 0, said.output
        assert "@" in said.output
    writer = call("state", path, "--at", "+5m", "--account", "writer-3@beta").output
    assert "of BTC-PERP@beta and the options on it" in writer
    assert "BTC-PERP@alpha" not in writer


@pytest.mark.parametrize("rulebook", ["binance", "okx"])
def test_the_order_of_the_tables_makes_no_difference(rulebook: str) -> None:
    """Holders stated in another order, and the venues' own tables: the same accounts at the same numbers."""
    venues = f'[{{name="alpha", rulebook="{rulebook}"}}, {{name="beta", rulebook="{rulebook}"}}]'
    holders = (
        '{accounts=5, units_most=2, name="buyer", books={"long put"=1}}',
        '{accounts=5, units_most=2, books={"short put"=1}, venue="beta"}',
    )
    found = []
    for listed in (holders, holders[::-1]):
        events, _ = checked(OPTIONS, *SMALL, f"venues={venues}", f"option_holders=[{', '.join(listed)}]")
        found.append([event.body for event in events if not isinstance(event.body, RunStarted)])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ('options[0].venue="gamma"', r"\$.options\[0\].venue: there is no venue 'gamma'; choose from alpha, beta"),
        ('volatility[0].venue="gamma"', r"\$.volatility\[0\].venue: there is no venue 'gamma'"),
        ('option_holders[0].venue="gamma"', r"\$.option_holders\[0\].venue: there is no venue 'gamma'"),
        ('volatility[0].venue="alpha"', r"\$.options\[0\]: nothing says how volatile BTC-PERP is at beta"),
        ("options[0].underlying=ETH-PERP", r"\$.options\[0\].underlying: there is no instrument 'ETH-PERP'"),
        ("options=[]", r"\$.volatility: there is no option that it could price"),
        ("option_rules@alpha.rate_ppm=-1", r"option_rules@alpha"),
        ("venues=[]", r"\$.options\[0\].venue: there is no venue 'alpha'; the run has one venue; leave the key out"),
    ],
)
def test_what_no_venue_can_list_is_refused_with_where(override: str, says: str) -> None:
    """One line that names the key."""
    stated = (*BOTH, *(AT_ALPHA if override == "venues=[]" else ()), override)
    with pytest.raises(ScenarioError, match=says):
        Scenario.load(OPTIONS, stated).resolve()
    said = call("run", OPTIONS, *(part for one in stated for part in ("--set", one)))
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1


def test_in_a_living_market_a_writer_is_liquidated_by_what_forced_orders_moved(tmp_path: Path) -> None:
    """Told by generation, with options marked as they would be without them; the report says through what."""
    path = tmp_path / "living.run"
    smiles = [{"expires_ns": one, "moneyness": [[0.9, 0.6], [1, 0.55], [1.1, 0.6]]} for one in ("3m", "12h")]
    tree = read_toml(Path(LIVING)) | {
        "options": [
            {
                "underlying": "COIN-PERP",
                "expires_ns": ["3m", "12h"],
                "moneyness": [0.95, 1],
                "tick_size": 0.1,
                "lot_size": 0.1,
                "depth": [[500, 40]],
                "venue": "alpha",
            }
        ],
        "volatility": [{"underlying": "COIN-PERP", "smiles": smiles}],
        "option_holders": [
            {"accounts": 20, "units_most": 5, "margin": [0.7, 2], "books": {"short put": 1}},
            {"name": "dealer", "accounts": 2, "units_most": 50, "books": {"short put": 1}},
        ],
        "option_rules": {"window_ns": "1m"},
        "dealers": {"policy": "delta-neutral"},
    }
    outcome = run(Scenario.build(**tree), path)
    assert outcome.status == "complete"
    assert verify(path).sound
    begun = [event for event in open_run(path).events() if isinstance(event.body, LiquidationStarted)]
    ledger = Ledger.of(open_run(path).events())
    assert any(ledger.name(one.body.account).startswith(("writer", "dealer")) for one in begun)
    reported = call("report", path, "-o", tmp_path / "page.html")
    assert reported.exit_code == 0, reported.output
