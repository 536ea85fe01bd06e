"""Drift: of each transfer the fund takes what room the margin leaves beside the liquidator's fee."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import ClassVar

import msgspec

from ....events.bodies.liquidation import LiquidationFilled
from ....events.bodies.waterfall import InsuranceFundCredited
from ....events.ledger import LedgerState
from ...insurance_fund import FundParameters, InsuranceFund
from ...protocol import Product
from ...valuation import BPS, MICRO, maintenance_microatoms, margin_of
from ..liquidation.liquidator_fee import insurance_fee

__all__ = ["InsuranceFee", "InsuranceFeeParameters"]


class InsuranceFeeParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """At most `fee_ppm_max` of a transfer's value; `restored_bps` as the liquidation has it; `fee_bps` has no say."""

    fee_ppm_max: int = 10_000
    restored_bps: int = 11_000

    def __post_init__(self) -> None:
        """Refuse a negative fee."""
        super().__post_init__()
        if self.fee_ppm_max < 0 or self.restored_bps < BPS:
            message = "fee_ppm_max must not be negative, restored_bps be at least 10000"
            raise ValueError(message)


class InsuranceFee(InsuranceFund):
    """fee = base x P x clamp(0.95 x (MR - liq_fee - shortage / (base x P)), 0, fee_ppm_max), within the equity.

    Everything as it was before the transfer: P the mark, MR the position's requirement over its notional times
    `restored_bps`, liq_fee what the transfer was priced under P. Rounded down. Otherwise it is the plain fund. Source:
    drift-labs/protocol-v2, programs/drift/src/math/liquidation.rs: calculate_perp_if_fee.
    """

    policy: ClassVar[str] = "insurance-fee"
    formula: ClassVar[str] = "clamp(0.95 x (MR - liq_fee - shortage / (base x P)), 0, fee_ppm_max) of base x P"
    source: ClassVar[str] = "drift-labs/protocol-v2 programs/drift/src/math/liquidation.rs"
    Parameters: ClassVar[type[msgspec.Struct]] = InsuranceFeeParameters

    def __init__(self, parameters: InsuranceFeeParameters) -> None:
        """Keep the cap beside the fund's own rules."""
        super().__init__(parameters)
        self.fee_ppm_max, self.restored_bps = parameters.fee_ppm_max, parameters.restored_bps

    def _fee(self, fill: LiquidationFilled, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[fill.account]
        if account.kind != "user":
            return ()
        after = margin_of(account, ledger.markets)
        fee_atoms = min(self._fee_atoms(fill, ledger), after.equity_atoms)
        if fee_atoms <= 0:
            return ()
        return (InsuranceFundCredited(fill.liquidation_id, fill.account, ledger.fund_of(fill.instrument), fee_atoms),)

    def _fee_atoms(self, fill: LiquidationFilled, ledger: LedgerState) -> int:
        account, market = ledger.accounts[fill.account], ledger.markets[fill.instrument]
        after, worth = margin_of(account, ledger.markets), market.payoff.value_atoms(fill.size_lots, market.mark_ticks)
        held = account.positions.get((fill.instrument, fill.leg))
        lots = 0 if held is None else held.size_lots
        values = [abs(market.payoff.value_atoms(size, market.mark_ticks)) for size in (lots, lots - fill.size_lots)]
        now, before = (maintenance_microatoms(market.listing.tiers, value) for value in values)
        if not worth or not values[1]:
            return 0
        scale = Fraction(self.restored_bps, MICRO * BPS)
        equity = after.equity_atoms - worth + fill.value_atoms
        shortage = (after.requirement_microatoms - now + before) * scale - equity
        priced_under = Fraction(abs(fill.value_atoms - worth), abs(worth))
        ratio = Fraction(before * scale, values[1])
        fee = insurance_fee(shortage, Fraction(abs(worth)), ratio, priced_under, Fraction(self.fee_ppm_max, MICRO))
        owed = fee * abs(worth)
        return owed.numerator // owed.denominator
