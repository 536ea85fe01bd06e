"""A calibration as plain data: what `calibrate --json` prints and `result.json` holds. Its names are stable.

Figures are decimals as text, with the digits of their metric, the last rounded half to even; null where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec

from ..lab.metrics import Metric, rounded
from .calibrate import CalibrationResult, Tried
from .over import Estimate
from .search import RulesJudged, RuleTrial, meets, nearest
from .target import Constraint, Objective

__all__ = ["calibration_view", "figure_text"]

Document = dict[str, Any]

_DIGITS = 9
"""Of a setting's number in seconds; others have no more of their own."""


def calibration_view(found: CalibrationResult) -> Document:
    """The whole of it, without anything that depends on where it was done or how often it was stopped."""
    asked, target = found.question, found.question.target
    near = None if found.front else nearest(target, found.trials)
    return {
        "scenario": asked.calibration.scenario,
        "settings": list(asked.calibration.settings),
        "target": msgspec.to_builtins(target, builtin_types=()) | {"seeds": target.training, "held_out": target.unseen},
        "sampler": found.sampler,
        "metrics": [{"name": one.name, "title": one.title, "unit": one.unit} for one in found.metrics.values()],
        "baseline": _tried(found, found.baseline),
        "front": [_tried(found, one) for one in found.front],
        "nearest": None if near is None else near.number,
        "trials": [_trial(found, one) for one in found.trials],
    }


def _tried(found: CalibrationResult, one: Tried) -> Document:
    trial: Document = {"trial": None, "settings": []}
    if one.trial is not None:
        trial = {"trial": one.trial.number, "settings": list(one.trial.settings)}
    return trial | {"training": _judged(found, one.training), "held_out": _judged(found, one.unseen)}


def _trial(found: CalibrationResult, one: RuleTrial) -> Document:
    return {"trial": one.number, "settings": list(one.settings), **_judged(found, one.judged)}


def _judged(found: CalibrationResult, judged: RulesJudged) -> Document:
    """`meets` is whether every constraint holds."""
    target = found.question.target
    if judged.error is not None:
        return {"error": judged.error}
    return {
        "meets": meets(target, judged),
        "objectives": _estimates(found, target.objectives, judged.objectives),
        "constraints": _estimates(found, target.constraints, judged.constraints),
    }


def _estimates(
    found: CalibrationResult, asked: Sequence[Objective | Constraint], estimates: Sequence[Estimate]
) -> list[dict[str, str | None]]:
    metrics = [None if one.metric is None else found.metrics[one.metric] for one in asked]
    pairs = zip(metrics, estimates, strict=True)
    return [
        {name: figure_text(value, metric) for name, value in estimate._asdict().items()} for metric, estimate in pairs
    ]


def figure_text(value: Fraction | None, metric: Metric | None) -> str | None:
    """A figure of a metric, or of a setting where there is none."""
    return None if value is None else format(rounded(value, _DIGITS if metric is None else metric.digits), "f")
