"""Fairness as a chart, as SVG: who hangs on order most, from the least to the most that was reduced of each.

An instant a panel, an account a bar; a mark is the mean, a cross what is recorded. The same answer gives the same bytes
(`replay/charts.py`). Amounts are drawn in units of the asset.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from ...sim.terminal import printable
from ...sim.units import format_time_ns
from ..bounds import CONFIDENCE, share_text
from ..charts import figure_for
from ..run import Run
from .reckoning import AccountSpread, Fairness, InstantFairness

__all__ = ["draw_chart"]

_WIDTH_INCHES, _ROW_INCHES, _FRAME_INCHES = 8.0, 0.3, 1.3
_CAPTION_WIDTH = 100
_ACCOUNTS, _INSTANTS = 15, 6
_BAR, _MEAN, _RECORDED = "#c3d3e2", "#2f5d8a", "#c0392b"


def draw_chart(run: Run, found: Fairness, path: Path) -> None:
    """Draw the first instants of an answer, and of each the first accounts. Some 0.2 s."""
    shown = [one for one in found.instants if one.accounts][:_INSTANTS]
    rows = [max(1, len(one.accounts[:_ACCOUNTS])) for one in shown]
    height = sum(_FRAME_INCHES + _ROW_INCHES * each for each in rows) + 0.6
    with figure_for(path, (_WIDTH_INCHES, height)) as figure:
        panels = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": rows})
        for (axes,), one in zip(panels, shown, strict=True):
            _draw(run, axes, one)
        caption = f"reduced at the mark, from the least to the most over the orders; | mean, x recorded; {CONFIDENCE}"
        figure.supxlabel(fill(caption, _CAPTION_WIDTH), x=0.01, ha="left", fontsize="small")
        figure.suptitle(f"Order within an instant of {printable(run.started.scenario)}", x=0.01, ha="left")


def _draw(run: Run, axes: Any, one: InstantFairness) -> None:
    shown = one.accounts[:_ACCOUNTS]
    for place, account in enumerate(shown):
        _draw_account(run, axes, place, account)
    axes.set_yticks(range(len(shown)), [f"{printable(each.name)} {share_text(each.share)}" for each in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    orders = "all" if one.exact else "sampled:"
    axes.set_title(f"{format_time_ns(one.instant.at_ns)}, {orders} {one.orders:,} orders", loc="left", fontsize="small")
    axes.xaxis.set_major_formatter(import_module("matplotlib.ticker").FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_account(run: Run, axes: Any, place: int, one: AccountSpread) -> None:
    scale = 10 ** run.directory.assets[one.asset].decimals
    ends = [one.least_atoms / scale, one.most_atoms / scale]
    axes.plot(ends, [place, place], "-", color=_BAR, linewidth=6, solid_capstyle="butt")
    axes.plot([float(one.mean_atoms) / scale], [place], "|", color=_MEAN, markersize=12, markeredgewidth=2.5)
    axes.plot([one.recorded_atoms / scale], [place], "x", color=_RECORDED, markersize=6)
