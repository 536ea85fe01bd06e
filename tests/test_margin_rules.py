"""Margin that follows the market: what models ask, what becomes of it, and a run in which it is changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run, verify
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.listing import LimitsStated, Tier
from deleverage.events.bodies.margin import MarginCalled, RulesAnnounced, RulesChanged
from deleverage.events.bodies.trading import OrderFilled, OrderRefused
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.envelope import Event
from deleverage.events.errors import HandlerError, LedgerError, ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.handlers.limits import initial_microatoms
from deleverage.handlers.margin_rules import MarginRules, MarketMeasured, RuleSettings
from deleverage.handlers.policies.margin.holdings import (
    Concentration,
    ConcentrationParameters,
    OpenInterestMargin,
    OpenInterestParameters,
)
from deleverage.handlers.policies.margin.returns import (
    ExpectedShortfall,
    RealisedVolatility,
    ShortfallParameters,
    VolatilityParameters,
)
from deleverage.handlers.protocol import NoParameters, Product
from deleverage.handlers.testing.trial import Trial
from deleverage.handlers.valuation import margin_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.policies.new_policy import written as new_policy
from deleverage.replay.why.explain import explain

from .support.crash import checked
from .support.living import NOTICE
from .support.living import SMALL_RULES as SMALL
from .support.past import goes_on_the_same
from .support.venue import Book, bodies, listed, tiers_of
from .support.worlds import tiers

SECOND_NS = 10**9
OWN = ("crowd.deleverager={accounts_bps=4000, nearest=16000, furthest=25000, share_bps=3000}",)
"""Traders who reduce under a level of their own, which moves with the requirement."""


class Asks:
    """A model that asks for whatever it is told to."""

    policy = "asks"
    version = "1"
    sees_holdings = True
    Parameters = NoParameters

    def __init__(self, rate_ppm: int) -> None:
        self.rate, self.seen = rate_ppm, list[MarketMeasured]()

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """As told."""
        self.seen.append(seen)
        return self.rate


def measured(*returns_ppb: int, **fields: Any) -> MarketMeasured:
    """A measurement with these returns, and else of nothing."""
    usual: dict[str, Any] = {"listed_ppm": 10_000, "rate_ppm": 10_000, "sample_ns": SECOND_NS}
    usual |= {"longs_lots": (), "shorts_lots": (), "bid_lots": 0, "ask_lots": 0, "open_interest_atoms": 0}
    return MarketMeasured(returns_ppb=returns_ppb, **(usual | fields))


def rated(book: Book, asked_ppm: int, rules: RuleSettings) -> list[Product]:
    """What is said at the timer of instrument 0 where the model asks for so much."""
    timer = book.put(TimerSet("margin rules", book.now_ns + 1, None, 0))
    book.now_ns += 1
    fired = book.put(TimerFired(timer.seq, "margin rules", None, 0))
    return list(MarginRules(Asks(asked_ppm), rules).handle(fired, book.ledger, book.now_ns))


def changes(book: Book, rules: RuleSettings, *asked_ppm: int) -> list[tuple[int, str]]:
    """The first tier's rate and its bound after each of these answers of the model, each change folded."""
    found = []
    for asked in asked_ppm:
        changed = [one for one in bodies(rated(book, asked, rules)) if isinstance(one, RulesChanged)]
        book.take(changed)
        found.append((book.ledger.markets[0].tiers[0].rate_ppm, changed[0].bound if changed else ""))
    return found


def one_percent() -> Book:
    """An instrument with 1% and 2% of maintenance margin and a mark."""
    book = Book(listed(tiers=tiers_of((0, 10_000), (50_000, 20_000))))
    book.mark(1000)
    return book


def test_without_tools_the_rate_is_the_model_s_and_never_under_the_listing() -> None:
    """A change of less than 5% is left out."""
    answers = changes(one_percent(), RuleSettings(), 15_000, 15_700, 40_000, 5_000)
    assert answers == [(15_000, "model"), (15_000, ""), (40_000, "model"), (10_000, "listing")]


