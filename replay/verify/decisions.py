"""The last of the checks: the decisions, executed again as far as that can and may be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ...events.envelope import Origin
from ...events.errors import RecordDamagedError, RecordError
from ..jobs import Jobs
from ..run import Run
from .checks import Check
from .comparison import Divergence
from .parts import PartsUnderWay
from .playback import Missing, PlayedBack, missing_in
from .versions import differences
from .walk import Walk

__all__ = ["Decided", "executed_again", "executed_ahead", "not_to_be_executed"]


class Decided(NamedTuple):
    """What came of it: `refused` says why something was not executed, `due` that there is something to execute."""

    check: Check
    refused: str | None = None
    divergence: Divergence | None = None
    due: bool = True


def not_to_be_executed(run: Run, walk: Walk, *, force: bool) -> Decided | None:
    """Why nothing is executed again; None where it is."""
    if not walk.follows:
        return Decided(_unknown(f"not executed again: {walk.obstacle}"))
    return _forbidden(run, force=force)


def executed_ahead(run: Run, digests: Mapping[int, str], jobs: Jobs, *, force: bool) -> PartsUnderWay | None:
    """What can be executed again while the record is still walked over; None where it may not, or cannot be told."""
    try:
        if not run.count or _forbidden(run, force=force) is not None:
            return None
        missing = missing_in(run)
    except RecordError:
        return None  # the walk will say what is wrong with it
    if not all(one.throughout for one in missing):
        return None
    return PartsUnderWay(run, digests, jobs, [one.slot for one in missing])


def _forbidden(run: Run, *, force: bool) -> Decided | None:
    if not run.count:
        return Decided(_unknown("there is no event"), due=False)
    if run.imported:
        return _imported(run)
    found = [] if force else differences(run)
    return _refused(f"{found[0]}; --force executes the handlers all the same") if found else None


def executed_again(run: Run, parts: PartsUnderWay | None, watch: Callable[[int], None]) -> Decided:
    """Execute everything that is at hand, and compare; `parts` are those that `executed_ahead` gave."""
    missing = missing_in(run)
    replaced = next((one for one in missing if not one.throughout), None)
    if replaced is not None:
        return _refused(replaced.reason)
    assert parts is not None, "it follows, and nothing is missing that cannot be played back"
    try:
        divergence = parts.first_divergence(watch)
    except RecordDamagedError as error:
        return _refused(str(error))
    if divergence is not None:
        check = Check("decisions", ok=False, text=divergence.told(run.producers_at(divergence.seq)))
        return Decided(check, divergence=divergence)
    if missing:
        return _in_part(run, missing)
    text = f"{run.count:,} events, executed again, are the same byte for byte"
    return Decided(Check("decisions", ok=True, text=text))


def _in_part(run: Run, missing: Sequence[Missing]) -> Decided:
    """All came out but for what was only played back."""
    theirs, names = PlayedBack(run, [one.slot for one in missing]).decided(), " and ".join(one.name for one in missing)
    text = (
        f"{run.count - theirs:,} of {run.count:,} events, executed again, are the same byte for byte; not executed "
        f"again: the {theirs:,} decided by {names}, which were taken as recorded"
    )
    return Decided(_unknown(text), "; ".join(one.reason for one in missing))


def _imported(run: Run) -> Decided:
    """Nothing was decided there, if the record is what it says."""
    decided = sum(event.origin is Origin.DECIDED for event in run.events())
    if decided:
        return _refused(f"it says that it was imported, and {decided:,} of its events were decided by handlers")
    return Decided(_unknown("nothing to execute again: it was imported, no handler decided"), due=False)


def _refused(reason: str) -> Decided:
    return Decided(_unknown(f"not executed again: {reason}"), reason)


def _unknown(text: str) -> Check:
    return Check("decisions", ok=None, text=text)
