"""A lab in the making: which cells are still to be run, in which order, and from which past.

1. Cells of one scenario and seed that differ only in who decides share their past: the first of them is run whole and
   recorded, the others are forked from its record, in whichever process is free.
2. Where the first fails, the others are run whole: they may well not fail. So they are where its record did not come
   to this folder, because a cluster's worker does not see it.
3. A cell that failed is run again when the lab is taken up again; one that has its figures never is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ..jobs import Jobs, working
from .definition import Cell, Definition
from .folder import Folder
from .tasks import Outcome, Task, perform

__all__ = ["LabResult", "Progress", "run_lab"]

Progress = Callable[[int, int], None]
"""Called with (cells done, cells that failed) after each."""


class LabResult(msgspec.Struct, frozen=True):
    """Every cell's outcome, in the order of the definition's cells; how many were there before."""

    path: Path
    definition: Definition
    outcomes: tuple[Outcome, ...]
    resumed: int

    @property
    def failed(self) -> list[tuple[Cell, str]]:
        """The cells without figures, and why."""
        pairs = zip(self.definition.cells, self.outcomes, strict=True)
        return [(cell, outcome.error) for cell, outcome in pairs if outcome.error is not None]


class _Lab:
    """The state of the work: what is done, what waits for a process, what waits for a past."""

    def __init__(self, folder: Folder, cells: Iterable[Cell]) -> None:
        self.folder = folder
        self.done: dict[int, Outcome] = {}
        self.tasks: deque[Task] = deque()
        self._waiting: dict[int, list[Cell]] = {}
        self._first: dict[int, Cell] = {}
        self._left: Counter[int] = Counter()
        for group in _groups(cells):
            self._plan(group)
        self.resumed = len(self.done)

    def _plan(self, group: list[Cell]) -> None:
        """What a group of cells with the same inputs still needs."""
        first, left = group[0], list[Cell]()
        for cell in group:
            outcome = self.folder.outcome(cell)
            if outcome is None or outcome.error is not None:
                left.append(cell)
            else:
                self.done[cell.number] = outcome
        others = [cell for cell in left if cell is not first]
        if not left:
            self.folder.forget_past(first)
        elif not others:
            self.tasks.append(Task(first))
        elif self.folder.has_past(first):
            self.tasks += [Task(cell, past=(self.folder.past(first), first)) for cell in left]
        else:
            self._waiting[first.number] = others
            self.tasks.append(Task(first, record=self.folder.past(first)))
            left = [first, *others]
        self._first |= {cell.number: first for cell in left}
        self._left[first.number] = len(left)

    def take(self, task: Task, outcome: Outcome) -> None:
        """Keep an outcome, and see to what it makes possible: at once, so that few pasts lie about."""
        cell, first = task.cell, self._first[task.cell.number]
        self.folder.keep(cell, outcome)
        self.done[cell.number] = outcome
        waiting = self._waiting.pop(cell.number, [])
        recorded = bool(waiting) and outcome.error is None and self.folder.has_past(first)
        past = (self.folder.past(first), first) if recorded else None
        self.tasks.extendleft(Task(other, past=past) for other in reversed(waiting))
        self._left[first.number] -= 1
        if not self._left[first.number]:
            self.folder.forget_past(first)


def run_lab(definition: Definition, path: Path, *, jobs: Jobs, progress: Progress | None = None) -> LabResult:
    """Run what of a lab is not yet done, in so many processes; everything so far is in `path` at any moment.

    Raises ScenarioError or QueryError before anything is written. A cell that fails is an outcome, not an error.
    """
    definition.check()
    report = progress or _nobody
    with Folder(path, definition) as folder, working(jobs, perform, _lost) as workers:
        lab, failures = _Lab(folder, definition.cells), 0
        report(len(lab.done), failures)
        for task, outcome in workers.outcomes(lab.tasks):
            lab.take(task, outcome)
            failures += outcome.error is not None
            report(len(lab.done), failures)
    return LabResult(path, definition, tuple(lab.done[cell.number] for cell in definition.cells), lab.resumed)


def _lost(told: str) -> Outcome:
    """The outcome of a cell whose process died."""
    return Outcome(error=told)


def _nobody(_done: int, _failed: int) -> None:
    """Who is told where nobody asked."""


def _groups(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells with the same inputs, in their order."""
    found: dict[object, list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.variant.given, cell.seed), []).append(cell)
    return list(found.values())
