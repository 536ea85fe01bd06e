"""A calibration as a chart, as SVG: a trial a dot, the front joined, the rules as given a cross (`replay/charts.py`).

The first two objectives are the axes; where there is one only, it is drawn over the trials. A ring is a member of the
front on the seeds held out, joined to where it stood on those of the trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from ...sim.terminal import printable
from ..charts import figure_for
from .calibrate import CalibrationResult, Tried
from .search import RulesJudged, meets
from .sections import calibration_title

__all__ = ["draw_chart"]

_SIZE_INCHES = (8.0, 5.5)
_CAPTION_WIDTH = 100
_MISSED, _MET, _FRONT, _GIVEN = "#d9d9d9", "#6f8fab", "#2f5d8a", "#c0392b"


def draw_chart(found: CalibrationResult, path: Path) -> None:
    """Draw it. Raises QueryError where it cannot be written. Some 0.3 s."""
    with figure_for(path, _SIZE_INCHES) as figure:
        _draw(figure.add_subplot(), found)
        figure.suptitle(printable(calibration_title(found)), x=0.01, ha="left", fontsize="large", weight="bold")
        caption = (
            "grey: misses a constraint; blue: meets the target; joined: the front; ring: the same rules on the seeds "
            "held out; cross: the rules as given"
        )
        figure.supxlabel(fill(caption, _CAPTION_WIDTH), x=0.01, ha="left", fontsize="small")


def _draw(axes: Any, found: CalibrationResult) -> None:
    target = found.question.target
    for trial in found.trials:
        if trial.judged.error is None:
            color = _MET if meets(target, trial.judged) else _MISSED
            axes.plot(*_point(trial.judged, trial.number), "o", color=color, markersize=4)
    front = [(_point(one.training, _number(one)), _point(one.unseen, _number(one))) for one in found.front]
    if front and len(target.objectives) > 1:
        axes.step(*zip(*(own for own, _ in front), strict=True), "-", where="post", color=_FRONT, linewidth=1.2)
    for own, unseen in front:
        axes.plot(*own, "o", color=_FRONT, markersize=6)
        if unseen:
            axes.plot(*zip(own, unseen, strict=True), ":", color=_FRONT, linewidth=0.8)
            axes.plot(*unseen, "o", markerfacecolor="none", markeredgecolor=_FRONT, markersize=8)
    given = _point(found.baseline.training, 0)
    if given:
        axes.plot(*given, "x", color=_GIVEN, markersize=9, markeredgewidth=2.5)
    labels = [_label(found, place) for place in range(min(2, len(target.objectives)))]
    axes.set_xlabel("trial" if len(labels) == 1 else labels[0], fontsize="small")
    axes.set_ylabel(labels[-1], fontsize="small")
    ticks = import_module("matplotlib.ticker").FuncFormatter(lambda value, _: f"{value:,.6g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticks)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _number(one: Tried) -> int:
    return 0 if one.trial is None else one.trial.number


def _point(judged: RulesJudged, number: int) -> Sequence[float]:
    """Across and up; empty where a figure is not known."""
    values = [estimate.value for estimate in judged.objectives[:2]]
    if not values or None in values:
        return ()
    across_up = [float(value) for value in values if value is not None]
    return across_up if len(across_up) > 1 else (float(number), *across_up)


def _label(found: CalibrationResult, place: int) -> str:
    objective = found.question.target.objectives[place]
    if objective.metric is None:
        return printable(f"{objective.setting}: the {objective.aim}")
    metric = found.metrics[objective.metric]
    return printable(f"{metric.title} ({metric.unit}), {objective.over}: the {objective.aim}")
