"""What a worker process is asked to do, and what it answers. Whatever goes wrong in a cell is an answer too."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ...events.errors import DeleverageError
from .definition import Cell
from .meter import Figures
from .past import forked, run_whole

__all__ = ["Outcome", "Task", "perform"]


class Task(msgspec.Struct, frozen=True):
    """A cell to be measured: run whole, recorded at `record` if given; or forked from a record (and whose it is)."""

    cell: Cell
    record: Path | None = None
    past: tuple[Path, Cell] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The figures of a cell, or the one line that says why there are none."""

    figures: Figures | None = None
    error: str | None = None


def perform(task: Task) -> Outcome:
    """Do it. Never raises: an error is the outcome's. Where the lab's folder is not seen nothing is recorded."""
    try:
        record = task.record if task.record is not None and task.record.parent.is_dir() else None
        figures = run_whole(task.cell, record) if task.past is None else forked(task.cell, *task.past)
    except DeleverageError as error:
        return Outcome(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - one cell's fault is no other's
        return Outcome(error=" ".join(f"{type(error).__name__}: {error}".split()))
    return Outcome(figures)
