"""A fate as a chart, as SVG: the probabilities over time with their intervals, and the point of no return.

The same answer gives the same bytes (`replay/lab/charts.py` says how).
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from ...events.errors import QueryError
from ...sim.terminal import printable
from ..bounds import SHARE_PARTS
from ..lab.charts import can_draw
from ..run import Run
from .fate import Fate
from .sections import drawn_told, fate_title

__all__ = ["check_chart", "draw_fate"]

_WIDTH_INCHES, _HEIGHT_INCHES = 8.0, 4.4
_CAPTION_WIDTH = 100
_COLOURS = ("#2f5d8a", "#c0392b")
_NS = 10**9


def check_chart(chart: Path | None) -> None:
    """Refuse before anything is drawn from a process what could not be drawn on paper then. Raises QueryError."""
    if chart is None:
        return
    if not can_draw():
        message = "--chart needs matplotlib; `pip install 'deleverage[lab]'` has it"
        raise QueryError(message)
    if not chart.parent.is_dir():
        message = f"--chart {chart}: there is no folder {chart.parent}; name one that is there"
        raise QueryError(message)


def draw_fate(run: Run, found: Fate, path: Path) -> None:
    """Draw it; some 0.2 s."""
    with import_module("matplotlib").rc_context({"svg.hashsalt": "deleverage", "text.parse_math": False}):
        figure_module: Any = import_module("matplotlib.figure")
        figure = figure_module.Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), layout="constrained")
        axes = figure.add_subplot()
        for place, colour in zip(range(len(found.question.watched)), _COLOURS, strict=True):
            _draw(axes, found, place, colour)
        axes.axhline(0.5, color="#888888", linewidth=0.8, linestyle=":")
        if found.point is not None:
            axes.axvline(_time(found.instants[found.point].instant.at_ns), color="#888888", linewidth=0.8)
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="upper left", frameon=False, fontsize="small")
        axes.xaxis.set_major_formatter(import_module("matplotlib.dates").DateFormatter("%H:%M:%S", tz=UTC))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(printable(fate_title(run, found)), loc="left", fontsize="medium")
        figure.supxlabel(fill(printable(drawn_told(found)), _CAPTION_WIDTH), x=0.01, ha="left", fontsize="small")
        figure.savefig(path, metadata={"Date": None})


def _draw(axes: Any, found: Fate, place: int, colour: str) -> None:
    times = [_time(one.instant.at_ns) for one in found.instants]
    chances = [one.chances[place] for one in found.instants]
    ends = [chance.interval for chance in chances]
    axes.fill_between(
        times,
        [low / SHARE_PARTS for low, _ in ends],
        [high / SHARE_PARTS for _, high in ends],
        color=colour,
        alpha=0.15,
    )
    axes.plot(times, [chance.came / chance.draws for chance in chances], color=colour, label=chances[0].name)


def _time(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / _NS, UTC)
