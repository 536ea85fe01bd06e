"""One question to a fork: whether a position would still have been deleveraged with this change from that point on.

1. A trial takes the run up again at a point, with the change, and executes it to the end of the instant of the
   reduction that is asked about.
2. The position is *spared* if, from the change to the end of that instant, auto-deleveraging takes no lot of it beyond
   those that the record has before the reduction.
"""

from __future__ import annotations

import msgspec

from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import HandlerError
from ...events.ledger import Ledger
from ..fork.changes import Changes
from ..fork.fork import Fork
from ..run import Run

__all__ = ["Subject", "is_spared"]


class Subject(msgspec.Struct, frozen=True):
    """The reduction that is asked about, and the first event of the instant at which its round was called for."""

    reduction: Event
    begin_seq: int

    @property
    def body(self) -> PositionDeleveraged:
        """What was reduced."""
        body = self.reduction.body
        assert isinstance(body, PositionDeleveraged)
        return body


class _TakenError(Exception):
    """The position was reduced, so that the trial need not go on."""


class _Nowhere:
    """A sink that keeps nothing."""

    def append(self, event: Event) -> None:
        """Let it go."""


def is_spared(run: Run, subject: Subject, after_seq: int, changes: Changes) -> bool:
    """Execute the run again from after an event with changes; costs the state there and the events up to the reduction.

    It stops at the first lot that is taken beyond those allowed. Raises ScenarioError or QueryError for changes that
    cannot be made there.
    """
    fork = Fork(run, after_seq, changes)
    allowed_lots = _recorded_lots(run, subject, fork.boundary)
    taken: list[int] = []

    def watch(event: Event, _ledger: Ledger) -> None:
        if _is_of(event, subject):
            taken.append(abs(_lots(event)))
            if sum(taken) > allowed_lots:
                raise _TakenError

    resumption = fork.resumption(_Nowhere())
    resumption.bus.tap(watch, (PositionDeleveraged,))
    try:
        fork.drive(resumption, until_ns=subject.reduction.at_ns)
    except HandlerError as error:  # what a handler's product makes somebody raise counts as the handler's
        if not isinstance(error.__cause__, _TakenError):
            raise
        return False
    return True


def _recorded_lots(run: Run, subject: Subject, first_seq: int) -> int:
    """What the record has taken of the position before the reduction, from the change on."""
    before = run.events_naming(subject.body.account, first_seq, subject.reduction.seq)
    return sum(abs(_lots(event)) for event in before if _is_of(event, subject))


def _is_of(event: Event, subject: Subject) -> bool:
    body, asked = event.body, subject.body
    return isinstance(body, PositionDeleveraged) and (body.account, body.instrument, body.leg) == (
        asked.account,
        asked.instrument,
        asked.leg,
    )


def _lots(event: Event) -> int:
    assert isinstance(event.body, PositionDeleveraged)
    return event.body.size_lots
