"""What was published about the 480 rows, and the same rows by equity instead of cash."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .arithmetic import median, percent, percentile
from .findings import Findings
from .sample import Fill

__all__ = ["find_equity", "find_outliers"]

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
