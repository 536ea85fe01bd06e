"""Drift: the fund takes what room the margin leaves beside the liquidator's fee, and pays up to a cap a market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import ClassVar

import msgspec

from ....events.bodies.liquidation import LiquidationFilled
from ....events.bodies.venue import HandlerStateNoted
from ....events.bodies.waterfall import (
    InsuranceFundCredited,
    InsuranceFundDebited,
    ShortfallDeclared,
    ShortfallTrigger,
)
from ....events.ledger import Account, LedgerState
from ...conversion import in_asset
from ...insurance_fund import FundParameters, InsuranceFund
from ...protocol import Product
from ...valuation import BPS, MICRO, maintenance_microatoms, margin_of
from ..liquidation.liquidator_fee import insurance_fee

__all__ = ["InsuranceFee", "InsuranceFeeParameters"]

_NOTE = "paid for market {}"


class InsuranceFeeParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """At most `fee_ppm_max` of a transfer's value; `restored_bps` as the liquidation has it; `fee_bps` has no say.

    `market_payment_max_atoms` is the most that the fund ever pays for the debts of one market. A scenario that does not
    state it gets what the venue allows a market of its safest tier.
    """

    unstated: ClassVar[Mapping[str, int]] = {"market_payment_max": 100_000_000}

    fee_ppm_max: int = 10_000
    restored_bps: int = 11_000
    market_payment_max_atoms: int = 2**63 - 1

    def __post_init__(self) -> None:
        """Refuse a negative fee or cap."""
        super().__post_init__()
        if min(self.fee_ppm_max, self.market_payment_max_atoms) < 0 or self.restored_bps < BPS:
            message = "fee_ppm_max and market_payment_max must not be negative, restored_bps be at least 10000"
            raise ValueError(message)


class InsuranceFee(InsuranceFund):
    """fee = transferred x P x clamp(0.95 x (MR - liq_fee - shortage / (base x P)), 0, fee_ppm_max), within the equity.

    1. Everything as it was before the transfer: P the oracle price, base the whole position, MR its requirement over
       its notional times `restored_bps`, liq_fee what the transfer was priced under P. Rounded down.
    2. payment = min(debt, what the fund has over its floor, `market_payment_max` - what it has paid for this market).
       The market is the one that the account's liquidation traded last. What was paid is in the ledger
       (`ledger.notes`).
    3. Otherwise it is the plain fund.

    Source: drift-labs/protocol-v2, programs/drift/src/math/liquidation.rs: calculate_perp_if_fee;
    controller/liquidation.rs: resolve_perp_bankruptcy.
    """

    policy: ClassVar[str] = "insurance-fee"
    version: ClassVar[str] = "4"
    formula: ClassVar[str] = "clamp(0.95 x (MR - liq_fee - shortage / (base x P)), 0, fee_ppm_max) of transferred x P"
    source: ClassVar[str] = "drift-labs/protocol-v2 programs/drift/src/math/liquidation.rs"
    Parameters: ClassVar[type[msgspec.Struct]] = InsuranceFeeParameters

    def __init__(self, parameters: InsuranceFeeParameters) -> None:
        super().__init__(parameters)
        self.fee_ppm_max, self.restored_bps = parameters.fee_ppm_max, parameters.restored_bps
        self.market_payment_max_atoms = parameters.market_payment_max_atoms

    def payable_atoms(self, owed_atoms: int, account: Account, ledger: LedgerState) -> int:
        """As the plain fund, and no more than is left of the market's cap."""
        left_atoms = self._left_atoms(account, ledger)
        if self.rules.payment == "whole" and owed_atoms > left_atoms:
            return 0
        return min(super().payable_atoms(owed_atoms, account, ledger), left_atoms)

    def shortfall(
        self,
        liquidation_id: int | None,
        account: int,
        trigger: ShortfallTrigger,
        needed_atoms: int,
        ledger: LedgerState,
        *,
        fund: int | None = None,
        paid_atoms: int = 0,
        gained_atoms: int = 0,
    ) -> ShortfallDeclared:
        """As the plain fund; of its cash it can pay out what is left of the market's cap."""
        amounts = {"paid_atoms": paid_atoms, "gained_atoms": gained_atoms}
        said = super().shortfall(liquidation_id, account, trigger, needed_atoms, ledger, fund=fund, **amounts)
        if ledger.accounts[account].kind == "insurance" or said.cash_atoms is None:
            return said
        left_atoms = self._left_atoms(ledger.accounts[account], ledger) - paid_atoms
        return msgspec.structs.replace(said, cash_atoms=min(said.cash_atoms, left_atoms))

    def _left_atoms(self, account: Account, ledger: LedgerState) -> int:
        """What of its market's cap has not been paid yet."""
        most_atoms = in_asset(ledger, account.asset, self.market_payment_max_atoms)
        return max(0, most_atoms - _paid_for(_market_of(account, ledger), ledger))

    def _paid(self, liquidation_id: int, account: Account, ledger: LedgerState) -> list[Product]:
        """The plain fund's, and what has been paid for the market by now."""
        products = super()._paid(liquidation_id, account, ledger)
        paid_atoms = sum(body.amount_atoms for body in products if isinstance(body, InsuranceFundDebited))
        market = _market_of(account, ledger)
        if market is None or not paid_atoms:
            return products
        total_atoms = _paid_for(market, ledger) + paid_atoms
        return [*products, HandlerStateNoted(self.name, _NOTE.format(market), (total_atoms,))]

    def _fee(self, fill: LiquidationFilled, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[fill.account]
        if account.kind != "user":
            return ()
        after = margin_of(account, ledger)
        fee_atoms = min(self._fee_atoms(fill, ledger), after.equity_atoms)
        if fee_atoms <= 0:
            return ()
        return (InsuranceFundCredited(fill.liquidation_id, fill.account, ledger.fund_of(fill.instrument), fee_atoms),)

    def _fee_atoms(self, fill: LiquidationFilled, ledger: LedgerState) -> int:
        account, market = ledger.accounts[fill.account], ledger.markets[fill.instrument]
        after, worth = margin_of(account, ledger), market.payoff.value_atoms(fill.size_lots, market.mark_ticks)
        held = account.positions.get((fill.instrument, fill.leg))
        lots = 0 if held is None else held.size_lots
        values = [abs(market.payoff.value_atoms(size, market.mark_ticks)) for size in (lots, lots - fill.size_lots)]
        now, before = (maintenance_microatoms(market.tiers, value) for value in values)
        if not worth or not values[1]:
            return 0
        scale = Fraction(self.restored_bps, MICRO * BPS)
        equity = after.equity_atoms - worth + fill.value_atoms
        shortage = (after.requirement_microatoms - now + before) * scale - equity
        priced_under = Fraction(abs(fill.value_atoms - worth), abs(worth))
        ratio = Fraction(before * scale, values[1])
        fee = insurance_fee(shortage, Fraction(values[1]), ratio, priced_under, Fraction(self.fee_ppm_max, MICRO))
        owed = fee * abs(worth)
        return owed.numerator // owed.denominator


def _market_of(account: Account, ledger: LedgerState) -> int | None:
    """The market whose debt it is."""
    number = account.liquidation_id
    return None if number is None else ledger.liquidations[number].last_instrument


def _paid_for(market: int | None, ledger: LedgerState) -> int:
    """What the fund has paid for the debts of a market so far."""
    return ledger.notes.get((InsuranceFee.name, _NOTE.format(market)), (0,))[0]
