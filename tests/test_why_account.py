"""`why --account`: what befell an account, in order of time, and the answer for the gravest of it."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.liquidation import (
    LiquidationEnded,
    LiquidationFilled,
    LiquidationStarted,
    PositionTakenOver,
)
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.waterfall import DeleveragingStarted, LossSocialized, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import QueryError
from deleverage.events.vocabulary import Body
from deleverage.replay.run import Run
from deleverage.replay.why.accounts import _gravest, befallen

from .support.crash import recorded
from .support.insolvent import BROKE, watched
from .support.squeeze import ANNA, BERT, CLEO, FRED, IVAN, squeeze
from .support.told import written
from .support.venue import FUND, LIQUIDITY

EVENTS = recorded()
OTHERS = {"TimerSet", "TimerFired"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The squeeze, recorded and opened."""
    return squeeze(tmp_path_factory.mktemp("records") / "squeeze.run")


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return written(tmp_path_factory.mktemp("records") / "small.run", EVENTS)


BEFELL = {
    "anna": (ANNA, [30, 33, 34, 44, 45, 46, 47, 50, 51], 44, (30,)),
    "ivan": (IVAN, [37, 38, 39, 41], 37, ()),
    "bert": (BERT, [48], 48, ()),
    "cleo": (CLEO, [49, 57], 57, (49,)),
    "the fund": (FUND, [54, 56, 58], 58, ()),
}


@pytest.mark.parametrize(("account", "seqs", "gravest", "others"), BEFELL.values(), ids=BEFELL)
def test_what_befell_each(run: Run, account: int, seqs: list[int], gravest: int, others: tuple[int, ...]) -> None:
    """Calls, answers, liquidations and reductions of one's own, not those that one was only named in."""
    found = befallen(run, account)
    assert [step.seq for step in found.befell] == seqs
    assert found.answer is not None
    assert (found.answer.event.seq, found.others) == (gravest, others)


@pytest.mark.parametrize("account", [FRED, LIQUIDITY])
def test_nothing_befell(run: Run, account: int) -> None:
    """Who was left alone has an empty list and no answer."""
    found = befallen(run, account)
    assert (found.befell, found.others, found.answer) == ((), (), None)


def test_an_account_that_never_existed(run: Run) -> None:
    """A number beyond the last account is refused."""
    with pytest.raises(QueryError, match="there is no account 11; the record has 11"):
        befallen(run, 11)


def test_why_not_goes_to_the_gravest(run: Run) -> None:
    """`against` is asked of the last reduction; where that chose nobody, it is refused."""
    found = befallen(run, CLEO, against=BERT).answer
    assert found is not None
    assert found.spared is not None
    assert (found.spared.account, found.spared.reason) == (BERT, "not_opposite")
    with pytest.raises(QueryError, match="chose nobody among others"):
        befallen(run, ANNA, against=BERT)


def concerned(account: int) -> list[Event]:
    """The decisions about an account, found another way."""
    found = []
    for event in EVENTS:
        named = (getattr(event.body, "account", None), getattr(event.body, "bankrupt", None))
        if event.origin is not Origin.INPUT and account in named and type(event.body).__name__ not in OTHERS:
            found.append(event)
    return found


def test_the_whole_crash(crash: Run) -> None:
    """For accounts all over the crash, the list is what was decided about them, in the order of the record."""
    accounts = range(4, 254, 25)
    listed = {account: [step.seq for step in befallen(crash, account).befell] for account in accounts}
    assert listed == {account: [event.seq for event in concerned(account)] for account in accounts}
    assert sum(map(bool, listed.values())) > 5


