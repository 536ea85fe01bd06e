"""What a decision rests on: each event named set the figure last, by a plain pass, and the graph ends in inputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, get_args

import msgspec
import pytest

from deleverage.events.bodies.auctions import AuctionsBody
from deleverage.events.bodies.chain import ChainBody
from deleverage.events.bodies.collateral import CollateralRated
from deleverage.events.bodies.faults import FaultsBody
from deleverage.events.bodies.inputs import DepthQuoted, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered, LiquidationStarted
from deleverage.events.bodies.loans import LoansBody
from deleverage.events.bodies.lots import LotsBody
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.options import OptionsBody
from deleverage.events.bodies.plugins import PluginsBody
from deleverage.events.bodies.run import RunForked, RunStarted
from deleverage.events.bodies.sharing import SharingBody
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event, Origin
from deleverage.events.grounds import Ground as Kind
from deleverage.events.ledger import Ledger
from deleverage.events.record import RecordSettings
from deleverage.events.vocabulary import BODY_TYPES, accounts_named
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds import graph as module
from deleverage.replay.why.grounds.finders import FINDERS
from deleverage.replay.why.grounds.graph import EventGround, graph_of, grounds_of
from deleverage.replay.why.grounds.lookback import Decision, Lookback
from deleverage.replay.why.names import RunNames
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.collateral_runs import DEPEG
from .support.command_line import call
from .support.crash import SMALL_CRASH
from .support.insolvent import BROKE, SPIRAL
from .support.living import NOTICE, SMALL_RULES
from .support.moving import MovingRun
from .support.squeeze import squeeze

LIVING = str(Path(__file__).with_name("support") / "small-living.toml")

SCENARIOS: dict[str, tuple[str, ...]] = {
    "crash": (SMALL_CRASH,),
    "spiral": (SPIRAL, "end=2025-10-10T20:50:00Z"),
    "broke": BROKE,
    "hyperliquid": (SMALL_CRASH, "venue=hyperliquid", "insurance_fund.balance=2000"),
    "gmx": (SMALL_CRASH, "venue=gmx"),
    "depeg": (DEPEG, "collateral.fee_bps=10", "collateral.debt_most=5"),
    "drift": (SMALL_CRASH, "venue=drift"),
    "living": (
        LIVING,
        'actors=[{name="maker", accounts=3, balance=60_000}, {name="strategist", balance=50_000}]',
        "strategist.policy=front-run",
        "strategist.instrument=COIN-PERP",
        "funding.policy=premium",
        "funding.interval_ns=2m",
    ),
}
VENUES: dict[str, tuple[str, ...]] = {
    "rules": ("margin-spiral", *SMALL_RULES, *NOTICE),
    "venues": (str(Path(__file__).with_name("support") / "living.toml"),),
    "redeeming": (
        DEPEG,
        'redemptions={policy="delayed", redeems={USDE=["", 1_000_000]}, delays_ns={USDE="30s"}}',
        "collateral.initial_ratios_ppm.USDE=[[0, 500_000]]",
        "collateral.imf_ppm.USDE=10",
    ),
}
"""Rules that change, two venues, and coins that are redeemed: asked only whether there is an event of every type."""
BY_SCENARIO = pytest.mark.parametrize("name", [*SCENARIOS, "squeeze"])
OF_TYPE = 6
"""So many events of each type are asked for in each scenario."""


@cache
def run_of(name: str) -> Run:
    """A scenario, recorded once, whose states move on with the questions."""
    path = Path(mkdtemp()) / "a.run"
    if name == "squeeze":
        squeeze(path)
    else:
        scenario, *overrides = {**SCENARIOS, **VENUES}[name]
        settings = RecordSettings(pages_per_block=1, durability="none")
        run_scenario(Scenario.load(scenario, overrides), path, settings=settings)
    return MovingRun(open_run(path).reader)


@cache
def events_of(name: str) -> tuple[Event, ...]:
    """All its events."""
    return tuple(run_of(name).events())


@cache
def asked_in(name: str) -> tuple[Event, ...]:
    """Some decided events of each type, by chance and in order."""
    by_type = defaultdict[type, list[Event]](list)
    for event in events_of(name):
        if event.origin is Origin.DECIDED and event.producer is not None:
            by_type[type(event.body)].append(event)
    chosen = [Random(7).sample(events, min(OF_TYPE, len(events))) for events in by_type.values()]
    return tuple(sorted((event for events in chosen for event in events), key=lambda event: event.seq))


def began(name: str, event: Event) -> int:
    """The first event that the same delivery led to."""
    events, seq = events_of(name), event.seq
    while (events[seq - 1].cause, events[seq - 1].producer) == (event.cause, event.producer):
        seq -= 1
    return seq


class Plain:
    """One pass over a record that notes who changed what last, by the ledger before and after each event."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self.events, self.ledger, self.changed = events, Ledger(), dict[Any, int]()

    def before(self, seq: int) -> Plain:
        """Up to an event."""
        for event in self.events[self.ledger.seq : seq]:
            was = {number: self._figures(number) for number in accounts_named(event.body)}
            self.ledger.fold(event)
            for number, figures in was.items():
                now = self._figures(number)
                for key in figures.keys() | now.keys():
                    if figures.get(key) != now.get(key):
                        self.changed[number, key] = event.seq
            if isinstance(event.body, PriceTicked):
                self.changed.update(((PriceTicked, one), event.seq) for one, _ in event.body.prices)
            elif isinstance(event.body, CollateralRated):
                self.changed[CollateralRated, event.body.asset] = event.seq
            elif isinstance(event.body, MarkPriced | DepthQuoted):
                self.changed[type(event.body), event.body.instrument] = event.seq
        return self

    def _figures(self, number: int) -> dict[Any, Any]:
        if number >= len(self.ledger.accounts):
            return {}
        account = self.ledger.accounts[number]
        sizes = {key: (held.size_lots, held.cost_atoms) for key, held in account.positions.items()}
        coins = {("coin", asset): atoms for asset, atoms in account.coins.items()}
        return {"balance": account.balance_atoms, **sizes, **coins}


