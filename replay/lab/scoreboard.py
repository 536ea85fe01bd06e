"""The scoreboard: for each metric, every variant's median over seeds with its interval. Sixty columns are enough."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count
from ...sim.terminal import printable
from .lab import LabResult
from .metrics import shown
from .scores import Board, Score, boards_of, method, prices_told

__all__ = ["print_scoreboard"]

_FIGURES_WIDTH, _WIDTH_MIN = 40, 40


def print_scoreboard(console: Console, result: LabResult) -> None:
    """A board for each scenario."""
    for board in boards_of(result):
        _print_board(console, result, board)


def _print_board(console: Console, result: LabResult, board: Board) -> None:
    names = [one.name for one in board.scores[0].variants]
    told = f"{board.scenario}: {count(len(names), 'variant')}, {count(result.definition.seeds, 'seed')}"
    print_line(console, told, style="bold")
    for text in (prices_told(board.prices), method(result.definition.seeds)):
        _print_folded(console, text)
    labels = _labels(console, board, names)
    for score in board.scores:
        print_line(console)
        _print_score(console, score, labels)
    if board.unsettled:
        _print_folded(
            console,
            f"{count(board.unsettled, 'cell')} of {board.cells:,} had not settled what fell short when the run ended: "
            "the time to solvency counts up to there",
        )
    print_line(console)


def _labels(console: Console, board: Board, names: list[str]) -> list[str]:
    """What stands before the figures: the variants' names, or numbers where those leave too little room."""
    if max(map(cell_len, names)) <= console.width - _FIGURES_WIDTH:
        if board.keys:
            _print_folded(console, f"variants by {board.keys}")
        return names
    if board.keys:
        _print_folded(console, f"variants by {board.keys}:")
    numbers = [str(number) for number in range(1, len(names) + 1)]
    print_rows(console, zip(numbers, names, strict=True), label_width=len(numbers[-1]))
    return numbers


def _print_score(console: Console, score: Score, labels: list[str]) -> None:
    _print_folded(console, f"{score.metric.title} ({score.metric.unit})", style="bold")
    rows = []
    for label, one in zip(labels, score.variants, strict=True):
        number, *figures = one.spread
        rows.append([label, *(shown(figure, score.metric) for figure in figures), str(number)])
    print_table(console, ["", "median", "low", "high", "seeds"], rows)


def _print_folded(console: Console, text: str, style: str = "") -> None:
    for line in wrap(printable(text), max(console.width, _WIDTH_MIN)):
        print_line(console, line, style)
