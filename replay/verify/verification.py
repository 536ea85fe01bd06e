"""Whether a record is sound, and does reproduce.

    blocks     every block's CRC and length are right and its events decode
    head       the head over all events is the one in the manifest (a torn record has none to compare with), and what
               else the manifest says of the run is what they say
    order      numbers have no gaps, time never runs backwards, causes and links come before what they led to
    fold       every event follows from the state before it
    laws       money and sizes sum to zero and the other laws hold, at the end of each block and of the record
    beside     the states and columns kept beside the record say what its events do
    decisions  the handlers, executed again from the recorded inputs, decide every event as recorded, byte for byte

1. What comes after a break in the blocks is not judged; a broken fold does not stop the rest.
2. Decisions are executed again only if all the events could be read and follow one from the other, and only by what the
   record was made with, unless that is forced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ...events.errors import RecordDamagedError, ScenarioError
from ..run import Run, judged_run
from .checks import Check, Verification
from .comparison import Divergence
from .parts import reexecute_all
from .versions import differences
from .walk import Walk

__all__ = ["Check", "Verification", "verify"]

Watch = Callable[[int, int], None]
"""Told now and then how many events were looked at, of how many in all."""


def verify(
    path: Path,
    every: int | None = None,
    *,
    jobs: int = 1,
    force: bool = False,
    head: str | None = None,
    watch: Watch = lambda _done, _all: None,
) -> Verification:
    """Check a record; the laws after every block, or after `every` so many events; the decisions in `jobs` processes.

    `head` is the one that it must have, in hex, if that is known. What is found true of the record is noted, so that
    other questions need not hold it against the head again (events/record/known.py).

    Damage, divergence and policies that are not installed are answers and not errors. Raises RecordNotFoundError if
    there is no record.
    """
    try:
        run = judged_run(path)
    except RecordDamagedError as error:
        damaged = Check("blocks", ok=False, text=str(error))
        return Verification(str(path), "unknown", torn=False, events=0, head=None, sound=False, checks=(damaged,))
    digests = _beside(run)
    walk = Walk(run, every, digests, head, lambda done: watch(done, 2 * run.count))
    checks = walk.checks()
    walk.note_what_is_true()
    decisions, refused, divergence = _decided(
        run, walk, digests, jobs, lambda done: watch(run.count + done, 2 * run.count), force=force
    )
    checks.append(decisions)
    return Verification(
        str(path),
        run.manifest.status,
        run.torn,
        walk.count,
        None if walk.damage else walk.tree.root().hex(),
        all(check.ok is not False for check in checks),
        tuple(checks),
        run.warning,
        decisions.ok is not None,
        refused,
        divergence,
        tuple(run.reports),
    )


def _decided(
    run: Run, walk: Walk, digests: Mapping[int, str], jobs: int, watch: Callable[[int], None], *, force: bool
) -> tuple[Check, str | None, Divergence | None]:
    """The check of the decisions; why what is installed cannot execute them again, if it cannot; where they part."""
    if not walk.follows:
        return Check("decisions", ok=None, text=f"not executed again: {walk.obstacle}"), None, None
    if not run.count:
        return Check("decisions", ok=None, text="there is no event"), None, None
    if run.started.prices == "imported":
        text = "nothing to execute again: it was imported, no handler decided"
        return Check("decisions", ok=None, text=text), None, None
    refused = _refused(run, force=force)
    if refused is not None:
        return Check("decisions", ok=None, text=f"not executed again: {refused}"), refused, None
    check, divergence = _decisions(run, digests, jobs, watch)
    return check, None, divergence


def _refused(run: Run, *, force: bool) -> str | None:
    """Why what is installed cannot execute the handlers again, or not without being told to; None if it can."""
    try:
        found = differences(run)
    except ScenarioError as error:
        return str(error)
    return f"{found[0]}; --force executes the handlers all the same" if found and not force else None


def _beside(run: Run) -> dict[int, str]:
    """Have damaged columns and states made again and reported; the digests of the states that are kept."""
    try:
        run.columns.mend()
        return run.kept.digests()
    except RecordDamagedError:  # the walk will say where
        return {}


def _decisions(
    run: Run, digests: Mapping[int, str], jobs: int, watch: Callable[[int], None]
) -> tuple[Check, Divergence | None]:
    try:
        divergence = reexecute_all(run, digests, jobs, watch)
    except RecordDamagedError as error:
        return Check("decisions", ok=None, text=f"not executed again: {error}"), None
    if divergence is not None:
        return Check("decisions", ok=False, text=divergence.told(run.producers_at(divergence.seq))), divergence
    text = f"{run.count:,} events, executed again, are the same byte for byte"
    return Check("decisions", ok=True, text=text), None