def kinds_of(grounds: tuple[EventGround, ...], kind: Kind) -> list[int]:
    """The events of one kind of ground."""
    return [ground.step.seq for ground in grounds if kind.name in ground.kinds]


def explained(name: str) -> Iterator[tuple[Event, tuple[EventGround, ...], Plain]]:
    """Each asked event, its grounds, and the plain pass up to where it was decided."""
    run, plain = run_of(name), Plain(events_of(name))
    for event in sorted(asked_in(name), key=lambda one: (began(name, one), one.seq)):
        ledger = run.before(event.seq)
        yield event, grounds_of(run, event, ledger, RunNames(ledger), levels=1), plain.before(began(name, event))


def test_every_kind_has_a_finder_and_every_type_that_is_decided_has_grounds() -> None:
    """A kind without a finder would be declared and never shown."""
    assert set(FINDERS) == set(Kind)
    declared = {kind for body_type in BODY_TYPES for kind in body_type.grounds}
    assert declared == set(Kind)


def test_an_event_of_every_type_is_asked_for() -> None:
    """The scenarios have nearly every type that is decided; what no builtin rule decides is named here.

    Faults and auctions are asked for in tests/test_faults.py and tests/test_mitigations.py, chains in
    tests/test_lending_run.py, options in tests/test_options_run.py, losses that are shared otherwise in
    tests/test_frontier_policies.py, those of plug-ins in tests/test_plugins_events.py.
    """
    asked = {type(event.body) for name in [*SCENARIOS, *VENUES, "squeeze"] for event in asked_in(name)}
    asked |= set(get_args(FaultsBody)) | set(get_args(AuctionsBody))
    asked |= set(get_args(ChainBody)) | set(get_args(LotsBody)) | set(get_args(LoansBody)) | set(get_args(OptionsBody))
    asked |= set(get_args(SharingBody)) | set(get_args(PluginsBody))
    assert not {body_type.__name__ for body_type in BODY_TYPES if body_type.grounds and body_type not in asked}


