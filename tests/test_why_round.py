"""`why` of a round of auto-deleveraging, against a squeeze made by hand in which every figure is known beforehand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.bodies.waterfall import (
    DeleveragingStarted,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import QueryError
from deleverage.events.vocabulary import Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.protocol import NoParameters
from deleverage.replay.run import Run
from deleverage.replay.why.answer import Answer
from deleverage.replay.why.explain import explain
from deleverage.replay.why.ranking import Spared
from deleverage.replay.why.story import _belongs
from deleverage.replay.why.watching import mark_before
from deleverage.sim.quantities import SCORES, Quantity

from .support.command_line import call
from .support.rewritten import changed
from .support.squeeze import ANNA, BERT, CLEO, DORA, EMIL, FRED, IVAN, USDT, squeeze
from .support.told import producers, written
from .support.venue import FUND, Book, bodies, listed

BERTS, CLEOS, INVENTORY = 48, 49, 57
FORMULA = "profit / |cost| x notional / equity"
FILLED = "2460 / |-6000| x 3540 / 3460"
"""Bert's figures: 6 x 410 of profit, 6 x 1000 of cost, 6 x 590 of notional, 1000 in cash and the profit."""


def numbers(*quantities: Quantity | None) -> tuple[int | None, ...]:
    """The whole numbers of quantities."""
    return tuple(None if one is None else one.number for one in quantities)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The squeeze, recorded and opened."""
    return squeeze(tmp_path_factory.mktemp("records") / "squeeze.run")


@pytest.fixture(scope="module")
def answer(run: Run) -> Answer:
    """Why bert was deleveraged."""
    return explain(run, BERTS)


def test_the_paragraph_says_it_all(answer: Answer) -> None:
    """Who, how much of what at which price, why, by which place, and what it cost, with the numbers of the events."""
    assert answer.paragraph == (
        "Event 48, 1970-01-01T00:00:03Z: user6 lost 60.000000 USDT against the mark of 590, 2.44% of the 2,460.000000 "
        "USDT of profit that what was closed had there; 2,400.000000 USDT of profit was paid into its balance. It was "
        "made to buy back all 6 I0 that it was short, at 600, for 3,600.000000 USDT in all: the bankruptcy price of "
        "user4, at which it ends with exactly nothing. "
        "The mark of I0 had fallen from 870 (event 36), the mark before it, to 590 (event 43), -32.18%. user4, long 10 "
        "I0, was declared bankrupt (event 45: it had no equity left), which is said of an account whose losses have "
        "used up all that it had: at that mark it owed 100.000000 USDT more than it had. Its bankruptcy price, at "
        "which it ends with exactly nothing, was 600. The insurance fund could take it on only while it kept "
        "324.500000 USDT as "
        "capital: it needed 424.500000 USDT and had 20.000000 USDT, 404.500000 USDT too little (event 46). "
        "That position was closed against traders in profit on the other "
        "side, in the order of profit over what the position cost, times the position's worth over the account's "
        "equity: user6 stood at rank 1 of 2, with 0.419479768 (round 1, event 47)."
    )


def test_a_part_is_a_part(run: Run) -> None:
    """Cleo gave 4 of 6: her loss against the mark is 4 x 10, her profit 4 x 400."""
    told = explain(run, CLEOS).paragraph
    assert "It was made to buy back 4 of the 6 I0 that it was short, at 600, for 2,400.000000 USDT" in told
    assert "user7 lost 40.000000 USDT against the mark of 590, 2.44% of the 1,640.000000 USDT of profit" in told
    assert "; 1,600.000000 USDT of profit was paid into its balance." in told


def test_the_chain_runs_from_the_tick_down(answer: Answer) -> None:
    """Tick, mark, liquidation, bankruptcy, shortfall, reduction, each with who decided it."""
    assert [(step.seq, step.type, step.cause, step.decided_by) for step in answer.chain] == [
        (42, "PriceTicked", None, None),
        (43, "MarkPriced", 42, "mark:index"),
        (44, "LiquidationStarted", 43, "margin:tiered"),
        (45, "BankruptcyDeclared", 44, "liquidation:partial-then-whole"),
        (46, "ShortfallDeclared", 45, "insurance_fund:floor"),
        (48, "PositionDeleveraged", 46, "adl:profit-leverage"),
    ]
    assert (answer.chain[1].text, answer.chain[1].at) == ("I0 was marked at 590", "1970-01-01T00:00:03Z")


def test_the_story_is_the_bankrupt_accounts(answer: Answer) -> None:
    """Anna's: not under her old call, liquidated, nothing sold, bankrupt at 600 with 100 missing."""
    story = answer.story
    assert story is not None
    assert (story.account, story.liquidation_id, story.called_seq, story.started_seq) == (ANNA, 2, None, 44)
    assert [step.seq for step in story.steps] == [44, 45, 46]
    assert story.text == (
        "user4 was not under a margin call when its liquidation began; its last one was event 30. Liquidation 2 began "
        "in event 44, when its equity of -100.000000 USDT was under the requirement of 590.000000 USDT. "
        "It was not offered to the market. It was declared bankrupt in event 45 with an equity of -100.000000 USDT: "
        "it had no equity left."
    )
    found = story.bankruptcy
    assert found is not None
    assert story.lot is None
    assert numbers(found.size, found.value, found.price, found.mark) == (10, 6000 * USDT, 600, 590)
    assert numbers(found.equity, found.missing) == (-100 * USDT, 100 * USDT)


