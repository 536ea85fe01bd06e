"""The results by scenario, metric and variant: what the scoreboard prints and the charts draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

from .definition import told
from .lab import LabResult
from .medians import Spread, interval_place, spread
from .meter import Figures
from .metrics import Metric, metrics_of

__all__ = ["Board", "Score", "Scored", "boards_of", "method", "prices_told"]


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
