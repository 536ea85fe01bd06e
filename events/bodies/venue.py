"""The venue's own state: halts, timers, notes. Tags 100 to 119."""

from __future__ import annotations

from ..grounds import Ground
from .base import BodyBase

__all__ = ["HandlerStateNoted", "TimerFired", "TimerSet", "TradingHalted", "TradingResumed"]


class TradingHalted(BodyBase, frozen=True, tag=100):
    """Fills stop: the mark moved from `reference_ticks` to `mark_ticks` within the window."""

    grounds = (Ground.MARK, Ground.RULE)

    instrument: int
    reference_ticks: int
    mark_ticks: int
    until_ns: int


class TradingResumed(BodyBase, frozen=True, tag=101):
    """Fills may go on."""

    grounds = (Ground.HALT, Ground.TIMER, Ground.RULE)

    instrument: int


class TimerSet(BodyBase, frozen=True, tag=102):
    """Something is to happen at `due_ns`, which is later than now. `purpose` says what, in its handler's words."""

    grounds = (Ground.RULE,)

    purpose: str
    due_ns: int
    account: int | None = None
    instrument: int | None = None
    liquidation_id: int | None = None


class TimerFired(BodyBase, frozen=True, tag=103):
    """The timer set by event `timer` is due. One that has become pointless fires and is ignored."""

    grounds = (Ground.TIMER,)

    timer: int
    purpose: str
    account: int | None = None
    instrument: int | None = None
    liquidation_id: int | None = None


class HandlerStateNoted(BodyBase, frozen=True, tag=104):
    """A handler's memory without bound, put into the ledger: whole numbers under a key of its own."""

    grounds = (Ground.RULE,)

    handler: str
    key: str
    values: tuple[int, ...]
