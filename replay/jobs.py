"""Where the tasks of a command are done: in processes of this machine, or by a cluster (`--ray`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .cluster.cluster import Cluster, Errands
from .workers import Workers

__all__ = ["Jobs", "Performing", "at_once", "succeeded", "working"]

Jobs = int | Cluster
"""So many processes of this machine, or a cluster."""

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


Performing = Workers[Task, Outcome] | Errands[Task, Outcome]
"""Whoever does tasks."""


def at_once(jobs: Jobs) -> int:
    """How many tasks are done at once."""
    return jobs if isinstance(jobs, int) else jobs.at_once


def working(
    jobs: Jobs, perform: Callable[[Task], Outcome], lost: Callable[[str], Outcome]
) -> Performing[Task, Outcome]:
    """Whoever does tasks by `perform`, inside of the context; `lost` makes the outcome of one that was lost."""
    return Workers(jobs, perform, lost) if isinstance(jobs, int) else Errands(jobs, perform, lost)


def succeeded(
    jobs: Jobs,
    perform: Callable[[Task], Outcome | Exception],
    lost: Callable[[str], Exception],
    tasks: Iterable[Task],
) -> Iterator[tuple[Task, Outcome]]:
    """Each task with its outcome, as they are done. Raises the first that is an error, and the others are ended."""
    with working(jobs, perform, lost) as workers:
        for task, outcome in workers.outcomes(deque(tasks)):
            if isinstance(outcome, Exception):
                raise outcome
            yield task, outcome
