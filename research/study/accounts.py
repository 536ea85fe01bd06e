"""The accounts that were deleveraged: their leverage, and who was in profit.

Leverage in these files is the position's notional over the account's cash, not over its equity, and 0 where there is no
cash. By account it is the mean over the account's fills.
"""

from __future__ import annotations

from decimal import Decimal

from .arithmetic import mean, median, percent, percentile, quotient, total
from .files import Table
from .findings import Findings

__all__ = ["find_accounts"]

_MANY = 10
_TABLE = "needs the table of the 34,983 fills; by account it is the line above"


def find_accounts(users: Table, findings: Findings) -> None:
    """The lines of the section `accounts`."""
    leverage, fills = users.number("leverage_realtime"), users.number("num_adl_events")
    profits = users.number("closed_pnl")
    findings.figure("accounts.median_leverage", median(leverage), "each account alike, the mean of its fills")
    findings.out_of_reach("accounts.median_by_fill", _TABLE)
    findings.figure("accounts.p95_leverage", percentile(leverage, 95), "each account alike, the mean of its fills")
    findings.out_of_reach("accounts.p95_by_fill", _TABLE)
    findings.figure("accounts.mean_by_fill", _weighted(leverage, fills), "the means by account, weighted by fills")
    shares = users.number("pnl_percent")
    share = _weighted(shares, fills)
    findings.figure("accounts.mean_profit_share", share, "the means by account, weighted by fills")
    findings.figure("accounts.mean_profit_share_page", share, "the page keeps the reconstruction before")
    gained = sum(one > 0 for one in profits)
    findings.figure("accounts.in_profit", percent(gained, len(users)), f"{gained:,} of {len(users):,} accounts")
    findings.out_of_reach("accounts.in_profit_by_fill", _TABLE)
    poor = sum(cash <= 0 for cash in users.number("account_value_realtime"))
    findings.figure("accounts.without_cash", poor, "cash at their first fill; they pull the leverage figures down")
    _find_many(profits, fills, findings)


def _find_many(profits: tuple[Decimal, ...], fills: tuple[Decimal, ...], findings: Findings) -> None:
    """The ten accounts with the most fills against all others."""
    ranked = sorted(zip(fills, profits, strict=True), key=lambda pair: -pair[0])
    groups = (ranked[:_MANY], ranked[_MANY:])
    ten, others = (mean([quotient(profit, number) for number, profit in group]) for group in groups)
    by_fill = [quotient(total(profit for _, profit in group), total(number for number, _ in group)) for group in groups]
    note = f"the mean of the accounts' means, in which an account of one fill weighs as much as one of {ranked[0][0]}"
    findings.figure("accounts.top_ten", ten, note)
    findings.figure("accounts.others", others, note)
    findings.figure("accounts.times", quotient(ten, others))
    findings.figure("accounts.times_by_fill", quotient(*by_fill))


def _weighted(values: tuple[Decimal, ...], weights: tuple[Decimal, ...]) -> Decimal:
    return quotient(total(value * weight for value, weight in zip(values, weights, strict=True)), total(weights))
