"""Why an event is in the record: `explain` collects the parts of the answer, each from a file of its own.

1. Only what was decided can be explained; an input came from outside.
2. A state is rebuilt once, for a round twice (at the shortfall and at the round), and read while it stands there.
3. An event's evidence is the state that it came into. All of a round was decided in the state before its first event:
   that is the evidence of each of its events, not the state in between.
4. The fund is shown as it was when the shortfall was declared that the round answers, which may be many rounds before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, overload

import msgspec

from ...events.bodies.liquidation import LiquidationStarted, PositionTakenOver
from ...events.bodies.margin import MarginCalled
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
)
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ..fair.beside import order_sentence
from ..rankings import RoundRanking, UnrankedRound, ranking_if_at_hand, round_body, round_of, rounds_back
from ..run import Run
from .answer import Answer, Befallen, claims_of
from .case import RunCase
from .evidence import asked_of, evidence_for
from .fund import fund_behind, fund_now, fund_of, fund_past
from .grounds.graph import grounds_of
from .losing import Losing, bankruptcy_of, losing_of, lot_of
from .names import RunNames
from .paragraphs import RoundParts, paragraph_of, round_paragraph, shortfall_paragraph
from .parts import Fund, Story
from .price import later_of, priced_of
from .ranking import Spared, Standings, first_of, first_place, ranking_part, round_events, spared_of, standings_of
from .story import Beginning, beginning_of, called_before, cap_behind, cap_of, chain_of, story_of
from .venue.explain import explain_imported, is_taken_in
from .watching import Watch, watch_since, watched, watches_behind

__all__ = [
    "ROUND",
    "RoundFound",
    "explain",
    "explain_event",
    "explain_round",
    "fund_standing",
    "lot_events",
    "shortfall_behind",
    "watches_of",
]

_NEAR = 64

ROUND = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)
"""The types of event that a round is made of."""


@overload
def explain(run: Run, seq: int, *, against: int | str | None = None, whole: bool = False) -> Answer: ...


@overload
def explain(run: Run, *, account: int | str, against: int | str | None = None, whole: bool = False) -> Befallen: ...


def explain(
    run: Run,
    seq: int | None = None,
    *,
    account: int | str | None = None,
    against: int | str | None = None,
    whole: bool = False,
) -> Answer | Befallen:
    """Why event `seq` is in the record, or what befell an `account`, with the answer for the gravest of it.

    `against` is an account of which to say why it was spared; accounts are given by name or number. With `whole` every
    drain of the fund and every mark of the loss stands alone. Costs one or two states, for a round or a shortfall the
    events that name the fund, and for an account those that name it. Raises QueryError for an event that is not there
    or came from outside, and for an `against` where nobody was chosen among others.
    """
    if (seq is None) == (account is None):
        message = "give the number of an event, or an account, and not both"
        raise QueryError(message)
    if seq is not None:
        return explain_event(run, seq, against=against, whole=whole)
    from .accounts import befallen  # noqa: PLC0415 - its gravest event is explained here

    assert account is not None
    return befallen(run, account, against=against, whole=whole)


def explain_event(run: Run, seq: int, *, against: int | str | None = None, whole: bool = False) -> Answer:
    """The answer about one event."""
    event = run.event(seq)
    against = None if against is None else run.directory.find_account(against)
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
    names, body = RunNames(ledger), event.body
    evidence = evidence_for(body, ledger, names)
    asked, chain = asked_of(run, event, names, evidence), chain_of(run, causes, names)
    beginning = _beginning(run, event, ledger)
    watches = _watches(run, event, ledger, beginning)
    deque(watched(run, watches), maxlen=0)
    story = None if beginning is None else story_of(run, beginning, event.seq, names, watches=watches)
    losing = None
    if watches and evidence is not None:
        losing = losing_of(watches[0], evidence.equity, names, whole=whole)
    grounds = grounds_of(run, event, ledger, names)
    case = RunCase(run, event, causes, ledger, names, evidence, grounds)
    if not isinstance(body, ShortfallDeclared):
        return Answer(asked, paragraph_of(case), chain, grounds, losing=losing, story=story)
    past = fund_past(run, ledger, fund_behind(event, ledger), None)
    fund = fund_of(run, event, ledger, past.books, names, whole=whole)
    return Answer(asked, shortfall_paragraph(case, fund), chain, grounds, losing=losing, story=story, fund=fund)


def _beginning(run: Run, event: Event, ledger: LedgerState) -> Beginning | None:
    """Of the liquidation that the event belongs to; timers have none."""
    liquidation_id = getattr(event.body, "liquidation_id", None)
    if liquidation_id is None or isinstance(event.body, TimerSet | TimerFired):
        return None
    return beginning_of(run, ledger, liquidation_id)


def _watches(run: Run, event: Event, ledger: LedgerState, beginning: Beginning | None) -> tuple[Watch, ...]:
    """What is to be watched of an account that is called or liquidated, which has something left when it is."""
    body = event.body
    first = event if isinstance(body, MarginCalled | LiquidationStarted) else None
    if isinstance(body, LiquidationStarted):
        first = called_before(run, event) or event
    elif beginning is not None and getattr(body, "account", None) == beginning.account:
        first = beginning.first
    if first is None:
        return ()
    assert isinstance(first.body, MarginCalled | LiquidationStarted)
    instruments = {instrument for instrument, _ in ledger.accounts[first.body.account].positions}
    return (watch_since(run, first, event.seq, instruments),) if instruments else ()


class RoundFound(NamedTuple):
    """What is worked out of a round: the state before it, its ranking, the fund when it could not pay, the watches.

    `ledger` stands before the round; no fund where no shortfall was declared.
    """

    started: Event
    ledger: LedgerState
    made: RoundRanking | UnrankedRound
    first: Standings | None
    fund: Fund | None
    lot_events: tuple[Event, ...]
    watches: tuple[Watch, ...]

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        return round_body(self.started)


def explain_round(
    run: Run,
    event: Event,
    causes: tuple[Event, ...],
    against: int | None,
    *,
    whole: bool = False,
    found: RoundFound | None = None,
) -> Answer:
    """The answer about any event of a round, in the state before its first one; `found`, if that is at hand."""
    started = _started_of(run, event)
    if found is None:
        found = _find(run, started, shortfall_behind(run, started), _asked(event), whole=whole)
    ledger = found.ledger
    names, told = RunNames(ledger), round_events(run, started)
    fund = found.fund
    capped = cap_behind(started, causes)
    cap = None if capped is None else cap_of(capped, names)
    story = _story_of_round(run, found, names)
    evidence = evidence_for(event.body, ledger, names)
    account = next(iter(_asked(event)), None)
    ranking = ranking_part(found.made, told, account, names)
    ranking = msgspec.structs.replace(ranking, first=first_place(found.first, account))
    price = None if account is None else priced_of(run, event, started, ledger, story, names)
    case = RunCase(run, event, causes, ledger, names, evidence)
    spared: Spared | None = None
    if against is not None:
        _must_be_open(against, ledger, started)
        spared = spared_of(against, found.made, told, names)
    paragraph = round_paragraph(case, RoundParts(told, ranking, story, fund, cap, price))
    in_orders = order_sentence(run, event)
    answer = Answer(
        event=asked_of(run, event, names, evidence),
        paragraph=f"{paragraph} {in_orders}" if in_orders else paragraph,
        chain=chain_of(run, causes, names),
        grounds=grounds_of(run, event, ledger, names),
        losing=_losing(found, story, names, whole=whole),
        story=story,
        fund=fund,
        cap=cap,
        ranking=ranking,
        price=price,
        later=None if price is None else later_of(run, event, ledger, price.paper.number, names) or None,
        spared=spared,
    )
    return answer if price is None else msgspec.structs.replace(answer, claims=claims_of(run, answer))


def fund_standing(run: Run, fund: Fund, started: Event, ledger: LedgerState) -> Fund:
    """The fund with what it had when the round was decided."""
    return msgspec.structs.replace(fund, now=fund_now(run, fund, started, ledger, RunNames(ledger)))


def _started_of(run: Run, event: Event) -> Event:
    """The start of the round that an event belongs to."""
    return round_of(run, run.event(event.seq - 1) if isinstance(event.body, DeleveragingEnded) else event)


def shortfall_behind(run: Run, started: Event) -> Event | None:
    """The last one that led to a round; None where the round is for a cap on profits."""
    if started.cause is not None and isinstance(run.event(started.cause).body, ProfitCapExceeded):
        return None
    return run.nearest_cause(started, ShortfallDeclared)


def _asked(event: Event) -> tuple[int, ...]:
    """The account of a reduction; nobody's where a round as a whole is asked about."""
    return (event.body.account,) if isinstance(event.body, PositionDeleveraged) else ()


