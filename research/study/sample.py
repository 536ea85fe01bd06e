"""The 480 rows: fills with the account as reconstructed by others, each printed column made again from the rest.

1. The rows were chosen for leverage above 40 times. They say nothing of the other 34,503 fills.
2. What is made again is the arithmetic of the reconstruction. Cash, entry prices and unrealised profit are its own: the
   venue published none of them, and which positions were isolated is unknown.
3. The venue's own closed profit is the one column from outside. It follows from the venue's entry price; where it does
   not follow from the printed one, that entry price is not the venue's.

What was published about the 480 rows, and the same rows by equity instead of cash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from .arithmetic import DUST, median, percent, percentile, quotient, same
from .files import Table
from .findings import Findings

__all__ = ["SAMPLE", "Check", "Fill", "fills_of", "find_equity", "find_outliers", "find_rows"]

SAMPLE = "hyperliquid-adl-fills-sample-2025-10-10.csv.gz"

_FILLS = 34_983
_CEILING = 40
_MINUTE_MS = 60_000
_START_MS = 1_760_130_900_000
"""21:15 UTC on 10 October 2025, where the published minutes begin."""

_CASH = {
    "outliers.cent": (Decimal(0), Decimal("0.01")),
    "outliers.dollar": (Decimal("0.01"), Decimal(1)),
    "outliers.ten_dollars": (Decimal(1), Decimal(10)),
    "outliers.more": (Decimal(10), Decimal("Infinity")),
}
_MINUTES = {
    "outliers.first_minutes": range(2),
    "outliers.peak_minutes": range(2, 6),
    "outliers.last_minutes": range(6, 12),
}


class Fill(NamedTuple):
    """A row of the sample, its columns by their own names and in their order of use here."""

    line: int
    user: str
    coin: str
    time_ms: Decimal
    price: Decimal
    size: Decimal
    notional: Decimal
    closed_profit: Decimal
    position: Decimal
    entry: Decimal
    cash: Decimal
    unrealised: Decimal
    equity: Decimal
    leverage: Decimal
    position_profit: Decimal
    profit_share: Decimal
    negative: bool

    @property
    def position_notional(self) -> Decimal:
        """The position before the fill, at the fill's price."""
        return abs(self.position) * self.price

    @property
    def leverage_by_equity(self) -> Decimal | None:
        """The position's notional over the account's equity, None where there is no positive equity."""
        return quotient(self.position_notional, self.equity) if self.equity > 0 else None


class Check(NamedTuple):
    """A printed column and how it follows from the others; not `claimed` where its authors say it follows otherwise."""

    name: str
    printed: Callable[[Fill], Decimal]
    again: Callable[[Fill], Decimal | None]
    slack: Decimal
    claimed: bool = True

    def holds(self, fill: Fill) -> bool:
        """Whether the printed value is what follows."""
        again = self.again(fill)
        return again is not None and same(self.printed(fill), again, self.slack)


_NUMBERS = (
    "time",
    "adl_price",
    "adl_size",
    "adl_notional",
    "closed_pnl",
    "position_size",
    "entry_price",
    "account_value_realtime",
    "total_unrealized_pnl",
    "total_equity",
    "leverage_realtime",
    "position_unrealized_pnl",
    "pnl_percent",
)
_NO_SLACK = Decimal(0)


def _closed(fill: Fill) -> Decimal:
    """A long closes by selling, a short by buying; the size of the fill has no sign."""
    return (fill.price - fill.entry) * fill.size.copy_sign(fill.position)


CHECKS = (
    Check("notional", lambda fill: fill.notional, lambda fill: fill.price * fill.size, DUST),
    Check("equity", lambda fill: fill.equity, lambda fill: fill.cash + fill.unrealised, DUST),
    Check(
        "profit",
        lambda fill: fill.position_profit,
        lambda fill: (fill.price - fill.entry) * fill.position,
        DUST,
    ),
    Check(
        "profit_share",
        lambda fill: fill.profit_share,
        lambda fill: quotient(fill.position_profit * 100, fill.position_notional),
        _NO_SLACK,
    ),
    Check(
        "profit_share_entry",
        lambda fill: fill.profit_share,
        lambda fill: quotient(fill.position_profit * 100, abs(fill.position) * fill.entry),
        _NO_SLACK,
        claimed=False,
    ),
    Check("leverage", lambda fill: fill.leverage, lambda fill: quotient(fill.position_notional, fill.cash), _NO_SLACK),
    Check(
        "leverage_equity",
        lambda fill: fill.leverage,
        lambda fill: fill.leverage_by_equity,
        _NO_SLACK,
        claimed=False,
    ),
    Check("closed", lambda fill: fill.closed_profit, _closed, DUST),
)
"""What is made again, by the last part of its name among the figures."""


