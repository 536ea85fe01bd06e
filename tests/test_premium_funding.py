"""Funding by premium and crowding: the rate against exact fractions, the average against a sweep, venues' figures."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import FundingRateSet, PriceTicked
from deleverage.events.bodies.margin import FundingAccrued, MarkPriced
from deleverage.events.bodies.trading import FundingRated
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.premium_funding import PremiumFunding, PremiumParameters
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.rulebooks import alternatives, rulebook, venues_with_positions
from deleverage.sim.scenario import Scenario

from .support.command_line import call
from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences
from .support.stage import Stage, ticks
from .support.venue import Book, listed, tiers_of
from .test_living_crowd import LIVING

PPB = 10**9
ON = ("funding.policy=premium", "funding.interval_ns=2m", "funding.period_ns=1h", "funding.crowding_ppb=300000")
LATE = (*ON, "funding.latency_ns=3s", "mark.latency_ns=7ms")

rates = st.integers(-20_000_000, 20_000_000)
positive = st.integers(0, 5_000_000)
parameters = st.builds(
    PremiumParameters,
    interval_ns=st.integers(1, 10**13),
    period_ns=st.integers(1, 10**14),
    premium_bps=st.integers(0, 20_000),
    interest_ppb=rates,
    damper_ppb=positive,
    offset_ppb=rates,
    crowding_ppb=positive,
    cap_ppb=positive,
    cap_margin_bps=st.integers(0, 30_000),
)


@given(parameters, st.integers(-(10**8), 10**8), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_rate_is_the_formula(rule: PremiumParameters, premium: int, longs: int, shorts: int) -> None:
    """Against exact fractions: never further than the roundings, and never over the cap."""
    book = Book(listed())
    rated = PremiumFunding(rule).rated(book.ledger.markets[0], premium, longs, shorts)
    share = Fraction(longs - shorts, longs + shorts) if longs + shorts else Fraction(0)
    weighted = Fraction(premium * rule.premium_bps, 10_000)
    damped = max(-rule.damper_ppb, min(rule.damper_ppb, rule.interest_ppb - weighted))
    exact = (weighted + damped + rule.offset_ppb + rule.crowding_ppb * share) * rule.interval_ns / rule.period_ns
    assert rated.crowding_ppb == floor(share * PPB)
    assert abs(rated.uncapped_ppb - exact) <= 1 + 3 * Fraction(rule.interval_ns, rule.period_ns)
    caps = [cap for cap in (rule.cap_ppb, 10**8 * rule.cap_margin_bps // 10_000) if cap]
    within = max(-min(caps), min(*caps, rated.uncapped_ppb)) if caps else rated.uncapped_ppb
    assert rated.rate_ppb == within


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(900, 1_100), st.integers(900, 1_100)), min_size=1, max_size=30)
)
def test_the_average_is_that_of_a_sweep(moves: list[tuple[int, int, int]]) -> None:
    """Instant by instant, each premium for as long as it stood within the interval, from its first mark on."""
    handler, book, at_ns = PremiumFunding(PremiumParameters(interval_ns=100, period_ns=100)), Book(listed()), 0
    stood: list[tuple[int, int]] = []
    for wait_ns, oracle, mark in moves:
        at_ns += wait_ns
        book.now_ns = at_ns
        for body in (PriceTicked(((0, oracle),)), MarkPriced(0, oracle, 0, mark)):
            handler.observe(book.put(body), book.ledger)
        stood.append((at_ns, (mark - oracle) * PPB // oracle))
    for number in (at_ns // 100, at_ns // 100 - 1):
        found = handler._of(0).average_ppb(number)
        own = [one for one in stood if one[0] // 100 == number]
        if own:
            total = sum(
                next(premium for since_ns, premium in reversed(own) if since_ns <= instant_ns)
                for instant_ns in range(own[0][0], (number + 1) * 100)
            )
            assert found == total // ((number + 1) * 100 - own[0][0])
        else:
            assert found is None or number < at_ns // 100 - 1


def rated_of(*overrides: str) -> tuple[Event, ...]:
    """The small living market with funding by premium."""
    return checked(LIVING, *overrides)[0]


def test_funding_answers_to_premium_and_crowding() -> None:
    """Each rating is followed by an accrual at that rate; its lots are what traders hold; some differ in sign."""
    events, ledger, seen = rated_of(*ON), Ledger(), []
    for event in events:
        body = event.body
        if isinstance(body, FundingRated):
            held = [
                position.size_lots
                for account in ledger.accounts
                for (number, _), position in account.positions.items()
                if account.kind == "user" and number == body.instrument
            ]
            assert body.long_lots == sum(lots for lots in held if lots > 0)
            assert body.short_lots == -sum(lots for lots in held if lots < 0)
            accrued = events[event.seq + 1].body
            if body.rate_ppb:
                assert isinstance(accrued, FundingAccrued)
                assert accrued.rate_ppb == body.rate_ppb
            seen.append(body)
        ledger.fold(event)
    assert len(seen) == 12
    assert any(body.premium_ppb < -1_000_000 for body in seen)
    assert len({body.rate_ppb for body in seen}) > 6


@pytest.mark.parametrize("overrides", [ON, LATE], ids=["prompt", "late"])
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_primed_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """The averages are rebuilt from the last two intervals; a fork without changes has the bytes of its parent."""
    events = rated_of(*overrides)
    seq = data.draw(st.integers(1, len(events) - 1))
    assert list(differences(events, seq, 3_000)) == []
    goes_on_the_same(events, [seq])


def test_a_rate_from_outside_goes_before() -> None:
    """Where a rate was set from outside it is charged as it is, and nothing is rated."""
    stage = Stage(
        Book(listed(0)),
        IndexMarkPricing(NoParameters()),
        PremiumFunding(PremiumParameters(interval_ns=100, period_ns=100)),
    )
    events = stage.run(*ticks((5, 1000)), (150, FundingRateSet(0, 7)), until_ns=250)
    said = [type(e.body).__name__ for e in events if isinstance(e.body, FundingRated | FundingAccrued)]
    assert said == ["FundingRated", "FundingAccrued", "FundingAccrued"]


@pytest.mark.parametrize("venue", venues_with_positions())
def test_every_venue_has_its_figures(venue: str) -> None:
    """A scenario that names the policy takes its venue's figures; the rulebook as recorded does not change by them."""
    figures = alternatives(venue, "funding")["premium"]
    scenario = Scenario.load("calm", [f"venue={venue}", "funding.policy=premium"])
    (chosen,) = (one for one in scenario.producers if one.handler == "funding")
    assert chosen.policy == "premium"
    assert {key: chosen.parameters[key] for key in figures} == figures
    assert "alternatives" not in rulebook(venue)
    assert rulebook(venue)["funding"]["policy"] == "interval"