def test_the_fund_is_accounted_for(answer: Answer) -> None:
    """300 less the 280 that ivan's lot stood at: 20, where 324.5 of capital and anna's 100 were needed."""
    fund = answer.fund
    assert fund is not None
    assert (fund.shortfall_seq, *numbers(fund.needed, fund.capacity)) == (46, 424_500_000, 20 * USDT)
    assert numbers(fund.equity, fund.capital, fund.missing) == (-100 * USDT, 324_500_000, 404_500_000)
    assert [(line.kind, line.amount.number, line.liquidation_id, line.account) for line in fund.lines] == [
        ("opening", 300 * USDT, None, None),
        ("drain", -280 * USDT, 1, IVAN),
    ]
    assert numbers(fund.lines[1].realised, fund.lines[1].unrealised) == (0, -280 * USDT)
    assert (fund.sum.number, fund.reconciles) == (20 * USDT, True)


def test_the_ranking_is_made_again(run: Run, answer: Answer) -> None:
    """Bert before cleo by the formula with their figures, and the digest that the round recorded."""
    ranking, body = answer.ranking, run.event(47).body
    assert ranking is not None
    assert isinstance(body, DeleveragingStarted)
    score = 2460 * 3540 * 10**9 // (6000 * 3460)
    assert (ranking.rank, ranking.score, ranking.candidates, ranking.formula) == (
        1,
        Quantity(score, SCORES),
        2,
        FORMULA,
    )
    assert (ranking.filled, ranking.not_made_again) == (FILLED, None)
    assert ranking.arithmetic == f"{FILLED} = 0.419479768, rounded down to nine decimals"
    assert str(ranking.score) == "0.419479768"
    assert [(p.account, p.rank, p.gave.number, p.asked) for p in ranking.places] == [
        (BERT, 1, 6, True),
        (CLEO, 2, 4, False),
    ]
    assert ranking.places[1].score.number == 2460 * 3540 * 10**9 // (6000 * 12_460)
    assert ranking.recorded_digest == ranking.recomputed_digest == body.ranking_digest.hex()
    assert (ranking.proved, ranking.base_seq, ranking.digest_rows) == (True, None, 2)


def test_the_evidence_is_the_account_before_the_round(answer: Answer) -> None:
    """Bert as he stood at 590: 1,000 in cash, 2,460 of profit."""
    evidence = answer.event.evidence
    assert evidence is not None
    assert numbers(evidence.balance, evidence.equity) == (1000 * USDT, 3460 * USDT)
    (held,) = evidence.positions
    assert numbers(held.size, held.entry, held.mark, held.profit) == (-6, 1000, 590, 2460 * USDT)


SPARED = {
    ANNA: ("bankrupt_itself", "user4 is whose position was closed in this round; nobody closes against themselves."),
    IVAN: ("not_opposite", "user5 was no candidate: it held no I0, and only a position that was short I0 counts."),
    BERT: (
        "taken",
        (
            f"user6 stood at rank 1 of 2 with a score of 0.419479768: {FORMULA} = {FILLED} = 0.419479768, rounded down "
            "to nine decimals. It was not spared: it gave 6 I0 here."
        ),
    ),
    DORA: (
        "no_profit",
        "user8 was no candidate: it was short 5 I0, and that stood at no profit but at -450.000000 USDT.",
    ),
    EMIL: ("not_opposite", "user9 was no candidate: it was long 1 I0, and only a position that was short I0 counts."),
    FRED: ("not_opposite", "user10 was no candidate: it held no I0, and only a position that was short I0 counts."),
    FUND: (
        "no_trader",
        "insurance was no candidate: it is the venue's own account (insurance), and only traders are.",
    ),
}


