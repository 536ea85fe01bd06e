"""A chart a metric, as SVG: every seed a dot, the median a mark, its interval a bar (`replay/charts.py`).

The caption says the unit, whether prices were held, and how the interval was made.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from ...sim.terminal import printable
from ..charts import drawn_alike
from .lab import LabResult
from .scores import Board, Score, Scored, boards_of, method, prices_told

__all__ = ["draw_charts"]

_WIDTH_INCHES, _ROW_INCHES, _FRAME_INCHES = 8.0, 0.42, 2.1
_CAPTION_WIDTH, _NAME_WIDTH = 100, 34
_BAR, _DOT, _MEDIAN = "#c3d3e2", "#6f8fab", "#c0392b"


def draw_charts(result: LabResult) -> Path:
    """Draw every metric of every scenario into `charts/`, and tell where that is. Some 0.1 s a chart."""
    folder = result.path / "charts"
    folder.mkdir(exist_ok=True)
    several = len(result.definition.scenarios) > 1
    with drawn_alike():
        for board in boards_of(result):
            for score in board.scores:
                prefix = f"{Path(board.scenario).stem}." if several else ""
                _draw(folder / f"{prefix}{_file_name(score)}.svg", board, score, result.definition.seeds)
    return folder


def _file_name(score: Score) -> str:
    return "".join(one if one.isalnum() or one in "._-" else "-" for one in score.metric.name)


def _draw(path: Path, board: Board, score: Score, seeds: int) -> None:
    """One chart, the variants from the top down in their order."""
    figure_module: Any = import_module("matplotlib.figure")
    rows = len(score.variants)
    height = _FRAME_INCHES + _ROW_INCHES * rows
    figure = figure_module.Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    for place, one in enumerate(score.variants):
        _draw_variant(axes, place, one)
    axes.set_yticks(range(rows), [fill(printable(one.name), _NAME_WIDTH) for one in score.variants])
    axes.set_ylim(rows - 0.5, -0.5)
    metric = score.metric
    scenario = printable(Path(board.scenario).stem)
    by = fill(f"{scenario} by {printable(board.keys)}" if board.keys else scenario, _CAPTION_WIDTH)
    axes.set_title(by, loc="left", fontsize="small")
    figure.suptitle(printable(metric.title), x=0.01, ha="left", fontsize="large", weight="bold")
    caption = fill(f"{prices_told(board.prices)}; {method(seeds)}", _CAPTION_WIDTH)
    axes.set_xlabel(printable(metric.unit))
    figure.supxlabel(caption, x=0.01, ha="left", fontsize="small", linespacing=1.4)
    axes.xaxis.set_major_formatter(import_module("matplotlib.ticker").FuncFormatter(_tick))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def _draw_variant(axes: Any, place: int, one: Scored) -> None:
    if not one.values:
        axes.text(0.01, place, "no figure", transform=axes.get_yaxis_transform(), va="center", color=_DOT)
        return
    _, median, low, high = one.spread
    if low is not None and high is not None:
        axes.plot([float(low), float(high)], [place, place], "-", color=_BAR, linewidth=6, solid_capstyle="butt")
    axes.plot([float(value) for value in one.values], [place] * len(one.values), "o", color=_DOT, markersize=4)
    if median is not None:
        axes.plot([float(median)], [place], "|", color=_MEDIAN, markersize=14, markeredgewidth=2.5)


def _tick(value: float, _place: int) -> str:
    return f"{value:,.6g}"
