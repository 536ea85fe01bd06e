"""What a ranking policy is: it scores candidates, and the order follows from the scores.

A score is a whole number, floor(score x 10^9), saturating at 2^63-1; candidates rank by descending score, ties by
account. Policies get candidates in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

import msgspec

__all__ = ["SCORE_MAX", "SCORE_SCALE", "Candidate", "RankingPolicy", "score_of"]

SCORE_SCALE = 10**9
SCORE_MAX = 2**63 - 1


class Candidate(NamedTuple):
    """The whole-number ingredients of a score, in atoms and lots; `equity` is the whole account's."""

    account: int
    profit: int
    notional: int
    cost: int
    equity: int
    size: int


class RankingPolicy(Protocol):
    """Scores a batch of candidates. `formula` says how, in the field names of `Candidate`, before it is scaled."""

    policy: ClassVar[str]
    version: ClassVar[str]
    formula: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate, in their order. Every candidate has a profit and an equity above zero."""
        ...


def score_of(numerator: int, denominator: int) -> int:
    """floor(numerator / denominator x 10^9), saturating; the greatest score where the denominator is zero."""
    if denominator <= 0:
        return SCORE_MAX
    return min(numerator * SCORE_SCALE // denominator, SCORE_MAX)