def _find(run: Run, started: Event, shortfall: Event | None, accounts: tuple[int, ...], *, whole: bool) -> RoundFound:
    """All of it for one round: three states at most, and the walk through the loss."""
    body, first = round_body(started), first_of(run, started)
    fund, lot, standings = None, tuple[Event, ...](), None
    earlier: RoundRanking | UnrankedRound | None = None
    ledger: LedgerState | None = None
    seqs = sorted({first.seq, started.seq} if shortfall is None else {first.seq, shortfall.seq, started.seq})
    for ledger, seq in zip(run.states(seqs), seqs, strict=True):
        if shortfall is not None and seq == shortfall.seq:
            past = fund_past(run, ledger, fund_behind(shortfall, ledger), body.liquidation_id)
            fund = fund_of(run, shortfall, ledger, past.books, RunNames(ledger), whole=whole)
            lot = past.lot_events
        if seq == first.seq != started.seq:
            earlier = ranking_if_at_hand(run, first, ledger)
            standings = standings_of(earlier, accounts)
    assert ledger is not None
    if not isinstance(earlier, RoundRanking) or first not in rounds_back(run, started):
        earlier = None
    made = ranking_if_at_hand(run, started, ledger, earlier)
    if first.seq == started.seq:
        standings = standings_of(made, accounts)
    of_fund = ledger.accounts[body.account].kind == "insurance"
    since_seq = 0 if fund is None else fund.shortfall_seq
    lot = (*lot, *lot_events(run, body, since_seq, started.seq)) if of_fund else ()
    watches = watches_of(run, started, beginning_of(run, ledger, body.liquidation_id), lot)
    deque(watched(run, watches), maxlen=0)
    standing = None if fund is None else fund_standing(run, fund, started, ledger)
    return RoundFound(started, ledger, made, standings, standing, lot, watches)