def test_one_instrument(crash: Run) -> None:
    """With an instrument, steps in others go, and so do liquidations without a step in it; calls stay."""
    event = next(e for e in EVENTS if type(e.body).__name__ == "LiquidationStarted" and len(trades_of(e)) > 1)
    account, (first, *_) = event.body.account, sorted(trades_of(event))  # type: ignore[union-attr]
    whole, part = befallen(crash, account), befallen(crash, account, first)
    seqs = {step.seq for step in part.befell}
    assert seqs < {step.seq for step in whole.befell}
    assert event.seq in seqs
    for step in whole.befell:
        instrument = getattr(EVENTS[step.seq].body, "instrument", first)
        assert (step.seq in seqs) <= (instrument == first)
    absent = ({0, 1, 2} - set(trades_of(event))) or {3}
    for other in absent - {3}:
        left = {type(EVENTS[step.seq].body).__name__ for step in befallen(crash, account, other).befell}
        assert left <= {"MarginCalled", "MarginCallMet", "CollateralAdded"}


def trades_of(started: Event) -> set[int]:
    """The instruments in which a liquidation has a step."""
    liquidation_id = started.body.liquidation_id  # type: ignore[union-attr]
    mine = (e.body for e in concerned(started.body.account))  # type: ignore[union-attr]
    return {
        b.instrument for b in mine if getattr(b, "liquidation_id", 0) == liquidation_id and hasattr(b, "instrument")
    }


def test_a_written_off_balance_befalls_the_fund(tmp_path: Path) -> None:
    """What is written off against the fund is listed for it too."""
    fund, (events, _) = 2, watched(*BROKE)
    written_off = {e.seq for e in events if type(e.body).__name__ == "BalanceWrittenOff"}
    assert written_off
    assert written_off <= {step.seq for step in befallen(written(tmp_path / "broke.run", events), fund).befell}


GRAVE = (  # the gravest first, as the module's docstring has it
    PositionDeleveraged(
        round=1,
        liquidation_id=1,
        against=5,
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
    LiquidationStarted(1, ANNA, 0, 0),
    LossSocialized(1, BERT, ANNA, 1),
    MarginCalled(ANNA, 0, 0, 12_500),
    LiquidationEnded(1, ANNA, "restored", 0),
)
GRAVE_TAKEN_IN = (
    GRAVE[0],
    DeleveragingStarted(
        round=1,
        trigger="bankruptcy",
        liquidation_id=1,
        policy="unknown",
        account=ANNA,
        instrument=0,
        leg=0,
        size_lots=1,
        value_atoms=1,
        price_ticks=1,
        candidates=0,
        ranking_digest=b"",
    ),
    PositionTakenOver(1, ANNA, FUND, 0, 0, 1, 1, 1),
    LiquidationFilled(
        liquidation_id=1,
        order_id=1,
        trade_id=1,
        account=ANNA,
        counterparty=LIQUIDITY,
        instrument=0,
        leg=0,
        size_lots=1,
        price_ticks=1,
        value_atoms=1,
        left_lots=0,
        eaten_lots=0,
    ),
)


@pytest.mark.parametrize(
    ("kinds", "origin"), [(GRAVE, Origin.DECIDED), (GRAVE_TAKEN_IN, Origin.IMPORTED)], ids=["decided", "taken in"]
)
def test_the_order_of_the_gravest(kinds: tuple[Body, ...], origin: Origin) -> None:
    """Of any of them, in whatever order they came, the gravest is answered; of two that are as grave, the last."""
    for size in range(1, len(kinds) + 1):
        for happened in permutations(enumerate(kinds), size):
            events = [Event(seq, seq, origin, None, (), None, body) for seq, (_, body) in enumerate(happened)]
            found = _gravest([*events, *(msgspec.structs.replace(event, seq=event.seq + 9) for event in events)], ANNA)
            place = min(place for place, _ in happened)
            assert found is not None
            assert (found.body, found.seq >= 9) == (kinds[place], True)


def test_another_s_reduction_is_not_the_gravest() -> None:
    """An account that a graver event only names, as the one against whom or the one whose loss it was, has its own."""
    events = [
        Event(seq, seq, Origin.DECIDED, None, (), None, body)
        for seq, body in enumerate((MarginCalled(BERT, 0, 0, 12_500), LossSocialized(1, BERT, ANNA, 1)))
    ]
    found = _gravest(events, BERT)
    assert found is events[0]
    assert _gravest([], BERT) is None
