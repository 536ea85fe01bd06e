"""`why` of everything that was decided in the small crash, which has every type of decision there is."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deleverage import Scenario
from deleverage import run as execute
from deleverage.events.bodies.base import BodyBase
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted
from deleverage.events.bodies.listing import InstrumentListed
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.trading import LiquidityReturned, OrderPlaced
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.phrases import reason_told
from deleverage.events.vocabulary import accounts_named
from deleverage.handlers.bands import OUT_OF_BAND
from deleverage.handlers.market import GONE, NO_CASH, NO_DEPTH
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.answer import Answer
from deleverage.replay.why.explain import explain

from .support.crash import recorded
from .support.insolvent import BROKE, watched
from .support.living import LIVING, spiral
from .support.moving import MovingRun
from .support.told import written

ROOT = Path(__file__).parents[1]
EVENTS = recorded()
DECIDED = [event for event in EVENTS if event.origin is not Origin.INPUT]
ROUND = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)


def of_each_type(first: int, then_every: int) -> list[Event]:
    """The first so many events of each type that was decided, and every so many-th after them."""
    seen: Counter[type] = Counter()
    chosen = []
    for event in DECIDED:
        place = seen[type(event.body)]
        seen[type(event.body)] += 1
        if place < first or place % then_every == 0:
            chosen.append(event)
    return chosen


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return written(tmp_path_factory.mktemp("records") / "small.run", EVENTS)


def assert_whole(answer: Answer, event: Event) -> None:
    """What holds of every answer."""
    assert answer.event.seq == event.seq
    assert answer.paragraph.startswith(f"Event {event.seq}, ")
    assert answer.paragraph.endswith(".")
    assert "  " not in answer.paragraph
    assert answer.chain[-1].seq == event.seq
    assert answer.chain[0].cause is None
    assert all(later.cause == earlier.seq for earlier, later in zip(answer.chain, answer.chain[1:], strict=False))
    assert type(EVENTS[answer.chain[0].seq].body) in (PriceTicked, InstrumentListed)
    evidence = answer.event.evidence
    if evidence is not None and evidence.compared is not None:
        assert evidence.compared.agrees
    if answer.fund is not None:
        assert answer.fund.reconciles
    assert (answer.ranking is not None) == isinstance(event.body, ROUND)
    if answer.ranking is not None:
        assert answer.ranking.proved


def test_everything_that_was_decided_is_explained(run: Run) -> None:
    """Each answer has its paragraph with its number, its chain from an input, agreeing evidence, books and digests."""
    moving, explained = MovingRun(run.reader), set()
    for event in of_each_type(30, 6):
        assert_whole(explain(moving, event.seq), event)
        explained.add(type(event.body))
    assert len(explained) == 24


def test_every_type_has_a_paragraph_of_its_own() -> None:
    """Each declares its long phrase, but for what belongs to a round, which is written from more parts."""
    others = {"DeleveragingStarted", "PositionDeleveraged", "DeleveragingEnded"}
    assert {type(event.body).__name__ for event in DECIDED if type(event.body).tells is BodyBase.tells} == others


PLAIN = {
    "MarkPriced": (
        "was marked at",
        "The index stood at",
        "Its moving average, which the mark starts from, was",
        "What forced orders had eaten of the depth moved the mark by -",
        "It followed from event",
    ),
    "FundingAccrued": (
        "whoever was long paid whoever was short 0.01%",
        "the rule's own, as none was set",
        "It accrues every 10m.",
        "changed hands in all",
    ),
    "PositionReduced": ("answered its margin call of event", "It meant to close 50%, as far as the depth went."),
    "LiquidationOrdered": ("20% of the position that needs most margin, as the first order does", "any price"),
    "LiquidationFilled": ("from the mark", "of the order were left", "of the bids were gone."),
    "InsuranceFundCredited": ("a liquidation fee of", "The fee is 0.5% of the"),
    "InsuranceFundDebited": ("owed more than it had when its last position was gone", "in cash were left to it"),
    "LossSocialized": ("had been paid before it", "were left after it", "the lesser of unrealised profit and equity"),
    "ShortfallRemained": (
        "could be closed against profitable positions",
        "below nothing. That is a loss to be shared.",
    ),
    "TradingHalted": ("within 5m; from 4% on the rule halts", "Meanwhile marks continue"),
    "TradingResumed": ("resumed, 30s after it was halted",),
    "TimerFired": ("was due:", "It had been set"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_each_type_says_what_is_particular_to_it(run: Run, name: str) -> None:
    """Among the paragraphs of a type is one with all that is to be said of it, in the rule's own figures."""
    events = [event for event in DECIDED if type(event.body).__name__ == name]
    told = [explain(run, event.seq).paragraph for event in events[:: max(1, len(events) // 40)]]
    assert any(all(part in paragraph for part in PLAIN[name]) for paragraph in told)


BROKE_PLAIN = {
    "BalanceWrittenOff": ("were written off against insurance:USDT, because nobody was left with a profit",),
    "FundDeficitDeclared": (
        "nobody was left to pay for the debt of",
        "in cash, its inventory stood at",
        "stopped for good",
    ),
}


def test_what_nobody_could_pay_is_told(tmp_path: Path) -> None:
    """Of a venue that stopped: the deficit with the fund's figures, and what was written off against it."""
    events, _ = watched(*BROKE)
    broke = written(tmp_path / "broke.run", events)
    for name, parts in BROKE_PLAIN.items():
        found = [event for event in events if type(event.body).__name__ == name]
        answers = [explain(broke, event.seq) for event in found]
        assert [answer.event.seq for answer in answers] == [event.seq for event in found]
        assert any(all(part in answer.paragraph for part in parts) for answer in answers)


def test_a_loss_of_the_fund_s_own_is_told_as_such(run: Run) -> None:
    """Who pays for the inventory is told so, and what was left of the loss after each."""
    own = [event for event in DECIDED if getattr(event.body, "bankrupt", None) == 2]
    assert own
    told = explain(run, own[-1].seq).paragraph
    assert "that insurance:USDT lacked for what its own inventory had lost" in told
    assert "had been paid before it, 0.000000 USDT were left after it" in told


def test_shares_of_a_loss_add_up(run: Run) -> None:
    """What had been paid before the last payer, its own share and the rest are the loss."""
    groups: dict[int, list[Event]] = {}
    for event in DECIDED:
        if type(event.body).__name__ == "LossSocialized" and event.cause is not None:
            groups.setdefault(event.cause, []).append(event)
    payers = max(groups.values(), key=len)
    assert len(payers) > 2
    before = sum(event.body.amount_atoms for event in payers[:-1])  # type: ignore[union-attr]
    told = explain(run, payers[-1].seq).paragraph
    assert f"{before / 10**6:,.6f} USDT had been paid before it" in told


def test_a_changed_figure_is_found_out(run: Run, tmp_path: Path) -> None:
    """A margin call whose recorded equity is an atom off does not agree with the state, and both figures are given."""
    events = list(EVENTS)
    called = next(event for event in events if type(event.body).__name__ == "MarginCalled")
    body = msgspec.structs.replace(called.body, equity_atoms=called.body.equity_atoms + 1)  # type: ignore[union-attr, call-arg, type-var]
    events[called.seq] = msgspec.structs.replace(called, body=body)
    answer = explain(written(tmp_path / "forged.run", events), called.seq)
    assert answer.event.evidence is not None
    assert answer.event.evidence.compared is not None
    assert not answer.event.evidence.compared.agrees
    assert f"they DIFFER: equity {called.body.equity_atoms / 10**6:,.6f} USDT" in answer.paragraph  # type: ignore[union-attr]
    assert explain(run, called.seq).event.evidence.compared.agrees  # type: ignore[union-attr]


@pytest.mark.parametrize("record", ["crash", "spiral"])
def test_no_paragraph_gives_a_delivery_for_a_reason(run: Run, tmp_path: Path, record: str) -> None:
    """What a call or a liquidation followed from is a ground of it, or befell the account; a mark of another is not."""
    asked = run if record == "crash" else open_run(spiral(tmp_path / "spiral.run"))
    moving, named, others = MovingRun(asked.reader), 0, 0
    for event in asked.events():
        if not isinstance(event.body, MarginCalled | LiquidationStarted):
            continue
        answer = explain(moving, event.seq)
        grounds = {ground.step.seq for ground in answer.grounds}
        followed = re.search(r"It followed from event (\d+):", answer.paragraph)
        rests = re.search(r"What it rests on changed last in event (\d+):", answer.paragraph)
        assert (followed is None) != (rests is None)
        if followed is not None:
            cause = asked.event(int(followed[1]))
            assert cause.seq in grounds or event.body.account in accounts_named(cause.body)
            named += 1
        if rests is not None:
            assert int(rests[1]) in grounds
            others += int(rests[1]) != event.cause
    assert named
    assert others


def _recorded_reasons() -> Iterator[str]:
    """Every reason that a step policy, the engine, the market or an auction records, read from their code."""
    steps = (ROOT / "handlers" / "policies" / "liquidation").glob("*.py")
    for path in (*steps, ROOT / "handlers" / "liquidation_engine.py", ROOT / "handlers" / "auction.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in ("hands_over", "_flat", "_why_over"):
                told = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
                yield from (one for one in told if isinstance(one, str) and " " in one and not one.endswith("."))
    yield from (NO_DEPTH, NO_CASH, GONE, OUT_OF_BAND)


def test_every_reason_is_told_in_words_of_its_own() -> None:
    """What is recorded is an engine's note; a page says what it means, of a long and of a short alike."""
    reasons = set(_recorded_reasons())
    assert len(reasons) > 12
    assert {reason for reason in reasons if reason_told(reason) == reason} == set()
    told = " ".join(map(reason_told, reasons))
    assert not re.search(r"\b(depth|above|backstop|killed|fill)\b", told)
    assert reason_told("a plug-in's own") == "a plug-in's own"


def test_a_bankrupt_account_with_equity_over_the_requirement_is_explained(tmp_path: Path) -> None:
    """A liquidation goes on until 1.1 times the requirement: both the event's page and the story say so."""
    run = open_run(spiral(tmp_path / "spiral.run", "liquidation.restored_bps=20_000"))
    bankrupt = [event for event in run.events() if isinstance(event.body, BankruptcyDeclared)]
    over = [event for event in bankrupt if event.body.equity_atoms >= event.body.requirement_atoms]  # type: ignore[union-attr]
    assert over
    assert "goes on until the equity is at 2 times the requirement" in explain(run, over[0].seq).paragraph
    later = next(e for e in run.events(over[0].seq + 1) if getattr(e.body, "account", None) == over[0].body.account)  # type: ignore[union-attr]
    story = explain(run, later.seq).story
    assert story is not None
    assert "goes on until the equity is at 2 times the requirement" in story.text


ACTING = {
    "arbitrage": r"(\S+) traded at ([\d,.]+) and (\S+) at ([\d,.]+), ([\d.]+)% apart\. From 0\.\d+% on",
    "hedge": r"(It opens a hedge|of that were no longer hedged, and are closed)",
    "follower": r"The price was ([\d,.]+), ([\d.]+)% under its trend of ([\d,.]+), .* from ([\d.]+)% on",
    "dip_buyer": r"The price was ([\d,.]+), ([\d.]+)% under its trend of ([\d,.]+), .* from ([\d.]+)% on",
    "stop": r"The price was ([\d,.]+); this trader keeps a stop for each of its positions, here ([\d.]+)% under it",
    "margin call": r"It answers the margin call of event (\d+), \S+ before",
}


def test_an_order_is_told_with_the_figures_that_it_was_placed_by(tmp_path: Path) -> None:
    """The gap, the legs, the fall, the distance or the call, and those that are numbers come out from one another."""
    execute(Scenario.load(LIVING), tmp_path / "living.run")
    run, seen = open_run(tmp_path / "living.run"), set[str]()
    for event in run.events():
        body = event.body
        if not isinstance(body, OrderPlaced) or body.purpose not in ACTING or event.seq % 3:
            continue
        told = explain(run, event.seq).paragraph
        found = re.search(ACTING[body.purpose], told)
        if found is None and body.purpose == "stop":
            continue  # of a short, over it
        assert found is not None, told
        figures = [float(one.replace(",", "")) for one in found.groups() if re.fullmatch(r"[\d,.]+", one)]
        if body.purpose == "arbitrage":
            assert abs((figures[1] / figures[0] - 1) * 100 - figures[2]) < 0.01
        elif body.purpose in ("follower", "dip_buyer"):
            price, fallen, trend, threshold = figures
            assert abs((1 - price / trend) * 100 - fallen) < 0.02
            assert fallen >= threshold
        elif body.purpose == "margin call":
            assert isinstance(run.event(int(found[1])).body, MarginCalled)
        seen.add(body.purpose)
    assert seen >= {"arbitrage", "hedge", "follower", "stop"}


def test_a_maker_that_comes_back_is_told_with_its_figures(tmp_path: Path) -> None:
    """How wild the price was, and from what on it comes back: the first is not over the second."""
    execute(Scenario.load("maker-exit", ("prices.duration_ns=12m",)), tmp_path / "exit.run")
    run = open_run(tmp_path / "exit.run")
    returned = [event for event in run.events() if isinstance(event.body, LiquidityReturned)]
    assert returned
    for event in returned:
        told = explain(run, event.seq).paragraph
        found = re.search(
            r"moved by ([\d.]+)% in a second on average\. This maker comes back at ([\d.]+)% or less", told
        )
        assert found is not None, told
        assert float(found[1]) <= float(found[2])
        assert "it had been away for" in told