def fills_of(table: Table) -> tuple[Fill, ...]:
    """The rows of the sample, in file order."""
    lines = (row.line for row in table.rows)
    columns = (lines, table.text("user"), table.text("coin"), *map(table.number, _NUMBERS))
    return tuple(map(Fill, *columns, table.flag("is_negative_equity")))


def find_rows(fills: tuple[Fill, ...], findings: Findings) -> None:
    """The lines of the section `rows`."""
    for check in CHECKS:
        holding, note = sum(map(check.holds, fills)), _furthest(check, fills)
        if check.claimed:
            findings.cells(f"rows.{check.name}", (holding, len(fills)), note)
        else:
            findings.figure(f"rows.{check.name}", holding, note)
    flags = sum(fill.negative == (fill.equity < 0) for fill in fills)
    within = sum(fill.size <= abs(fill.position) for fill in fills)
    whole = sum(fill.size == abs(fill.position) for fill in fills)
    findings.cells("rows.negative", (flags, len(fills)))
    findings.cells("rows.within", (within, len(fills)))
    findings.figure("rows.whole", whole, f"of {len(fills)}; the others in part")


def _furthest(check: Check, fills: tuple[Fill, ...]) -> str:
    """The row whose printed value lies furthest from what follows, by how much where that is dust."""
    pairs = ((fill, again) for fill in fills if (again := check.again(fill)) is not None)
    fill, again = max(pairs, key=lambda pair: abs(pair[1] - check.printed(pair[0])))
    if check.holds(fill):
        return f"no row is further apart than {abs(again - check.printed(fill)):.1E}"
    return f"worst: line {fill.line}, {fill.coin}, printed {check.printed(fill):,.2f}, made again {again:,.2f}"


def find_outliers(fills: tuple[Fill, ...], findings: Findings) -> None:
    """The lines of the section `outliers`."""
    leverage = [fill.leverage for fill in fills]
    above = sum(one > _CEILING for one in leverage)
    findings.figure("outliers.count", above, "every row, as they were chosen so; by cash, see below by equity")
    findings.figure("outliers.share", percent(above, _FILLS), f"of the {_FILLS:,} fills that the totals give again")
    findings.figure("outliers.median", median(leverage))
    findings.figure("outliers.p95", percentile(leverage, 95))
    findings.figure("outliers.largest", max(leverage))
    findings.figure("outliers.cash", median(fill.cash for fill in fills))
    findings.figure("outliers.below_a_dollar", percent(sum(fill.cash < 1 for fill in fills), len(fills)))
    findings.misnamed(
        "outliers.notional",
        median(fill.notional for fill in fills),
        median(fill.position_notional for fill in fills),
        "it is the notional of the fills; that of the positions is this",
    )
    findings.figure("outliers.negative", percent(sum(fill.negative for fill in fills), len(fills)))
    for name, (least, below) in _CASH.items():
        there = [fill.leverage for fill in fills if least <= fill.cash < below]
        findings.figure(name, median(there), f"{len(there)} rows")
    for name, minutes in _MINUTES.items():
        findings.figure(name, _in_minutes(fills, minutes))


def find_equity(fills: tuple[Fill, ...], findings: Findings) -> None:
    """The lines of the section `equity`."""
    leverage = [one for one in (fill.leverage_by_equity for fill in fills) if one is not None]
    above = sum(one > _CEILING for one in leverage)
    findings.figure("equity.without", len(fills) - len(leverage), "no leverage can be told of these")
    findings.figure(
        "equity.above", above, f"of {len(fills)} by cash: unrealised profit is margin too, and cash leaves it out"
    )
    findings.figure("equity.median", median(leverage))


def _in_minutes(fills: Iterable[Fill], minutes: range) -> int:
    return sum(int(fill.time_ms - _START_MS) // _MINUTE_MS in minutes for fill in fills)
