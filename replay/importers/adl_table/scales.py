"""Lots, ticks and atoms of what a table names, from the decimals that its rows use.

1. A coin's lot and tick have the most decimals that its sizes and its prices use; a row has at most
   `rows.DECIMALS_MOST`.
2. The asset has 6 decimals, or more where a tick of a lot is less.
3. A row fits if each of its amounts is well within what an event can hold: a round adds up to `_ROWS_A_ROUND` of them.

Whether the cash that a row prints is stated, or what its account has is carried on from the row before.

1. The first row of an account states its cash.
2. A row of the same instant follows from the row before: cash + closed profit. A table that prints anything else there
   has not carried the profit; the account keeps it, and the row is noted.
3. At a later instant other fills may be missing in between, so the cash is stated anew, unless it is to the last digit
   what was printed before a profit: then it is the old figure, the account keeps the profit, and the row is noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import prod
from typing import NamedTuple

from ....sim.units import INT64_MAX, divide_half_even
from ..digits import decimals_of
from ..faults import Faults
from .rows import TableRow, plain

__all__ = ["CASH_OFF_MOST", "Cash", "TableScales"]

_DECIMALS_LEAST = 6
_ROWS_A_ROUND = 64

CASH_OFF_MOST = Decimal("0.000001")
"""Tables are made with floats: a difference of up to this, or of 2^-50 of the amount, is none."""

_DOUBLE_PARTS = 2**50
_NOT_CARRIED = "rows whose cash is not what the row before leaves"
_STANDS_STILL = "rows whose cash stands still over a profit of an earlier instant"


class TableScales:
    """What tables are counted in; `lots` and `ticks` hold decimals by coin, `decimals` are the asset's."""

    def __init__(self, rows: Iterable[TableRow], marks: Mapping[str, Decimal]) -> None:
        """Look at every row, and at the marks that were given."""
        self.lots, self.ticks = dict[str, int](), dict[str, int]()
        for row in rows:
            prices = (row.price, marks.get(row.coin, row.price))
            for scale, numbers in ((self.lots, (row.size, row.position)), (self.ticks, prices)):
                scale[row.coin] = max(scale.get(row.coin, 0), *(decimals_of(plain(number)) for number in numbers))
        self.decimals = max((_DECIMALS_LEAST, *(self.lots[coin] + self.ticks[coin] for coin in self.lots)))

    def size_lots(self, coin: str, size: Decimal) -> int:
        """A size in lots, which it is a whole number of."""
        return int(size.scaleb(self.lots[coin]))

    def price_ticks(self, coin: str, price: Decimal) -> int:
        """A price in ticks, which it is a whole number of."""
        return int(price.scaleb(self.ticks[coin]))

    def multiplier_atoms(self, coin: str) -> int:
        """What a lot is worth at a tick."""
        return int(10 ** (self.decimals - self.lots[coin] - self.ticks[coin]))

    def atoms(self, *factors: Decimal) -> int:
        """A product in atoms, rounded half to even; what was printed stands in `raw` beside it."""
        ratios = [factor.as_integer_ratio() for factor in factors]
        return divide_half_even(prod(one for one, _ in ratios) * 10**self.decimals, prod(other for _, other in ratios))

    def fit(self, row: TableRow) -> bool:
        """Whether events can hold the figures of a row."""
        amounts = (
            self.size_lots(row.coin, row.position),
            self.price_ticks(row.coin, row.price),
            self.atoms(row.position, row.price),
            self.atoms(row.position, row.entry),
            *(self.atoms(amount) for amount in (row.cash, row.unrealised, row.profit)),
        )
        return all(abs(amount) <= INT64_MAX // _ROWS_A_ROUND for amount in amounts)


class _Last(NamedTuple):
    """An account's last row: when, what it printed, and what it has by now."""

    time_ms: int
    printed: Decimal
    carried: Decimal


class Cash:
    """The cash of every account, as its rows carry it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._last: dict[str, _Last] = {}

    def is_stated(self, row: TableRow) -> bool:
        """Whether the row's cash is to be stated; asked once a row, before it is closed."""
        last = self._last.get(row.user)
        if last is None or _agree(row.cash, last.carried):
            self._last[row.user] = _Last(row.time_ms, row.cash, row.cash)
            return True
        if row.time_ms != last.time_ms and row.cash != last.printed:
            self._last[row.user] = _Last(row.time_ms, row.cash, row.cash)
            return True
        self._faults.note(_NOT_CARRIED if row.time_ms == last.time_ms else _STANDS_STILL)
        self._last[row.user] = _Last(row.time_ms, row.cash, last.carried)
        return False

    def realise(self, row: TableRow) -> None:
        """The row was closed: its profit is the account's."""
        last = self._last[row.user]
        self._last[row.user] = last._replace(carried=last.carried + row.profit)


def _agree(one: Decimal, other: Decimal) -> bool:
    apart = abs(one - other)
    return apart <= CASH_OFF_MOST or apart * _DOUBLE_PARTS <= max(abs(one), abs(other))
