"""What an account's figures rest on: each event that is named is the last that set the figure, by a plain look back."""

from __future__ import annotations

import pytest

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet, MarkPriced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger.postings import POSTINGS
from deleverage.events.vocabulary import accounts_named
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds import Ground

from .support.command_line import call, small_record
from .support.crash import recorded
from .support.moving import MovingRun

EVENTS = recorded()
KINDS = (MarginCalled, MarginCallMet, LiquidationStarted, BankruptcyDeclared, PositionDeleveraged)
ASKED = [event for kind in KINDS for event in [e for e in EVENTS if isinstance(e.body, kind)][3::20]]
ASKED.sort(key=lambda event: event.seq)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, whose states move on with the questions."""
    return MovingRun(open_run(small_record(tmp_path_factory.mktemp("records"))).reader)


def last_mark(seq: int, instrument: int) -> int:
    """The last mark of an instrument before an event, the plain way."""
    bodies = ((event.seq, event.body) for event in reversed(EVENTS[:seq]))
    return next(one for one, body in bodies if isinstance(body, MarkPriced) and body.instrument == instrument)


def last_change(seq: int, account: int) -> int:
    """The last posting before an event that names an account, the plain way."""
    before = reversed(EVENTS[:seq])
    return next(one.seq for one in before if type(one.body) in POSTINGS and account in accounts_named(one.body))


def of_marks(grounds: tuple[Ground, ...]) -> list[Ground]:
    """Those that are marks."""
    return [ground for ground in grounds if ground.step.type == "MarkPriced"]


def test_every_figure_names_the_event_that_set_it_last(run: Run) -> None:
    """Of each instrument held the last mark, of the account the last posting that names it, of the rules the start."""
    assert len(ASKED) > 30
    for event in ASKED:
        answer = explain(run, event.seq)
        assert answer.event.evidence is not None, event
        held = sorted({one.instrument for one in answer.event.evidence.positions})
        *marks, changed, rule = answer.grounds
        assert [ground.step.seq for ground in marks] == [last_mark(event.seq, instrument) for instrument in held]
        assert changed.step.seq == last_change(event.seq, answer.event.evidence.account)
        assert rule.step.seq == 0


def test_a_mark_stands_on_a_price_and_on_what_moved_it(run: Run) -> None:
    """The price from outside is the index of the mark; a fill is named where forced orders hold it away from that."""
    seen = 0
    for event in ASKED:
        for ground in of_marks(explain(run, event.seq).grounds):
            body = EVENTS[ground.step.seq].body
            assert isinstance(body, MarkPriced)
            tick = EVENTS[ground.rests_on[0].seq].body
            assert isinstance(tick, PriceTicked)
            assert dict(tick.prices)[body.instrument] == body.index_ticks
            assert len(ground.rests_on) == 1 + bool(body.impact_ticks)
            seen += len(ground.rests_on) == 2
    assert seen > 10


def test_only_what_it_holds_is_a_ground(run: Run) -> None:
    """A mark of another instrument may have set a decision off; it is no ground of it."""
    for event in ASKED:
        answer = explain(run, event.seq)
        assert answer.event.evidence is not None
        held = {one.instrument for one in answer.event.evidence.positions}
        assert {EVENTS[g.step.seq].body.instrument for g in of_marks(answer.grounds)} == held  # type: ignore[union-attr]


def test_the_page_has_them_before_the_trigger(run: Run) -> None:
    """After all else, and before what set it off, which is only the engine's trace."""
    page = call("why", run.path, str(ASKED[-1].seq)).stdout
    assert page.index("What its figures rest on") < page.index("What set it off")
