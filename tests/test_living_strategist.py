"""Strategic traders: what they see, what their campaigns cost and gain, and policies of one's own."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.trading import BookPriced, CampaignEnded, CampaignStarted, OrderFilled, OrderPlaced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.handlers.depth import eaten_lots
from deleverage.handlers.living.cascade_strategies import CampaignParameters, FrontRun, Hold, HoldParameters, Trigger
from deleverage.handlers.living.strategist import Observation, Strategist, _within_capital
from deleverage.handlers.registry import build
from deleverage.handlers.testing import check_policy
from deleverage.handlers.valuation import margin_of

from .support.command_line import call
from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences
from .support.replayer import producers_of
from .test_living_crowd import LIVING

PAGE = Path(__file__).parents[1] / "docs/concepts/traders.md"
THIN = (
    "prices.phases=[]",
    "prices.volatility=0.005",
    "makers.policy=none",
    "crowd.policy=none",
    'actors=[{name="strategist", balance=150_000}]',
    "strategist.instrument=COIN-PERP",
    "impact.depth=150_000",
    "population.long_share=0.9",
    "population.instruments=[0,1]",
    "population.entry_spread=0.01",
)
DENSE, SPARSE = "population.leverage=[[40,1]]", "population.leverage=[[30,1]]"
TRIGGER = ("strategist.policy=trigger", "strategist.signal_bps=150")
FALL = 'prices.phases=[{from_ns="2m", to_ns="150s", move=-0.03}]'
RUNS = {
    "pushed into liquidations": (*THIN, DENSE, *TRIGGER),
    "pushed in vain": (*THIN, SPARSE, *TRIGGER),
    "front-run": (*THIN, SPARSE, FALL, "strategist.policy=front-run"),
    "held": (*THIN, SPARSE, FALL, "strategist.policy=hold"),
    "late": (*THIN, DENSE, *TRIGGER, "strategist.latency_ns=3s", "orders.latency_ns=20ms"),
}
of_each_run = pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
SEEN = Observation(
    now_ns=10**12, price_ticks=1_000, trend_ticks=1_000, volatility_ppb=0, bids=((10, 5), (90, 20), (200, 90)),
    asks=((10, 5),), forced_sold_lots=0, forced_bought_lots=0, equity_atoms=10**6, held_lots=0, entry_ticks=0,
    most_lots=50, acted_ns=None, since_ns=None, start_ticks=0,
)  # fmt: skip


@cache
def ran(*overrides: str) -> tuple[Event, ...]:
    """The small living market with a strategic trader; every law was checked at every event."""
    return checked(LIVING, *overrides)[0]


def campaigns(*overrides: str) -> list[CampaignEnded]:
    """What the campaigns came to."""
    return [event.body for event in ran(*overrides) if isinstance(event.body, CampaignEnded)]


def test_who_pushes_a_thin_market_gains_by_those_it_forces() -> None:
    """With many on high leverage, the push costs less than what the forced sales give back."""
    (ended,) = campaigns(*RUNS["pushed into liquidations"])[:1]
    assert ended.liquidations > 100
    assert ended.push_atoms > 10**9
    assert ended.net_atoms > ended.push_atoms


def test_who_pushes_in_vain_pays_for_it() -> None:
    """Where nobody is forced it buys back at its own cost, and loses at least the push."""
    ended = campaigns(*RUNS["pushed in vain"])
    assert ended
    assert all(one.liquidations == 0 and one.net_atoms < -one.push_atoms < 0 for one in ended)


def test_who_runs_in_front_sells_before_and_buys_from_the_forced() -> None:
    """It begins when forced sales are seen, holds while there are some, and gains."""
    (ended, *_) = campaigns(*RUNS["front-run"])
    started = ran(*RUNS["front-run"])[ended.started].body
    assert isinstance(started, CampaignStarted)
    assert started.forced_sold_lots > 0 > started.size_lots
    assert ended.net_atoms > 0


def test_who_holds_trades_once() -> None:
    """One order, at the first price that it sees, and none after it, however far the price falls."""
    events = ran(*RUNS["held"])
    orders = [event.body for event in events if isinstance(event.body, OrderPlaced) and "hold" in event.body.purpose]
    assert len(orders) == 1
    assert not campaigns(*RUNS["held"])


@of_each_run
def test_cost_and_gain_are_what_was_traded(overrides: tuple[str, ...]) -> None:
    """Against the sums of all trades of the account: each campaign's entry, exit and net, to the atom."""
    paid, ledger, entered = 0, Ledger(), 0
    for event in ran(*overrides):
        body = event.body
        ledger.fold(event)
        if isinstance(body, CampaignStarted):
            paid, entered = 0, 0
        elif isinstance(body, OrderFilled | LiquidationFilled | PositionDeleveraged):
            sign = _side(body, ledger)
            paid += sign * body.value_atoms
            entered = max(entered, -paid)
        elif isinstance(body, CampaignEnded):
            assert (0, 0) not in ledger.accounts[body.account].positions
            assert body.net_atoms == -paid
            assert body.exit_atoms == body.entry_atoms + body.net_atoms
            assert -body.entry_atoms == entered


