"""The runs of a calibration, in processes: each set of rules on each seed is a cell of a lab's folder.

1. A cell's number is of its settings and its seed: the same rules, asked for again, are not run again, neither in this
   calibration nor by another target of the same scenario in the same folder. What a kill left undone is done again.
2. The scenario as given is run first and recorded. Rules that differ from it only in who decides and how are forked
   from its record, where they begin to decide otherwise; others are run whole. The figures are the same
   (`replay/lab/past.py`).
3. A run that fails is an outcome; a process that dies is not, and ends the calibration.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import msgspec

from ...events.errors import HandlerError
from ..jobs import Jobs, Performing, working
from ..lab.definition import Cell, Variant
from ..lab.folder import Defined, Folder
from ..lab.tasks import Outcome, Task, perform

__all__ = ["Cells", "opened_cells"]

_NUMBER_BYTES = 8

Done = Callable[[], None]


class Cells:
    """What was run, and what runs the rest."""

    def __init__(self, folder: Folder, workers: Performing[Task, Outcome], given: Variant, done: Done) -> None:
        """`given` is the scenario as given; `done` is called after each run."""
        self._folder, self._workers, self._given, self._done = folder, workers, given, done
        self.run = self.found = 0

    def outcomes(self, rules: Sequence[tuple[str, ...]], seeds: Sequence[int]) -> list[list[Outcome]]:
        """Of each set of rules (settings beside those of the scenario as given) the outcomes by seed."""
        asked = [[self._cell(settings, seed) for seed in seeds] for settings in rules]
        known: dict[int, Outcome] = {}
        left: dict[int, Task] = {}
        for cell in (cell for cells in asked for cell in cells):
            outcome = self._folder.outcome(cell)
            if outcome is not None and outcome.error is None:
                known[cell.number] = outcome
            else:
                left[cell.number] = self._task(cell)
        self.found += len(known)
        for task, outcome in self._workers.outcomes(deque(left.values())):
            self._folder.keep(task.cell, outcome)
            known[task.cell.number] = outcome
            self.run += 1
            self._done()
        return [[known[cell.number] for cell in cells] for cells in asked]

    def forget(self, seeds: Sequence[int]) -> None:
        """Take away the records that others were forked from."""
        for seed in seeds:
            self._folder.forget_past(self._cell((), seed))

    def _cell(self, settings: tuple[str, ...], seed: int) -> Cell:
        described = msgspec.json.encode((settings, seed))
        number = int.from_bytes(sha256(described).digest()[:_NUMBER_BYTES], "big")
        variant = Variant(self._given.scenario, (*self._given.settings, *settings), settings, self._given.plugins)
        return Cell(number, variant, seed)

    def _task(self, cell: Cell) -> Task:
        """Run whole, recorded, or forked, by rule 2."""
        first = self._cell((), cell.seed)
        past = self._folder.past(first)
        if cell.number == first.number:
            self._folder.forget_past(first)
            return Task(cell, record=past)
        shared = cell.variant.given == first.variant.given and self._folder.has_past(first)
        return Task(cell, past=(past, first)) if shared else Task(cell)


@contextmanager
def opened_cells(path: Path, definition: Defined, given: Variant, jobs: Jobs, done: Done) -> Iterator[Cells]:
    """The cells in a folder, and so many processes. Raises QueryError where the folder is taken by something else."""
    with Folder(path, definition, "calibration") as folder, working(jobs, perform, _lost) as workers:
        yield Cells(folder, workers, given, done)


def _lost(told: str) -> NoReturn:
    message = f"a run was lost: {told}; what was done is kept, and the same command goes on"
    raise HandlerError(message)
