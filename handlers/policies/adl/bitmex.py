"""BitMEX: profit share times effective leverage over the bankruptcy value, or divided by it at a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ....events.ledger import LedgerState, PositionKey
from ...valuation import bankruptcy_values
from ..ranking import Candidate, score_of
from .ledger_reading import LedgerReadingPolicy

__all__ = ["BitMex"]


class BitMex(LedgerReadingPolicy):
    """score = profit share x leverage at a profit, profit share / leverage at a loss; closed at the bankruptcy price.

    1. profit share = profit / |entry value|, below zero at a loss; leverage = |mark value| / (mark value - bankruptcy
       value).
    2. What mark and bankruptcy value are apart is the position's part of the account's equity, shared among its
       positions by requirement; a position at a profit without a part of it comes first of all.
    3. Whoever stands at no profit and no loss scores 0, of which the venue's text says nothing. So all winners come
       before all losers, and of the losers those whose loss is small and whose leverage is high.
    """

    policy: ClassVar[str] = "bitmex"
    version: ClassVar[str] = "3"
    any_profit: ClassVar[bool] = True
    formula: ClassVar[str] = (
        "profit / |cost| x notional / (mark_value - bankruptcy_value) if profit > 0 "
        "else profit / |cost| x (mark_value - bankruptcy_value) / notional"
    )
    figures: ClassVar[tuple[str, ...]] = ("mark_value", "bankruptcy_value")
    in_words: ClassVar[str] = (
        "profit over what the position cost, times leverage where there is a profit, divided by it where there is none"
    )
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
    if candidate.profit > 0:
        return score_of(candidate.profit * candidate.notional, abs(candidate.cost) * apart)
    return score_of(candidate.profit * apart, abs(candidate.cost) * candidate.notional)
