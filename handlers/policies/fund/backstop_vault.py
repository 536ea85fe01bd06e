"""Hyperliquid: a vault takes over whoever is still worth something; whoever is not is deleveraged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ....events.bodies.liquidation import BankruptcyDeclared
from ....events.ledger import LedgerState
from ...insurance_fund import FundParameters, InsuranceFund, Payment
from ...protocol import Product
from ...valuation import margin_of

__all__ = ["BackstopVault", "BackstopVaultParameters"]


class BackstopVaultParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """As the plain fund, but for a vault that pays nobody's debt."""

    payment: Payment = "none"


class BackstopVault(InsuranceFund):
    """A takeover only of an account whose value is not negative; a negative one is a shortfall, whatever there is.

    The vault is the insurance fund's account: it receives the positions with the account's equity, by the bankruptcy
    value, within its capital. With `payment = "none"` it never pays for what an account owes beyond its equity. Source:
    Hyperliquid docs, trading/liquidations and trading/auto-deleveraging.
    """

    policy: ClassVar[str] = "backstop-vault"
    formula: ClassVar[str] = "takes over where equity >= 0, else a shortfall of -equity"
    source: ClassVar[str] = "Hyperliquid docs, trading/liquidations and trading/auto-deleveraging"
    Parameters: ClassVar[type[msgspec.Struct]] = BackstopVaultParameters

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        equity_atoms = margin_of(account, ledger).equity_atoms
        if equity_atoms >= 0 or not account.positions:
            return super()._absorb(body, ledger)
        return (self.shortfall(body.liquidation_id, body.account, "bankruptcy", -equity_atoms, ledger),)
