"""What a run on chain has to tell: blocks and gas, who was liquidated, what of debts went bad and who bore it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..events.bodies.chain import BadDebtCovered, BadDebtRealised, BlockMined, CollateralSeized, GasCharged
from ..events.bodies.listing import AssetListed
from ..events.bodies.loans import BorrowerSold, CollateralSupplied, DebtRepaid, LoopUnwound
from ..events.bodies.lots import AuctionClosed, CollateralAbsorbed, CollateralAuctioned, LotSold, ReserveSold
from ..events.envelope import Event
from ..events.ledger import Ledger
from .figures import count, rounded_money

__all__ = ["ChainFigures"]

_GWEI = 10**9
_TOLD = {
    "CollateralSeized": ("seizure", "seizures", "repaid"),
    "CollateralAbsorbed": ("absorption", "absorptions", "credited"),
    "CollateralAuctioned": ("auction", "auctions", "of debt"),
    "LotSold": ("lot sold", "lots sold", "paid"),
    "ReserveSold": ("sale of reserves", "sales of reserves", "paid"),
}
_ANSWERED = {
    "DebtRepaid": ("repayment", "repayments", "repaid"),
    "CollateralSupplied": ("addition of collateral", "additions of collateral", "worth of it"),
    "BorrowerSold": ("sale of their own", "sales of their own", "repaid with them"),
}


class ChainFigures:
    """Sums over a run, in atoms of what debts are in; counted by a tap that decides nothing."""

    KINDS = (
        AuctionClosed,
        BadDebtCovered,
        BadDebtRealised,
        BlockMined,
        BorrowerSold,
        CollateralAbsorbed,
        CollateralAuctioned,
        CollateralSeized,
        CollateralSupplied,
        DebtRepaid,
        GasCharged,
        LoopUnwound,
        LotSold,
        ReserveSold,
    )

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.borne: Counter[str] = Counter()
        self.accounts: set[int] = set()
        self.for_nothing = 0
        self.fee_first_wei = self.fee_most_wei = 0

    def take(self, event: Event, _ledger: Ledger) -> None:
        """Count one event."""
        body: Any = event.body
        name = type(body).__name__
        self.counts[name] += 1
        if isinstance(body, BlockMined):
            self.fee_first_wei = self.fee_first_wei or body.base_fee_wei
            self.fee_most_wei = max(self.fee_most_wei, body.base_fee_wei)
            return
        self.sums[name] += _money_atoms(body)
        if isinstance(body, BadDebtCovered):
            self.borne[body.backstop] += body.amount_atoms
        if isinstance(body, CollateralSeized | CollateralAbsorbed | CollateralAuctioned):
            self.accounts.add(body.account)
        if isinstance(body, LotSold):
            self.for_nothing += body.repaid_atoms * 1000 < body.owed_atoms and not body.left_atoms

    def rows(self, asset: AssetListed) -> Iterator[tuple[str, str]]:
        """Lines of the summary; nothing of a run without blocks."""
        if not self.counts["BlockMined"]:
            return
        gas = f"base fee {self.fee_first_wei / _GWEI:,.1f} gwei at first, {self.fee_most_wei / _GWEI:,.1f} at most"
        yield "chain", f"{count(self.counts['BlockMined'], 'block')}, {gas}"
        yield "liquidated", f"{count(len(self.accounts), 'account')}" if self.accounts else "nobody"
        for name, (one, many, paid) in _TOLD.items():
            if self.counts[name]:
                yield "", f"{count(self.counts[name], one, many)}, {rounded_money(self.sums[name], asset)} {paid}"
        if self.for_nothing:
            yield "", f"{count(self.for_nothing, 'lot')} went for nothing or next to nothing"
        first = "borrowers"
        for name, (one, many, paid) in _ANSWERED.items():
            if self.counts[name]:
                yield first, f"{count(self.counts[name], one, many)}, {rounded_money(self.sums[name], asset)} {paid}"
                first = ""
        if self.counts["LoopUnwound"]:
            yield "chains", f"{count(self.counts['LoopUnwound'], 'layer')} undone"
        yield "keepers", f"paid {rounded_money(self.sums['GasCharged'], asset)} for gas"
        yield "bad debt", f"{rounded_money(self.sums['BadDebtRealised'], asset)} in all"
        for backstop, atoms in self.borne.items():
            yield "", f"{rounded_money(atoms, asset)} borne by the {backstop}"

    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "counts": dict(sorted(self.counts.items())),
            "sums_atoms": dict(sorted(self.sums.items())),
            "borne_atoms": dict(sorted(self.borne.items())),
            "accounts_liquidated": len(self.accounts),
            "lots_for_nothing": self.for_nothing,
            "base_fee_first_wei": self.fee_first_wei,
            "base_fee_most_wei": self.fee_most_wei,
        }


def _money_atoms(body: Any) -> int:
    """What an event moved of what debts are in: repaid, brought by a sale, or worth that; else its amount."""
    names = ("repaid_atoms", "value_atoms", "worth_atoms", "amount_atoms")
    return next((getattr(body, name) for name in names if hasattr(body, name)), 0)