def watches_of(run: Run, started: Event, beginning: Beginning | None, lot_events: Iterable[Event]) -> tuple[Watch, ...]:
    """What is to be watched for the loss that the round closed; nothing where nobody was liquidated."""
    body = round_body(started)
    taken = _taken(lot_events, body.instrument)
    if beginning is None or (taken is None and body.account != beginning.account):
        return ()
    key = body.instrument, body.leg
    return watches_behind(run, beginning.called, beginning.started, started.seq, key, taken)


def _story_of_round(run: Run, found: RoundFound, names: RunNames) -> Story | None:
    """Of the bankrupt account, or of the account that a lot of the fund's inventory came from."""
    body, ledger, stop_seq = found.body, found.ledger, found.started.seq
    beginning = beginning_of(run, ledger, body.liquidation_id)
    if beginning is None:
        return None
    key = (body.instrument, body.leg)
    if ledger.accounts[body.account].kind != "insurance":
        figures = bankruptcy_of(ledger, body.account, key, names)
        return story_of(run, beginning, stop_seq, names, bankruptcy=figures, watches=found.watches)
    taken = _taken(found.lot_events, body.instrument)
    lot = lot_of(ledger, body.account, key, None if taken is None else taken.seq, names)
    return story_of(run, beginning, stop_seq, names, lot_events=found.lot_events, lot=lot, watches=found.watches)


def _losing(found: RoundFound, story: Story | None, names: RunNames, *, whole: bool) -> Losing | None:
    """Whose loss the round closed; nobody's where it was for a cap on profits."""
    if story is None or not found.watches:
        return None
    if story.lot is not None:
        return losing_of(found.watches[0], -story.lot.loss, names, whole=whole)
    assert story.bankruptcy is not None
    return losing_of(found.watches[0], story.bankruptcy.equity, names, whole=whole)


def lot_events(run: Run, body: DeleveragingStarted, first_seq: int, stop_seq: int) -> Iterator[Event]:
    """What became in a span of the lot of a fund's that a round closes."""
    for event in run.events_naming(body.account, first_seq, stop_seq):
        if getattr(event.body, "liquidation_id", None) == body.liquidation_id:
            yield event


def _taken(events: Iterable[Event], instrument: int) -> Event | None:
    """Where the fund took the lot over."""
    for event in events:
        if isinstance(event.body, PositionTakenOver) and event.body.instrument == instrument:
            return event
    return None


def _must_be_open(account: int, ledger: LedgerState, started: Event) -> None:
    if not 0 <= account < len(ledger.accounts):
        message = f"account {account} was not open yet when event {started.seq} chose; name one that was"
        raise QueryError(message)
