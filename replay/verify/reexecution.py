"""Executing a record's handlers again from its inputs, and comparing every event that comes of it.

1. A part begins at a boundary (`sim.pending`) with handlers primed there, and ends at the boundary where the next one
   begins. The first begins at the inputs: with nothing.
2. Where a fork put other producers in, a part ends and another begins, whose first inputs are the fork's own.
3. A record that breaks off is compared as far as it goes. One that ends because a handler failed is executed beyond
   its end: the same handler must fail there again.
4. A part that begins where the record does not follow the bus's order cannot be executed, which is a divergence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, takewhile
from typing import NamedTuple

from ...events.bodies.run import RunForked
from ...events.envelope import Event
from ...events.errors import DeleverageError, PatienceError, RecordDivergedError, RecordError, ScenarioError
from ...events.ledger import Ledger
from ...events.vocabulary import Body
from ...sim.pending import Pending, handed_over, maker_of, pending_after
from ...sim.resumption import Resumption
from ...sim.units import INT64_MAX
from ..run import Run
from .comparison import Comparison, Divergence, EndOfPart
from .playback import PlayedBack, Tape

__all__ = ["Part", "reexecute", "whole"]

Watch = Callable[[int], None]
"""Told now and then of the number of events compared up to there."""


class Part(NamedTuple):
    """A span to be executed again: from the boundary at or after `first_seq` to the one at or after `stop_seq`."""

    first_seq: int
    stop_seq: int


def whole(run: Run) -> Part:
    """Everything."""
    return Part(0, run.count)


def reexecute(
    run: Run, part: Part, digests: Mapping[int, str] | None = None, watch: Watch = lambda _seq: None
) -> Divergence | None:
    """The first event of a part that the handlers would not decide again, or None.

    `digests` are of the states at some of the record's points, to be met on the way; `watch` is told how far it is.
    Raises ScenarioError for a policy that is not at hand, RecordDamagedError where the past cannot be looked up.
    """
    stop_seq, start = _boundary(run, part.stop_seq), part.first_seq
    for stop in [*(seq for seq in run.forks if start < seq < stop_seq), stop_seq]:
        try:
            ledger, pending = pending_after(run, start)
        except RecordDivergedError as error:
            return Divergence(start, None, None, str(error))
        divergence = _between(run, ledger, pending, stop, digests or {}, watch)
        if divergence is not None:
            return divergence
        start = stop
    return None


def _boundary(run: Run, seq: int) -> int:
    """The first boundary at or after an event, without folding anything: what one delivery made stays together."""
    made_by = maker_of(run.event(seq - 1)) if 0 < seq < run.count else None
    if made_by is None:
        return seq
    return seq + sum(1 for _ in takewhile(lambda event: maker_of(event) == made_by, run.events(seq)))


def _between(
    run: Run, ledger: Ledger, pending: Pending, stop_seq: int, digests: Mapping[int, str], watch: Watch
) -> Divergence | None:
    """One part, without a fork but at its beginning."""
    if ledger.seq >= stop_seq:
        return None
    failure = _failure(run) if stop_seq == run.count else None
    tape = Tape(run, ledger.seq, stop_seq)
    comparison = Comparison(tape, ledger, stop_seq + (failure is not None), digests, watch)
    inputs = tape.inputs()
    own, pending = _fork(run, inputs, pending) if ledger.seq in run.forks else ([], pending)
    try:
        resumption = Resumption(run, ledger, pending, comparison)
        resumption.begin(own)
        resumption.follow(inputs)
        if failure is not None:
            resumption.run_until(INT64_MAX)
        elif not ledger.ended:
            resumption.run_until(run.event(stop_seq - 1).at_ns)
        comparison.compare()
    except EndOfPart:
        return None
    except RecordDivergedError:
        return comparison.divergence
    except (RecordError, ScenarioError, PatienceError):
        raise
    except Exception as error:  # noqa: BLE001 - a handler raised, or an input that no venue wrote cannot be folded
        told = str(error) if isinstance(error, DeleverageError) else f"{type(error).__name__}: {error}"
        return _stopped(run, comparison, told, failure)
    return _missing(run, comparison, None, failure)


def _fork(run: Run, inputs: Iterator[Event], pending: Pending) -> tuple[list[Body], Pending]:
    """The fork's own inputs, taken from the tape, and what was undelivered in the hands of the new producers."""
    forked = next(inputs).body
    assert isinstance(forked, RunForked)
    own = [forked, *(event.body for event in islice(inputs, forked.inputs))]
    before, after = pending.producers, forked.producers or pending.producers
    queue, delayed = (tuple(handed_over(run, some, before, after)) for some in (pending.queue, pending.delayed))
    return own, Pending(after, queue, delayed)


def _failure(run: Run) -> str | None:
    """What a handler raised behind the last event, where that is how the record ends."""
    error = run.manifest.error or ""
    if isinstance(run, PlayedBack) and run.failed_in(error):
        return None
    return error if _place(error).endswith(f" before event {run.count}") else None


def _place(error: str) -> str:
    """Which handler failed, on which event and in which state, without what it raised."""
    return error.partition(": ")[0]


def _stopped(run: Run, comparison: Comparison, error: str, failure: str | None) -> Divergence | None:
    """A handler raised, or the ledger refused what came: as recorded, if the record failed just there."""
    try:
        comparison.compare()
    except EndOfPart:
        return None
    except RecordDivergedError:
        return comparison.divergence
    if failure is not None and comparison.seq == run.count and _place(error) == _place(failure):
        return None
    return _missing(run, comparison, error, failure)


def _missing(run: Run, comparison: Comparison, error: str | None, failure: str | None) -> Divergence:
    """Less was decided than the record has, or no error stopped what one stopped then."""
    seq = comparison.seq
    if seq < run.count:
        return Divergence(seq, run.event(seq), None, error)
    return Divergence(seq, None, None, f"the run failed there ({failure}), and now {error or 'nothing fails'}")