@BY_SCENARIO
def test_each_figure_names_who_set_it_last(name: str) -> None:
    """Marks, balance and positions of the trader that it is about, the price and the depth of its instrument."""
    for event, grounds, plain in explained(name):
        body, changed = event.body, plain.changed
        number = getattr(body, "account", None)
        trader = number is not None and plain.ledger.accounts[number].kind in ("user", "vault")
        if trader and Kind.BALANCE in body.grounds and not hasattr(body, "bankrupt"):
            positions = plain.ledger.accounts[number].positions
            coins = [("coin", asset) for asset in plain.ledger.accounts[number].coins]
            due = {changed[number, key] for key in (*positions, *coins, "balance") if (number, key) in changed}
            accrued = {seq for seq in kinds_of(grounds, Kind.BALANCE) if seq not in due}
            assert {type(events_of(name)[seq].body).__name__ for seq in accrued} <= {"FundingAccrued"}, event
            assert due <= set(kinds_of(grounds, Kind.BALANCE)), event
        if trader and Kind.MARK in body.grounds:
            held = {instrument for instrument, _ in plain.ledger.accounts[number].positions}
            held |= {getattr(body, "instrument", next(iter(held), 0))} if held else set()
            assert set(kinds_of(grounds, Kind.MARK)) == {
                changed[MarkPriced, one] for one in held if (MarkPriced, one) in changed
            }, event
        if trader and Kind.CONVERSION in body.grounds:
            conversions = [plain.ledger.conversions[asset] for asset in plain.ledger.accounts[number].coins]
            priced = {one.priced_seq for one in conversions if one.priced_seq is not None}
            rated = {changed[CollateralRated, one.asset] for one in conversions}
            assert set(kinds_of(grounds, Kind.CONVERSION)) == priced | rated, event
        if Kind.INDEX in body.grounds and hasattr(body, "instrument"):
            assert changed[PriceTicked, body.instrument] in kinds_of(grounds, Kind.INDEX), event
        if isinstance(body, LiquidationOrdered | LiquidationFilled) and name != "living":  # there makers quote it
            assert changed[DepthQuoted, body.instrument] in kinds_of(grounds, Kind.DEPTH), event


@BY_SCENARIO
def test_every_decision_names_each_kind_that_it_must_have(name: str) -> None:
    """The rule always; a fill its order, a reduction its round, a round what called for it, a shortfall the cash."""
    must = {
        "LiquidationFilled": Kind.ORDER,
        "PositionDeleveraged": Kind.ROUND,
        "DeleveragingEnded": Kind.ROUND,
        "BankruptcyDeclared": Kind.LIQUIDATION,
        "PositionTakenOver": Kind.LIQUIDATION,
        "LiquidationEnded": Kind.LIQUIDATION,
        "LiquidationOrdered": Kind.LIQUIDATION,
        "MarginCallMet": Kind.CALL,
        "CollateralAdded": Kind.CALL,
        "PositionReduced": Kind.CALL,
        "ShortfallDeclared": Kind.FUND,
        "ShortfallRemained": Kind.SHORTFALL,
        "FundDeficitDeclared": Kind.FUND,
        "InsuranceFundDebited": Kind.FUND,
        "InsuranceFundCredited": Kind.FILL,
        "FeeCharged": Kind.FILL,
        "ConversionPriced": Kind.MARK,
        "InterestCharged": Kind.TIMER,
        "CollateralSold": Kind.CONVERSION,
        "TradingResumed": Kind.HALT,
        "TimerFired": Kind.TIMER,
    }
    for event, grounds, _ in explained(name):
        kind = type(event.body).__name__
        if kind != "TimerFired":
            rule = events_of(name)[kinds_of(grounds, Kind.RULE)[0]].body
            assert isinstance(rule, RunStarted | RunForked)
        if kind in must:
            assert kinds_of(grounds, must[kind]), event
        if getattr(event.body, "trigger", "") == "inventory" and kind == "DeleveragingStarted":
            assert any("the lot of" in ground.sets for ground in grounds), event
        if kind == "DeleveragingStarted":
            assert kinds_of(grounds, Kind.SHORTFALL) or kinds_of(grounds, Kind.PROFIT_CAP), event