@pytest.mark.parametrize(("account", "said"), SPARED.items(), ids=[reason for reason, _ in SPARED.values()])
def test_why_not_another(run: Run, account: int, said: tuple[str, str]) -> None:
    """Each of the others is told why, in figures; the reason is the rule of the ranking that it fails first."""
    spared = explain(run, CLEOS, against=account).spared
    assert spared is not None
    assert (spared.reason, spared.text) == said


def test_the_round_itself(run: Run) -> None:
    """Its start and its end say what was closed, among whom, and that the ranking is the recorded one."""
    started, ended = explain(run, 47), explain(run, 50)
    assert started.paragraph.startswith(
        "Event 47, 1970-01-01T00:00:03Z: Round 1 of auto-deleveraging began: long 10 I0 of user4 was to be closed at "
        "600, 6,000.000000 USDT in all. "
    )
    assert started.paragraph.endswith(
        "2 candidates stood in the order of profit over what the position cost, times the position's worth over the "
        "account's equity; the ranking made again from the record agrees with the recorded digest. It closed 10 I0 "
        "against 2 accounts, the last of them at rank 2, and left 0 (event 50)."
    )
    assert ended.paragraph.startswith("Event 50, 1970-01-01T00:00:03Z: Round 1 of auto-deleveraging ended. It closed")
    for told in (started, ended):
        assert told.ranking is not None
        assert (told.ranking.rank, told.ranking.filled, told.ranking.last_rank) == (None, None, 2)
        assert told.fund == explain(run, BERTS).fund


def test_inventory_is_the_story_of_the_lot(run: Run) -> None:
    """Ivan's lot, taken over at 870 and worth 560: closed against cleo, whom it costs 310."""
    answer = explain(run, INVENTORY)
    assert answer.story is not None
    lot = answer.story.lot
    assert lot is not None
    assert answer.story.bankruptcy is None
    assert (answer.story.account, lot.taken_seq, lot.size.number) == (IVAN, 39, 1)
    assert numbers(lot.paid, lot.worth, lot.loss) == (870 * USDT, 560 * USDT, 310 * USDT)
    assert answer.paragraph == (
        "Event 57, 1970-01-01T00:00:12Z: user7 lost 310.000000 USDT against the mark of 560, 70.45% of the 440.000000 "
        "USDT of profit that what was closed had there; 130.000000 USDT of profit was paid into its balance. It was "
        "made to buy back 1 of the 2 I0 that it was short, at 870, for 870.000000 USDT in all: what the insurance fund "
        "had paid when it took this over from user5. "
        "The insurance fund still held long 1 I0 that it had taken over from user5 in event 39 "
        "at 870. The mark of I0 had fallen from 870 (event 36), when it was taken over, to 560 (event 53), -35.63%. At "
        "that mark the position stood at a loss of 310.000000 USDT. "
        "The insurance fund ran short: its cash and its positions at "
        "the mark, less its floor, came to -10.000000 USDT (event 54). That position was closed against traders in "
        "profit on the other side, in the order of profit over what the position cost, times the position's worth over "
        "the account's equity: user7 stood at rank 1 of 1, with 0.039487179 (round 2, event 56)."
    )
    assert [step.seq for step in answer.chain] == [52, 53, 54, 57]


def test_a_changed_ranking_is_told(run: Run, tmp_path: Path) -> None:
    """A round whose recorded digest is another's is not proved, and the paragraph says so."""
    events = list(run.events())
    body = msgspec.structs.replace(events[47].body, ranking_digest=bytes(32))  # type: ignore[type-var]
    events[47] = msgspec.structs.replace(events[47], body=body)
    told = explain(written(tmp_path / "forged.run", events), 47)
    assert told.ranking is not None
    assert not told.ranking.proved
    assert told.ranking.recorded_digest == "00" * 32
    assert "does NOT agree with the recorded digest" in told.paragraph


