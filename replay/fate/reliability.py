"""How good forecasts were, for people and for programs: what `deleverage fate --calibrate` prints."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...sim.figures import count, duration
from ..lab.metrics import rounded
from ..run import Run
from ..why.page.blocks import Prose, Section, Table
from .calibration import Calibration, ForecastsAsked, ReliabilityRow

__all__ = ["calibration_sections", "calibration_title", "calibration_view"]


def calibration_title(run: Run) -> str:
    """What stands over it."""
    return f"How good forecasts of {run.started.scenario} are"


def calibration_sections(asked: ForecastsAsked, found: Calibration) -> Iterator[Section]:
    """The scores with their errors, and the forecasts in bins against what happened."""
    question, seeds = asked.question, asked.seeds
    ahead = f"within {duration(question.horizon_ns)}" if question.horizon_ns else "before the end"
    yield Section(
        "",
        (
            Prose(
                f"Is an account liquidated {ahead} of {question.first}? Forecast from {count(question.draws, 'draw')} "
                f"each, prices from `{question.process}`, in {count(len(seeds), 'run')} with seeds held out, "
                f"{seeds[0]:,} to {seeds[-1]:,}; then held against that run. Errors: two standard errors over seeds."
            ),
            Table(("", "figure", "error"), tuple(_scores(found))),
        ),
    )
    header = ("forecast", "forecasts", "their mean", "happened", "error of the difference")
    yield Section("Reliability", (Table(header, tuple(_bin(row) for row in found.reliability)),))


def _scores(found: Calibration) -> Iterator[tuple[str, str, str]]:
    yield "forecasts", f"{len(found.forecasts):,}", ""
    yield "liquidated", _percent(found.happened), ""
    yield "Brier score", _thousandths(found.brier), f"{found.brier_error:.3f}"
    yield "of it, from the number of draws", _thousandths(found.noise), ""
    yield "Brier score of the other seeds' base rate", _thousandths(found.base_rate_brier), ""
    yield "mean forecast less what happened", _percent(found.bias), f"{found.bias_error:.1%}"


def _bin(row: ReliabilityRow) -> tuple[str, ...]:
    span = f"{_percent(row.from_share)} to {_percent(row.to_share)}"
    return span, f"{row.forecasts:,}", _percent(row.mean), _percent(row.happened), f"{row.error:.1%}"


def _percent(share: Fraction) -> str:
    return f"{rounded(share * 100, 1)}%"


def _thousandths(score: Fraction) -> str:
    return str(rounded(score, 3))


def calibration_view(run: Run, asked: ForecastsAsked, found: Calibration) -> dict[str, Any]:
    """The same as plain data; shares, scores and errors are rounded to a millionth."""
    question = asked.question
    return {
        "run": run.path.name,
        "head": run.head,
        "process": question.process,
        "at": question.first,
        "horizon_ns": question.horizon_ns or None,
        "draws": found.draws,
        "seeds": list(asked.seeds),
        "forecasts": len(found.forecasts),
        "happened": _millionths(found.happened),
        "brier": _millionths(found.brier),
        "brier_error": round(found.brier_error, 6),
        "noise": _millionths(found.noise),
        "base_rate_brier": _millionths(found.base_rate_brier),
        "bias": _millionths(found.bias),
        "bias_error": round(found.bias_error, 6),
        "reliability": [
            {
                "from": _millionths(row.from_share),
                "to": _millionths(row.to_share),
                "forecasts": row.forecasts,
                "mean": _millionths(row.mean),
                "happened": _millionths(row.happened),
                "error": round(row.error, 6),
            }
            for row in found.reliability
        ],
    }


def _millionths(share: Fraction) -> float:
    return round(float(share), 6)
