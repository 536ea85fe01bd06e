"""The shock that was found as a record of its own: a fork, whose inputs are the shock's from where it began.

The same engine decides as in the search, so it says of itself what the tables say of it, and `why`, `verify` and `diff`
work on it as on any record.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...events.bodies.run import RunEnded
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ..fork.changes import Changes
from ..fork.fork import ForkResult, fork
from ..run import Run
from .directions import Shock, shock_inputs
from .stress import Stress
from .tables import shock_text
from .trial import Start, fault_of

__all__ = ["record_shock"]


def record_shock(run: Run, found: Stress, path: Path) -> ForkResult:
    """Execute the shock that was found once more, to the horizon, and record it.

    Raises QueryError where none was found, RecordExistsError where `path` is taken, and as `fork` does.
    """
    start, shock = found.asked.start, None if found.found is None else found.found.smallest.bracket.meets
    if shock is None:
        message = f"{path}: no shock was found that could be recorded"
        raise QueryError(message)
    fault = fault_of(start, shock)
    changes = Changes(prices=f"stress: {shock_text(start.directions, shock)}", faults=() if fault is None else (fault,))
    ledger = run.at(seq=start.after_seq)
    return fork(run, start.after_seq, changes, path, instead=_inputs(ledger, start, shock))


def _inputs(ledger: LedgerState, start: Start, shock: Shock) -> Iterator[Event]:
    """Those of the shock, each at its time, and the end of the run at the horizon."""
    began_ns = ledger.at_ns
    end = start.steps + start.held
    for step, body in shock_inputs(ledger, start.directions, shock, start.steps, start.held):
        yield _input(began_ns + step * start.step_ns, body)
    yield _input(began_ns + end * start.step_ns, RunEnded())


def _input(at_ns: int, body: Body) -> Event:
    return Event(0, at_ns, Origin.INPUT, None, (), None, body)
