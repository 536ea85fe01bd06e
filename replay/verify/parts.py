"""Re-executing a record in parts side by side, each in a process of its own, each ending at the next one's state.

1. Parts begin at snapshots. A part is sound only if it meets the digest of every snapshot on its way, the one that the
   next part begins at included: so the parts together are the whole, and none rests on an unchecked state.
2. Of several divergences that of the earliest part counts: the later ones may follow from it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from ...events.errors import HandlerError
from ...events.record import RecordReader
from ...handlers.plugins.folders import Folders
from ..jobs import Jobs, at_once, working
from ..run import Run
from ..workers import Workers
from .comparison import Divergence
from .playback import PlayedBack
from .reexecution import Part, reexecute, whole

__all__ = ["PartsUnderWay", "judged_run", "parts_of"]

_PARTS_PER_JOB = 2
"""More would be more even, but each primes handlers anew."""


def judged_run(path: Path, plugins: Folders = ()) -> Run:
    """A record whose manifest is not held against its events yet: here it is said what is wrong with it."""
    return Run(RecordReader.open(path), plugins)


def parts_of(run: Run, seqs: list[int], jobs: int) -> list[Part]:
    """A record cut at some of its snapshots into parts of about the same number of events."""
    wanted = jobs * _PARTS_PER_JOB if jobs > 1 else 1
    cuts = {0, run.count}
    for number in range(1, wanted):
        even = number * run.count // wanted
        place = bisect_left(seqs, even)
        near = seqs[max(place - 1, 0) : place + 1]
        cuts.update(sorted(near, key=lambda seq: abs(seq - even))[:1])
    return [Part(first, stop) for first, stop in pairwise(sorted(cuts))]


class PartsUnderWay:
    """A record executed again in parts; what was decided in the slots `played_back` is taken as recorded.

    Nothing is begun when it is made. A context, at the end of which all that is under way is ended.
    """

    def __init__(self, run: Run, digests: Mapping[int, str], jobs: Jobs, played_back: Collection[str] = ()) -> None:
        self._run, self._digests, self._jobs, self._played_back = run, digests, jobs, tuple(played_back)
        self._parts = parts_of(run, sorted(digests), at_once(jobs))
        self._tasks, self._outcomes = deque(self._parts), dict[Part, Divergence | Exception | None]()
        perform = partial(_reexecute, run.path, run.plugin_folders, self._played_back, dict(digests))
        self._workers = working(jobs, perform, _lost)

    def __enter__(self) -> Self:
        """Processes are started when there is work for them."""
        self._workers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End them."""
        self._workers.__exit__(kind, error, where)

    def look(self) -> None:
        """Have parts executed by processes of this machine while this one does something else. Call it time and again.

        Where there is one part, or a cluster executes them, nothing is begun before `first_divergence`.
        """
        if len(self._parts) > 1 and isinstance(self._workers, Workers):
            self._outcomes |= self._workers.outcomes(self._tasks, patience_s=0)

    def first_divergence(self, watch: Callable[[int], None]) -> Divergence | None:
        """Wait for all: the first divergence of the record, or None.

        Raises ScenarioError where a policy of another slot is not at hand, in this process or in one of a part.
        """
        if len(self._parts) == 1:
            return reexecute(_executable(self._run, self._played_back), whole(self._run), self._digests, watch)
        for part, outcome in self._workers.outcomes(self._tasks):
            self._outcomes[part] = outcome
            watch(sum(done.stop_seq - done.first_seq for done in self._outcomes))
        first = next((self._outcomes[part] for part in self._parts if self._outcomes[part] is not None), None)
        if isinstance(first, Exception):
            raise first
        return first


def _reexecute(
    path: Path, folders: tuple[Path, ...], played_back: tuple[str, ...], digests: dict[int, str], part: Part
) -> Divergence | Exception | None:
    """One part, in a process of its own, which leaves what is to be judged as it is. Its error is what comes of it."""
    try:
        run = judged_run(path, folders)
        run.kept.leave_as_they_are()
        return reexecute(_executable(run, played_back), part, digests)
    except Exception as error:  # noqa: BLE001 - raised by whoever asked
        return error


def _lost(told: str) -> HandlerError:
    """The outcome of a part whose process died."""
    return HandlerError(f"a part of the record was not executed again: {told}")


def _executable(run: Run, played_back: Collection[str]) -> Run:
    return PlayedBack(run, played_back) if played_back else run