def test_the_floor_of_the_long_lookback_holds_in_calm_times() -> None:
    """The model asks little: 2.5% stays; it asks more: that is in force."""
    rules = RuleSettings(lookback_ppm=25_000)
    assert changes(one_percent(), rules, 3_000, 30_000, 3_000) == [
        (25_000, "floor"),
        (30_000, "model"),
        (25_000, "floor"),
    ]


def test_the_buffer_is_kept_in_calm_and_used_up_in_stress() -> None:
    """At 2% it is 2.5%; the model may ask 2.4% and nothing changes; at 3% the buffer is gone; it is built up again."""
    rules = RuleSettings(buffer_bps=2_500, lookback_ppm=20_000, least_bps=0)
    answers = changes(one_percent(), rules, 20_000, 24_000, 30_000, 26_000, 16_000)
    expected = [(25_000, "buffer"), (25_000, ""), (30_000, "used buffer"), (30_000, ""), (20_000, "buffer")]
    assert answers == expected


def test_a_stressed_period_has_its_weight() -> None:
    """A quarter of 8% and three quarters of 2% are 3.5%."""
    rules = RuleSettings(stressed_bps=2_500, stressed_ppm=80_000)
    assert changes(one_percent(), rules, 20_000) == [(35_000, "stressed period")]


def test_a_change_moves_no_further_than_a_step() -> None:
    """A fifth of the rate in force at once, up and down."""
    rules = RuleSettings(step_bps=2_000)
    assert changes(one_percent(), rules, 90_000, 90_000, 10_000) == [
        (12_000, "step"),
        (14_400, "step"),
        (11_520, "step"),
    ]


def test_no_tier_reaches_the_whole_notional_and_initial_margin_no_more_than_that() -> None:
    """However much is asked: 2% becomes 99.9998%, and an initial rate twice as high stops at 100%."""
    book = one_percent()
    book.put(LimitsStated(0, tiers_of((0, 20_000), (50_000, 40_000))))
    assert changes(book, RuleSettings(), 10**15) == [(499_999, "most")]
    market = book.ledger.markets[0]
    assert [tier.rate_ppm for tier in market.tiers] == [499_999, 999_998]
    assert [tier.rate_ppm for tier in market.initial] == [999_998, 1_000_000]


@settings(max_examples=100, deadline=None)
@given(tiers(), st.integers(0, 10**7))
def test_raised_tiers_are_continuous_and_in_proportion(listing: tuple[Tier, ...], asked_ppm: int) -> None:
    """Floors stay, no rate falls or reaches 100%, and the amounts are those that make the requirement continuous."""
    book = Book(listed(tiers=listing))
    book.mark(1000)
    changes(book, RuleSettings(least_bps=0), asked_ppm)
    raised = book.ledger.markets[0].tiers
    assert raised == tiers_of(*((tier.floor_atoms, tier.rate_ppm) for tier in raised))
    assert [tier.floor_atoms for tier in raised] == [tier.floor_atoms for tier in listing]
    for was, now in zip(listing, raised, strict=True):
        assert was.rate_ppm <= now.rate_ppm < 10**6
        assert now.rate_ppm - 1 < was.rate_ppm * raised[0].rate_ppm / listing[0].rate_ppm + 1e-6
    assert sorted({tier.rate_ppm for tier in raised}) == [tier.rate_ppm for tier in raised]


def test_with_notice_a_change_is_announced_first_and_nothing_else_meanwhile() -> None:
    """The announcement says from when on; then it is in force, and says which announcement it was."""
    book, rules = one_percent(), RuleSettings(notice_ns=100)
    announced, timer, again = bodies(rated(book, 30_000, rules))
    assert announced == RulesAnnounced(0, 30_000, 10_000, 30_000, "model", book.now_ns + 100)
    assert isinstance(timer, TimerSet)
    assert isinstance(again, TimerSet)
    seq = book.put(announced).seq
    due = book.put(timer)
    assert [type(one) for one in bodies(rated(book, 90_000, rules))] == [TimerSet]
    assert book.ledger.markets[0].tiers[0].rate_ppm == 10_000
    book.now_ns = timer.due_ns
    fired = book.put(TimerFired(due.seq, timer.purpose, None, 0))
    (changed,) = MarginRules(Asks(0), rules).handle(fired, book.ledger, book.now_ns)
    assert isinstance(changed, RulesChanged)
    assert (changed.tiers[0].rate_ppm, changed.announced) == (30_000, seq)
    book.put(changed)
    assert (book.ledger.markets[0].announced, book.ledger.markets[0].tiers) == (None, changed.tiers)


