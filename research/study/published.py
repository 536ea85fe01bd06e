"""Every published figure of the incident of 10 October 2025, in one table with its source; and those put beside them.

1. A figure keeps the digits it was printed with: `1.5E+6` was printed as 1.5 million. Names are stable, the part before
   the point is the section. The text of the paper was read as version 3 and as the LaTeX file beside its code.
2. `unit` says what is counted: contracts, fills, accounts, or dollars of something. Dollars of notional, of profit, of
   equity and of the gap between mark and execution are four things; the names are those of the publication.
3. `prices` says what the figure values with. HELD prices are those that really came about, kept for a course of events
   that did not; no figure here lets prices answer to what is done, so none is endogenous.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

__all__ = ["FIGURES", "POLICIES", "SECTIONS", "Figure", "Prices", "Source"]

_PAPER = "arXiv 2512.01112"
_CODE = "pluriholonomic/autodeleveraging-analysis"
_MULTI = "ConejoCapital/HyperMultiAssetedADL"

SECTIONS = {
    "waves": "The waves: what production took, and what other rules would have",
    "gaps": "The gaps: mark to execution, by wave and coin",
    "deficits": "The deficits",
    "clusters": "The clusters: the 653 million",
    "totals": "The totals of auto-deleveraging",
    "impact": "The total impact: liquidations and auto-deleveraging added up",
    "accounts": "The accounts that were deleveraged",
    "rows": "Each row of the sample: its printed columns made again from the others",
    "outliers": "What was published about these rows",
    "equity": "The same rows by equity",
}

POLICIES = {
    "prod": "production",
    "pr": "wealth pro-rata",
    "pnl_pr": "profit pro-rata",
    "eq_pr": "equity pro-rata",
    "vector": "vector mirror descent",
    "contract_pr": "contract pro-rata",
    "fixed_point_ilp_integer": "min-max integer",
}
"""The suffixes of the per-wave table, and what the policies are called here."""

_GAP, _PROFIT, _EQUITY = "dollars of gap", "dollars of profit", "dollars of equity"
_NOTIONAL, _CLOSED = "dollars of notional", "dollars of closed profit"


class Prices(StrEnum):
    """With what prices a figure is valued."""

    NONE = "no prices"
    TRADED = "prices as traded"
    HELD = "prices held"


class Source(NamedTuple):
    """A publication, and where in it."""

    where: str
    place: str


class Figure(NamedTuple):
    """A figure by its stable name; `published` keeps the digits it was printed with, None where nobody printed it."""

    name: str
    what: str
    published: Decimal | None
    unit: str
    prices: Prices
    source: Source | None
    decimals: int

    @property
    def section(self) -> str:
        """The part of the study it belongs to."""
        return self.name.partition(".")[0]

    @property
    def half_unit(self) -> Decimal:
        """Half a unit of the last digit it was printed with."""
        assert self.published is not None
        exponent = self.published.as_tuple().exponent
        assert isinstance(exponent, int)
        return Decimal(5).scaleb(exponent - 1)


_SECTION_9 = Source(_PAPER, "v3, section 9")
_ABSTRACT = Source(_PAPER, "v3, abstract")
_ABSTRACT_2 = Source(_PAPER, "v2, abstract")
_HEADLINES = Source(_CODE, "out/headlines.json")
_SWEEP = Source(_CODE, "out/eval_horizon_sweep_gap_ms=5000.csv")
_DEFICITS = Source(_CODE, "out/bad_debt_loser_waves.json")
_SUMMARY = Source(_CODE, "out/summary_totals.csv")
_REPORT = Source(_CODE, "out/ADL-Corrections-Full-Report.md")
_METHOD = Source(_CODE, "methodology.md")
_WAVES = Source(_CODE, "out/policy_per_wave_metrics.csv")
_GAPS = Source(_CODE, "horizon_ms=0/two_pass_wave_coin_gap_per_contract.csv")
_SHOCKS = Source(_CODE, "out/per_shock_metrics_queue.csv")
_FRONT = Source(_MULTI, "README.md")
_IMPACT = Source(_MULTI, "TOTAL_IMPACT_ANALYSIS.md")
_PRIORITY = Source(_MULTI, "docs/findings/ADL_PRIORITIZATION_VERIFIED.md")
_INSURANCE = Source(_MULTI, "docs/findings/INSURANCE_FUND_IMPACT.md")
_OUTLIERS = Source(_MULTI, "docs/findings/HIGH_LEVERAGE_OUTLIERS_EXPLANATION.md")
_FIX = Source("ConejoCapital/HyperReplay", "data/canonical/BUG_FIX_COMPARISON.md")


_NONE, _TRADED, _HELD = Prices.NONE, Prices.TRADED, Prices.HELD


def _figure(
    name: str,
    what: str,
    published: str,
    unit: str,
    prices: Prices,
    source: Source | None,
    decimals: int | None = None,
) -> Figure:
    """A row of the table; `published` is empty where nobody printed the figure, `decimals` what is shown of ours."""
    value = Decimal(published) if published else None
    exponent = 0 if value is None else value.as_tuple().exponent
    assert isinstance(exponent, int)
    return Figure(name, what, value, unit, prices, source, max(0, -exponent) if decimals is None else decimals)


def _cells(name: str, what: str, source: Source, unit: str = "cells", prices: Prices = Prices.NONE) -> Figure:
    """A rule that the columns of a published file follow."""
    return _figure(name, what, "", unit, prices, source)


def _each_policy(stem: str, what: str, unit: str, decimals: int) -> list[Figure]:
    """A figure for each policy, of which the paper has a drawing and no number."""
    rows = {f"{stem}.{called.replace(' ', '_').replace('-', '_')}": called for called in POLICIES.values()}
    return [_figure(name, f"{what}, {called}", "", unit, _HELD, None, decimals) for name, called in rows.items()]


_ROWS = [
    _figure("waves.count", "waves of fills less than 5 s apart", "16", "waves", _NONE, _SECTION_9),
    _figure("waves.needed", "needed, 16 waves", "15079669.61", _GAP, _TRADED, _SWEEP),
    _figure("waves.production", "taken by production", "60108335.33", _PROFIT, _HELD, _SWEEP),
    _figure("waves.overshoot", "production over needed", "45028665.72", _PROFIT, _HELD, _HEADLINES),
    _figure("waves.overshooting", "waves that production overshot", "16", "waves", _HELD, _SECTION_9),
    _figure("waves.largest", "overshoot of the largest wave", "", _PROFIT, _HELD, None, 2),
    _figure("waves.vector", "vector mirror descent over needed", "-1793022.03", _PROFIT, _HELD, _REPORT),
    _figure("waves.pro_rata", "wealth pro-rata over needed", "0.00", _PROFIT, _HELD, _REPORT),
    _figure("waves.integer", "min-max integer over needed", "92186.99", _PROFIT, _HELD, _REPORT),
    _figure("waves.integer_paper", "the same, in the paper's text", "5E+4", _PROFIT, _HELD, _SECTION_9),
    _figure("waves.contract", "contract pro-rata over needed", "-1.5E+6", _PROFIT, _HELD, _SECTION_9),
    _figure("waves.contract_worst", "its shortfall in the worst wave", "371E+3", _PROFIT, _HELD, _SECTION_9),
    _figure("waves.after_500_ms", "overshoot valued 500 ms later", "51673606.61", _PROFIT, _HELD, _SWEEP),
    _cells("waves.overshoot_cells", "overshoot = budget - needed", _WAVES),
    _cells("waves.target_cells", "target = needed", _WAVES),
    _cells("waves.severity_cells", "severity = budget / deficit, at most 1", _WAVES),
    _cells("waves.nse_cells", "RD-NSE = PTSR / (PTSR + 1)", _WAVES),
    _cells("waves.pmr_cells", "PMR = PTSR x deficit / largest loss", _WAVES),
    _cells("waves.ptsr_cells", "PTSR where a deficit is left, else none", _WAVES),
    *_each_policy("waves.mean_largest_share", "mean of the largest shares", "percent of equity", 2),
    *_each_policy("waves.mean_ptsr", "mean PTSR, where defined", "times", 2),
    *_each_policy("waves.mean_ptsr_common", "mean PTSR, waves that all have", "times", 2),
    _figure("gaps.total", "gap x quantity, all waves and coins", "15079669.61", _GAP, _TRADED, _SWEEP),
    _cells("gaps.waves", "gaps of a wave = its needed budget", _GAPS, "waves", _TRADED),
    _cells("gaps.products", "gap x quantity = gap per contract x contracts", _GAPS),
    _figure("gaps.batch", "AVAX in wave 1, from its fills", "84454.65", "contracts", _NONE, _GAPS),
    _figure("gaps.coins_whole", "coins whose contracts all lie in these waves", "", "coins", _NONE, None),
    _figure("gaps.notional_left_out", "deleveraged outside these waves", "", _NOTIONAL, _TRADED, None, 2),
    _figure("deficits.waves", "deficit of the liquidated, 16 waves", "100063386.69", _EQUITY, _TRADED, _DEFICITS, 2),
    _figure("deficits.largest_wave", "its largest wave", "11831911.51", _EQUITY, _TRADED, _DEFICITS, 2),
    _figure("deficits.largest_loss", "its largest account", "10925707.16", _EQUITY, _TRADED, _DEFICITS, 2),
    _figure("deficits.clusters", "negative equity of the deleveraged", "23191104.48", _EQUITY, _TRADED, _INSURANCE),
    _figure("deficits.accounts", "accounts in negative equity", "302", "accounts", _NONE, _INSURANCE),
    _figure("deficits.share", "share of fills in negative equity", "0.86", "percent of fills", _NONE, _PRIORITY),
    _figure(
        "deficits.share_page", "the same share, on the page of the 302", "3.28", "percent of fills", _NONE, _INSURANCE
    ),
    _figure("deficits.average", "average of the 302", "95322", _EQUITY, _TRADED, _INSURANCE, 2),
    _figure("deficits.largest", "largest of the 302", "21.95E+6", _EQUITY, _TRADED, _INSURANCE),
    _figure("deficits.earlier_fills", "fills, in the reconstruction before", "1147", "fills", _NONE, _FIX),
    _figure("deficits.earlier_total", "their negative equity", "109288587", _EQUITY, _TRADED, _FIX),
    _figure("deficits.first_fills", "fills, in the README", "1275", "fills", _NONE, _FRONT),
    _figure("deficits.by_winner", "deficit if the deleveraged were asked", "16.98E+6", _EQUITY, _TRADED, _METHOD),
    _figure("clusters.overshoot", "overshoot of the queue", "653552663.51", _PROFIT, _HELD, _HEADLINES),
    _figure("clusters.closed", "'positions being closed'", "653.6E+6", _NOTIONAL, _TRADED, _ABSTRACT),
    _figure("clusters.residual", "deficit that its queue leaves", "16690263.85", _EQUITY, _HELD, _SUMMARY),
    _figure("clusters.count", "clusters", "", "clusters", _NONE, None),
    _figure("clusters.without_deficit", "clusters with no deficit", "", "clusters", _NONE, None),
    _figure("clusters.overshoot_without_deficit", "overshoot in those", "", _PROFIT, _HELD, None, 2),
    _figure("clusters.largest_deficit", "deficit that lies in one cluster", "", "percent of deficit", _TRADED, None, 2),
    _figure("clusters.times", "overshoot over deficit", "28", "times", _HELD, _ABSTRACT_2, 2),
    _figure("clusters.ratio", "equity over profit, trimmed mean", "6.661853854176803", "times", _TRADED, _HEADLINES, 2),
    _figure("clusters.naive", "overshoot over that ratio", "98103722.75", _PROFIT, _HELD, _HEADLINES),
    _figure("clusters.naive_times", "that over production's overshoot", "2.18", "times", _HELD, _REPORT),
    _cells("clusters.overshoot_cells", "overshoot = budget - deficit, at least 0", _SHOCKS),
    _cells("clusters.residual_cells", "left over = deficit - budget, at least 0", _SHOCKS),
    _cells("clusters.capacity_cells", "budget within capacity", _SHOCKS),
    _figure("totals.fills_by_user", "fills, by account", "34983", "fills", _NONE, _FRONT),
    _figure("totals.fills_by_coin", "fills, by coin", "34983", "fills", _NONE, _FRONT),
    _figure("totals.notional_by_user", "notional, by account", "2103111430.86", _NOTIONAL, _TRADED, _FIX),
    _figure("totals.notional_by_coin", "notional, by coin", "2103111430.86", _NOTIONAL, _TRADED, _FIX),
    _figure("totals.notional_paper", "'in liquidations'", "2103111431", _NOTIONAL, _TRADED, _SECTION_9),
    _figure("totals.profit_by_user", "closed profit, by account", "834295749", _CLOSED, _TRADED, _IMPACT),
    _figure("totals.profit_by_coin", "closed profit, by coin", "834295749", _CLOSED, _TRADED, _IMPACT),
    _figure("totals.accounts", "accounts", "19337", "accounts", _NONE, _PRIORITY),
    _figure("totals.coins", "coins", "162", "coins", _NONE, _FRONT),
    _figure("totals.top_three", "share of the three largest coins", "64.4", "percent of notional", _TRADED, _FRONT),
    _figure("totals.top_ten", "share of the ten largest coins", "84.6", "percent of notional", _TRADED, _FRONT),
    _cells("totals.three_files", "notional, profit and fills by coin, in three files", _IMPACT, prices=_TRADED),
    _cells("totals.average_price", "average price = notional / contracts", _FRONT, prices=_TRADED),
    _figure("impact.liquidations", "liquidated", "5511042925", _NOTIONAL, _TRADED, _IMPACT),
    _figure("impact.liquidation_fills", "fills of liquidations", "63637", "fills", _NONE, _IMPACT),
    _figure("impact.liquidation_profit", "closed profit of liquidations", "-607907145", _CLOSED, _TRADED, _IMPACT),
    _figure("impact.total", "'total impact'", "7614154356", _NOTIONAL, _TRADED, _IMPACT),
    _figure("impact.fills", "'forced events'", "98620", "fills", _NONE, _IMPACT),
    _figure("impact.share", "auto-deleveraging's share", "27.6", "percent of notional", _TRADED, _IMPACT),
    _figure("impact.top_three", "share of the three largest coins", "63.3", "percent of notional", _TRADED, _IMPACT),
    _figure("impact.top_ten", "share of the ten largest coins", "85.2", "percent of notional", _TRADED, _IMPACT),
    _figure("impact.profit", "closed profit of both sides", "226388604", _CLOSED, _TRADED, _IMPACT),
    _figure("impact.mean_ratio", "deleveraged over liquidated, mean of coins", "35.4", "percent", _TRADED, _PRIORITY),
    _figure("impact.median_ratio", "the same, median", "33.2", "percent", _TRADED, _PRIORITY),
    _cells("impact.sums", "total = liquidated + deleveraged", _IMPACT),
    _cells("impact.within", "deleveraged within liquidated, fills and notional", _IMPACT),
    _figure("accounts.median_leverage", "median leverage, by account", "", "times cash", _TRADED, None, 2),
    _figure("accounts.p95_leverage", "95th percentile, by account", "", "times cash", _TRADED, None, 2),
    _figure("accounts.median_by_fill", "median leverage, by fill", "0.20", "times cash", _TRADED, _FIX),
    _figure("accounts.p95_by_fill", "95th percentile, by fill", "5.10", "times cash", _TRADED, _FIX),
    _figure("accounts.mean_by_fill", "mean leverage, by fill", "2005.58", "times cash", _TRADED, _FIX),
    _figure("accounts.mean_profit_share", "mean profit share, by fill", "85.93", "percent of notional", _TRADED, _FIX),
    _figure(
        "accounts.mean_profit_share_page", "the same, elsewhere", "80.58", "percent of notional", _TRADED, _PRIORITY
    ),
    _figure("accounts.in_profit_by_fill", "fills in profit", "99.4", "percent of fills", _TRADED, _PRIORITY),
    _figure("accounts.in_profit", "accounts that closed in profit", "", "percent of accounts", _TRADED, None, 2),
    _figure("accounts.without_cash", "accounts counted with leverage 0 for want of cash", "", "accounts", _NONE, None),
    _figure("accounts.top_ten", "mean profit per fill, the ten with most fills", "269E+3", _CLOSED, _TRADED, _PRIORITY),
    _figure("accounts.others", "mean profit per fill, all others", "12E+3", _CLOSED, _TRADED, _PRIORITY),
    _figure("accounts.times", "the one over the other", "22", "times", _TRADED, _PRIORITY, 2),
    _figure("accounts.times_by_fill", "the same with each fill counted once", "", "times", _TRADED, None, 2),
    _cells("rows.notional", "notional = price x size", _OUTLIERS, "rows", _TRADED),
    _cells("rows.equity", "equity = cash + unrealised profit", _OUTLIERS, "rows", _TRADED),
    _cells("rows.negative", "flag = equity below 0", _OUTLIERS, "rows"),
    _cells("rows.profit", "position's profit = (price - entry) x size", _OUTLIERS, "rows", _TRADED),
    _cells("rows.profit_share", "profit share = profit / notional at the price", _OUTLIERS, "rows", _TRADED),
    _figure("rows.profit_share_entry", "rows where it is profit / notional at entry", "", "rows", _TRADED, None),
    _cells("rows.leverage", "leverage = position's notional / cash", _OUTLIERS, "rows", _TRADED),
    _figure("rows.leverage_equity", "rows where it is position's notional / equity", "", "rows", _TRADED, None),
    _cells("rows.closed", "closed profit = (price - entry) x size closed", _OUTLIERS, "rows", _TRADED),
    _cells("rows.within", "size closed within the position", _OUTLIERS, "rows"),
    _figure("rows.whole", "positions closed whole", "", "rows", _NONE, None),
    _figure("outliers.count", "fills above 40 times", "480", "fills", _TRADED, _OUTLIERS),
    _figure("outliers.share", "of all fills", "1.37", "percent of fills", _NONE, _OUTLIERS),
    _figure("outliers.median", "median leverage", "990.50", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.p95", "95th percentile", "4507", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.largest", "largest leverage", "33175296", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.cash", "median cash", "0.96", "dollars of cash", _TRADED, _OUTLIERS),
    _figure("outliers.below_a_dollar", "below a dollar of cash", "50.4", "percent of rows", _TRADED, _OUTLIERS),
    _figure("outliers.notional", "median 'position notional'", "1072.61", _NOTIONAL, _TRADED, _OUTLIERS),
    _figure("outliers.negative", "in negative equity", "4.6", "percent of rows", _TRADED, _OUTLIERS),
    _figure("outliers.cent", "median leverage, cash below 0.01", "7041", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.dollar", "median leverage, cash 0.01 to 1", "704", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.ten_dollars", "median leverage, cash 1 to 10", "156", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.more", "median leverage, cash of 10 and more", "58", "times cash", _TRADED, _OUTLIERS),
    _figure("outliers.first_minutes", "fills at 21:15 and 21:16", "79", "fills", _NONE, _OUTLIERS),
    _figure("outliers.peak_minutes", "fills from 21:17 to 21:20", "393", "fills", _NONE, _OUTLIERS),
    _figure("outliers.last_minutes", "fills from 21:21 on", "8", "fills", _NONE, _OUTLIERS),
    _figure("equity.without", "rows without positive equity", "", "rows", _TRADED, None),
    _figure("equity.above", "rows above 40 times their equity", "", "rows", _TRADED, None),
    _figure("equity.median", "median leverage of those with equity", "", "times equity", _TRADED, None, 2),
]
FIGURES = {figure.name: figure for figure in _ROWS}
"""Every figure by its name."""
