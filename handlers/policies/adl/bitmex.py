"""BitMEX: profit share times effective leverage over the bankruptcy value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ....events.ledger import LedgerState, PositionKey
from ...valuation import bankruptcy_values
from ..ranking import Candidate, score_of
from .ledger_reading import LedgerReadingPolicy

__all__ = ["BitMex"]


class BitMex(LedgerReadingPolicy):
    """score = profit share x |mark value| / (mark value - bankruptcy value); closed at the bankruptcy price.

    The profit share is profit / |entry value|. What mark and bankruptcy value are apart is the position's part of the
    account's equity, shared among its positions by requirement; a position without a part of it comes first of all. The
    venue divides by leverage where there is no profit: who has none is no candidate here.
    """

    policy: ClassVar[str] = "bitmex"
    formula: ClassVar[str] = "profit / |cost| x notional / (mark_value - bankruptcy_value)"
    figures: ClassVar[tuple[str, ...]] = ("mark_value", "bankruptcy_value")
    source: ClassVar[str] = "BitMEX support article 18589621443357; testnet page autoDeleveragingExamples"

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One score per candidate, exact; O(positions of the candidates)."""
        return [_score(candidate, key, ledger) for candidate, key in zip(candidates, keys, strict=True)]

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, int]:
        """Both values of the position, in atoms."""
        mark_value, bankruptcy_value = _values(candidate, key, ledger)
        return {"mark_value": mark_value, "bankruptcy_value": bankruptcy_value}


def _values(candidate: Candidate, key: PositionKey, ledger: LedgerState) -> tuple[int, int]:
    account, market = ledger.accounts[candidate.account], ledger.markets[key[0]]
    mark_value = market.payoff.value_atoms(candidate.size, market.mark_ticks)
    return mark_value, bankruptcy_values(account, ledger)[key]


def _score(candidate: Candidate, key: PositionKey, ledger: LedgerState) -> int:
    mark_value, bankruptcy_value = _values(candidate, key, ledger)
    apart = mark_value - bankruptcy_value
    return score_of(candidate.profit * candidate.notional, abs(candidate.cost) * apart)