def test_rules_that_do_not_begin_at_no_notional_are_refused_by_the_ledger() -> None:
    """A record cannot hold tiers that no requirement follows from."""
    for bad in ((), (Tier(5, 10_000, 0),)):
        with pytest.raises(LedgerError, match="do not begin at no notional"):
            one_percent().put(RulesChanged(0, bad, (), 10_000, 10_000, "model"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=50), st.integers(1, 600))
def test_volatility_is_so_many_deviations_over_the_horizon(returns: list[int], seconds: int) -> None:
    """Against floating point: three times the root of the mean square, by the root of time, in millionths."""
    model = RealisedVolatility(VolatilityParameters(30_000, seconds * SECOND_NS))
    expected = 3 * sqrt(sum(one * one for one in returns) * seconds / len(returns)) / 1000
    assert abs(model.rate_ppm(measured(*returns)) - expected) <= 1.01


def test_the_shortfall_is_the_mean_of_the_worst() -> None:
    """Of 100 moves the worst 2.5% are three: 9, 8 and 7 thousandths, so 0.8%, and twice that over four samples."""
    moves = [*range(-4_000_000, 4_000_000, 80_000)][:97]
    model = ExpectedShortfall(ShortfallParameters(horizon_ns=4 * SECOND_NS))
    assert model.rate_ppm(measured(*moves, -9_000_000, 8_000_000, -7_000_000)) == 16_000
    assert model.rate_ppm(measured()) == RealisedVolatility(VolatilityParameters()).rate_ppm(measured()) == 0


@pytest.mark.parametrize(("against", "rate"), [("open-interest", 16_000), ("depth", 26_000)])
def test_concentration_goes_by_the_more_concentrated_side(against: Any, rate: int) -> None:
    """Two hold 50 of 100 short, 30 points over 20%, at a slope of two; against a depth of 50 it is all of it."""
    model = Concentration(ConcentrationParameters(accounts=2, against=against))
    seen = measured(longs_lots=(1,) * 100, shorts_lots=(30, 20, 10, 10, 10, 10, 10), bid_lots=50, ask_lots=50)
    assert model.rate_ppm(seen) == rate


def test_open_interest_raises_the_rate_from_calm_on() -> None:
    """Half as much again as calm: half as much again of the listing's rate."""
    model = OpenInterestMargin(OpenInterestParameters(calm_atoms=1_000_000))
    assert [model.rate_ppm(measured(open_interest_atoms=atoms)) for atoms in (0, 1_000_000, 1_500_000)] == [
        10_000,
        10_000,
        15_000,
    ]


def test_a_model_sees_samples_and_what_traders_hold() -> None:
    """The last mark of each sample, a return of nothing where there was none; both sides, the largest first."""
    book, model = one_percent(), Asks(0)
    for lots in (5, -7, 9):
        book.user(10_000, (0, lots, 1000))
    rules = MarginRules(model, RuleSettings(window_ns=10 * SECOND_NS))
    for second, price in ((1, 1000), (2, 900), (2, 1100), (5, 1210), (12, 1210)):
        book.now_ns = second * SECOND_NS
        rules.observe(book.mark(price)[0], book.ledger)
    timer = book.put(TimerSet("margin rules", 13 * SECOND_NS, None, 0))
    book.now_ns = 13 * SECOND_NS
    fired = book.put(TimerFired(timer.seq, "margin rules", None, 0))
    list(rules.handle(fired, book.ledger, book.now_ns))
    (seen,) = model.seen
    assert seen.returns_ppb == (0,) * 8  # what is older than ten seconds is gone
    assert (seen.longs_lots, seen.shorts_lots, seen.open_interest_atoms) == ((9, 5), (7,), 14 * 1210)


