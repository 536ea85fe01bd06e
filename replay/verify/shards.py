"""Whether the records of a venue whose accounts are in several are sound, and under the head that is said of them.

    merge      the heads of the shards lead to the head over them, and each has the count that is said of it
    0000.run   that record, verified as any other

Each shard is verified in a process of its own, as many at once as there are jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...events.errors import RecordDamagedError
from ...events.record import Shard, Shards
from ..jobs import Jobs, succeeded
from ..sharded import checked_shards
from .checks import Check, Verification, VerifyOptions, checked
from .verification import verify

__all__ = ["verify_shards"]

_MERGE = "merge"


def verify_shards(
    folder: Path, asked: VerifyOptions, *, jobs: Jobs, head: str | None, watch: Callable[[int, int], None]
) -> Verification:
    """Check every shard of a folder, and the head over them. Errors are those of `verify`."""
    try:
        shards = checked_shards(folder, head)
    except RecordDamagedError as error:
        told = Check(_MERGE, ok=False, text=str(error))
        return Verification(str(folder), "unknown", torn=False, events=0, head=None, sound=False, checks=(told,))
    found, done = dict[Shard, Verification](), 0
    perform = partial(_verified, folder, asked)
    for shard, outcome in succeeded(jobs, perform, _lost, shards.shards):
        found[shard], done = outcome, done + shard.count
        watch(done, shards.count)
    return _together(folder, shards, [found[shard] for shard in shards.shards])


def _verified(folder: Path, asked: VerifyOptions, shard: Shard) -> Verification | Exception:
    """One shard, in a process of its own. Its error is what comes of it."""
    path, (every, force, plugins, invariants) = folder / shard.run, asked
    try:
        return verify(path, every, jobs=1, force=force, head=shard.head, plugins=plugins, invariants=invariants)
    except Exception as error:  # noqa: BLE001 - raised by whoever asked
        return error


def _lost(told: str) -> RecordDamagedError:
    """The outcome of a shard whose process died."""
    return RecordDamagedError(f"a shard was not verified: {told}")


def _together(folder: Path, shards: Shards, found: list[Verification]) -> Verification:
    counts = [(shard.run, shard.count, one.events) for shard, one in zip(shards.shards, found, strict=True)]
    wrong = next((f"{run} has {has} events, {says} are said" for run, says, has in counts if says != has), None)
    checks = [checked(_MERGE, wrong, f"{len(found)} heads lead to {shards.head}")]
    checks += [_told(shard, one) for shard, one in zip(shards.shards, found, strict=True)]
    verdicts = {one.sound for one in found}
    sound = False if wrong or False in verdicts else None if None in verdicts else True
    return Verification(
        run=str(folder),
        status=next((one.status for one in found if one.status != "complete"), "complete"),
        torn=any(one.torn for one in found),
        events=sum(one.events for one in found),
        head=shards.head if sound is not False else None,
        sound=sound,
        checks=tuple(checks),
        warning=next((one.warning for one in found if one.warning), None),
        reexecuted=all(one.reexecuted for one in found),
        refused=next((one.refused for one in found if one.refused), None),
        beside=tuple(told for one in found for told in one.beside),
        invariants=tuple(held for one in found for held in one.invariants),
    )


def _told(shard: Shard, found: Verification) -> Check:
    wrong = None if found.fault is None else f"{shard.run}: {found.fault.check}: {found.fault.text}"
    text = wrong or f"{found.events:,} events, head {shard.head}"
    return Check(shard.run, found.sound, text)
