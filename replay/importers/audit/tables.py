"""Laws of reconstructions: the figures that a table prints follow from each other.

A reconstructed table prints, beside what the venue said, an account's state as somebody worked it out. Its columns are
in `raw` under their own names. What is recomputed:

    unrealised    position x (execution price - entry)             position_unrealized_pnl
    equity        cash + unrealised profit of all positions        total_equity
    leverage      position at the execution price / cash           leverage_realtime
    share         unrealised profit / position at that price, %    pnl_percent
    valuation     the price that the unrealised profit stands at   total_unrealized_pnl
    cash          cash + closed profit of the row before           account_value_cash, account_value_realtime

1. A figure agrees within a millionth of itself, as the tables were made with floats.
2. `leverage` is over cash, because that is what the printed figures follow from, and not over equity, as the formulas
   of the venues have it: what holds is what was printed, and not what leverage means.
3. The valuation is asked of a table that does not print the position's own profit. If an account holds nothing else,
   its total over its position gives the price that it was valued at. `_ALIKE` accounts at one price within a batch show
   that they are such accounts; that price is the execution price, or the table's equity belongs to another moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

from ....events.errors import ScenarioError
from ....sim.units import parse_decimal
from .fills import FINE, FINE_MONEY, ReportedFill
from .tally import LawTally, money, units

__all__ = ["CASH_COLUMNS", "Tables"]

CASH_COLUMNS = ("account_value_cash", "account_value_realtime")
"""What tables call the cash of an account."""

_MILLION = 10**6
_ALIKE = 3
_CASH_OFF_MOST = Fraction(1, _MILLION)
_DOUBLE_PARTS = 2**50


class _Printed(NamedTuple):
    """The columns of a row, as exact fractions; None where the table has no such column."""

    position: Fraction
    price: Fraction
    columns: dict[str, Fraction]

    @property
    def notional(self) -> Fraction:
        """The position at the execution price."""
        return abs(self.position) * self.price


def _unrealised(row: _Printed) -> Fraction | None:
    return row.position * (row.price - row.columns["entry_price"])


def _equity(row: _Printed) -> Fraction | None:
    return row.columns["cash"] + row.columns["total_unrealized_pnl"]


def _leverage(row: _Printed) -> Fraction | None:
    return row.notional / row.columns["cash"] if row.columns["cash"] else None


def _share(row: _Printed) -> Fraction | None:
    profit = row.columns.get("position_unrealized_pnl")
    return 100 * profit / row.notional if profit is not None and row.notional else None


_RECOMPUTED: dict[str, tuple[str, str, Callable[[_Printed], Fraction | None]]] = {
    "position_unrealized_pnl": ("unrealised", "position x (execution price - entry price)", _unrealised),
    "total_equity": ("equity", "cash + unrealised profit of all positions", _equity),
    "leverage_realtime": ("leverage", "position at the execution price / cash, not over equity", _leverage),
    "pnl_percent": ("share", "unrealised profit / position at the execution price, in percent", _share),
}
"""By printed column: the law, its rule, and how it is recomputed."""

_READ = ("entry_price", "total_unrealized_pnl")


class _Left(NamedTuple):
    """The cash that a row leaves, and what was known to be missing (`Fill.missed`) by then."""

    cash: Fraction
    missed: int


class Tables:
    """Rows of reconstructed tables."""

    def __init__(self) -> None:
        self._tallies = {column: LawTally(law, "table", rule) for column, (law, rule, _) in _RECOMPUTED.items()}
        self._valuation = LawTally("valuation", "table", "unrealised profit stands at the execution price")
        self._cash = LawTally("cash", "table", "cash = cash + closed profit of the row before of the same account")
        self._left: dict[int, _Left] = {}
        self._taken = self._given = Fraction(0)
        self._batch: list[tuple[ReportedFill, Fraction]] = []

    @property
    def tallies(self) -> Iterable[LawTally]:
        """One for each printed figure; to be asked when all rows were taken."""
        self._close_batch()
        if self._cash.broken:
            self._cash.remark = (
                f"rows with less cash than the row before leaves take {_amount(self._taken)} away in all, rows with "
                f"more add {_amount(self._given)}"
            )
        return *self._tallies.values(), self._valuation, self._cash

    def take(self, fill: ReportedFill) -> None:
        """Check the figures of a row."""
        cash = next((fill.said[name] for name in CASH_COLUMNS if name in fill.said), None)
        if cash is None or not fill.start:
            return
        columns = _numbers(fill.said | {"cash": cash})
        if not columns.keys() >= {"cash", *_READ}:
            return
        row = _Printed(Fraction(fill.start, FINE), Fraction(fill.price, FINE), columns)
        for column in _RECOMPUTED:
            if column in columns:
                self._recompute(column, row, fill)
            elif column in fill.said:
                self._tallies[column].skip("what is printed is no number")
        self._carry(fill, columns["cash"])
        if "position_unrealized_pnl" not in fill.said:
            self._value(fill, columns["entry_price"] + columns["total_unrealized_pnl"] / row.position)

    def _recompute(self, column: str, row: _Printed, fill: ReportedFill) -> None:
        tally, printed = self._tallies[column], row.columns[column]
        found = _RECOMPUTED[column][2](row)
        if found is None:
            tally.skip("nothing to divide by")
        elif abs(found - printed) * _MILLION <= abs(printed):
            tally.hold()
        else:
            tally.breaks(fill, f"{column} is printed as {fill.said[column]} and comes to {units(int(found * FINE))}")

    def _carry(self, fill: ReportedFill, cash: Fraction) -> None:
        """Hold the cash of a row against what the account's row before left."""
        left = self._left.pop(fill.account, None)
        if fill.profit is not None:
            self._left[fill.account] = _Left(cash + Fraction(fill.profit, FINE_MONEY), fill.missed)
        if left is None:
            self._cash.skip("the first row of its account")
            return
        apart = abs(cash - left.cash)
        if apart <= _CASH_OFF_MOST or apart * _DOUBLE_PARTS <= max(abs(cash), abs(left.cash)):
            self._cash.hold()
            return
        text = (
            f"has a cash of {_amount(cash)} where the row before it leaves {_amount(left.cash)}: "
            f"{_amount(cash - left.cash)} in between"
        )
        if fill.missed != left.missed:
            self._cash.gap(fill, text)
        else:
            self._cash.breaks(fill, text)
            self._taken += max(left.cash - cash, Fraction(0))
            self._given += max(cash - left.cash, Fraction(0))

    def _value(self, fill: ReportedFill, price: Fraction) -> None:
        """Note the price that a row's unrealised profit stands at, if the account holds nothing else."""
        if self._batch and (self._batch[0][0].at_ns, self._batch[0][0].instrument) != (fill.at_ns, fill.instrument):
            self._close_batch()
        self._batch.append((fill, price))

    def _close_batch(self) -> None:
        alike = Counter(price for _, price in self._batch)
        for fill, price in self._batch:
            if alike[price] < _ALIKE:
                self._valuation.skip("the account may hold more than this position")
            elif price * FINE == fill.price:
                self._valuation.hold()
            else:
                self._valuation.breaks(
                    fill,
                    f"has an unrealised profit that stands at a price of {units(int(price * FINE))}, not at "
                    f"{units(fill.price)}, as does that of {alike[price]} of {len(self._batch)} here",
                )
        self._batch = []


def _amount(value: Fraction) -> str:
    return money(int(value * FINE_MONEY))


def _numbers(said: dict[str, str]) -> dict[str, Fraction]:
    """The columns that are read, of those that hold a number."""
    found = {}
    for name in ("cash", *_RECOMPUTED, *_READ):
        with suppress(KeyError, ScenarioError):
            found[name] = Fraction(parse_decimal(said[name]))
    return found
