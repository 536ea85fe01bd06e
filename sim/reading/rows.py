"""CSV files row by row: `csv_rows` for everybody, `CsvTable` with the tolerances that all sources of a scenario share.

1. Fields are separated by commas and never quoted. Bytes that are not UTF-8 become U+FFFD.
2. Tolerated: a byte order mark, either line end, a last line without one.
3. White space around a field (`Row.padded`) is told: a field that was shifted once may have been damaged otherwise.
4. In a `CsvTable` row 1 is the first after the header, so line = row + 1 (row = line where a file has no header). Left
   out and counted are an empty line and a padded row; anything else that does not fit is a ScenarioError with file and
   line: too few or too many fields, a number that is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeVar

from ...events.errors import ScenarioError
from ..units import parse_decimal
from .files import content_sha256
from .lines import read_lines
from .order import Order
from .tally import Tally

__all__ = [
    "LINE_BYTES_MOST",
    "CsvRow",
    "CsvTable",
    "LateRows",
    "csv_rows",
    "expect_header",
    "first_fields",
    "parse_amount",
    "parse_positive",
    "parse_whole",
]

LINE_BYTES_MOST = 1 << 20
"""A row of market data that is longer is none: 1 MiB."""

LateRows = Literal["refuse", "leave_out"]
"""What becomes of a row that is earlier than the one before: an error, or left out and counted."""

# As many as 2^63 - 1 has; also keeps the conversion of a damaged line cheap.
_DIGITS_MOST = 19
# Trades repeat their prices: a day of a crash has 2,000 among 138,000. The bound keeps memory flat.
_TEXTS_KEPT = 1 << 14
_BYTE_ORDER_MARK = "\ufeff"
_PADDED = re.compile(r"(?:^|,)\s|\s(?:,|$)")


class HasRow(Protocol):
    """What was read of a row, and which one it was."""

    @property
    def row(self) -> int:
        """Its number in the file."""


Read = TypeVar("Read", bound=HasRow)


class CsvRow(NamedTuple):
    """A line of a CSV file; `padded` says that white space stands around a field."""

    line: int
    fields: list[str]
    padded: bool


def csv_rows(lines: Iterable[tuple[int, bytes]]) -> Generator[CsvRow, None, None]:
    """The fields of (number, line) pairs, the first line of a file being number 1; about 0.7 us each."""
    return (CsvRow(*row) for row in _plain_rows(lines))


def _plain_rows(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, list[str], bool]]:
    """The same as plain tuples, which take half the time."""
    for number, line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        padded = (" " in text or "\t" in text) and _PADDED.search(text) is not None
        yield number, text.split(","), padded


class CsvTable:
    """One CSV file: its columns, its content hash, and its rows as often as they are asked for."""

    def __init__(self, path: Path, columns: Sequence[str] | None = None) -> None:
        """Hash the file and read its header; a file without one is read with the given `columns`."""
        self.path = path
        self.sha256 = content_sha256(path)
        self._headers = 1 if columns is None else 0
        self.columns = tuple(first_fields(path)) if columns is None else tuple(columns)

    def rows(self, tally: Tally) -> Generator[tuple[int, list[str]], None, None]:
        """(row, fields) in file order; what rule 3 leaves out goes to the tally. Constant memory."""
        width, headers = len(self.columns), self._headers
        for line, fields, padded in _plain_rows(read_lines(self.path, LINE_BYTES_MOST)):
            row = line - headers
            if not row:
                continue
            tally.rows = row
            if padded:
                tally.leave_out("padded field", row)
            elif len(fields) == width:
                yield row, fields
            elif fields == [""]:
                tally.leave_out("empty line", row)
            else:
                raise self.error(row, f"{len(fields)} fields where {width} are expected; mend or remove the line")

    def first_row(self) -> tuple[int, list[str]]:
        """The first row that can be used. Raises ScenarioError where there is none."""
        with closing(self.rows(Tally())) as rows:
            for row in rows:
                return row
        message = f"{self.path}: there is no row that can be used; is the download complete?"
        raise ScenarioError(message)

    def error(self, row: int, what: str) -> ScenarioError:
        """An error that names this file and the line of a row."""
        return ScenarioError(f"{self.path}:{row + self._headers}: {what}")

    def in_order(
        self, rows: Iterable[Read], key_ns: Callable[[Read], int], tally: Tally, late_rows: LateRows
    ) -> Iterator[Read]:
        """The rows in order of time: the first that is not is refused, or as few as possible are left out and counted.

        Raises ScenarioError with file and line.
        """

        def blame(read: Read, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
            tally.leave_out("row ahead of its time" if is_ahead else "late row", read.row)

        if late_rows == "leave_out":
            yield from Order[Read](key_ns, blame).of(rows)
            return
        last_ns = 0
        for read in rows:
            if key_ns(read) < last_ns:
                what = 'the time runs backwards; sort the file by time, or set late_rows = "leave_out"'
                raise self.error(read.row, what)
            last_ns = key_ns(read)
            yield read

    def late(self, row: int, tally: Tally, late_rows: LateRows) -> None:
        """Answer a row that begins before the one above it is over, as the source's setting says."""
        if late_rows == "refuse":
            what = 'the time runs backwards; sort the file by time, or set late_rows = "leave_out"'
            raise self.error(row, what)
        tally.leave_out("late row", row)


def first_fields(path: Path, line_bytes_most: int = LINE_BYTES_MOST) -> list[str]:
    """The fields of the first line of a file. Raises ScenarioError for an empty file."""
    with closing(csv_rows(read_lines(path, line_bytes_most))) as rows:
        for row in rows:
            return row.fields
    message = f"{path}:1: the file is empty; is the download complete?"
    raise ScenarioError(message)


def expect_header(table: CsvTable, *layouts: Sequence[str]) -> None:
    """Refuse a table whose columns are not those of one of the layouts, in order; the error names what differs."""
    if table.columns in [tuple(layout) for layout in layouts]:
        return
    expected = min(layouts, key=lambda layout: len(set(layout) ^ set(table.columns)))
    missing = [name for name in expected if name not in table.columns]
    unknown = [name for name in table.columns if name not in expected]
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"has unknown {', '.join(map(repr, unknown))}"] if unknown else []
    differs = " and ".join(parts) or "has its columns in another order"
    message = f"{table.path}:1: the header {differs}; expected {','.join(expected)}"
    raise ScenarioError(message)


def parse_whole(text: str, name: str) -> int:
    """A whole number of plain digits. Raises ScenarioError without a place."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MOST:
        return int(text)
    message = f"{name} {text!r} is not a whole number; mend or remove the line"
    raise ScenarioError(message)


@lru_cache(_TEXTS_KEPT)
def parse_positive(text: str, name: str) -> Decimal:
    """A number above 0. Raises ScenarioError without a place."""
    value = parse_decimal(text)
    if value <= 0:
        message = f"{name} {text} is not above 0; mend or remove the line"
        raise ScenarioError(message)
    return value


def parse_amount(text: str, name: str) -> Decimal:
    """A number that is not below 0. Raises ScenarioError without a place."""
    amount = parse_decimal(text)
    if amount < 0:
        message = f"{name} {text} is below 0; mend or remove the line"
        raise ScenarioError(message)
    return amount
