"""CSV files row by row, with the tolerances that all sources share.

1. Fields are separated by commas and never quoted. Row 1 is the first after the header, so line = row + 1 (row =
   line where a file has no header).
2. Tolerated: a byte order mark, either line end, a last line without one.
3. Left out and counted: an empty line; a row with white space around a field (`padded field`), since a field that
   was shifted once may have been damaged otherwise.
4. Anything else that does not fit is a ScenarioError with file and line: too few or too many fields, a number that
   is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from ...events.errors import ScenarioError
from .tally import Tally
from ..units import parse_decimal
from .files import content_sha256, read_lines
from .order import Order

__all__ = ["CsvTable", "LateRows", "expect_header", "parse_amount", "parse_positive", "parse_whole"]

LateRows = Literal["refuse", "leave_out"]
"""What becomes of a row that is earlier than the one before: an error, or left out and counted."""

# As many as 2^63 - 1 has; also keeps the conversion of a damaged line cheap.
_DIGITS_MOST = 19
# Trades repeat their prices: a day of a crash has 2,000 among 138,000. The bound keeps memory flat.
_TEXTS_KEPT = 1 << 14
_PADDED = re.compile(r"(?:^|,)\s|\s(?:,|$)")


class HasRow(Protocol):
    """What was read of a row, and which one it was."""

    @property
    def row(self) -> int:
        """Its number in the file."""


Read = TypeVar("Read", bound=HasRow)


class CsvTable:
    """One CSV file: its columns, its content hash, and its rows as often as they are asked for."""

    def __init__(self, path: Path, columns: Sequence[str] | None = None) -> None:
        """Hash the file and read its header; a file without one is read with the given `columns`."""
        self.path = path
        self.sha256 = content_sha256(path)
        self._headers = 1 if columns is None else 0
        self.columns = tuple(first_line(path).split(",")) if columns is None else tuple(columns)

    def rows(self, tally: Tally) -> Generator[tuple[int, list[str]], None, None]:
        """(row, fields) in file order; what rule 3 leaves out goes to the tally. Constant memory."""
        width, headers = len(self.columns), self._headers
        for line, text in enumerate(read_lines(self.path), 1):
            row = line - headers
            if not row:
                continue
            tally.rows = row
            fields = text.split(",")
            if (" " in text or "\t" in text) and _PADDED.search(text):
                tally.leave_out("padded field", row)
            elif len(fields) == width:
                yield row, fields
            elif not text:
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


def first_line(path: Path) -> str:
    """The first line of a file. Raises ScenarioError for an empty file."""
    with closing(read_lines(path)) as lines:
        for line in lines:
            return line
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
