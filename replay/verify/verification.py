"""Whether a record is sound, and does reproduce.

    blocks     every block's CRC and length are right and its events decode
    head       the head over all events is the one in the manifest (a torn record has none to compare with), and what
               else the manifest says of the run is what they say
    order      numbers have no gaps, time never runs backwards, causes and links come before what they led to
    fold       every event follows from the state before it
    laws       money and sizes sum to zero and the other laws hold, at the end of each block and of the record
    beside     the states and columns kept beside the record say what its events do
    invariants what the rulebook claims held, as the run found or as it is held now (`invariants.py`)
    inputs     those that plug-ins gave, made again by their code, if there are any (`inputs.py`)
    decisions  the handlers, executed again from the recorded inputs, decide every event as recorded, byte for byte

1. What comes after a break in the blocks is not judged; a broken fold does not stop the rest.
2. Decisions are executed again only if all the events could be read and follow one from the other, and only by what
   the record was made with, unless that is forced; a plug-in only with the recorded content, whatever is forced.
3. What was decided by a policy that is not at hand is taken as recorded, and the rest executed again (`playback.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from ...events.bodies.run import Producer
from ...events.errors import RecordDamagedError
from ...events.record import is_sharded
from ...handlers.plugins.folders import Folders
from ...sim.patience import is_limited
from ..jobs import Jobs
from ..run import Run
from .checks import Check, Verification, VerifyOptions
from .decisions import Decided, executed_again, executed_ahead, not_to_be_executed
from .inputs import INPUTS, made_again
from .invariants import invariants_of
from .parts import PartsUnderWay, judged_run
from .walk import Walk

__all__ = ["Check", "Verification", "verify"]

_LONG_EVENTS = 100_000

Watch = Callable[[int, int], None]
"""Told now and then how many events were looked at, of how many in all."""


def verify(
    path: str | os.PathLike[str],
    every: int | None = None,
    *,
    jobs: Jobs | None = None,
    force: bool = False,
    head: str | None = None,
    plugins: Folders = (),
    invariants: str | None = None,
    watch: Watch = lambda _done, _all: None,
) -> Verification:
    """Check a record; the laws after every block, or after `every` so many events; the decisions in `jobs` processes.

    `head` is the one that it must have, in hex, if that is known. What is found true of the record is noted, so that
    other questions need not hold it against the head again (events/record/known.py). `invariants` names a rulebook
    whose claims are held against it; without one those that the run declared are told. Without `jobs` a long record is
    executed in one process a core.

    Plug-ins that the record names are taken from the folders `plugins`, or from what is installed. Damage, divergence
    and policies that are not at hand are answers and not errors. Raises RecordNotFoundError if there is no record.
    """
    options = VerifyOptions(every, force, plugins, invariants)
    if is_sharded(Path(path)):
        from .shards import verify_shards  # noqa: PLC0415 - it verifies each of them by this

        return verify_shards(Path(path), options, jobs=jobs or os.cpu_count() or 1, head=head, watch=watch)
    return _verified(Path(path), options, jobs=jobs, head=head, watch=watch)


def _verified(path: Path, options: VerifyOptions, *, jobs: Jobs | None, head: str | None, watch: Watch) -> Verification:
    """One record, which is no folder of several."""
    every, force, plugins, invariants = options
    try:
        run = judged_run(path, plugins)
    except RecordDamagedError as error:
        return _unreadable(path, error)
    digests = _beside(run)
    parts = executed_ahead(run, digests, _one_a_core(run) if jobs is None else jobs, force=force)
    walk = Walk(run, every, digests, head, _looking_after(parts, lambda done: watch(done, 2 * run.count)))
    walk.hold(held := invariants_of(_declared(run), invariants))
    with parts or nullcontext():
        checks = walk.checks()
        walk.note_what_is_true()
        decided = not_to_be_executed(run, walk, force=force) or executed_again(run, parts, watch)
    again = list(made_again(run, walk))
    checks += [*(one.check for one in again), decided.check]
    return Verification(
        run=os.fspath(path),
        status=run.manifest.status,
        torn=run.torn,
        events=walk.count,
        head=None if walk.damage else walk.tree.root().hex(),
        sound=_sound(checks, decided),
        checks=tuple(checks),
        warning=run.warning,
        reexecuted=decided.check.ok is not None,
        refused=decided.refused or next((one.refused for one in again), None),
        divergence=decided.divergence,
        beside=tuple(run.reports),
        invariants=tuple(held.found.values()),
    )


def _one_a_core(run: Run) -> int:
    """As many processes as there are cores; one for a short record, or where a decision's time is limited."""
    return 1 if run.count < _LONG_EVENTS or is_limited() else os.cpu_count() or 1


def _unreadable(path: str | os.PathLike[str], error: RecordDamagedError) -> Verification:
    damaged = Check("blocks", ok=False, text=str(error))
    return Verification(os.fspath(path), "unknown", torn=False, events=0, head=None, sound=False, checks=(damaged,))


def _looking_after(parts: PartsUnderWay | None, watch: Callable[[int], None]) -> Callable[[int], None]:
    """Watches the walk, and sees to it that meanwhile the parts go on."""

    def walked(done: int) -> None:
        watch(done)
        if parts is not None:
            parts.look()

    return walked


def _declared(run: Run) -> tuple[Producer, ...]:
    """Who decides from the start on; nobody where that cannot be read, which the checks say."""
    try:
        return run.started.producers if run.count else ()
    except RecordDamagedError:
        return ()


def _sound(checks: Sequence[Check], decided: Decided) -> bool | None:
    if any(check.ok is False for check in checks):
        return False
    unknown = decided.due and decided.check.ok is None
    return None if unknown or any(check.check == INPUTS and check.ok is None for check in checks) else True


def _beside(run: Run) -> dict[int, str]:
    """Have damaged columns and states made again and reported; the digests of the states that are kept."""
    try:
        run.columns.mend()
        return run.kept.digests()
    except RecordDamagedError:  # the walk will say where
        return {}
