"""An account's life: its equity against its requirement, through a span of the record, with every event that names it.

The curve has a point after each event of the account's own, and others evenly in time between them, at which the marks
have moved it. Each is the account in the state at that event, as `state --account` has it; nothing is drawn in between.
The curve is for a picture, in floating point; what befell it beside it is exact.

Cost: folding the span once, some 2 us an event.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from ...events.ledger import Ledger
from ..run import Run
from ..state.queues import marked_margin
from .panels import EventLine, event_line_of, since_us

__all__ = ["AccountLife", "LifeEvent", "life_of"]

_POINTS = 480
_EVENTS_MOST = 2_000


class LifeEvent(msgspec.Struct, frozen=True):
    """An event that names the account, and how it stood after it."""

    line: EventLine
    status: str


class AccountLife(msgspec.Struct, frozen=True):
    """The curve by time, in whole units of the asset: None while a mark is missing; and the events, the first 2,000."""

    account: int
    name: str
    asset: str
    kind: str
    since_us: tuple[int, ...]
    equity: tuple[float | None, ...]
    requirement: tuple[float | None, ...]
    events: tuple[LifeEvent, ...]
    more_events: bool


def life_of(run: Run, account: int, first_seq: int = 0, stop_seq: int | None = None) -> AccountLife:
    """The life of an account in a span of events. Raises QueryError where it is not opened in the record."""
    stop = run.count if stop_seq is None else min(stop_seq, run.count)
    named = [event.seq for event in islice(run.events_naming(account, first_seq, stop), _EVENTS_MOST + 1)]
    own = named[:_EVENTS_MOST]
    begin = max(first_seq, next((event.seq for event in run.events_naming(account)), 0))
    moments = sorted({*(seq + 1 for seq in own), *_evenly(run, begin, stop)})
    curve, events, unit = list[tuple[int, float | None, float | None]](), list[LifeEvent](), 1.0
    own_set, ledger = set(own), Ledger()
    for ledger in run.states(moments):
        one = ledger.accounts[account]
        unit = 10.0 ** ledger.assets[one.asset].decimals
        margin = marked_margin(ledger, one)
        at_us = since_us(run, ledger.at_ns)
        told = (None, None) if margin is None else (margin.equity_atoms / unit, margin.requirement_atoms / unit)
        curve.append((at_us, *told))
        if ledger.seq - 1 in own_set:
            events.append(LifeEvent(event_line_of(run, ledger.seq - 1, ledger), one.status.replace("_", " ")))
    opened = ledger.accounts[account]
    return AccountLife(
        account=account,
        name=ledger.name(account),
        asset=ledger.assets[opened.asset].name,
        kind=opened.kind,
        since_us=tuple(point[0] for point in curve),
        equity=tuple(point[1] for point in curve),
        requirement=tuple(point[2] for point in curve),
        events=tuple(events),
        more_events=len(named) > _EVENTS_MOST,
    )


def _evenly(run: Run, begin: int, stop: int) -> list[int]:
    """Instants evenly in time, as the number of events up to them."""
    first_ns, last_ns = run.event(begin).at_ns, run.event(stop - 1).at_ns
    times = (first_ns + (last_ns - first_ns) * place // _POINTS for place in range(_POINTS + 1))
    return [max(run.reader.seq_at_time(at_ns), begin + 1) for at_ns in times]
