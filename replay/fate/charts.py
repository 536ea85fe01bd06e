"""A fate as a chart, as SVG: the probabilities over time with their intervals, and the point of no return.

The same answer gives the same bytes (`replay/charts.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from ...sim.terminal import printable
from ..bounds import SHARE_PARTS
from ..charts import figure_for
from ..run import Run
from .fate import Fate
from .sections import drawn_told, fate_title

__all__ = ["draw_fate"]

_WIDTH_INCHES, _HEIGHT_INCHES = 8.0, 4.4
_CAPTION_WIDTH = 100
_COLOURS = ("#2f5d8a", "#c0392b")
_NS = 10**9


def draw_fate(run: Run, found: Fate, path: Path) -> None:
    """Draw it; some 0.2 s."""
    with figure_for(path, (_WIDTH_INCHES, _HEIGHT_INCHES)) as figure:
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
