"""A lab as plain data: the document that `lab --json` prints. Its names are stable.

Figures are decimals as text: in a row with the digits of `results.csv`, in a spread with nine at least, the last
rounded half to even; null where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..csv_text import CsvValue
from .lab import LabResult
from .metrics import Metric, rounded
from .scores import Board, Score, Scored, boards_of, method
from .table import Row, rows_of

__all__ = ["lab_view"]

Document = dict[str, Any]

_DIGITS = 9
"""Of a median, which may lie between two values of a seed, where its metric has no more."""


def lab_view(result: LabResult, tables: Sequence[Path], charts: Path | None) -> Document:
    """The whole of it: where it is, what failed, every row of the table, and the scoreboard with its intervals."""
    return {
        "lab": str(result.path),
        "cells": len(result.outcomes),
        "failed": len(result.failed),
        "done_before": result.resumed,
        "tables": [str(path) for path in tables],
        "charts": None if charts is None else str(charts),
        "intervals": method(result.definition.seeds),
        "rows": [_row(row) for row in rows_of(result)],
        "scoreboard": [_board(board) for board in boards_of(result)],
    }


def _row(row: Row) -> Document:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: CsvValue) -> str | int | bool | None:
    return format(value, "f") if isinstance(value, Decimal) else value


def _board(board: Board) -> Document:
    return {
        "scenario": board.scenario,
        "varied": board.keys,
        "prices": board.prices,
        "cells": board.cells,
        "unsettled": board.unsettled,
        "metrics": [_score(score) for score in board.scores],
    }


def _score(score: Score) -> Document:
    metric = score.metric
    variants = [_variant(one, metric) for one in score.variants]
    return {"name": metric.name, "title": metric.title, "unit": metric.unit, "variants": variants}


def _variant(one: Scored, metric: Metric) -> Document:
    seeds, *figures = one.spread
    median, low, high = (_text(figure, metric) for figure in figures)
    return {"name": one.name, "seeds": seeds, "median": median, "low": low, "high": high}


def _text(value: Fraction | None, metric: Metric) -> str | None:
    return None if value is None else format(rounded(value, max(metric.digits, _DIGITS)), "f")
