"""The files of a study: comma-separated values in a folder, packed or not.

1. Every file a study needs is looked for before any is read, so that one line names all that are missing.
2. What is malformed is refused with file and line: a column that is not there, a row of another length, a cell that is
   no number. No row is ever skipped.
3. A number is read as an exact decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from deleverage.events.errors import QueryError, ScenarioError
from deleverage.sim.reading.files import content_sha256
from deleverage.sim.reading.lines import read_lines
from deleverage.sim.reading.rows import LINE_BYTES_MOST, CsvRow, csv_rows
from deleverage.sim.units import parse_decimal

__all__ = ["Table", "read_tables"]

_T = TypeVar("_T")
_PACKED = ".gz"
_TEXT_MOST = 1 << 27
_FLAGS = {"True": True, "False": False}


class Table:
    """One file in memory; its columns are parsed when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises QueryError or ScenarioError with file and line where it is no table."""
        self.path = path
        self.sha256 = content_sha256(path).hex()
        rows = self._read()
        self._header = next((row.fields for row in rows), [])
        self.rows = [row for row in rows if row.fields != [""]]
        if not self.rows:
            raise self._fault(1, "there are no rows below the header")
        for row in self.rows:
            if len(row.fields) != len(self._header):
                raise self._fault(row.line, f"{len(row.fields)} cells where the header has {len(self._header)}")

    def __len__(self) -> int:
        """The number of rows below the header."""
        return len(self.rows)

    def number(self, column: str) -> tuple[Decimal, ...]:
        """A column of numbers. Raises QueryError with file and line at the first cell that is none."""
        return self._parsed(column, parse_decimal)

    def maybe(self, column: str) -> tuple[Decimal | None, ...]:
        """A column of numbers that may be empty."""
        return self._parsed(column, lambda cell: parse_decimal(cell) if cell else None)

    def flag(self, column: str) -> tuple[bool, ...]:
        """A column of True and False."""
        return self._parsed(column, _flag)

    def text(self, column: str) -> tuple[str, ...]:
        """A column as it stands."""
        return self._parsed(column, str)

    def by(self, key: str, column: str) -> dict[str, Decimal]:
        """A column summed by the text of another."""
        sums: dict[str, Decimal] = {}
        for name, value in zip(self.text(key), self.number(column), strict=True):
            sums[name] = sums.get(name, Decimal(0)) + value
        return sums

    def _read(self) -> Iterator[CsvRow]:
        """The lines, up to as much as a table may hold in memory."""
        size = 0
        for row in csv_rows(read_lines(self.path, LINE_BYTES_MOST)):
            size += sum(map(len, row.fields))
            if size > _TEXT_MOST:
                raise self._fault(row.line, f"it has more than {_TEXT_MOST:,} characters, which no file of a study has")
            yield row

    def _parsed(self, column: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        if column not in self._header:
            raise self._fault(1, f"there is no column {column!r}")
        place = self._header.index(column)
        return tuple(self._cell(row, place, parse) for row in self.rows)

    def _cell(self, row: CsvRow, place: int, parse: Callable[[str], _T]) -> _T:
        try:
            return parse(row.fields[place])
        except ScenarioError as error:
            raise self._fault(row.line, f"{self._header[place]}: {error}") from error

    def _fault(self, line: int, what: str) -> QueryError:
        return QueryError(f"{self.path}:{line}: {what}; fetch the file again")


def read_tables(folder: Path, names: Iterable[str]) -> Mapping[str, Table]:
    """The files of these names, each found as it is or with its `.gz` left off or put on. Raises QueryError."""
    wanted = tuple(names)
    paths = {name: _found(folder, name) for name in wanted}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        there = "has no" if folder.is_dir() else "is no folder; the study needs"
        message = f"{folder} {there} {', '.join(missing)}; name the folder with --data or in DELEVERAGE_DATA"
        raise QueryError(message)
    return {name: Table(path) for name, path in paths.items() if path is not None}


def _found(folder: Path, name: str) -> Path | None:
    other = name.removesuffix(_PACKED) if name.endswith(_PACKED) else name + _PACKED
    return next((folder / one for one in (name, other) if (folder / one).is_file()), None)


def _flag(cell: str) -> bool:
    if cell not in _FLAGS:
        message = f"{cell!r} is neither True nor False"
        raise ScenarioError(message)
    return _FLAGS[cell]
