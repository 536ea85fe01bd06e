"""The timeline of a window of a record: from the state as it begins, one pass over the events in it."""

from __future__ import annotations

from ..run import Run
from .series import Timeline, step_ns_for
from .taking import TimelineTaker

__all__ = ["timeline_of"]

STEPS_MOST = 240
"""So many steps a picture as wide as a page has room for."""


def timeline_of(
    run: Run, since_ns: int | None = None, until_ns: int | None = None, *, steps_most: int = STEPS_MOST
) -> Timeline:
    """The series of a run from `since_ns` up to and with `until_ns`, in at most so many steps.

    Costs a state and some 6 us an event of the window. Raises QueryError for a record without an event.
    """
    first_ns = max(run.start_ns, run.start_ns if since_ns is None else since_ns)
    stop_ns = max(first_ns, min(run.end_ns, run.end_ns if until_ns is None else until_ns))
    step_ns = step_ns_for(stop_ns - first_ns, steps_most)
    first_seq = run.first_at(first_ns - first_ns % step_ns)
    ledger = run.before(first_seq) if first_seq else None
    taker = TimelineTaker(first_ns, step_ns, ledger)
    for event in run.events(first_seq, run.first_at(stop_ns + 1)):
        taker.take(event)
    return taker.timeline(stop_ns)
