"""A Ray cluster that does tasks, with what `replay/workers.py` promises of processes of this machine.

1. So many tasks are under way at once; each is an errand of the cluster, which chooses the worker.
2. A worker or a process of it that dies costs its task another attempt, three at most; then the task's outcome says so.
   They are made from here: Ray prints a line for each of its own.
3. What comes of a task depends on the task and the record alone, so it is the same wherever it is done.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from ...events.errors import QueryError
from ...events.record import RecordReader
from ...events.record.fingerprint import code_sha256
from ...events.record.packs import pack
from .attendant import AttendantLostError
from .errand import Unseen, errand
from .parcels import Parcel, RecordAt, parcel_of

__all__ = ["LOCAL", "Cluster", "Errands"]

LOCAL = "local"
"""The address of a cluster of this machine alone, which is started and ended."""

_ATTEMPTS = 4
_LOST = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError", "ObjectLostError", "LocalRayletDiedError")
_STORE_BYTES = 256 << 20
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


class Cluster:
    """A cluster, to which the first task connects."""

    def __init__(self, address: str, jobs: int | None = None) -> None:
        """At an address, or a LOCAL one; so many tasks at once, else one a core."""
        self._address, self._jobs, self._connected = address, jobs, False
        self._packs: dict[RecordAt, Any] = {}

    @cached_property
    def ray(self) -> Any:
        """The library, connected. Raises QueryError where it is not installed or no cluster answers."""
        os.environ.update({name: told for name, told in _QUIET.items() if name not in os.environ})
        try:
            ray = import_module("ray")
        except ImportError:
            message = "--ray: Ray is not installed; pip install 'deleverage[ray]'"
            raise QueryError(message) from None
        if not ray.is_initialized():
            self._connect(ray)
        return ray

    def _connect(self, ray: Any) -> None:
        own: dict[str, Any] = {}
        if self._address == LOCAL:
            own = {"num_cpus": self._jobs, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
        try:
            ray.init(self._address, log_to_driver=False, logging_level="CRITICAL", **own)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError, ImportError) as error:
            message = f"--ray {self._address}: no cluster answers ({' '.join(str(error).split())[:200]})"
            raise QueryError(message) from error
        self._connected = True
        # A thread of Ray's prints what befell a worker, which is said here of the task; there is no setting for it.
        vars(import_module("ray._private.worker"))["print_to_stdstream"] = _nothing

    @cached_property
    def at_once(self) -> int:
        """How many tasks are under way at once."""
        return self._jobs or max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    def close(self) -> None:
        """Leave it, and end one that was started for this."""
        if self._connected:
            self.ray.shutdown()
            self._connected = False

    def packs_of(self, records: tuple[RecordAt, ...]) -> dict[RecordAt, Any]:
        """Where in the object store records are, each put there once."""
        for record in records:
            if record not in self._packs:
                self._packs[record] = self.ray.put(_packed(Path(record.path)))
        return {record: self._packs[record] for record in records}


def _nothing(*_given: object, **_named: object) -> None:
    """Who is told what befell a worker."""


def _packed(path: Path) -> bytes:
    with TemporaryDirectory() as folder:
        to = Path(folder, "record.pack")
        pack(RecordReader.open(path), to)
        return to.read_bytes()


class _UnderWay(NamedTuple, Generic[Task]):
    """A task, pickled; the records that are sent along, packed; the number of the attempt."""

    task: Task
    parcel: Parcel
    records: tuple[RecordAt, ...] = ()
    attempt: int = 1


class Errands(Generic[Task, Outcome]):
    """Tasks done by a cluster: the counterpart of `Workers`. What is under way is ended on the way out."""

    def __init__(self, cluster: Cluster, perform: Callable[[Task], Outcome], lost: Callable[[str], Outcome]) -> None:
        """Tasks are done by `perform`; `lost` makes the outcome of one that was lost, from what is told of it."""
        self._cluster, self._perform, self._lost = cluster, parcel_of(perform), lost
        self._busy: dict[Any, _UnderWay[Task]] = {}

    @cached_property
    def _errand(self) -> Any:
        return self._cluster.ray.remote(max_retries=0, num_cpus=1)(errand)

    @cached_property
    def _performed(self) -> Any:
        return self._cluster.ray.put(self._perform)

    def __enter__(self) -> Self:
        """Nothing is begun before there are tasks."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Give up what is under way."""
        for under_way in self._busy:
            self._cluster.ray.cancel(under_way, force=True)
        self._busy.clear()

    def outcomes(self, tasks: deque[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Each task with its outcome, as they are done. Tasks may be added meanwhile.

        Raises QueryError where the cluster cannot do them, and what opening their records does.
        """
        while tasks or self._busy:
            while tasks and len(self._busy) < self._cluster.at_once:
                task = tasks.popleft()
                self._begin(_UnderWay(task, parcel_of(task)))
            for reference in self._cluster.ray.wait(list(self._busy))[0]:
                under_way = self._busy.pop(reference)
                answer = self._answer(reference)
                if isinstance(answer, Unseen):
                    self._begin(under_way._replace(records=answer.records))
                elif answer is None and under_way.attempt < _ATTEMPTS:
                    self._begin(under_way._replace(attempt=under_way.attempt + 1))
                else:
                    yield under_way.task, self._outcome(answer)

    def _begin(self, under_way: _UnderWay[Task]) -> None:
        packs = self._cluster.packs_of(under_way.records)
        reference = self._errand.remote(code_sha256(), self._performed, under_way.parcel, packs)
        self._busy[reference] = under_way

    def _answer(self, reference: Any) -> Unseen | bytes | None:
        """What an errand brought; None from one that was lost."""
        ray = self._cluster.ray
        try:
            answer: Unseen | bytes = ray.get(reference)
        except ray.exceptions.RayError as error:
            if isinstance(error, AttendantLostError) or type(error).__name__ in _LOST:
                return None
            message = f"--ray: the cluster cannot do it ({' '.join(str(error).split())[-200:]})"
            raise QueryError(message) from error
        return answer

    def _outcome(self, answer: bytes | None) -> Outcome:
        if answer is None:
            return self._lost(f"its worker died {_ATTEMPTS} times; if memory ran out, give fewer --jobs")
        outcome: Outcome
        outcome, error = pickle.loads(answer)  # noqa: S301 - of our own program
        if error is not None:
            raise error
        return outcome
