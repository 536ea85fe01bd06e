"""Why a round of auto-deleveraging did what it did: its start, each reduction, its end.

1. All of a round was decided in the state before its first event: that is its evidence, not the state in between.
2. The fund is shown as it was when the shortfall was declared that the round answers, which may be many rounds before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ...events.bodies.liquidation import PositionTakenOver
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged, ShortfallDeclared
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ..rankings import ranking_if_at_hand, round_of
from ..run import Run
from .answer import Answer, Spared
from .asked import asked_of, evidence_for
from .cap import cap_behind, cap_of
from .case import Case
from .chain import chain_of
from .closed import bankruptcy_of, lot_of
from .fund import FundPast, fund_behind, fund_now, fund_of, fund_past
from .grounds import grounds_of
from .later import later_of
from .losing import Losing, losing_behind
from .names import Names
from .paragraph import round_paragraph
from .paragraphs_round import RoundParts
from .parts import Fund, Story
from .ranking import ranking_part, round_events
from .spared import spared_of
from .story import beginning_of, story_of

__all__ = ["ROUND", "explain_round"]

ROUND = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)
"""The types of event that a round is made of."""


class _Round(NamedTuple):
    """A round, and the fund when it could not pay; no fund where no shortfall was declared."""

    run: Run
    started: Event
    past: FundPast | None
    fund: Fund | None

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        body = self.started.body
        assert isinstance(body, DeleveragingStarted)
        return body


def explain_round(run: Run, event: Event, causes: tuple[Event, ...], against: int | None) -> Answer:
    """The answer about any event of a round, in the state before its first one."""
    started = round_of(run, run.event(event.seq - 1) if isinstance(event.body, DeleveragingEnded) else event)
    capped = cap_behind(started, causes)
    shortfall = None if capped is not None else _shortfall(causes)
    states = run.states([started.seq] if shortfall is None else [shortfall.seq, started.seq])
    closing = _closing(run, started, shortfall, states)
    ledger = next(states)
    names = Names(ledger)
    made, told = ranking_if_at_hand(run, started, ledger), round_events(run, started)
    if closing.fund is not None:
        closing = closing._replace(fund=_standing(closing.fund, run, started, ledger, names))
    story = _story(closing, ledger, names)
    evidence = evidence_for(event.body, ledger, names)
    account = event.body.account if isinstance(event.body, PositionDeleveraged) else None
    ranking = ranking_part(made, told, account, names)
    case = Case(run, event, causes, ledger, names, evidence)
    spared: Spared | None = None
    if against is not None:
        _must_be_open(against, ledger, started)
        spared = spared_of(against, made, told, names)
    cap = None if capped is None else cap_of(capped, names)
    paragraph = round_paragraph(case, RoundParts(told, ranking, story, closing.fund, cap))
    asked, chain = asked_of(run, event, names, evidence), chain_of(run, causes, names)
    losing = _losing(closing, ledger, story, names)
    later = later_of(run, event, ledger, names) or None
    grounds = grounds_of(run, event, ledger, names)
    return Answer(asked, paragraph, chain, grounds, losing, story, closing.fund, cap, ranking, later, spared)


def _standing(fund: Fund, run: Run, started: Event, ledger: LedgerState, names: Names) -> Fund:
    """The fund with what it had when the round was decided."""
    return msgspec.structs.replace(fund, now=fund_now(run, fund, started, ledger, names))


def _shortfall(causes: tuple[Event, ...]) -> Event | None:
    """The last one that led to it."""
    return next((cause for cause in reversed(causes) if isinstance(cause.body, ShortfallDeclared)), None)


def _closing(run: Run, started: Event, shortfall: Event | None, states: Iterator[LedgerState]) -> _Round:
    """The round with the fund at the shortfall, for which the first of the states is used up."""
    if shortfall is None:
        return _Round(run, started, None, None)
    ledger, body = next(states), started.body
    assert isinstance(body, DeleveragingStarted)
    past = fund_past(run, ledger, fund_behind(shortfall, ledger), body.liquidation_id)
    return _Round(run, started, past, fund_of(run, shortfall, ledger, past.books, Names(ledger)))


def _story(closing: _Round, ledger: LedgerState, names: Names) -> Story | None:
    """Of the bankrupt account, or of the account that a lot of the fund's inventory came from."""
    run, body, stop_seq = closing.run, closing.body, closing.started.seq
    beginning = beginning_of(run, ledger, body.liquidation_id)
    if beginning is None:
        return None
    key = (body.instrument, body.leg)
    if ledger.accounts[body.account].kind != "insurance":
        figures = bankruptcy_of(ledger, body.account, key, names)
        return story_of(run, beginning, stop_seq, names, bankruptcy=figures)
    events = [*(() if closing.past is None else closing.past.lot_events), *_since(closing)]
    lot = lot_of(ledger, body.account, key, _taken_seq(events, body.instrument), names)
    return story_of(run, beginning, stop_seq, names, lot_events=events, lot=lot)


def _losing(closing: _Round, ledger: LedgerState, story: Story | None, names: Names) -> Losing | None:
    """Whose loss the round closed; nobody's where it was for a cap on profits."""
    body = closing.body
    beginning = beginning_of(closing.run, ledger, body.liquidation_id)
    if story is None or beginning is None:
        return None
    key = (body.instrument, body.leg)
    return losing_behind(closing.run, beginning, closing.started.seq, key, story.lot, names)


def _since(closing: _Round) -> Iterator[Event]:
    """What became of the lot between the shortfall and the round."""
    first_seq, body = 0 if closing.fund is None else closing.fund.shortfall_seq, closing.body
    for event in closing.run.events_naming(body.account, first_seq, closing.started.seq):
        if getattr(event.body, "liquidation_id", None) == body.liquidation_id:
            yield event


def _taken_seq(events: list[Event], instrument: int) -> int | None:
    """Where the fund took the lot over."""
    for event in events:
        if isinstance(event.body, PositionTakenOver) and event.body.instrument == instrument:
            return event.seq
    return None


def _must_be_open(account: int, ledger: LedgerState, started: Event) -> None:
    if not 0 <= account < len(ledger.accounts):
        message = f"account {account} was not open yet when event {started.seq} chose; name one that was"
        raise QueryError(message)