@pytest.mark.parametrize("overrides", [(), NOTICE, OWN], ids=["at once", "with notice", "with levels of their own"])
def test_it_goes_on_the_same_from_any_event(overrides: tuple[str, ...]) -> None:
    """Primed in the middle of whatever it is, with rules changing and orders refused, the same bytes follow."""
    events, _ = run_of(*overrides)

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, len(events)))
    def anywhere(seq: int) -> None:
        goes_on_the_same(events, [seq])

    anywhere()


@cache
def run_of(*overrides: str) -> tuple[tuple[Event, ...], Ledger]:
    """The events and the last ledger of the small scenario; every law was checked at every event."""
    return checked("margin-spiral", *SMALL, *overrides)


def of_type(kind: type, events: Iterable[Event]) -> list[Event]:
    """The events of a type."""
    return [event for event in events if isinstance(event.body, kind)]


def test_the_small_run_has_all_of_it() -> None:
    """Rules change up and down, calls come at every level, limits refuse; with notice each change was announced."""
    events, _ = run_of()
    changed = [event.body for event in of_type(RulesChanged, events)]
    assert {one.tiers[0].rate_ppm > one.before_ppm for one in changed} == {True, False}  # type: ignore[union-attr]
    levels = {event.body.warning_bps for event in of_type(MarginCalled, events)}  # type: ignore[union-attr]
    assert levels == {15_000, 12_500, 11_000}
    assert of_type(OrderRefused, events)
    noticed, _ = run_of(*NOTICE)
    for event in of_type(RulesChanged, noticed):
        announced = noticed[event.body.announced]  # type: ignore[union-attr]
        assert announced.body.effective_at_ns == event.at_ns == announced.at_ns + 45 * SECOND_NS  # type: ignore[union-attr]


def test_nobody_trades_beyond_the_limits_in_a_whole_run() -> None:
    """After the fills of each own order that did more than reduce, initial margin and the position limit hold."""
    events, _ = run_of()
    ledger, judged = Ledger(), 0
    for (kind, _), group in groupby(events, lambda event: (type(event.body), event.cause)):
        together = list(group)
        body: Any = together[0].body
        before = ledger.position(body.account, (0, 0)) if kind is OrderFilled else None
        more = kind is OrderFilled and (before is None or before.size_lots * body.size_lots > 0)
        for event in together:
            ledger.fold(event)
        if more:
            account, market, judged = ledger.accounts[body.account], ledger.markets[0], judged + 1
            assert margin_of(account, ledger).equity_atoms * 10**6 >= initial_microatoms(account, ledger)
            assert market.limits is not None
            assert market.limits.position_lots is not None
            assert abs(account.positions[0, 0].size_lots) <= market.limits.position_lots
    assert judged


def test_why_of_a_forced_account_names_the_change(tmp_path: Path) -> None:
    """A liquidation that a change began rests on it, and the paragraph says from what to what, and by which rule."""
    path = tmp_path / "spiral.run"
    run(Scenario.load("margin-spiral", SMALL), path)
    assert verify(path).sound
    past = open_run(path)
    events = list(past.events())
    begun = next(
        e for e in events if isinstance(e.body, LiquidationStarted) and type(events[e.cause or 0].body) is RulesChanged
    )
    answer = explain(past, begun.seq)
    assert "The maintenance margin of COIN-PERP was raised from" in answer.paragraph
    assert "by the rule volatility" in answer.paragraph
    assert f"It followed from event {begun.cause}" in answer.paragraph
    assert begun.cause in {ground.step.seq for ground in answer.grounds if "RULE" in ground.kinds}


