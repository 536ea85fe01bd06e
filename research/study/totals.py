"""The totals of auto-deleveraging by account and by coin, and what became of them when liquidations were added.

A fill that deleverages someone has two sides: the account that is deleveraged and the one that is liquidated against
it. The second is a liquidation fill as well. Added up, its notional is counted twice. That each coin has at most as
much deleveraged as liquidated, in notional and in fills, is what these files show of it; the pairing of the fills
themselves was published for the fills and is not in these files.

The accounts that were deleveraged: their leverage, and who was in profit.

Leverage in these files is the position's notional over the account's cash, not over its equity, and 0 where there is no
cash. By account it is the mean over the account's fills.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .arithmetic import DUST, holding, mean, median, percent, percentile, quotient, rounded, same, total
from .files import Table
from .findings import Findings

__all__ = ["COINS", "IMPACT", "USERS", "VOLUMES", "find_accounts", "find_impact", "find_totals"]

COINS = "hyperliquid-adl-coins-2025-10-10.csv"
USERS = "hyperliquid-adl-users-2025-10-10.csv.gz"
VOLUMES = "hyperliquid-adl-net-volume-2025-10-10.csv"
IMPACT = "hyperliquid-impact-by-ticker-2025-10-10.csv"

_TWICE = "adds the deleveraged to liquidations that are the same fills' other side"

_MANY = 10
_TABLE = "needs the table of the 34,983 fills; by account it is the line above"


def find_totals(users: Table, coins: Table, volumes: Table, impact: Table, findings: Findings) -> None:
    """The lines of the section `totals`."""
    notional = coins.number("adl_notional")
    findings.figure("totals.fills_by_user", total(users.number("num_adl_events")))
    findings.figure("totals.fills_by_coin", total(coins.number("num_events")))
    findings.figure("totals.notional_by_user", total(users.number("adl_notional")))
    findings.figure("totals.notional_by_coin", total(notional))
    findings.misnamed(
        "totals.notional_paper",
        total(notional),
        total(impact.number("liq_notional")),
        "it is the notional of the deleveraged; that of the liquidations is this",
    )
    findings.figure("totals.profit_by_user", total(users.number("closed_pnl")))
    findings.figure("totals.profit_by_coin", total(coins.number("closed_pnl")))
    findings.figure("totals.accounts", len(set(users.text("user"))))
    findings.figure("totals.coins", len(set(coins.text("coin"))))
    findings.figure("totals.top_three", _share_of_largest(notional, 3))
    findings.figure("totals.top_ten", _share_of_largest(notional, 10))
    _find_cells(coins, volumes, impact, findings)


def _find_cells(coins: Table, volumes: Table, impact: Table, findings: Findings) -> None:
    columns = (
        (coins, "coin", ("adl_notional", "closed_pnl", "num_events")),
        (volumes, "ticker", ("net_notional_usd", "total_pnl", "num_adl_events")),
        (impact, "ticker", ("adl_notional", "adl_pnl", "adl_events")),
    )
    by_coin = [[table.by(key, name) for name in names] for table, key, names in columns]
    pairs = [
        (value, other[place].get(coin, Decimal(0)))
        for place, sums in enumerate(by_coin[0])
        for coin, value in sums.items()
        for other in by_coin[1:]
    ]
    findings.cells("totals.three_files", holding(pairs, DUST))
    prices = zip(volumes.number("net_notional_usd"), volumes.number("net_volume"), strict=True)
    weighted = [quotient(notional, contracts) for notional, contracts in prices]
    printed = volumes.number("avg_price")
    apart = [percent(abs(one - other), other) for one, other in zip(printed, weighted, strict=True)]
    worst = apart.index(max(apart))
    findings.cells(
        "totals.average_price",
        holding(zip(printed, weighted, strict=True)),
        "the printed average is no price of the volume beside it; worst is "
        f"{volumes.text('ticker')[worst]}, by {rounded(apart[worst], 1)}%",
    )


def find_impact(impact: Table, findings: Findings) -> None:
    """The lines of the section `impact`."""
    liquidated, deleveraged = impact.number("liq_notional"), impact.number("adl_notional")
    both = [one + other for one, other in zip(liquidated, deleveraged, strict=True)]
    fills, deleveraging_fills = total(impact.number("liq_events")), total(impact.number("adl_events"))
    profit = total(impact.number("liq_pnl"))
    findings.figure("impact.liquidations", total(liquidated))
    findings.figure("impact.liquidation_fills", fills)
    findings.figure("impact.liquidation_profit", profit)
    findings.double_counted("impact.total", total(both), total(liquidated), _TWICE)
    findings.double_counted("impact.fills", fills + deleveraging_fills, fills, _TWICE)
    findings.double_counted(
        "impact.share",
        percent(total(deleveraged), total(both)),
        percent(total(deleveraged), total(liquidated)),
        "of a total that counts it twice; of the liquidated notional it is this share that ended so",
    )
    for called, places in (("three", 3), ("ten", 10)):
        findings.double_counted(
            f"impact.top_{called}",
            _share_of_largest(both, places),
            _share_of_largest(liquidated, places),
            "of the same total; of the liquidated notional alone it is this",
        )
    findings.figure("impact.profit", profit + total(impact.number("adl_pnl")), "each side has a profit of its own")
    _find_ratios(liquidated, deleveraged, findings)
    _find_impact_cells(impact, both, findings)


def _find_ratios(liquidated: Iterable[Decimal], deleveraged: Iterable[Decimal], findings: Findings) -> None:
    pairs = zip(deleveraged, liquidated, strict=True)
    ratios = [percent(part, whole) for part, whole in pairs if part]
    findings.figure("impact.mean_ratio", mean(ratios), f"each of {len(ratios)} coins alike, whatever its notional")
    findings.figure("impact.median_ratio", median(ratios))


def _find_impact_cells(impact: Table, both: Iterable[Decimal], findings: Findings) -> None:
    pairs = [*zip(impact.number("total_notional"), both, strict=True)]
    for printed, parts in (("total_events", ("liq_events", "adl_events")), ("total_pnl", ("liq_pnl", "adl_pnl"))):
        sums = (one + other for one, other in zip(*map(impact.number, parts), strict=True))
        pairs += zip(impact.number(printed), sums, strict=True)
    within = [
        part <= whole or same(part, whole)
        for parts, wholes in (("adl_notional", "liq_notional"), ("adl_events", "liq_events"))
        for part, whole in zip(impact.number(parts), impact.number(wholes), strict=True)
    ]
    findings.cells("impact.sums", holding(pairs, DUST))
    findings.cells("impact.within", (sum(within), len(within)), "as it must be if they are the same fills")


def _share_of_largest(values: Iterable[Decimal], places: int) -> Decimal:
    ranked = sorted(values, reverse=True)
    return percent(total(ranked[:places]), total(ranked))


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