@BY_SCENARIO
def test_a_shortfall_names_the_cash_and_the_largest_lots(name: str) -> None:
    """The last event that moved the fund's cash or lots, and where the lots worth most were taken over."""
    for event, grounds, plain in explained(name):
        if not isinstance(event.body, ShortfallDeclared):
            continue
        ledger, named = plain.ledger, {ground.step.seq: ground for ground in grounds}
        account = ledger.accounts[event.body.account]
        fund = account.account if account.kind == "insurance" else ledger.fund_for(account)
        moved = max(seq for (number, *_), seq in plain.changed.items() if number == fund)
        assert "cash" in named[moved].sets
        worth = {
            key: abs(ledger.markets[key[0]].payoff.value_atoms(held.size_lots, ledger.markets[key[0]].mark_ticks))
            for key, held in ledger.inventory(fund).items()
        }
        largest = sorted(worth, key=lambda key: (-worth[key], key))[:3]
        taken = [one for one in named.values() if one.step.type == "PositionTakenOver" and "a lot of" in one.sets]
        bodies: list[Any] = [events_of(name)[one.step.seq].body for one in taken]
        assert {(body.instrument, body.liquidation_id) for body in bodies} == set(largest)


@BY_SCENARIO
def test_the_graph_ends_in_inputs_and_rules(name: str) -> None:
    """Every edge goes back in the record, every event is there, and what rests on nothing came from outside."""
    run, events = run_of(name), events_of(name)
    for event in asked_in(name)[::9]:
        graph = graph_of(run, event.seq, nodes_max=None)
        assert graph.whole
        by_seq = {node.seq: node for node in graph.nodes}
        assert [node.seq for node in graph.nodes] == sorted(by_seq, reverse=True)
        assert graph.nodes[0].seq == event.seq
        for node in graph.nodes:
            assert node.type == type(events[node.seq].body).__name__
            assert all(edge.seq < node.seq and edge.seq in by_seq for edge in node.rests_on)
            if not node.rests_on:
                assert node.end == ("rule" if isinstance(events[node.seq].body, RunStarted | RunForked) else "input")
                assert events[node.seq].origin is Origin.INPUT
            else:
                assert node.end is None
        reached = {event.seq} | {edge.seq for node in graph.nodes for edge in node.rests_on}
        assert reached == set(by_seq)


def test_a_graph_of_so_many_events_is_the_first_levels_of_the_whole() -> None:
    """What is cut says so; what is not has the same grounds as in the whole graph; asked twice it is the same."""
    run = run_of("crash")
    event = next(event for event in reversed(asked_in("crash")) if isinstance(event.body, PositionDeleveraged))
    whole = {node.seq: node for node in graph_of(run, event.seq, nodes_max=None).nodes}
    part = graph_of(run, event.seq, nodes_max=50)
    assert not part.whole
    assert 10 < len(part.nodes) <= 50 < len(whole)
    assert part == graph_of(run, event.seq, nodes_max=50)
    cut = [node for node in part.nodes if node.end == "cut"]
    assert cut
    assert all(node == whole[node.seq] for node in part.nodes if node.end != "cut")
    assert min(node.level for node in cut) >= max(node.level for node in part.nodes if node.end is None) - 1


