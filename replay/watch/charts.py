"""The liquidation map as a chart, as SVG: what falls due at each distance from the mark, with the depth beside it.

An instrument a panel, the mark in the middle; what falls due is filled, the depth there an outline. The same reading
gives the same bytes (`replay/charts.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...events.ledger import LedgerState
from ...sim.figures import price
from ...sim.terminal import printable
from ...sim.units import format_time_ns
from ..charts import figure_for
from .warning import MAP_BPS_MOST, InstrumentFigures, MapLevel
from .watcher import WarningReading

__all__ = ["draw_map"]

_WIDTH_INCHES, _PANEL_INCHES, _FRAME_INCHES = 8.0, 2.4, 0.9
_DUE, _DEPTH, _MARK = "#c0392b", "#2f5d8a", "#777777"
_BPS_A_PERCENT = 100


def draw_map(path: Path, reading: WarningReading, ledger: LedgerState) -> None:
    """Draw every instrument of a reading. Raises QueryError where it cannot be written."""
    shown = reading.warning.instruments
    with figure_for(path, (_WIDTH_INCHES, _FRAME_INCHES + _PANEL_INCHES * max(1, len(shown)))) as figure:
        panels = figure.subplots(max(1, len(shown)), 1, squeeze=False)
        for (axes,), one in zip(panels, shown, strict=True):
            _draw(axes, one, ledger)
        caption = "distance of the liquidation price from the mark, %; filled: falls due there, outlined: depth there"
        figure.supxlabel(caption, x=0.01, ha="left", fontsize="small")
        scenario = "" if ledger.run is None else f" of {printable(ledger.run.scenario)}"
        figure.suptitle(f"Liquidation map{scenario}, {format_time_ns(reading.at_ns)}", x=0.01, ha="left")


def _draw(axes: Any, one: InstrumentFigures, ledger: LedgerState) -> None:
    market = ledger.markets[one.instrument]
    asset = ledger.assets[market.listing.asset]
    middles, widths = [_middle(level) for level in one.levels], [_width(level) for level in one.levels]
    due, depth = ([atoms / 10**asset.decimals for atoms in column] for column in _columns(one.levels))
    axes.bar(middles, due, width=widths, color=_DUE, linewidth=0)
    axes.bar(middles, depth, width=widths, fill=False, edgecolor=_DEPTH, linewidth=1)
    axes.axvline(0, color=_MARK, linewidth=1)
    axes.set_xlim(-MAP_BPS_MOST / _BPS_A_PERCENT, MAP_BPS_MOST / _BPS_A_PERCENT)
    title = f"{printable(market.listing.name)} at {price(one.mark_ticks, market.listing)}"
    axes.set_title(title, loc="left", fontsize="small")
    axes.set_ylabel(printable(asset.name))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.spines[["top", "right"]].set_visible(False)


def _middle(level: MapLevel) -> float:
    return (level.near_bps + level.far_bps) / 2 / _BPS_A_PERCENT


def _width(level: MapLevel) -> float:
    return abs(level.far_bps - level.near_bps) / _BPS_A_PERCENT


def _columns(levels: tuple[MapLevel, ...]) -> tuple[list[int], list[int]]:
    return [level.due_atoms for level in levels], [level.depth_atoms for level in levels]
