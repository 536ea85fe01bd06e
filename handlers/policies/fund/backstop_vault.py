"""Hyperliquid: a vault takes over whoever is still worth something; whoever is not is deleveraged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ....events.bodies.liquidation import BankruptcyDeclared
from ....events.bodies.waterfall import ShortfallDeclared
from ....events.ledger import LedgerState
from ...insurance_fund import InsuranceFund
from ...protocol import Product
from ...valuation import margin_of

__all__ = ["BackstopVault"]


class BackstopVault(InsuranceFund):
    """A takeover only of an account whose value is not negative; a negative one is a shortfall, whatever there is.

    The vault is the insurance fund's account: it receives the positions with the account's equity, by the bankruptcy
    value, within its capital. It never pays for what an account owes beyond its equity. Source: Hyperliquid docs,
    trading/liquidations and trading/auto-deleveraging.
    """

    policy: ClassVar[str] = "backstop-vault"
    formula: ClassVar[str] = "takes over where equity >= 0, else a shortfall of -equity"
    source: ClassVar[str] = "Hyperliquid docs, trading/liquidations and trading/auto-deleveraging"

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        equity_atoms = margin_of(account, ledger.markets).equity_atoms
        if equity_atoms >= 0:
            return super()._absorb(body, ledger)
        capacity_atoms = self.capacity_atoms(ledger, account.asset)
        return (ShortfallDeclared(body.liquidation_id, body.account, "bankruptcy", -equity_atoms, capacity_atoms),)
