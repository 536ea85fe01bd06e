"""dYdX v4: every fill of a forced order is settled with the fund against its bankruptcy price."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled
from ....events.bodies.waterfall import InsuranceFundCredited, InsuranceFundDebited
from ....events.ledger import Account, LedgerState
from ...insurance_fund import FundParameters, InsuranceFund
from ...protocol import Product
from ...valuation import MICRO, maintenance_microatoms, margin_of

__all__ = ["FeeCapped", "FeeCappedParameters", "bankruptcy_quote", "fund_delta"]


class FeeCappedParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """`fee_ppm_max` of a fill's value is the most that the fund takes; `fee_bps` and `capital_bps` have no say here."""

    fee_ppm_max: int = 5_000

    def __post_init__(self) -> None:
        """Refuse a negative fee."""
        super().__post_init__()
        if self.fee_ppm_max < 0:
            message = "fee_ppm_max must not be negative"
            raise ValueError(message)


class FeeCapped(InsuranceFund):
    """delta = fill - bankruptcy quote; above zero at most `fee_ppm_max` of |fill|, below zero at most what there is.

    The bankruptcy quote is `bankruptcy_quote` for the lots of the fill in the account as it was before it; several
    fills of one order are told when all are booked, and each is judged as if it were the last. This fund takes no
    position over: an account that is handed over with positions is deleveraged. Source: dydxprotocol/v4-chain,
    x/clob/keeper/liquidations.go: GetLiquidationInsuranceFundDelta, IsValidInsuranceFundDelta.
    """

    policy: ClassVar[str] = "fee-capped"
    formula: ClassVar[str] = "min(fill - bankruptcy, fee_ppm_max x |fill|), not below what the fund has"
    source: ClassVar[str] = "dydxprotocol/v4-chain x/clob/keeper/liquidations.go"
    Parameters: ClassVar[type[msgspec.Struct]] = FeeCappedParameters

    def __init__(self, parameters: FeeCappedParameters) -> None:
        super().__init__(parameters)
        self.fee_ppm_max = parameters.fee_ppm_max

    def _fee(self, fill: LiquidationFilled, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[fill.account]
        if account.kind != "user":
            return ()
        fund = ledger.fund_of(fill.instrument)
        delta = fund_delta(-fill.value_atoms, _bankruptcy_quote_of(fill, account, ledger), self.fee_ppm_max)
        if delta > 0:
            return (InsuranceFundCredited(fill.liquidation_id, fill.account, fund, delta),)
        payable = min(-delta, self.money_atoms(ledger, fund))
        return (InsuranceFundDebited(fill.liquidation_id, fill.account, fund, payable),) if payable else ()

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        if not account.positions:
            return super()._absorb(body, ledger)
        needed_atoms = max(0, -margin_of(account, ledger).equity_atoms)
        return (self.shortfall(body.liquidation_id, body.account, "bankruptcy", needed_atoms, ledger),)


def bankruptcy_quote(change_in_value: int, change_in_requirement: int, equity: int, requirement: int) -> int:
    """-(dNC) - floor(TNC x |dMMR| / TMMR): what the account has to receive (pays, negative) so that it stays even.

    Requirements are in any unit, the same for both; without a requirement the whole equity is the closing's.
    """
    share = equity * abs(change_in_requirement) // requirement if requirement else equity
    return -change_in_value - share


def fund_delta(fill: int, bankruptcy: int, fee_ppm_max: int) -> int:
    """What the fund receives (pays, negative) of a fill, both signed as the account receives (pays, negative) them."""
    delta = fill - bankruptcy
    return min(delta, abs(fill) * fee_ppm_max // MICRO) if delta > 0 else delta


def _bankruptcy_quote_of(fill: LiquidationFilled, account: Account, ledger: LedgerState) -> int:
    """For the account as it was before this fill, which is in the ledger already."""
    market, after = ledger.markets[fill.instrument], margin_of(account, ledger)
    worth = market.payoff.value_atoms(fill.size_lots, market.mark_ticks)
    held = account.positions.get((fill.instrument, fill.leg))
    lots = 0 if held is None else held.size_lots
    now, before = (
        maintenance_microatoms(market.tiers, abs(market.payoff.value_atoms(size, market.mark_ticks)))
        for size in (lots, lots - fill.size_lots)
    )
    equity = after.equity_atoms - worth + fill.value_atoms
    return bankruptcy_quote(worth, now - before, equity, after.requirement_microatoms - now + before)