def _side(body: OrderFilled | LiquidationFilled | PositionDeleveraged, ledger: Ledger) -> int:
    """+1 where the strategic trader bought the size, -1 where it was its counterparty, 0 where it had no part."""
    own = ledger.account_ids["strategist-1"]
    other = body.against if isinstance(body, PositionDeleveraged) else body.counterparty
    return 1 if body.account == own else -1 if other == own else 0


def test_it_sees_what_a_trader_sees_and_nothing_else() -> None:
    """The observation is made of the book, public liquidations and its own account; the docs name each field."""
    public = {"now_ns", "price_ticks", "trend_ticks", "volatility_ppb", "bids", "asks"}
    public |= {"forced_sold_lots", "forced_bought_lots"}
    own = {"equity_atoms", "held_lots", "entry_ticks", "most_lots", "acted_ns", "since_ns", "start_ticks"}
    assert set(Observation._fields) == public | own
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in Observation._fields)


def test_what_it_sees_is_so() -> None:
    """Each observation of a run against the ledger and the record of the window, worked out anew."""
    events = ran(*RUNS["pushed into liquidations"])
    number = next(n for n, one in enumerate(producers_of(events)) if one.handler == "strategist")
    handler = build(producers_of(events)[number])
    assert isinstance(handler, Strategist)
    watch = handler.strategy = _Watch(handler.strategy)  # type: ignore[assignment]
    ledger = Ledger()
    for event in events:
        ledger.fold(event)
        if type(event.body) in handler.observes:
            handler.observe(event, ledger)
        if isinstance(event.body, BookPriced) and not event.links:
            watch.seen = None
            list(handler.handle(event, ledger, event.at_ns))
            if watch.seen is not None:
                _check(watch.seen, event, events, ledger)


class _Watch:
    """A strategy that keeps what it was shown."""

    def __init__(self, watched: object) -> None:
        self.watched, self.policy = watched, "watched"
        self.seen: Observation | None = None

    def lots(self, seen: Observation) -> int:
        """Nothing."""
        self.seen = seen
        return 0


def _check(seen: Observation, event: Event, events: tuple[Event, ...], ledger: Ledger) -> None:
    market, account = ledger.markets[1], ledger.accounts[ledger.account_ids["strategist-1"]]
    forced = [
        e.body.size_lots
        for e in events[: event.seq]
        if isinstance(e.body, LiquidationFilled) and e.body.instrument == 1 and e.at_ns >= event.at_ns - 60 * 10**9
    ]
    assert seen.forced_sold_lots == -sum(lots for lots in forced if lots < 0)
    assert seen.equity_atoms == margin_of(account, ledger).equity_atoms
    eaten = eaten_lots(market, selling=True, now_ns=event.at_ns)
    assert seen.bids == tuple((bps, lots - eaten) for bps, lots in market.bids if lots > eaten)


@given(st.integers(-500, 500), st.integers(-200, 200), st.integers(0, 150))
def test_no_position_is_over_capital(wanted: int, held: int, most: int) -> None:
    """Towards a larger position only up to what capital bears; whatever only reduces is let through whole."""
    lots = _within_capital(wanted, SEEN._replace(held_lots=held, most_lots=most))
    assert lots == 0 or lots * wanted > 0
    assert abs(lots) <= abs(wanted)
    after = held + lots
    assert abs(after) <= max(most, abs(held))
    if wanted * held <= 0 and abs(wanted) <= abs(held):
        assert lots == wanted


