"""Chains of collateral: what was bought with a loan was supplied again. How a chain is undone.

The ledger keeps the layers as they began; how many of them stand follows from what is owed. A debt is paid off from its
end: a layer is gone once what is owed is no more than what all layers before it had borrowed, or once nothing of the
collateral is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.loans import LoopUnwound
from ...events.ledger import Account, LedgerState
from .borrowers import debts_of

__all__ = ["unwound"]


def unwound(account: Account, ledger: LedgerState) -> Iterator[LoopUnwound]:
    """The layers that a debt no longer reaches, the last one first; O(layers), nothing without a chain."""
    loop = ledger.chain.loops.get(account.account)
    if loop is None:
        return
    owed_atoms = debts_of(account, ledger).get(loop.debt_asset, 0)
    reached = loop.reached(owed_atoms, account.amount_of(loop.asset))
    for number in range(loop.standing, reached, -1):
        layer = loop.layers[number - 1]
        yield LoopUnwound(
            account.account,
            number,
            loop.asset,
            layer.amount_atoms,
            loop.debt_asset,
            layer.borrowed_atoms,
            number - 1,
        )