def test_a_fork_without_the_rules_goes_on_with_those_in_force(tmp_path: Path) -> None:
    """Forked in the middle to no rules that follow the market, the requirement stays as it was there."""
    path, child = tmp_path / "spiral.run", tmp_path / "fork.run"
    run(Scenario.load("margin-spiral", SMALL), path)
    changed = next(event for event in open_run(path).events() if isinstance(event.body, RulesChanged))
    fork(open_run(path), changed.seq, Changes(("margin_rules.policy=none",)), child)
    assert verify(child).sound
    assert len(of_type(RulesChanged, open_run(child).events())) == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "margin_rules.notice_ns=-1",
            r"\$\.margin_rules: interval_ns and sample_ns must be above 0, and notice_ns not",
        ),
        ("margin_rules.window_ns=1", r"\$\.margin_rules: window_ns must hold at least one sample_ns"),
        ("margin_rules.lookback_ppm=1000000", r"\$\.margin_rules: lookback_ppm and stressed_ppm must lie between"),
        ("margin_rules.stressed_bps=2500", r"\$\.margin_rules: stressed_bps is the weight of stressed_ppm"),
        ("margin_rules.deviations_bps=0", r"\$\.margin_rules: deviations_bps and horizon_ns must be above 0"),
        ("margin.calls_bps=[]", r"\$\.margin: calls_bps must hold at least one level"),
        ("traders.levels=[]", r"\$\.traders: levels must hold at least one answer"),
        ("instruments[0].max_leverage=0.5", r"\$\.instruments\[0\]: max_leverage must lie between 1 and 10000"),
        ("instruments[0].position_limit=0.001", r"\$\.instruments\[0\]: position_limit: 0\.001 is not a whole number"),
        ("instruments[0].open_interest_cap=0", r"\$\.instruments\[0\]: open_interest_cap must be above 0"),
        ("instruments[0].tiers[0].initial=0.005", r"\$\.instruments\[0\]: tiers\[0\]\.initial: 0\.005 is under"),
    ],
)
def test_bad_rules_are_refused_in_a_line(setting: str, message: str) -> None:
    """Each names the key, and what it must be."""
    with pytest.raises(ScenarioError, match=message):
        Scenario.load("margin-spiral", [setting]).resolve()


@pytest.mark.parametrize(
    ("overrides", "rates"),
    [
        (["instruments[0].max_leverage=20"], [50_000, 50_000]),
        (["instruments[0].max_leverage=200"], [10_000, 20_000]),
        (["instruments[0].tiers[1].initial=0.07"], [20_000, 70_000]),
        ([], []),
    ],
)
def test_initial_margin_is_stated_or_twice_the_maintenance(overrides: list[str], rates: list[int]) -> None:
    """By the leverage, but no less than maintenance; twice it where only another tier says; none where none does."""
    tiers = "instruments[0].tiers=[{floor=0, rate=0.01}, {floor=1_000_000, rate=0.02}]"
    scenario = Scenario.load("spiral", [tiers, *overrides, "population.accounts=1"]).resolve()
    assert [[tier.rate_ppm for tier in one.initial] for one in scenario.limits] == ([rates] if rates else [])


MODEL = '''
class Steep:
    """One and a half times what the tier was listed at, once anybody holds anything."""

    formula = "1.5 x listed if held"
    sees_holdings = True

    def rate_ppm(self, seen):
        return {answer}
'''


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("seen.listed_ppm * 3 // 2 if seen.longs_lots else 0", ""),
        ("seen.listed_ppm * 1.5", r"rate_ppm\(\) gave .* \(float\)"),
        ("-1", r"rate_ppm\(\) gave -1"),
    ],
)
def test_a_model_of_one_s_own_is_named_by_its_file(tmp_path: Path, answer: str, fault: str) -> None:
    """It passes the conformance kit, and what is no rate ends the run with its name."""
    path = tmp_path / "steep.py"
    path.write_text(MODEL.format(answer=answer), encoding="utf-8")
    if fault:
        with pytest.raises(HandlerError, match=fault):
            Trial(f"{path}:Steep", "margin_rules", {}).run()
        return
    trial = Trial(f"{path}:Steep", "margin_rules", {"lookback_ppm": 60_000})
    trial.run()
    rules = [event.body for event in trial.stage.events if isinstance(event.body, RulesChanged)]
    assert {(one.before_ppm, one.tiers[0].rate_ppm, one.bound) for one in rules} == {
        (50_000, 75_000, "model"),
        (75_000, 60_000, "floor"),
    }


def test_a_new_policy_of_the_slot_passes_as_written(tmp_path: Path) -> None:
    """The commented file that is written for the slot is a model, and conforms."""
    policy, _ = new_policy("margin_rules", "my-margin", tmp_path)
    trial = Trial(f"{policy.file}:{policy.kind}", "margin_rules", {})
    trial.run()
    assert trial.said
