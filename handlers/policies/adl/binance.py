"""Binance: profit over wallet balance times the margin ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

from ....events.ledger import LedgerState, PositionKey
from ...valuation import MICRO, coins_worth_atoms, margin_of
from ..ranking import Candidate, score_of
from .ledger_reading import LedgerReadingPolicy

__all__ = ["Binance"]


class Binance(LedgerReadingPolicy):
    """score = max(0, UPNL) / max(1, WB) x maintenance margin / (WB + UPNL); closed at the bankruptcy price.

    WB is the wallet balance, 1 a whole unit of the asset, UPNL the unrealised profit of the whole cross-margin account
    and WB + UPNL its equity, the maintenance margin that of all its positions. A wallet below zero counts as 1. Whoever
    holds the other side is ranked, as the formula has an answer for a loss: 0.
    """

    policy: ClassVar[str] = "binance"
    version: ClassVar[str] = "3"
    any_profit: ClassVar[bool] = True
    formula: ClassVar[str] = "max(0, equity - wallet) / max(unit, wallet) x maintenance / equity"
    figures: ClassVar[tuple[str, ...]] = ("wallet", "unit", "maintenance")
    in_words: ClassVar[str] = (
        "the account's profit over its wallet balance, times its maintenance requirement over its equity"
    )
    source: ClassVar[str] = "archived copy of Binance FAQ 360033525471"

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One score per candidate, exact; O(positions of the candidates)."""
        return [_score(candidate, ledger) for candidate in candidates]

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, int | Fraction]:
        """Wallet balance, its coins by their worth, a whole unit of the asset, and the maintenance margin, in atoms."""
        account = ledger.accounts[candidate.account]
        return {
            "wallet": account.balance_atoms + coins_worth_atoms(account, ledger),
            "unit": 10 ** ledger.assets[account.asset].decimals,
            "maintenance": Fraction(margin_of(account, ledger).requirement_microatoms, MICRO),
        }


def _score(candidate: Candidate, ledger: LedgerState) -> int:
    account = ledger.accounts[candidate.account]
    balance_atoms = account.balance_atoms + coins_worth_atoms(account, ledger)
    wallet = max(10 ** ledger.assets[account.asset].decimals, balance_atoms)
    unrealised = max(0, candidate.equity - balance_atoms)
    requirement = margin_of(account, ledger).requirement_microatoms
    return score_of(unrealised * requirement, wallet * candidate.equity * MICRO)
