"""What would have flipped it: the nearest change that spares the position, found by search, confirmed by re-execution.

1. One thing is varied at a time, just before the instant at which this reduction's own round was called for: what the
   account itself could have chosen (its collateral, the size of its position, closing it earlier), the fund's balance,
   and what the account whose loss it was could have chosen.
2. How each is searched is told in `searches.py`; that a position is *spared* means what `trials.py` says.
3. Whatever is told was executed again, with all that follows from it up to the end of the reduction's instant; what
   was found also further on, to see whether the position is only taken a little later.
4. Of a fork nothing before its own fork is varied, since that past is its parent's. A reduction in that past is asked
   of the parent.
"""

from __future__ import annotations

from collections.abc import Callable

from ....events.bodies.run import RunForked
from ....events.bodies.waterfall import PositionDeleveraged, ProfitCapExceeded, ShortfallDeclared
from ....events.errors import QueryError
from ....sim.units import format_time_ns
from ...forked import can_fork
from ...run import Run, held_run
from ..answer import Flips
from .grid import DOUBLINGS, TRIALS_MOST
from .searches import AHEAD_EVENTS, BEGUN, MOMENTS, Searches
from .trials import Subject, one_by_one, side_by_side, watched

__all__ = ["TRIALS_MAX", "flips_of", "no_flips"]

TRIALS_MAX = 5 * TRIALS_MOST + MOMENTS + 7
"""More re-executions than this are never made."""

_SEARCHED = (
    f"each amount in sixteenths of a first guess and of its doubles, up to {DOUBLINGS} times doubled (more collateral "
    "of whose loss it was only where the most of these spares the position); each size in sixteenths; the last "
    f"{MOMENTS} instants with a price before the reduction at which the position could be closed."
)
_NOT_SEARCHED = (
    "two changes at once; other accounts than those named; other rules (`deleverage fork --set`); amounts between the "
    "steps of the grid; whether a smaller amount would spare it too where a larger one does not."
)
_NOTHING_BEFORE = (
    "nothing: its round was called for in the first instant of the record, in which accounts and positions are stated, "
    "and there is nothing before it to vary."
)
_TIME_OF_DAY = slice(11, 19)

Watch = Callable[[str], None]
"""Told before each re-execution what is tried."""


def flips_of(
    run: Run, seq: int, watch: Watch = lambda _text: None, *, whole: bool = False, plain: bool = False
) -> Flips:
    """What would have spared the position that event `seq` reduced. Raises QueryError for any other event.

    Costs up to `TRIALS_MAX` re-executions, each of the instants from the call for the round to the reduction. Each
    change that is found is executed some way further as well, with `whole` to the end of the run. They are made side by
    side in processes, where those can be forked; `plain` executes one after the other, with the same result.
    """
    event = run.event(seq)
    if not isinstance(event.body, PositionDeleveraged):
        message = (
            f"event {seq} ({type(event.body).__name__}) reduced no position by auto-deleveraging; ask for one that did"
        )
        raise QueryError(message)
    owner = _owner(run, seq)
    subject = Subject(event, _begin_seq(owner, seq))
    if subject.begin_seq <= owner.first_at(owner.start_ns):
        return Flips((), _NOTHING_BEFORE, _NOT_SEARCHED)
    searches = [watched(one, watch) for one in Searches(owner, subject, _fork_end(owner), whole=whole).all()]
    if plain or not can_fork():
        found = one_by_one(owner, subject, searches)
    else:
        found = side_by_side(owner, subject, searches, begun=BEGUN)
    return Flips(tuple(found), _SEARCHED, _NOT_SEARCHED, _meaning(event.at_ns, whole=whole))


def no_flips(reason: str) -> Flips:
    """The answer where the handlers cannot be executed again."""
    return Flips((), f"nothing, because nothing can be executed again: {reason}.", _NOT_SEARCHED)


def _meaning(at_ns: int, *, whole: bool) -> str:
    """What *spared* says."""
    until = f"from the change to the end of this event's instant, {format_time_ns(at_ns)[_TIME_OF_DAY]},"
    event = f"{until} auto-deleveraging takes no lot of it beyond those taken before this event"
    later = (
        "to the end of the run" if whole else f"{AHEAD_EVENTS:,} events further (--flips-whole: to the end of the run)"
    )
    return f"{event}. What is taken of it later was executed {later}, and is told below each change."


def _begin_seq(run: Run, seq: int) -> int:
    """The first event of the instant at which the round was called for: what led there may be a timer of long ago."""
    event = run.event(seq)
    call = run.nearest_cause(event, (ShortfallDeclared, ProfitCapExceeded))
    return run.first_at((event if call is None else call).at_ns)


def _owner(run: Run, seq: int) -> Run:
    """The run, or the parent in which an event comes after the last fork. Raises QueryError if that is not at hand."""
    while run.forks and seq < run.forks[-1]:
        if run.reader.past is None:
            message = f"event {seq} is in the past that {run.path} shares with its parent; ask for it there"
            raise QueryError(message)
        run = held_run(run.reader.past, run.plugin_folders)
    return run


def _fork_end(run: Run) -> int:
    """The last event that belongs to the run's own fork; 0 where it is none."""
    if not run.forks:
        return 0
    body = run.event(run.forks[-1]).body
    return run.forks[-1] + (body.inputs if isinstance(body, RunForked) else 0)