@pytest.mark.parametrize("digest", [None, bytes(32)])
def test_a_ranking_of_another_version_is_told_as_that(run: Run, tmp_path: Path, digest: bytes | None) -> None:
    """The recorded version is the one that is named, with the installed one that made it again, agreeing or not."""
    events = list(run.events())
    deciding = events[0].body.producers  # type: ignore[union-attr]
    older = tuple(msgspec.structs.replace(one, version="0") if one.handler == "adl" else one for one in deciding)
    events = changed(events, 0, producers=older)
    if digest is not None:
        events = changed(events, 47, ranking_digest=digest)
    told = written(tmp_path / "older.run", events)
    answer, page = explain(told, 48), " ".join(call("why", told.path, "48").stdout.split())
    assert answer.ranking is not None
    assert (answer.ranking.version, answer.ranking.made_again_by) == ("0", ProfitLeverage.version)
    now = ProfitLeverage.version
    assert f"Policy profit-leverage, version 0 (made again by version {now}, which is the one installed): score" in page
    differ = f"They DIFFER: either version {now} ranks otherwise than version 0 did, or this ranking is not the one"
    assert (differ in page) == (digest is not None)


class _Queue:
    """A bankrupt long of ten at 900, the others as they are given, and a round by profit over equity."""

    def __init__(self) -> None:
        self.book = Book(listed(multiplier_atoms=USDT))
        self.bankrupt = self.book.user(900 * USDT, (0, 10, 1000))

    def run(self, path: Path) -> tuple[Run, int]:
        """Declare the shortfall, close the position, record it; the run and the round's first event."""
        book = self.book
        book.mark(900)
        book.bankrupt(self.bankrupt)
        shortfall = book.put(ShortfallDeclared(book.ledger.liquidations_started, self.bankrupt, "bankruptcy", 1, 0))
        engine = AdlEngine(ProfitShare(NoParameters()))
        engine.prime(book.ledger, book.events)
        for body in bodies(engine.handle(shortfall, book.ledger, 0)):
            book.put(body, cause=shortfall.seq)
        deciding = producers(adl={"policy": "profit-share"}, insurance_fund={})
        return written(path, book.events, deciding), shortfall.seq + 1


def spared(queue: _Queue, account: int, path: Path) -> Spared:
    """Why this account was spared in the queue's round."""
    run, started_seq = queue.run(path / "queue.run")
    found = explain(run, started_seq, against=account).spared
    assert found is not None
    return found


def test_behind_the_last_that_was_taken(tmp_path: Path) -> None:
    """Who stands after the place at which the position was used up is told which place that was."""
    queue = _Queue()
    queue.book.user(1000 * USDT, (0, -10, 1000))
    later = queue.book.user(2000 * USDT, (0, -10, 1000))
    found = spared(queue, later, tmp_path)
    assert (found.reason, found.rank) == ("behind", 2)
    assert found.text.endswith(
        "profit / equity = 1000 / 3000 = 0.333333333, rounded down to nine decimals. The position was used up at rank "
        "1, before its turn."
    )


def test_too_poor_for_a_single_lot(tmp_path: Path) -> None:
    """Closing at 910 costs 10 a lot; an equity of 5 covers none, so the first in line is passed over."""
    queue = _Queue()
    poor = queue.book.user(-495 * USDT, (0, -5, 1000))
    queue.book.user(100_000 * USDT, (0, -10, 1000))
    found = spared(queue, poor, tmp_path)
    assert (found.reason, found.rank) == ("passed_over", 1)
    assert found.text.endswith(
        "It was passed over: a single lot, 1 I0, closed at the round's price would have cost it 10.000000 USDT against "
        "the mark. Its equity of 5.000000 USDT does not cover that, and nobody loses more than it."
    )


def test_no_equity_and_in_liquidation(tmp_path: Path) -> None:
    """A profit in an account that owes more is no candidate, and neither is one that is being liquidated."""
    queue = _Queue()
    broke = queue.book.user(-600 * USDT, (0, -5, 1000))
    found = spared(queue, broke, tmp_path)
    assert (found.reason, found.text) == (
        "no_equity",
        "user5 was no candidate: its account had no equity left, -100.000000 USDT.",
    )
    queue = _Queue()
    held = queue.book.user(1000 * USDT, (0, -5, 1000))
    queue.book.liquidate(held)
    found = spared(queue, held, tmp_path / "other")
    assert (found.reason, found.text) == (
        "in_liquidation",
        "user5 was no candidate: it was itself in liquidation 1 (liquidating).",
    )


def test_nobody_to_close_against(tmp_path: Path) -> None:
    """A round without candidates says so, and what it left."""
    run, started_seq = _Queue().run(tmp_path / "queue.run")
    told = explain(run, started_seq)
    assert told.ranking is not None
    assert (told.ranking.candidates, told.ranking.taken, told.ranking.left.number) == (0, 0, 10)
    assert told.paragraph.endswith(
        "Nobody on the other side was a candidate; the ranking made again from the record agrees with the recorded "
        "digest. It closed nothing: all 10 I0 are left."
    )


