"""Insurance by tranche: a vault whose providers stand in line, so that a loss is the first ones' before the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from ....events.ledger import LedgerState
from ..allocation import largest_remainder
from .depositor_vault import DepositorVault, VaultParameters

__all__ = ["TranchedVault", "TranchedVaultParameters", "tranche_parts"]


class TranchedVaultParameters(VaultParameters, frozen=True, forbid_unknown_fields=True):
    """The providers of a tranche are `group`-1, `group`-2, ... of its group; the first tranche bears losses first.

    `fee_weights` has, for each tranche, what a unit of its claim is worth where a gain is shared.
    """

    groups: tuple[str, ...] = ("junior", "senior")
    fee_weights: tuple[int, ...] = (3, 1)

    def __post_init__(self) -> None:
        """Refuse tranches without a weight, or none at all."""
        super().__post_init__()
        if not self.groups or len(self.groups) != len(self.fee_weights) or min(self.fee_weights) < 1:
            message = "groups and fee_weights must have one or more entries each, as many of both, and weights above 0"
            raise ValueError(message)


class TranchedVault(DepositorVault):
    """loss: tranche by tranche, within one pro rata to claims; gain: part = gain x w x claim / sum of w x claim.

    1. A loss is first the venue's own, as far as it has put money in, then the first tranche's down to nothing, then
       the next one's. What is beyond all claims is the venue's.
    2. A gain, which is what liquidations paid in fees and what inventory was sold for above its cost, is the premium
       for that: who stands before others has the greater weight w; the venue's own claim has the first tranche's. What
       the venue owes is made good first.
    3. Whole atoms by largest remainder, ties by account. Deposits are `VaultDeposited`, each part `VaultShared` with
       its provider; claims sum to what the vault is worth, exactly, after each sharing.
    4. In all else it is the vault of depositors.

    No source: a waterfall of tranches as in any structured product; the figures are parameters.
    """

    policy: ClassVar[str] = "tranched-vault"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "losses by tranche, gains x weight x claim / sum of weight x claim, whole atoms"
    source: ClassVar[str] = "ours"
    Parameters: ClassVar[type[msgspec.Struct]] = TranchedVaultParameters

    @property
    def groups(self) -> tuple[str, ...]:
        """The tranches' groups, the first to bear losses first."""
        return self._tranches.groups

    @property
    def _tranches(self) -> TranchedVaultParameters:
        assert isinstance(self.rules, TranchedVaultParameters)
        return self.rules

    def parts(self, gained_atoms: int, claims: Mapping[int, int], fund: int, ledger: LedgerState) -> dict[int, int]:
        """What the result does to each claim."""
        providers = [[one.account for one in self.accounts_of(group, ledger)] for group in self.groups]
        return tranche_parts(gained_atoms, claims, fund, providers, self._tranches.fee_weights)


def tranche_parts(
    gained_atoms: int, claims: Mapping[int, int], own: int, tranches: list[list[int]], fee_weights: tuple[int, ...]
) -> dict[int, int]:
    """The parts of a gain, or of a loss (negative), which they sum to; `own` is the venue's claim."""
    if gained_atoms < 0:
        return _borne(-gained_atoms, claims, own, tranches)
    restored = min(gained_atoms, max(0, -claims.get(own, 0)))
    weight_of = {own: fee_weights[0]} | {
        account: weight for group, weight in zip(tranches, fee_weights, strict=True) for account in group
    }
    weights = {account: max(0, claim) * weight_of.get(account, 0) for account, claim in claims.items()}
    total = sum(weights.values())
    if not total:
        return {own: gained_atoms}
    shares = largest_remainder(gained_atoms - restored, list(weights.values()), total)
    parts = dict(zip(claims, shares, strict=True))
    parts[own] = parts.get(own, 0) + restored
    return parts


def _borne(loss_atoms: int, claims: Mapping[int, int], own: int, tranches: list[list[int]]) -> dict[int, int]:
    left_atoms, parts = loss_atoms, dict.fromkeys(claims, 0)
    for tranche in [[own], *tranches]:
        held = {account: max(0, claims.get(account, 0)) for account in tranche}
        total_atoms = sum(held.values())
        taken_atoms = min(left_atoms, total_atoms)
        if taken_atoms:
            left_atoms -= taken_atoms
            shares = largest_remainder(taken_atoms, list(held.values()), total_atoms)
            parts |= {account: -share for account, share in zip(held, shares, strict=True)}
    parts[own] = parts.get(own, 0) - left_atoms
    return parts
