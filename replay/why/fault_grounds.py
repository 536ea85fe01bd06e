"""The faults of the venue that a decision rests on: those by which it came out as it did, or could not come sooner.

1. What a fault held up, or its end, rests on its beginning.
2. A mark rests on what is wrong with the oracle, where its rule looks at one.
3. An order that was cancelled because the matching engine was down, or the venue, rests on that.
4. A forced order, and a bankruptcy, rest on every outage, every queue and every failure of the venue since the
   liquidation began: without them the position would have been closed sooner, at another price.
5. A liquidation rests on what of the answer to its margin call was held up, and of money that was to come from another
   venue; and on a failure of its venue since the mark before, in which nobody looked at its margin.
6. A transfer that arrived late rests on what held it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...events.bodies.faults import ActDelayed, FaultEnded, FaultKind, FaultStarted
from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from ...events.bodies.margin import MarkPriced
from ...events.bodies.options import HedgeOrdered
from ...events.bodies.trading import OrderCancelled
from ...events.bodies.venues import TransferArrived
from ...events.envelope import Event
from .lookback import Decision

__all__ = ["fault_found"]

Found = Iterator[tuple[str, Event | None]]

_ORACLE: tuple[FaultKind, ...] = ("oracle-frozen", "oracle-stale", "oracle-wrong")
_WAITING: tuple[FaultKind, ...] = ("outage", "slow-liquidation", "venue-failure")
_STOPPING: dict[str, FaultKind] = {
    "the matching engine is down": "outage",
    "the venue has failed": "venue-failure",
}
"""What stops trading, by the reason that an order is cancelled for."""


def fault_found(case: Decision) -> Found:
    """The faults by these rules, each by the event in which it began."""
    finder = _FINDERS.get(type(case.body))
    if finder is not None:
        yield from finder(case)


def _own(case: Decision) -> Found:
    for event, fault in _faults(case):
        if fault.fault == case.body.fault:
            yield _told(case, event, fault), event


def _of_the_oracle(case: Decision) -> Found:
    producer = case.look.run.producer_of(case.event)
    if producer is None or producer.policy != "book":
        yield from _since(case, _ORACLE, case.body.instrument, case.began)


def _of_the_engine(case: Decision) -> Found:
    kind = _STOPPING.get(case.body.reason)
    if kind is not None:
        yield from _since(case, (kind,), next(iter(case.instruments), None), case.began)


def _of_the_liquidation(case: Decision) -> Found:
    began = case.look.liquidation(case.body.liquidation_id, case.began)
    if began is not None:
        instrument = getattr(case.body, "instrument", next(iter(case.instruments), None))
        yield from _since(case, _WAITING, instrument, began.seq)


def _of_the_answer(case: Decision) -> Found:
    instrument = next(iter(case.instruments), None)
    mark = None if instrument is None else case.look.last(MarkPriced, instrument, case.began)
    before = None if mark is None or instrument is None else case.look.last(MarkPriced, instrument, mark.seq)
    if before is not None:
        yield from _since(case, ("venue-failure",), instrument, before.seq)
    if case.event.links:
        yield from _held_up_since(case, case.event.links[0])


def _of_the_transfer(case: Decision) -> Found:
    yield from _held_up_since(case, case.body.transfer)


def _held_up_since(case: Decision, first_seq: int) -> Found:
    """What of an account's acts was held up from an event on, up to the decision."""
    for event in case.look.naming(case.body.account, case.began):
        if event.seq < first_seq:
            return
        if isinstance(event.body, ActDelayed):
            yield f"the {event.body.act} that was held up", event


def _since(case: Decision, kinds: tuple[FaultKind, ...], instrument: int | None, first_seq: int) -> Found:
    """The faults of some kinds, of an instrument, that were on at an event or at any later one up to the decision."""
    for event, fault in _faults(case):
        ended = _end(case, event, fault)
        on = ended is None or ended.seq > first_seq
        if fault.kind in kinds and on and _is_of(case, fault, instrument):
            yield _told(case, event, fault), event


def _is_of(case: Decision, fault: FaultStarted, instrument: int | None) -> bool:
    """Whether a fault is of an instrument: of a venue that failed, of all that it lists."""
    if fault.kind != "venue-failure" or instrument is None or fault.instrument is None:
        return fault.instrument in (None, instrument)
    venue_of = case.look.ledger.venue_of_instrument
    return venue_of(fault.instrument) == venue_of(instrument)


def _faults(case: Decision) -> Iterator[tuple[Event, FaultStarted]]:
    """All that began before the decision, the last one first."""
    event = case.look.last(FaultStarted, 0, case.began)
    while event is not None:
        assert isinstance(event.body, FaultStarted)
        yield event, event.body
        event = case.look.last(FaultStarted, 0, event.seq)


def _end(case: Decision, began: Event, fault: FaultStarted) -> Event | None:
    """Where a fault ended, if that was before the decision."""
    event = case.look.last(FaultEnded, 0, case.began)
    while event is not None and event.seq > began.seq:
        assert isinstance(event.body, FaultEnded)
        if event.body.fault == fault.fault:
            return event
        event = case.look.last(FaultEnded, 0, event.seq)
    return None


def _told(case: Decision, event: Event, fault: FaultStarted) -> str:
    ended = _end(case, event, fault)
    when = f"since event {event.seq}" if ended is None else f"from event {event.seq} to event {ended.seq}"
    return f"{fault.what(case.names)}, {when}"


_FINDERS: dict[type[object], Callable[[Decision], Found]] = {
    ActDelayed: _own,
    FaultEnded: _own,
    MarkPriced: _of_the_oracle,
    OrderCancelled: _of_the_engine,
    OrdersCancelled: _of_the_engine,
    LiquidationOrdered: _of_the_liquidation,
    HedgeOrdered: _of_the_liquidation,
    BankruptcyDeclared: _of_the_liquidation,
    LiquidationStarted: _of_the_answer,
    TransferArrived: _of_the_transfer,
}
