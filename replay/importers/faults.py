"""What was found wrong in the files: where, how often, and whether that stops the import.

1. A fault has a reason, which is a few words that are the same for all of its kind, and a message that says what is
   wrong in this row. With `stop` the first ends the import as a ScenarioError with file and line. With `skip` the row
   is left out, or kept where the importer has a rule for it, and the fault is counted either way.
2. A reader that looks ahead tells `Ahead` of faults, which reports each when its place is reached: so a record has them
   where they stand, and the first one in a file stops the import.
3. What was only put right (a float artefact snapped to whole lots) is no fault. It is counted under `noted`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from ...events.errors import ScenarioError
from ...sim.reading.tally import Tally
from .reading import SourceFile

__all__ = ["Ahead", "Faults", "ImportFault", "OnError"]

OnError = Literal["stop", "skip"]


class ImportFault(msgspec.Struct, frozen=True):
    """One reason in one file: in how many rows, the first of them, and what is wrong there."""

    reason: str
    source: int
    rows: int
    first_row: int
    message: str


class Faults:
    """Counts what is reported, in a tally for each source (`of`). `noted` is what was put right, by reason."""

    def __init__(self, on_error: OnError = "stop") -> None:
        self.on_error = on_error
        self.tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self.noted: Counter[str] = Counter()
        self.heard: Callable[[str, str], object] | None = None
        """Told reason and place of each fault that does not stop the import: who records it."""
        self._first: dict[tuple[int, str], str] = {}
        """What is wrong in the first row of each source and reason."""

    def of(self, source: SourceFile) -> Tally:
        """The tally of a source's rows."""
        return self.tallies[source.number]

    def report(self, reason: str, source: SourceFile, row: int, message: str) -> None:
        """Count a fault of a row. Raises ScenarioError with file and line if the first one stops the import."""
        told = f"{source.path}:{row}: {message}"
        if self.on_error == "stop":
            advice = f"{told}; put it right, or go on without such rows with --on-error skip"
            raise ScenarioError(advice)
        self.of(source).leave_out(reason, row)
        self._first.setdefault((source.number, reason), told)
        if self.heard is not None:
            self.heard(reason, f"source {source.number} row {row}: {message}")

    def cut(self, source: SourceFile) -> Callable[[int, str], None]:
        """Who is told where reading a source stops: a fault of the row that it stops in."""
        return partial(self.report, "file cut off", source)

    def nothing_left(self, source: SourceFile, what: str) -> ScenarioError:
        """The error for files without anything to record, with the first of what was left out."""
        left_out = sum(fault.rows for fault in self.found)
        why = f"{left_out:,} were left out, the first: {self.found[0].message}" if left_out else "is the file whole?"
        return ScenarioError(f"{source.path}: there is no {what} that can be used; {why}")

    def note(self, reason: str, times: int = 1) -> None:
        """Count something that was put right."""
        self.noted[reason] += times

    @property
    def found(self) -> tuple[ImportFault, ...]:
        """The faults by source and reason, in the order in which each was first met."""
        return tuple(
            ImportFault(reason, source, *self.tallies[source].left_out[reason], told)
            for (source, reason), told in self._first.items()
        )


class Ahead:
    """Faults that were met while reading ahead, each reported when what stands behind it is released."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._waiting: list[tuple[str, SourceFile, int, str]] = []

    def report(self, reason: str, source: SourceFile, row: int, message: str) -> None:
        """Keep a fault of a row until its place is reached."""
        self._waiting.append((reason, source, row, message))

    def cut(self, source: SourceFile) -> Callable[[int, str], None]:
        """As `Faults.cut`."""
        return partial(self.report, "file cut off", source)

    def release(self, source: int | None = None, row: int = 0) -> None:
        """Report what stands up to this row of this source, or everything. Raises ScenarioError as `Faults.report`."""
        if not self._waiting:
            return
        due = [one for one in self._waiting if source is None or (one[1].number, one[2]) <= (source, row)]
        if due:
            self._waiting = [one for one in self._waiting if one not in due]
            for reason, where, at_row, message in due:
                self._faults.report(reason, where, at_row, message)
