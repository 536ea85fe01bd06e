"""Percolator: every profit is cut by the same ratio, in whatever order anybody asks for it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ....events.bodies.waterfall import LossSocialized
from ....events.ledger import Account, LedgerState
from ...loss_socialization import LossSocialization, Measured, Paid
from ...protocol import NoParameters
from ..allocation import largest_remainder

__all__ = ["Haircut", "haircut_shares"]


class Haircut(LossSocialization):
    """part = profit x (1 - h), h = min(residual, P) / P: P is what all winners have gained, residual P less the loss.

    1. Profit is a junior claim: what a winner can give is the lesser of its unrealised profit and its equity, and P
       is the sum. h follows from two sums, so it costs O(1) where these are kept; the record says what each gives.
    2. Whole atoms by largest remainder. Accounts are numbered by a hash, so who gives the odd atom follows from no
       order either. A loss above P takes all of it, and what is left goes on as in `loss_socialization.py`.
    3. All profit counts as matured: the source cuts only what has been open for its warm-up.
    """

    policy: ClassVar[str] = "haircut"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "profit x (1 - h), h = min(P - loss, P) / P, not below 0"
    source: ClassVar[str] = "aeyakovenko/percolator, spec.md, haircut ratio h (versions up to 12)"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters
    among: ClassVar[str] = (
        "by all who are at a profit, each by the same part of it: the lesser of unrealised profit and equity"
    )

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set: every winner pays."""

    def shared(self, debtor: Account, liquidation_id: int, loss_atoms: int, ledger: LedgerState) -> list[Paid]:
        """The same part of every profit; O(accounts)."""
        winners = self.winners(debtor.asset, ledger)
        parts = haircut_shares([profit_atoms for profit_atoms, _ in winners], loss_atoms)
        return [
            LossSocialized(liquidation_id, debtor.account, -number, part_atoms)
            for (_, number), part_atoms in zip(winners, parts, strict=True)
            if part_atoms
        ]

    def measured(self, number: int, debtor: Account, ledger: LedgerState) -> Measured:
        """The winner's profit, and all of it."""
        profits = {-minus: profit_atoms for profit_atoms, minus in self.winners(debtor.asset, ledger)}
        return Measured(profits[number], sum(profits.values()), len(profits))


def haircut_shares(profits_atoms: list[int], loss_atoms: int) -> list[int]:
    """What each profit gives of a loss: all of them the same part, to within an atom."""
    whole_atoms = sum(profits_atoms)
    if loss_atoms >= whole_atoms:
        return list(profits_atoms)
    return largest_remainder(loss_atoms, profits_atoms, whole_atoms)