def test_questions_that_a_round_cannot_answer(run: Run) -> None:
    """An account that is not there, and `against` where nobody was chosen."""
    with pytest.raises(QueryError, match="there is no account 11; the record has 11"):
        explain(run, BERTS, against=11)
    with pytest.raises(QueryError, match=r"event 44 \(LiquidationStarted\) chose nobody among others"):
        explain(run, 44, against=BERT)


def test_the_reductions_are_those_of_the_record(run: Run) -> None:
    """The squeeze is as its file tells it: three reductions, in two rounds."""
    found = [(e.seq, e.body.account, e.body.size_lots) for e in run.events() if isinstance(e.body, PositionDeleveraged)]
    assert found == [(BERTS, BERT, 6), (CLEOS, CLEO, 4), (INVENTORY, CLEO, 1)]


def test_an_equity_of_exactly_nothing(tmp_path: Path) -> None:
    """A profit that only just pays what the account owes leaves it no candidate; with an atom more it stands first."""
    queue = _Queue()
    broke = queue.book.user(-500 * USDT, (0, -5, 1000))
    found = spared(queue, broke, tmp_path)
    assert (found.reason, found.rank) == ("no_equity", None)
    assert found.text == "user5 was no candidate: its account had no equity left, 0.000000 USDT."
    queue = _Queue()
    poor = queue.book.user(-500 * USDT + 1, (0, -5, 1000))
    found = spared(queue, poor, tmp_path / "other")
    assert (found.reason, found.rank) == ("passed_over", 1)


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ((), "The mark of I0 stood at 900 (event 13), the first that there was."),
        ((900,), "The mark of I0 stood at 900 (event 14), as the mark before it (event 13)."),
        ((901,), "The mark of I0 had fallen from 901 (event 13), the mark before it, to 900 (event 14), -0.11%."),
        ((899,), "The mark of I0 had risen from 899 (event 13), the mark before it, to 900 (event 14), +0.11%."),
    ],
    ids=["no previous mark", "the same", "above", "below"],
)
def test_the_mark_before_the_first_is_none(marks: tuple[int, ...], said: str, tmp_path: Path) -> None:
    """A move of the mark is told where there was one before it, and nothing is made up where there was none."""
    queue = _Queue()
    queue.book.user(1000 * USDT, (0, -10, 1000))
    queue.book.mark(*marks)
    run, started_seq = queue.run(tmp_path / "queue.run")
    told = explain(run, started_seq + 1).paragraph
    assert "  " not in told
    assert f" {said} user4, long 10 I0, was declared bankrupt" in told


def test_a_mark_holds_from_the_event_after_it(tmp_path: Path) -> None:
    """Before its own event there was none, and right after it, and from then on, there is that one."""
    queue = _Queue()
    run, _ = queue.run(tmp_path / "queue.run")
    (marked,) = [event.seq for event in run.events() if isinstance(event.body, MarkPriced)]
    found = [mark_before(run, 0, seq) for seq in (marked - 1, marked, marked + 1, marked + 2)]
    assert [event and event.seq for event in found] == [None, None, marked, marked]
    assert mark_before(run, 1, run.count) is None


@pytest.mark.parametrize(
    ("body", "belongs"),
    [
        (LiquidationStarted(2, ANNA, 0, 0), True),
        (LiquidationStarted(1, ANNA, 0, 0), False),
        (LiquidationStarted(2, BERT, 0, 0), False),
        (MarginCalled(ANNA, 0, 0, 12_500), True),
        (LossSocialized(2, ANNA, BERT, 1), True),
        (LossSocialized(1, ANNA, BERT, 1), False),
        (
            PositionDeleveraged(
                round=1,
                liquidation_id=1,
                against=IVAN,
                against_leg=0,
                account=ANNA,
                instrument=0,
                leg=0,
                size_lots=1,
                price_ticks=1,
                value_atoms=1,
                rank=1,
                score=1,
            ),
            False,
        ),
    ],
)
def test_a_story_is_of_one_liquidation(body: Body, belongs: bool) -> None:
    """What befell the account in another liquidation, or in another's, is no step of the story of this one."""
    assert _belongs(Event(5, 0, Origin.DECIDED, 4, (), 0, body), ANNA, 2) is belongs
