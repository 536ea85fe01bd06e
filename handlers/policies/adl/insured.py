"""Insured: whoever pays a premium is deleveraged last, or compensated for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from ....events.ledger import LedgerState, PositionKey
from ...adl_engines.insured import InsuredParameters, insured_until_ns
from ..ranking import SCORE_MAX, Candidate, score_of
from .ledger_reading import LedgerReadingPolicy

__all__ = ["Insured"]

_UNINSURED = 10**6
"""What stands between the two: no score of the queue counts for more."""


class Insured(LedgerReadingPolicy):
    """score = min(profit / |entry value| x notional / equity, 10^6), and 10^6 more for whoever is not insured.

    So the insured are ranked behind all others, among themselves as in the queue of `profit-leverage`. With
    `cover = "compensated"` nobody is behind, and an insured account is paid what its reduction cost against the mark.
    Who pays whom: `adl_engines/insured.py`.
    """

    policy: ClassVar[str] = "insured"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "min(profit / |cost| x notional / equity, 1000000) + 1000000 x exposed"
    figures: ClassVar[tuple[str, ...]] = ("exposed",)
    in_words: ClassVar[str] = (
        "profit over what the position cost, times the position's worth over the account's equity, and whoever is "
        "insured behind all who are not"
    )
    source: ClassVar[str] = "ours"
    Parameters: ClassVar[type[msgspec.Struct]] = InsuredParameters

    def __init__(self, parameters: InsuredParameters) -> None:
        self.last = parameters.cover == "last"

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One score per candidate; exact, rounded down once."""
        return [self._score(candidate, ledger) for candidate in candidates]

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, int]:
        """Whether its place is before that of the insured: 1 or 0."""
        return {"exposed": self._exposed(candidate.account, ledger)}

    def _exposed(self, account: int, ledger: LedgerState) -> int:
        return int(self.last and insured_until_ns(account, ledger) < ledger.at_ns)

    def _score(self, candidate: Candidate, ledger: LedgerState) -> int:
        if not candidate.cost:
            return SCORE_MAX
        most = score_of(_UNINSURED, 1)
        queue = score_of(candidate.profit * candidate.notional, abs(candidate.cost) * candidate.equity)
        return min(queue, most) + most * self._exposed(candidate.account, ledger)
