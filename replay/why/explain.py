"""Why an event is in the record: `explain` collects the parts of the answer, each from a file of its own.

1. Only what was decided can be explained; an input came from outside.
2. A state is rebuilt once, for a round twice (at the shortfall and at the round), and read while it stands there.
3. An event's evidence is the state that it came into.
"""

from __future__ import annotations

from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import ShortfallDeclared
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ..run import Run
from .answer import Answer
from .asked import asked_of, evidence_for
from .case import Case
from .chain import chain_of
from .explain_imported import explain_imported, is_taken_in
from .explain_round import ROUND, explain_round
from .fund import fund_behind, fund_of, fund_past
from .grounds import grounds_of
from .names import Names
from .paragraph import paragraph_of, shortfall_paragraph
from .parts import Story
from .story import beginning_of, story_of

__all__ = ["explain"]

_NEAR = 64


def explain(run: Run, seq: int, *, against: int | str | None = None, whole: bool = False) -> Answer:
    """Why event `seq` is in the record; `against` is an account, by number or name, of which to say why it was spared.

    With `whole` every drain of the fund and every mark of the loss stands alone. Costs one or two states, and for a
    round or a shortfall the events that name the fund. Raises QueryError for an event that is not there or came from
    outside, and for an `against` where nobody was chosen among others.
    """
    event = run.event(seq)
    against = None if against is None else run.directory.number_of(against)
    if event.origin is Origin.INPUT:
        raise QueryError(_not_decided(run, event))
    causes = run.causes(seq)
    if is_taken_in(event):
        return explain_imported(run, event, causes, against)
    if isinstance(event.body, ROUND):
        return explain_round(run, event, causes, against, whole=whole)
    if against is not None:
        message = (
            f"event {seq} ({type(event.body).__name__}) chose nobody among others, so there is no --not; "
            "ask it of an event of a round of auto-deleveraging"
        )
        raise QueryError(message)
    return _explain_plain(run, event, causes, whole=whole)


def _not_decided(run: Run, event: Event) -> str:
    """What to say of an input, with something near that followed from it."""
    following = (later for later in run.events(event.seq + 1, event.seq + _NEAR) if later.cause == event.seq)
    followed = next(following, None)
    hint = "ask for one that was decided, `deleverage log` lists them all"
    if followed is not None:
        hint = f"event {followed.seq} ({type(followed.body).__name__}) followed from it"
    return f"event {event.seq} ({type(event.body).__name__}) came from outside: nothing here decided it; {hint}"


def _explain_plain(run: Run, event: Event, causes: tuple[Event, ...], *, whole: bool) -> Answer:
    """Any event that is no part of a round."""
    ledger = run.before(event.seq)
    names, body = Names(ledger), event.body
    evidence = evidence_for(body, ledger, names)
    case = Case(run, event, causes, ledger, names, evidence)
    asked, chain = asked_of(run, event, names, evidence), chain_of(run, causes, names)
    story = _story(run, event, ledger, names)
    grounds = grounds_of(run, event, ledger, names)
    if not isinstance(body, ShortfallDeclared):
        return Answer(asked, paragraph_of(case), chain, grounds, story=story)
    past = fund_past(run, ledger, fund_behind(event, ledger), None)
    fund = fund_of(run, event, ledger, past.books, names, whole=whole)
    return Answer(asked, shortfall_paragraph(case, fund), chain, grounds, story=story, fund=fund)


def _story(run: Run, event: Event, ledger: LedgerState, names: Names) -> Story | None:
    """The liquidation that the event belongs to, so far; timers have none."""
    liquidation_id = getattr(event.body, "liquidation_id", None)
    if liquidation_id is None or isinstance(event.body, TimerSet | TimerFired):
        return None
    beginning = beginning_of(run, ledger, liquidation_id)
    return None if beginning is None else story_of(run, beginning, event.seq, names)
