"""A lab's folder: `lab.json` (the definition), `cells/N.json` (one outcome each), `past/` (records forked from).

A calibration keeps its cells in one, too, under `calibration.json`.

1. A cell's file is written whole or not at all, so whatever is there can be trusted after a kill.
2. A folder belongs to one definition. Another one is refused rather than mixed in or written over: figures made under
   different rules do not belong into one table, and what took hours is not deleted unasked.
3. Two labs at once in one folder would take each other's pasts away, so the second is refused. The system lets go of
   the lock when a process ends, however it does.
4. A past is kept as long as cells are still to be forked from it. After a kill one that was sealed is used again.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Protocol, Self

import msgspec

from ...events.errors import QueryError, RecordError
from ...events.record.manifest import read_manifest
from ...events.regular import make_folder, read_regular, write_whole
from .definition import Cell
from .tasks import Outcome

__all__ = ["Defined", "Folder"]

_LAYOUT = 1
_BYTES_MOST = 1 << 28


class Defined(Protocol):
    """What a folder belongs to: encodable, with a digest over what its cells are made of."""

    @property
    def digest(self) -> str:
        """SHA-256, in hex."""
        ...


class Folder:
    """Where a lab keeps what it has done; `kind` is what the folder is called, and the file that describes it."""

    def __init__(self, path: Path, definition: Defined, kind: str = "lab") -> None:
        """Open a folder for this definition, or make it. Raises QueryError where it is taken by something else."""
        self.path, self._kind = path, kind
        self._cells, self._past = path / "cells", path / "past"
        described = msgspec.json.format(
            msgspec.json.encode({"layout": _LAYOUT, "digest": definition.digest, "definition": definition})
        )
        told = path / f"{kind}.json"
        if told.exists():
            self._check(self._described(told), described)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            message = f"{path} is there and is no {kind}; give another folder with -o"
            raise QueryError(message)
        make_folder(self._cells, path)
        self._lock = _locked(path, kind)
        self._past.mkdir(exist_ok=True)
        write_whole(told, described)

    def __enter__(self) -> Self:
        """It is locked since it was opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let others in, and take the folder of pasts away if it is empty, as it is when all is done."""
        if not any(self._past.iterdir()):
            self._past.rmdir()
        os.close(self._lock)

    def _described(self, told: Path) -> bytes:
        """What is described there. Raises QueryError where it cannot be read."""
        try:
            return read_regular(told, _BYTES_MOST)
        except OSError as error:
            message = f"{told}: it cannot be read ({error.strerror}); give another folder with -o"
            raise QueryError(message) from error

    def _check(self, held: bytes, described: bytes) -> None:
        if held != described:
            message = (
                f"{self.path} holds another {self._kind} (its scenarios, settings, seeds or this program differ from "
                f"what is asked; {self._kind}.json there tells them); give a new folder with -o"
            )
            raise QueryError(message)

    def outcome(self, cell: Cell) -> Outcome | None:
        """What came of a cell, if it was done. O(1)."""
        try:
            return msgspec.json.decode(read_regular(self._file(cell), _BYTES_MOST), type=Outcome)
        except (OSError, msgspec.DecodeError, RecursionError):
            return None

    def keep(self, cell: Cell, outcome: Outcome) -> None:
        """Write what came of a cell."""
        write_whole(self._file(cell), msgspec.json.encode(outcome))

    def past(self, cell: Cell) -> Path:
        """Where the run of this cell is recorded for others to be forked from."""
        return self._past / f"{cell.number:05d}.run"

    def has_past(self, cell: Cell) -> bool:
        """Whether that record is there as a whole; what is left of one that is not is taken away."""
        path = self.past(cell)
        try:
            if read_manifest(path).status == "complete":
                return True
        except (RecordError, OSError):
            pass
        self.forget_past(cell)
        return False

    def forget_past(self, cell: Cell) -> None:
        """Take that record away; nothing happens where there is none."""
        rmtree(self.past(cell), ignore_errors=True)

    def _file(self, cell: Cell) -> Path:
        return self._cells / f"{cell.number:05d}.json"


def _locked(path: Path, kind: str) -> int:
    """A descriptor that holds the folder's lock."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        message = f"another {kind} is at work in {path}; wait for it, or give another folder with -o"
        raise QueryError(message) from None
    return descriptor
