"""The results by scenario, metric and variant: what the scoreboard prints and the charts draw.

Medians with 90% intervals, by order statistics.

Of n values, sorted, the interval goes from the k-th lowest to the k-th highest, k being the largest for which it holds
the median of what the values were drawn from with a probability of at least 90%, whatever their distribution:
1 - 2 P(Binomial(n, 1/2) < k). Fewer than five values have no such interval. Exact; the median of an even number is the
mean of the middle two.

The scoreboard: for each metric, every variant's median over seeds with its interval. Sixty columns are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from math import comb
from textwrap import wrap
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count
from ...sim.terminal import printable
from .definition import told
from .lab import LabResult
from .meter import Figures
from .metrics import Metric, metrics_of, shown

__all__ = [
    "Board",
    "Score",
    "Scored",
    "Spread",
    "boards_of",
    "interval_place",
    "method",
    "prices_told",
    "print_scoreboard",
    "spread",
]

_LEAST = Fraction(9, 10)

_FIGURES_WIDTH, _WIDTH_MIN = 40, 40


class Scored(NamedTuple):
    """A variant under one metric: the values of its seeds, in their order, and their median with its interval."""

    name: str
    values: list[Fraction]
    spread: Spread


class Score(NamedTuple):
    """One metric and every variant under it."""

    metric: Metric
    variants: list[Scored]


class Board(NamedTuple):
    """One scenario: the keys that are varied, how its prices came about, and its scores.

    Of its `cells` with figures `unsettled` ended before what had fallen short was settled.
    """

    scenario: str
    keys: str
    prices: str
    cells: int
    unsettled: int
    scores: list[Score]


def boards_of(result: LabResult) -> Iterator[Board]:
    """A board for each scenario that has any figures. Keys with one value only are no part of a variant's name."""
    definition, size = result.definition, result.definition.seeds
    places = [place for place, one in enumerate(definition.varied) if len(one.values) > 1]
    keys = ", ".join(definition.varied[place].key for place in places)
    measured = [outcome.figures for outcome in result.outcomes]
    for name in definition.scenarios:
        named = [
            (told([variant.values[place] for place in places]), _present(measured[number * size : (number + 1) * size]))
            for number, variant in enumerate(definition.variants)
            if variant.scenario == name
        ]
        every = [one for _, figures in named for one in figures]
        prices, unsettled = sorted({one.prices for one in every}), sum(not one.solvent for one in every)
        if every:
            scores = _scores(named, mixed=len(prices) > 1)
            yield Board(name, keys, " or ".join(prices), len(every), unsettled, scores)


def _present(figures: Sequence[Figures | None]) -> list[Figures]:
    return [one for one in figures if one is not None]


def _scores(named: Sequence[tuple[str, list[Figures]]], *, mixed: bool) -> list[Score]:
    """Where prices came about in different ways, each name says in which."""
    metrics: dict[str, Metric] = {}
    for one in chain.from_iterable(figures for _, figures in named):
        metrics |= {metric.name: metric for metric in metrics_of(one) if metric.name not in metrics}
    told_apart = [(f"{name} ({own[0].prices})" if mixed and own else name, own) for name, own in named]
    return [Score(metric, [_scored(name, metric, own) for name, own in told_apart]) for metric in metrics.values()]


def _scored(name: str, metric: Metric, figures: Sequence[Figures]) -> Scored:
    values = [value for one in figures if (value := _value(metric, one)) is not None]
    return Scored(name, values, spread(values))


def _value(metric: Metric, figures: Figures) -> Fraction | None:
    """None also for an instrument that this variant does not list."""
    instrument = metric.name.partition(":")[2]
    return None if instrument and instrument not in figures.lots_deleveraged else metric.value(figures)


def method(seeds: int) -> str:
    """How the intervals were made, for people."""
    place, probability = interval_place(seeds)
    if not place:
        return "medians over seeds; a 90% interval needs at least 5 of them"
    percent = round(probability * 100, 1)
    which = "lowest to the highest" if place == 1 else f"{_ordinal(place)} lowest to the {_ordinal(place)} highest"
    return (
        f"medians over seeds with their 90% intervals by order statistics: of {seeds} values, from the {which} "
        f"({float(percent):g}% sure)"
    )


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in range(10, 20) else endings.get(number % 10, 'th')}"


def prices_told(prices: str) -> str:
    """What the word means."""
    if prices == "endogenous":
        return "prices endogenous: forced orders moved the marks"
    return "prices held: the path of the marks was kept" if prices == "held" else f"prices {prices}, as each name says"


class Spread(NamedTuple):
    """The median of `count` values and the ends of its interval; None where there is none."""

    seeds: int
    median: Fraction | None
    low: Fraction | None
    high: Fraction | None


def interval_place(count: int) -> tuple[int, Fraction]:
    """(k, the probability that the interval holds the median) for so many values; (0, 0) where there is none."""
    place, held = 0, Fraction(0)
    tail = 0
    for k in range(1, count // 2 + 1):
        tail += comb(count, k - 1)
        probability = 1 - Fraction(2 * tail, 2**count)
        if probability < _LEAST:
            break
        place, held = k, probability
    return place, held


def spread(values: Iterable[Fraction]) -> Spread:
    """The median and its interval; O(n log n)."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return Spread(0, None, None, None)
    median = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    place, _ = interval_place(count)
    if not place:
        return Spread(count, median, None, None)
    return Spread(count, median, ordered[place - 1], ordered[count - place])


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
