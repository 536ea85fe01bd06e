"""Timers: which are pending, and the pause of a liquidation that is one of them."""

from __future__ import annotations

from ..bodies.venue import TimerFired, TimerSet
from ..envelope import Event
from ..errors import LedgerError
from .state import LedgerState, PendingTimer

__all__ = ["timer_fired", "timer_set"]


def timer_set(ledger: LedgerState, event: Event, body: TimerSet) -> None:
    """It is pending from now on. Raises LedgerError for one that is not due later than now."""
    if body.due_ns <= event.at_ns:
        message = f"timer {event.seq} ({body.purpose}) is due at {body.due_ns}, which is not later than now"
        raise LedgerError(message)
    ledger.timers[event.seq] = PendingTimer(event.producer, body)
    if body.liquidation_id is not None and body.account is not None and body.liquidation_id in ledger.liquidations:
        ledger.liquidations[body.liquidation_id].timer = event.seq


def timer_fired(ledger: LedgerState, _event: Event, body: TimerFired) -> None:
    """It is not pending any more. Raises LedgerError for one that was not."""
    if ledger.timers.pop(body.timer, None) is None:
        message = f"timer {body.timer} ({body.purpose}) fires but is not pending"
        raise LedgerError(message)
    liquidation = ledger.liquidations.get(body.liquidation_id) if body.liquidation_id is not None else None
    if liquidation is not None and liquidation.timer == body.timer:
        liquidation.timer = None
