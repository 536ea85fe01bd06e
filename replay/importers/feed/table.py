"""CSV files of market data line by line: which columns they have, and what is broken.

1. Fields are separated by commas and never quoted. A row is a line, counted from 1, the header included.
2. A header is a first line whose first field is a word; its names are taken in lower case with underscores, so that
   `openTime` and `open_time` are one. A file without one has the columns that its layout states.
3. Tolerated: a byte order mark and either line end. White space around a field means that it was shifted once, and may
   have been damaged otherwise: such a row is broken, as one with a field too many or too few.
4. A file that ends within its archive is a fault as well: with `skip` what was read before is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ....events.errors import ScenarioError
from ....sim.reading.rows import csv_rows
from ..faults import Faults
from ..reading import SourceFile, read_rows

__all__ = ["CsvColumns", "Read", "header_of", "read_fields"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z]")


class CsvColumns(NamedTuple):
    """The names of a file's columns, in order, and whether its first line says them."""

    names: tuple[str, ...]
    in_file: bool

    def at(self, name: str) -> int:
        """The place of a column. Raises ScenarioError, without a place, where there is none of that name."""
        if name not in self.names:
            message = f"there is no column {name}; the file has {', '.join(self.names)}"
            raise ScenarioError(message)
        return self.names.index(name)

    def find(self, name: str) -> int | None:
        """The place of a column, None where there is none of that name."""
        return self.names.index(name) if name in self.names else None


def header_of(fields: list[str]) -> tuple[str, ...] | None:
    """The names of the columns if this is a header, else None."""
    if not all(_WORD.match(field) for field in fields):
        return None
    return tuple(_HUMP.sub("_", field).lower() for field in fields)


class Read(NamedTuple):
    """One line; `broken` is what is wrong with it, None if it is whole. Where a file breaks off there are no fields."""

    line: int
    fields: list[str]
    broken: str | None = None


def read_fields(
    source: SourceFile, columns: CsvColumns, faults: Faults, watch: Callable[[int], None]
) -> Iterator[Read]:
    """Every row, whole or not, and where the file breaks off if it does. Constant memory."""
    width, cut, tally = len(columns.names), list[Read](), faults.of(source)
    lines = read_rows(source, watch, lambda row, told: cut.append(Read(row, [], told)))
    for line, fields, padded in csv_rows(lines):
        if line == 1 and columns.in_file:
            continue
        tally.rows += 1
        if len(fields) != width:
            yield Read(line, fields, f"{len(fields)} fields where {width} are expected")
        elif padded:
            yield Read(line, fields, "white space around a field")
        else:
            yield Read(line, fields)
    yield from cut
