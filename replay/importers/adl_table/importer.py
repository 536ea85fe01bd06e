"""The importer of reconstructed tables: who was deleveraged, with the state that somebody worked out for them.

1. A round is what one instant, coin, liquidated account, side and price have in common, in file order. Rows are sorted
   by time; at one instant rounds follow each other as the file has their first rows, and files by their names.
2. What the venue did is imported: each `PositionDeleveraged`, and the `FillReported` before it with price, size and
   closed profit. Its start is the table's position, and `raw` holds every figure of the row as printed, under its
   column's name.
3. All else is inferred: balances (the cash, see `cash.py`), positions (size and entry), the mark, the liquidation, the
   round. Before a round the ledger holds for each of its accounts what the table prints: equity = cash + unrealised
   profit of all positions. What of that profit the positions known here do not explain is a position in
   `OTHER_POSITIONS`, which stands in for all others.
4. The mark is the price of execution, unless one is given (`--mark COIN=PRICE`). A cost is rounded to an atom, half to
   even.
5. The liquidated account holds what the round closes, at the price of execution, so that it ends at nothing: what it
   had paid is not in a table.
6. A table holds deleveraged fills only: ordinary ones between two instants are missing, which is said at each.
7. The rows are held in memory, about 1 KB each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from ....events.bodies.run import Producer
from ....events.errors import ScenarioError
from ..digits import decimals_of
from ..faults import Faults
from ..reading import SourceFile, open_sources
from ..session import Session
from .book import Book
from .rows import DECIMALS_MOST, LAYOUT, NS_A_MS, TableRow, plain, rows_of
from .scales import TableScales

__all__ = ["AdlTableImporter"]


class AdlTableImporter:
    """Takes tables in. Options: a mark per coin."""

    format = LAYOUT
    venue = "Hyperliquid"
    producers: tuple[Producer, ...] = ()

    def __init__(self, files: Iterable[str], marks: Mapping[str, Decimal] | None = None) -> None:
        """Find the files. Raises ScenarioError for one that is not there."""
        self.marks = dict(marks or {})
        self.options = tuple((f"mark.{coin}", plain(price)) for coin, price in sorted(self.marks.items()))
        self.sources: tuple[SourceFile, ...] = open_sources(tuple((name, LAYOUT) for name in files), by_name=True)

    def survey(self, faults: Faults, watch: Callable[[int], None]) -> int:
        """Read everything once. Raises ScenarioError for files without a row, and for a mark that fits none."""
        rows, _ = self._read(faults, watch)
        if not rows:
            raise faults.nothing_left(self.sources[0], "row")
        for coin, mark in self.marks.items():
            if decimals_of(plain(mark)) > DECIMALS_MOST:
                message = f"--mark {coin}={plain(mark)}: a price has at most {DECIMALS_MOST} decimals; round it"
                raise ScenarioError(message)
            instants = {row.time_ms for row in rows if row.coin == coin}
            if len(instants) != 1:
                found = f"{len(instants)} instants" if instants else "no row"
                message = f"--mark {coin}: the files have {found} of {coin}; one mark fits one instant only"
                raise ScenarioError(message)
        return min(row.time_ms for row in rows) * NS_A_MS

    def take(self, session: Session, watch: Callable[[int], None]) -> None:
        """Declare the coins and accounts, then record round by round."""
        read, scales = self._read(session.faults, watch)
        rows = sorted(read, key=lambda row: row.time_ms)
        if rows != read:
            session.faults.note("rows sorted by time", len(rows))
        book = Book(session, rows, self.marks, scales)
        last_ms: int | None = None
        for one in _rounds(rows):
            if last_ms not in (None, one[0].time_ms):
                session.move_to(one[0].time_ms * NS_A_MS)
                session.missing("fills", "only deleveraged fills are in the table: what was traded between is missing")
            last_ms = one[0].time_ms
            book.take(one)

    def _read(self, faults: Faults, watch: Callable[[int], None]) -> tuple[list[TableRow], TableScales]:
        """The rows that events can hold, and what they are counted in."""
        rows = [row for source in self.sources for row in rows_of(source, faults, watch)]
        scales = TableScales(rows, self.marks)
        fitting = []
        for row in rows:
            if scales.fit(row):
                fitting.append(row)
            else:
                faults.report("figure too large", row.source, row.line, "a figure is more than an event can hold")
        return fitting, scales


def _rounds(rows: Iterable[TableRow]) -> Iterable[list[TableRow]]:
    """Rows of one instant, coin, liquidated account, side and price together, by the first row of each."""
    rounds: dict[tuple[object, ...], list[TableRow]] = {}
    for row in rows:
        rounds.setdefault((row.time_ms, row.coin, row.liquidated, row.side, row.price), []).append(row)
    return rounds.values()
