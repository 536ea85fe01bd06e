"""What befell an account: every decision about it, in order of time, and the full answer for the gravest.

1. Listed is what was decided about the account itself: calls, answers, liquidations with their steps, takeovers,
   reductions, losses that it shared or left. What came from outside, timers, and what it was to others are left out.
2. With an instrument, events that name another are left out, and so are liquidations without a step in it.
3. In an import, listed are the liquidations, takeovers and reductions that the venue carried out: neither what was
   declared and stated, nor ordinary trades, nor reports of fills.
4. Gravest is the last reduction by auto-deleveraging, else the last liquidation, else the last share of another's loss,
   else the last call, else the last event of all. In an import a liquidation is its last fill or takeover, which the
   files state, rather than its start, which they do not.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ...events.bodies.liquidation import (
    LiquidationFilled,
    LiquidationStarted,
    PositionTakenOver,
)
from ...events.bodies.margin import MarginCalled
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    LossSocialized,
    PositionDeleveraged,
)
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.vocabulary import FORCED_TYPES, Body
from ..run import Run
from .answer import Answer, Befallen
from .chain import step_of
from .explain import explain
from .names import Names

__all__ = ["befallen", "befallen_with"]

_GRAVE: tuple[type[Body], ...] = (PositionDeleveraged, LiquidationStarted, LossSocialized, MarginCalled)
_GRAVE_IMPORTED: tuple[type[Body], ...] = (
    PositionDeleveraged,
    DeleveragingStarted,
    PositionTakenOver,
    LiquidationFilled,
)


def befallen(
    run: Run,
    account: int | str,
    instrument: int | None = None,
    *,
    against: int | str | None = None,
    span: tuple[int, int] | None = None,
    whole: bool = False,
) -> Befallen:
    """What befell `account`, and why; `against` and `whole` as in `explain`, for the gravest.

    With a `span` of events (from the first up to but without the second) what happened outside it is left out. Costs
    the events that name the account (in an import those of what was forced of it), a state, and the answer. Raises
    QueryError for a number that is none.
    """
    account = run.directory.number_of(account)
    events, linked = _gathered(run, account, *(span or (0, run.count)))
    if instrument is not None:
        events = list(_in_instrument(events, instrument))
    ledger = run.at(seq=events[-1].seq) if events else run.at()
    if not 0 <= account < len(ledger.accounts):
        message = f"there is no account {account}; the record has {len(ledger.accounts)}, counted from 0"
        raise QueryError(message)
    gravest = _gravest(events, account)
    answer = None if gravest is None else explain(run, gravest.seq, against=against, whole=whole)
    names = Names(ledger)
    told = _told(run, account, events, linked, names, answer)
    return msgspec.structs.replace(
        told,
        instrument=None if instrument is None else names.instrument(instrument),
        between=None if span is None else (span[0], span[1] - 1),
    )


def befallen_with(run: Run, account: int, answer: Answer, names: Names) -> Befallen:
    """What befell an account in the whole record, where the answer for the gravest of it is at hand."""
    events, linked = _gathered(run, account, 0, run.count)
    return _told(run, account, events, linked, names, answer)


def _told(
    run: Run, account: int, events: list[Event], linked: dict[int, Event], names: Names, answer: Answer | None
) -> Befallen:
    return Befallen(
        account,
        names.account(account),
        None,
        None,
        tuple(step_of(run, event, names, linked) for event in events),
        tuple(e.seq for e in events if type(e.body) in _GRAVE and (answer is None or e.seq != answer.event.seq)),
        answer,
    )


def _gathered(run: Run, account: int, first_seq: int, stop_seq: int) -> tuple[list[Event], dict[int, Event]]:
    """The events about the account, and those that they link to, which are read while their blocks are at hand."""
    events, linked = list[Event](), dict[int, Event]()
    naming = run.events_forced(account) if run.imported else run.events_naming(account, first_seq, stop_seq)
    for event in naming:
        if first_seq <= event.seq < stop_seq and _is_about(event, account):
            events.append(event)
            linked.update((seq, run.event(seq)) for seq in event.links)
    return events, linked


def _is_about(event: Event, account: int) -> bool:
    """Whether an event that names the account decided something about it."""
    body = event.body
    if event.origin is Origin.INPUT or isinstance(body, TimerSet | TimerFired):
        return False
    if event.origin is not Origin.DECIDED and type(body) not in FORCED_TYPES:
        return False
    if isinstance(body, BalanceWrittenOff) and body.against == account:
        return True
    return account in (getattr(body, "account", None), getattr(body, "bankrupt", None))


def _in_instrument(events: Iterable[Event], instrument: int) -> Iterable[Event]:
    events = list(events)
    within = {_liquidation(event) for event in events if _instrument(event) == instrument}
    for event in events:
        named, liquidation_id = _instrument(event), _liquidation(event)
        if named == instrument or (named is None and (liquidation_id is None or liquidation_id in within)):
            yield event


def _instrument(event: Event) -> int | None:
    return getattr(event.body, "instrument", None)


def _liquidation(event: Event) -> int | None:
    return getattr(event.body, "liquidation_id", None)


def _gravest(events: list[Event], account: int) -> Event | None:
    """The event that is answered in full."""
    taken_in = any(event.origin is not Origin.DECIDED for event in events)
    for kind in _GRAVE_IMPORTED if taken_in else _GRAVE:
        for event in reversed(events):
            if type(event.body) is kind and getattr(event.body, "account", None) == account:
                return event
    return events[-1] if events else None
