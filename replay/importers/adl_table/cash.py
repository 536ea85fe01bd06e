"""Whether the cash that a row prints is stated, or what its account has is carried on from the row before.

1. The first row of an account states its cash.
2. A row of the same instant follows from the row before: cash + closed profit. A table that prints anything else there
   has not carried the profit; the account keeps it, and the row is noted.
3. At a later instant other fills may be missing in between, so the cash is stated anew, unless it is to the last digit
   what was printed before a profit: then it is the old figure, the account keeps the profit, and the row is noted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from ..faults import Faults
from .rows import TableRow

__all__ = ["CASH_OFF_MOST", "Cash"]

CASH_OFF_MOST = Decimal("0.000001")
"""Tables are made with floats: a difference of up to this, or of 2^-50 of the amount, is none."""

_DOUBLE_PARTS = 2**50
_NOT_CARRIED = "rows whose cash is not what the row before leaves"
_STANDS_STILL = "rows whose cash stands still over a profit of an earlier instant"


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