def test_rules_of_the_policies() -> None:
    """Each on observations made for it."""
    trigger, front = Trigger(CampaignParameters()), FrontRun(CampaignParameters())
    assert trigger.lots(SEEN) == -20
    assert trigger.lots(SEEN._replace(most_lots=19)) == 0
    assert trigger.lots(SEEN._replace(forced_sold_lots=1)) == 0
    assert trigger.lots(SEEN._replace(acted_ns=SEEN.now_ns - 1)) == 0
    short = SEEN._replace(held_lots=-20, entry_ticks=1_000, since_ns=SEEN.now_ns - 10)
    assert trigger.lots(short) == 0
    assert trigger.lots(short._replace(price_ticks=970)) == 20
    assert trigger.lots(short._replace(since_ns=SEEN.now_ns - 300 * 10**9)) == 20
    assert front.lots(SEEN._replace(forced_sold_lots=1)) == 0
    assert front.lots(SEEN._replace(forced_sold_lots=1, price_ticks=990)) == -50
    assert front.lots(short._replace(forced_sold_lots=1)) == 0
    assert front.lots(short) == 20
    assert Hold(HoldParameters("short", 10_000)).lots(SEEN) == -50
    assert Hold(HoldParameters()).lots(SEEN._replace(acted_ns=1)) == 0


@of_each_run
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_primed_and_taken_up_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """What is rebuilt agrees with what was kept, and a fork without changes has the bytes of its parent."""
    events = ran(*overrides)
    seq = data.draw(st.integers(1, len(events) - 1))
    assert list(differences(events, seq, 1_500)) == []
    goes_on_the_same(events, [seq])


def test_why_tells_the_cost_and_the_gain(tmp_path: Path) -> None:
    """The end of a campaign is told with what it cost and gave, and so is the summary of the run."""
    path, sets = str(tmp_path / "a.run"), [part for one in RUNS["pushed into liquidations"] for part in ("--set", one)]
    done = call("run", LIVING, *sets, "-o", path)
    assert done.exit_code == 0
    assert "to push the price" in done.stdout
    assert call("verify", path).exit_code == 0
    ended = next(event for event in open_run(path).events() if isinstance(event.body, CampaignEnded))
    told = " ".join(call("why", path, str(ended.seq)).stdout.split())
    assert "strategist-1 gained" in told
    assert "Pushing the price cost" in told
    assert any(isinstance(event.body, LiquidationStarted) for event in open_run(path).events())


@pytest.mark.parametrize("policy", ["hold", "front-run", "trigger"])
def test_the_builtin_ones_conform(policy: str) -> None:
    """The kit that policies of one's own are held against."""
    check_policy(policy, "strategist")


def test_a_policy_of_ones_own_conforms_as_it_is_written(tmp_path: Path) -> None:
    """`new-policy strategist` writes a file that runs as it stands."""
    assert call("new-policy", "strategist", "my-plan", "-o", str(tmp_path)).exit_code == 0
    check_policy(f"{tmp_path / 'my_plan.py'}:MyPlan", "strategist")


def test_the_policy_of_the_page_conforms(tmp_path: Path) -> None:
    """The example in the concept page is a policy as it stands."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "patient.py").write_text(code, encoding="utf-8")
    check_policy(f"{tmp_path / 'patient.py'}:Patient", "strategist")


@pytest.mark.parametrize(("answer", "complaint"), [("1.5", "lots() gave 1.5"), ("None", "lots() gave None")])
def test_a_policy_that_answers_nonsense_is_named(tmp_path: Path, answer: str, complaint: str) -> None:
    """Its name and the value, in one line."""
    file = tmp_path / "odd.py"
    file.write_text(f"class Odd:\n    formula = 'odd'\n\n    def lots(self, seen):\n        return {answer}\n")
    with pytest.raises(AssertionError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        check_policy(f"{file}:Odd", "strategist")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("actors=[]", "an actor without capital cannot act, and there is no actor 'strategist'"),
        ('actors=[{name="strategist", balance=0}]', "an actor without capital cannot act: balance is 0"),
        ("orders.policy=none", "$.strategist.policy: nobody takes its orders"),
        ("strategist.leverage_bps=0", "leverage_bps and window_ns must be above 0"),
        ("strategist.target_bps=0", "signal_bps and target_bps between 1 and 9999"),
        ("strategist.patience_ns=-1", "reach_bps, patience_ns and pause_ns must be above 0"),
        (
            "strategist.policy=bluff",
            "there is no strategist policy 'bluff'; choose from none, hold, front-run, trigger",
        ),
        ("strategist.instrument=NOPE-PERP", "there is no instrument 'NOPE-PERP'"),
    ],
)
def test_bad_input_is_one_line(override: str, complaint: str) -> None:
    """What cannot act is refused before anything is written: exit code 2."""
    sets = [part for one in (*RUNS["pushed in vain"], override) for part in ("--set", one)]
    done = call("run", LIVING, *sets)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert complaint in done.stderr
