"""The rows of a table: columns under the names that tables give them, figures as exact decimals, faults with lines.

1. Two layouts are known by their header: `seq,time_ms,coin,...` (one batch, accounts by a prefix) and
   `user,coin,time,...` (fills with account state). What both must have is `_COLUMNS`; any other column is kept as text.
2. Line 1 is the header. Numbers may be written with an exponent, as floats are. Prices, sizes and positions have at
   most `DECIMALS_MOST` decimals: what a float leaves behind is snapped (`digits.py`) and noted, more is a fault.
3. A row that cannot be right is a fault with a reason: a field too many or too few, a figure that is none, a time that
   is not in milliseconds, a coin or account without a name, a row twice, a size beyond the position, an account that is
   deleveraged against itself, a `seq` out of order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from ....events.errors import ScenarioError
from ....sim.reading.order import Order
from ....sim.reading.rows import CsvRow as Line
from ....sim.reading.rows import csv_rows
from ....sim.units import parse_decimal
from ..digits import snapped
from ..faults import Faults
from ..reading import SourceFile, read_rows

__all__ = ["DECIMALS_MOST", "LAYOUT", "NS_A_MS", "TableRow", "plain", "rows_of"]

LAYOUT = "adl-table"
NS_A_MS = 10**6
DECIMALS_MOST = 8

_COLUMNS: dict[str, tuple[str, ...]] = {
    "time": ("time_ms", "time"),
    "coin": ("coin",),
    "price": ("adl_price",),
    "size": ("adl_size",),
    "profit": ("closed_pnl",),
    "position": ("position_size",),
    "entry": ("entry_price",),
    "cash": ("account_value_cash", "account_value_realtime"),
    "unrealised": ("total_unrealized_pnl",),
    "user": ("user_prefix", "user"),
    "liquidated": ("liquidated_user",),
}
_NUMBERS = ("price", "size", "profit", "position", "entry", "cash", "unrealised")
_WHOLE = ("price", "size", "position")
_KEPT_BY_NAME = frozenset(
    {"user_prefix", "user", "liquidated_user", "coin", "time_ms", "time", "timestamp", "time_str"}
)
_EXPONENT_MOST = 30
_WHOLE_NUMBER = re.compile(r"\d{1,19}", re.ASCII)
_NAME = re.compile(r"[!-~]{1,66}")
_MS_FIRST, _MS_LAST = 1_230_768_000_000, 4_102_444_800_000
"""2009 and 2100: a time outside is in another unit."""

_Faulty = tuple[str, str]
"""A reason, and what is wrong in this row."""


class TableRow(NamedTuple):
    """One fill and the state around it; `printed` is every figure of the row as written, by column.

    `snaps` counts those that are not exactly what was written.
    """

    source: SourceFile
    line: int
    time_ms: int
    coin: str
    user: str
    liquidated: str
    price: Decimal
    size: Decimal
    profit: Decimal
    position: Decimal
    entry: Decimal
    cash: Decimal
    unrealised: Decimal
    printed: tuple[tuple[str, str], ...]
    snaps: int

    @property
    def seq(self) -> int:
        """The number that a table counts its rows with; 0 where it does not."""
        return int(dict(self.printed).get("seq", 0))

    @property
    def side(self) -> int:
        """+1 where a long position is closed, -1 where a short one is."""
        return 1 if self.position > 0 else -1


def rows_of(source: SourceFile, faults: Faults, watch: Callable[[int], None]) -> Iterator[TableRow]:
    """The rows of a file in its order, without those that are faults. Raises ScenarioError with file and line."""
    lines = csv_rows(read_rows(source, watch, faults.cut(source)))
    header = next(lines, None)
    columns = _columns(source, header.fields if header is not None else [])
    rows = _once(source, faults, lines, columns)
    if "seq" in columns:

        def blame(row: TableRow, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
            told = "comes before lower ones" if is_ahead else "comes after one that is not lower"
            faults.report("row out of order", source, row.line, f"seq {row.seq} {told}")

        rows = Order[TableRow](lambda row: row.seq, blame, strict=True).of(rows)
    for row in rows:
        if row.snaps:
            faults.note("values snapped", row.snaps)
        yield row


def _once(source: SourceFile, faults: Faults, lines: Iterable[Line], columns: list[str]) -> Iterator[TableRow]:
    """The rows that can be read, each once."""
    seen = set[tuple[object, ...]]()
    tally = faults.of(source)
    for line, fields, _ in lines:
        tally.rows += 1
        found = _row(source, line, fields, columns)
        if isinstance(found, TableRow) and found[2:10] in seen:
            found = "duplicate row", "the same fill stands in an earlier line"
        if isinstance(found, TableRow):
            seen.add(found[2:10])
            yield found
        else:
            faults.report(found[0], source, line, found[1])


def _columns(source: SourceFile, names: list[str]) -> list[str]:
    """The header. Raises ScenarioError where it is of no known table."""
    for wanted in _COLUMNS.values():
        if len(set(wanted) & set(names)) != 1 or len(set(names)) != len(names):
            message = f"{source.path}:1: no column {' or '.join(wanted)}; this is no reconstructed table of fills"
            raise ScenarioError(message)
    return names


def _row(source: SourceFile, line: int, fields: list[str], columns: list[str]) -> TableRow | _Faulty:
    if len(fields) != len(columns):
        return "broken row", f"{len(fields)} fields where {len(columns)} are expected"
    by_name = dict(zip(columns, fields, strict=True))
    cells = {key: next(by_name[name] for name in names if name in by_name) for key, names in _COLUMNS.items()}
    for key in ("coin", "user", "liquidated"):
        if _NAME.fullmatch(cells[key]) is None:
            what = "the other side is missing" if key == "liquidated" else f"no {key}"
            return what, f"{_COLUMNS[key][0]} is {cells[key]!r}, which is no name"
    if not (_WHOLE_NUMBER.fullmatch(cells["time"]) and _MS_FIRST <= int(cells["time"]) < _MS_LAST):
        return "time in the wrong unit", f"{cells['time']!r} is no time of this century in milliseconds"
    if "seq" in by_name and not _WHOLE_NUMBER.fullmatch(by_name["seq"]):
        return "not a number", f"seq is {by_name['seq']!r}, which is no number"
    try:
        numbers, snaps = _numbers(cells)
    except ScenarioError as error:
        return "not a number", str(error)
    printed = tuple((name, by_name[name]) for name in columns if name not in _KEPT_BY_NAME)
    row = TableRow(
        source,
        line,
        int(cells["time"]),
        cells["coin"],
        cells["user"],
        cells["liquidated"],
        printed=printed,
        snaps=snaps,
        **numbers,
    )
    return _impossible(row) or row


def _numbers(cells: dict[str, str]) -> tuple[dict[str, Decimal], int]:
    """The figures of a row, and how many were snapped. Raises ScenarioError for one that is none, or not whole."""
    numbers, snaps = dict[str, Decimal](), 0
    for key in _NUMBERS:
        number = _number(cells[key])
        if number is None:
            message = f"{_COLUMNS[key][0]} is {cells[key]!r}, which is no number"
            raise ScenarioError(message)
        if key in _WHOLE:
            value, changed = snapped(plain(number), DECIMALS_MOST)
            number, snaps = Decimal(value).scaleb(-DECIMALS_MOST), snaps + changed
        numbers[key] = number
    return numbers, snaps


def _impossible(row: TableRow) -> _Faulty | None:
    """What is wrong with figures that can be read."""
    if row.price <= 0 or row.entry <= 0:
        return "impossible figure", "a price must be more than 0"
    if not 0 < row.size <= abs(row.position):
        size, position = plain(row.size.normalize()), plain(row.position.normalize())
        return "impossible figure", f"{size} cannot be closed of a position of {position}"
    if row.user == row.liquidated:
        return "deleveraged against itself", f"{row.user} is on both sides"
    return None


def _number(text: str) -> Decimal | None:
    try:
        number = parse_decimal(text)
    except ScenarioError:
        return None
    return number if abs(number.adjusted()) <= _EXPONENT_MOST else None


def plain(number: Decimal) -> str:
    """A decimal without an exponent."""
    return format(number, "f")