def test_what_was_held_is_told_without_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lots of every account at earlier events, from the state at the end and what has moved since."""
    run, plain = run_of("crash"), Plain(events_of("crash"))
    end = run.at()
    look = Lookback(run, end)
    seqs = sorted(Random(1).sample(range(run.count), 25))
    told = {seq: [look.held(number, seq) for number in range(0, len(end.accounts), 3)] for seq in reversed(seqs)}
    for seq in seqs:
        accounts = plain.before(seq).ledger.accounts
        for place, number in enumerate(range(0, len(end.accounts), 3)):
            held = accounts[number].positions if number < len(accounts) else {}
            assert told[seq][place] == {key: held[key].size_lots for key in sorted(held)}, (seq, number)


def test_a_price_long_before_its_mark_is_found() -> None:
    """More than a block of events may lie between a price from outside and the mark that rests on it."""
    run, events = run_of("crash"), events_of("crash")
    ticked, distance = dict[int, int](), dict[int, int]()
    for event in events:
        if isinstance(event.body, PriceTicked):
            ticked |= dict.fromkeys((one for one, _ in event.body.prices), event.seq)
        elif isinstance(event.body, MarkPriced) and event.body.impact_ticks:
            distance[event.seq] = event.seq - ticked[event.body.instrument]
    far = events[max(distance, key=lambda seq: distance[seq])]
    ledger = run.before(far.seq)
    case = Decision(Lookback(run, ledger), far, RunNames(ledger))
    [(_, tick), *_] = FINDERS[Kind.INDEX](case)
    assert tick is not None
    assert far.seq - tick.seq > 256
    assert isinstance(tick.body, PriceTicked)
    assert dict(tick.body.prices)[far.body.instrument] == far.body.index_ticks  # type: ignore[union-attr]


def test_the_page_has_them_before_the_trigger() -> None:
    """After all else, and before what set it off, which is only the engine's trace; --all has the graph."""
    run = run_of("crash")
    event = next(event for event in reversed(asked_in("crash")) if isinstance(event.body, PositionDeleveraged))
    page = call("why", run.path, str(event.seq)).stdout
    assert page.index("What its figures rest on") < page.index("What set it off")
    document = msgspec.json.decode(call("why", run.path, str(event.seq), "--json", "--all").stdout)
    graph = document["graph"]
    assert graph["seq"] == event.seq
    direct = {edge["seq"]: edge["sets"] for edge in graph["nodes"][0]["rests_on"]}
    assert {one["step"]["seq"] for one in document["grounds"]} <= set(direct)
    assert module.NODES_MAX >= len(graph["nodes"]) > len(direct)


@pytest.mark.parametrize("kind", [MarginCalled, LiquidationStarted, ShortfallDeclared])
def test_only_what_was_compared_is_a_ground(kind: type) -> None:
    """A mark of another instrument may have set a decision off; it is no ground of it."""
    for event in (one for one in asked_in("crash") if isinstance(one.body, kind)):
        answer = explain(run_of("crash"), event.seq)
        causes = {step.seq for step in answer.chain[:-1]}
        marks = [ground.step.seq for ground in answer.grounds if ground.kinds == ("MARK",)]
        held = {one.instrument for one in answer.event.evidence.positions} if answer.event.evidence else set()
        bodies: list[Any] = [events_of("crash")[seq].body for seq in marks]
        assert {body.instrument for body in bodies} <= held or not held, (event, causes)


def test_the_page_on_grounds_has_every_type_and_kind() -> None:
    """docs/grounds.md lists what each type of event rests on, as the types declare it."""
    page = (Path(__file__).parent.parent / "docs" / "grounds.md").read_text(encoding="utf-8")

    def words(kind: Kind) -> str:
        return kind.name.lower().replace("_", " ")

    types = [f"| {one.__name__} | {', '.join(map(words, one.grounds))} |" for one in BODY_TYPES if one.grounds]
    assert "\n".join(types) in page
    assert "\n".join(f"| {words(kind)} | {kind.value} |" for kind in Kind) in page
