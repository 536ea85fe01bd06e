"""One question to a fork: what would have become of a reduction with this change from that point on.

1. A trial takes the run up again at a point, with the change, and executes it to the end of the instant of the
   reduction that is asked about, or further, to the end of the run at most.
2. The position is *spared at this event* if, from the change to the end of that instant, auto-deleveraging takes no lot
   of it beyond those that the record has before the reduction.
3. It is *spared in the whole run* if auto-deleveraging takes no lot of it after that instant either, to the run's end.
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

__all__ = ["Outcome", "Standing", "Subject", "Trial", "outcome_of", "recorded_lots"]


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


class Trial(msgspec.Struct, frozen=True):
    """What is changed after which event, in words as well; `until_ns` is a later time to execute to."""

    told: str
    after_seq: int
    changes: Changes
    until_ns: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """Whether the position was spared at this event, and what was taken of it after that, if that was executed."""

    spared: bool
    later_lots: int = 0
    later_at_ns: int | None = None


class _TakenError(Exception):
    """The position was reduced, so that the trial need not go on."""


class _Nowhere:
    """A sink that keeps nothing."""

    def append(self, event: Event) -> None:
        """Let it go."""


class Standing:
    """A run at a boundary, its handlers built and primed there. One trial can be executed from it."""

    def __init__(self, run: Run, after_seq: int, changes: Changes = Changes()) -> None:  # noqa: B008 - frozen
        """Costs the state there, and a look at every account. Raises what `Fork` does."""
        self._fork = Fork(run, after_seq, changes)
        self._resumption = self._fork.resumption(_Nowhere())
        self._later = list[Event]()

    def prepare(self) -> None:
        """Have ready all that trials need, for many of them."""
        self._resumption.prepare()

    def change(self, changes: Changes) -> None:
        """Let this be changed, which must be no setting. Raises QueryError for what cannot be."""
        self._fork.change(changes)

    def execute(self, subject: Subject, until_ns: int = 0) -> Outcome:
        """Go on from here. It stops at the first lot that is taken at this event beyond those allowed."""
        fork, at_ns = self._fork, subject.reduction.at_ns
        allowed_lots = recorded_lots(fork.run, subject, fork.boundary, subject.reduction.seq)
        taken = list[int]()

        def watch(event: Event, _ledger: Ledger) -> None:
            if not _is_of(event, subject):
                return
            if event.at_ns > at_ns:
                self._later.append(event)
                return
            taken.append(_lots(event))
            if sum(taken) > allowed_lots:
                raise _TakenError

        self._resumption.bus.tap(watch, (PositionDeleveraged,))
        try:
            fork.drive(self._resumption, until_ns=max(at_ns, until_ns))
        except HandlerError as error:  # what a handler's product makes somebody raise counts as the handler's
            if not isinstance(error.__cause__, _TakenError):
                raise
            return Outcome(spared=False)
        return self._spared()

    def go_on(self, until_ns: int) -> Outcome:
        """Go on further with a trial that spared the position; the same comes of it as if it had not stopped."""
        self._fork.drive_on(self._resumption, until_ns)
        return self._spared()

    def _spared(self) -> Outcome:
        later_at_ns = self._later[0].at_ns if self._later else None
        return Outcome(spared=True, later_lots=sum(map(_lots, self._later)), later_at_ns=later_at_ns)


def outcome_of(run: Run, subject: Subject, trial: Trial) -> Outcome:
    """Execute the run again from after an event with changes; costs a `Standing` and the events from there on.

    Raises ScenarioError or QueryError for changes that cannot be made there.
    """
    return Standing(run, trial.after_seq, trial.changes).execute(subject, trial.until_ns)


def recorded_lots(run: Run, subject: Subject, first_seq: int, stop_seq: int | None = None) -> int:
    """What the record has taken of the position in a span of events."""
    named = run.events_naming(subject.body.account, first_seq, stop_seq)
    return sum(_lots(event) for event in named if _is_of(event, subject))


def _is_of(event: Event, subject: Subject) -> bool:
    body, asked = event.body, subject.body
    return isinstance(body, PositionDeleveraged) and (body.account, body.instrument, body.leg) == (
        asked.account,
        asked.instrument,
        asked.leg,
    )


def _lots(event: Event) -> int:
    assert isinstance(event.body, PositionDeleveraged)
    return abs(event.body.size_lots)