def test_hyperliquids_own_example() -> None:
    """Interest 0.01%, a premium of 1%: the damper takes 0.05%, and an hour pays an eighth of 0.95%."""
    rule = PremiumParameters(**alternatives("hyperliquid", "funding")["premium"])
    assert PremiumFunding(rule).rated(Book(listed()).ledger.markets[0], 10_000_000, 1, 1).rate_ppb == 9_500_000 // 8


@pytest.mark.parametrize(
    ("venue", "maintenance_ppm", "most_ppb"),
    [
        ("binance", 4_000, 3_000_000),
        ("bitmex", 5_000, 3_750_000),
        ("bybit", 5_000, 3_750_000),
        ("deribit", 10_000, 50_000_000 // 8),
        ("drift", 30_000, PPB // 33 // 24),
        ("dydx", 30_000, 120_000_000 // 8),
        ("gmx", 5_000, 900_000_000 // (365 * 24)),
        ("hyperliquid", 10_000, 40_000_000),
        ("okx", 4_000, 3_750_000),
    ],
)
def test_the_cap_of_an_interval_is_the_printed_one(venue: str, maintenance_ppm: int, most_ppb: int) -> None:
    """As its page or source has it, for a market that the rulebook names, with its lowest maintenance rate."""
    figures = {**alternatives(venue, "funding")["premium"], "crowding_ppb": PPB}
    market = Book(listed(tiers=tiers_of((0, maintenance_ppm)))).ledger.markets[0]
    funding = PremiumFunding(PremiumParameters(**figures))
    assert funding.rated(market, PPB, 1, 0).rate_ppb == most_ppb
    assert funding.rated(market, -PPB, 0, 1).rate_ppb == -most_ppb


@pytest.mark.parametrize("venue", ["binance", "bitmex", "bybit", "hyperliquid", "okx"])
def test_a_small_premium_is_charged_as_interest(venue: str) -> None:
    """Within 0.05% of the interest of 0.01% for eight hours, that interest; beyond, the premium less 0.05%."""
    rule = PremiumParameters(**alternatives(venue, "funding")["premium"])
    market, share = Book(listed()).ledger.markets[0], rule.period_ns // rule.interval_ns
    for premium_ppb, period_ppb in ((-400_000, 100_000), (600_000, 100_000), (1_000_000, 500_000)):
        assert PremiumFunding(rule).rated(market, premium_ppb, 1, 1).rate_ppb == period_ppb // share


def test_why_says_what_the_rate_came_of(tmp_path: Path) -> None:
    """`why` of an accrual rests on the rating, and of a rating on the marks, the outside value and the rule."""
    path = str(tmp_path / "a.run")
    assert call("run", LIVING, *(part for one in ON for part in ("--set", one)), "-o", path).exit_code == 0
    assert call("verify", path).exit_code == 0
    rated = next(event for event in open_run(path).events() if isinstance(event.body, FundingRated))
    told = call("why", path, str(rated.seq)).stdout
    assert "the funding rate of" in told
    assert "the value outside, averaged over the interval" in told.replace("\n", " ")
    accrual = call("why", path, str(rated.seq + 1)).stdout
    assert f"the funding rate of BTC-PERP: {rated.seq} " in accrual


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("funding.period_ns=0", "interval_ns and period_ns must be above 0"),
        ("funding.interval_ns=-1", "interval_ns and period_ns must be above 0"),
        ("funding.cap_ppb=-1", "must not be negative"),
        ("funding.offset_ppb=2000000000", "interest_ppb and offset_ppb must lie between"),
        ("funding.premium=1", "unknown field `premium`"),
    ],
)
def test_what_is_no_rule_is_refused(override: str, complaint: str) -> None:
    """One line, exit code 2."""
    done = call("run", "calm", "--set", "funding.policy=premium", "--set", override)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert complaint in done.stderr
