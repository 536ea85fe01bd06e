"""Scores that are a ratio of products: worked out for one candidate after the other, or for all at once in columns.

A policy says which ingredients are multiplied above and below the line, for candidates of either side. The score is
|product above| / (|product below| x divisor), rounded down once in 10^-9, and the greatest there is over a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import ClassVar, NamedTuple

from .allocation import wealth_of
from .builtin import BuiltinRanking
from .ranking import Candidate, score_of

__all__ = ["ATOMS", "INGREDIENTS", "Ratio", "RatioPolicy"]

ATOMS = 10**9
"""The divisor of a weight that is no ratio: its score is then the whole number of atoms or lots."""

INGREDIENTS: Mapping[str, Callable[[Candidate], int]] = {
    **{name: attrgetter(name) for name in ("profit", "notional", "cost", "equity", "size")},
    "wealth": wealth_of,
}
"""What can be multiplied, by name; `wealth` is the lesser of profit and equity."""


class Ratio(NamedTuple):
    """Names of ingredients above and below the line, and a whole number below it."""

    above: tuple[str, ...]
    below: tuple[str, ...] = ()
    divisor: int = 1

    def score(self, candidate: Candidate) -> int:
        """The exact score of one candidate."""
        above, below = 1, 1
        for name in self.above:
            above *= INGREDIENTS[name](candidate)
        for name in self.below:
            below *= INGREDIENTS[name](candidate)
        return score_of(abs(above), abs(below) * self.divisor)


class RatioPolicy(BuiltinRanking):
    """Base of policies whose score is one ratio; `short_ratio` is for candidates that are short, if it differs."""

    ratio: ClassVar[Ratio]
    short_ratio: ClassVar[Ratio | None] = None

    def ratio_of(self, size_lots: int) -> Ratio | None:
        """The ratio for candidates that hold this side; None where, by the parameters, the score is none."""
        return self.short_ratio if size_lots < 0 and self.short_ratio is not None else self.ratio

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate; exact, rounded down once. A policy whose score may be no ratio has its own."""
        ratios = [self.ratio_of(candidate.size) for candidate in candidates]
        return [ratio.score(candidate) for ratio, candidate in zip(ratios, candidates, strict=True) if ratio]
