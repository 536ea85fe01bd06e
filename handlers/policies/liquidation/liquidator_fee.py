"""Drift: a liquidator takes just enough of the position to cover the shortage, at the oracle price less a fee."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import msgspec

from ...valuation import BPS, MICRO
from .ruled import RuledSteps
from .step import Situation, Step

__all__ = ["LiquidatorFee", "LiquidatorFeeParameters", "base_to_cover", "insurance_fee", "transfer_price"]

_SHARE_OF_ROOM = Fraction(95, 100)


class LiquidatorFeeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`liquidator_fee_ppm` of the price is the liquidator's, up to `insurance_fee_ppm` of the value the fund's."""

    liquidator_fee_ppm: int = 10_000
    insurance_fee_ppm: int = 10_000
    pause_ns: int = 1_000_000_000
    restored_bps: int = 11_000

    def __post_init__(self) -> None:
        """Refuse fees that are no part of the price, an end below the requirement and orders without end."""
        fees = 0 <= self.liquidator_fee_ppm < MICRO and 0 <= self.insurance_fee_ppm < MICRO
        if not fees or self.restored_bps < BPS or self.pause_ns < 1:
            message = "the fees must lie in 0..999999 ppm, restored_bps be at least 10000, pause_ns at least 1"
            raise ValueError(message)


class LiquidatorFee(RuledSteps[LiquidatorFeeParameters]):
    """base = shortage / (P x (MR - liq_fee) - P x if_fee), rounded up to a lot; transfer at P x (1 -/+ liq_fee).

    P is the price that margin is tested at (the oracle's; the mark here), MR the position's requirement over its
    notional times `restored_bps`, shortage what equity lacks of that share of the requirement, if_fee as
    `insurance_fee` has it for the fee that the whole position would allow. Where the fees leave no room, the whole
    position goes. The transfer goes on below zero equity; what the account then lacks is bankruptcy. Whoever fills the
    order is the market's choice: with the market policy `liquidator` all of it is worth the transfer price. Source:
    drift-labs/protocol-v2, programs/drift/src/math/liquidation.rs.
    """

    policy: ClassVar[str] = "liquidator-fee"
    formula: ClassVar[str] = "shortage / (P x (MR - liq_fee) - P x if_fee) at P x (1 -/+ liq_fee)"
    source: ClassVar[str] = "drift-labs/protocol-v2 programs/drift/src/math/liquidation.rs"
    Parameters: ClassVar[type[msgspec.Struct]] = LiquidatorFeeParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Never with a position: the liquidators take it all first."""
        return None

    def pause_ns(self, situation: Situation) -> int:
        """None after a transfer, `pause_ns` where no liquidator took a part."""
        last = situation.liquidation.order
        return self.rules.pause_ns if last is not None and last.left_lots else 0

    def step(self, situation: Situation) -> Step:
        """As much as covers the shortage, at the transfer price."""
        market, held, rules = situation.market, situation.held, self.rules
        price = transfer_price(market.mark_ticks, held.size_lots, rules.liquidator_fee_ppm)
        return Step(self._lots(situation), max(1, price))

    def _lots(self, situation: Situation) -> int:
        rules, notional = self.rules, situation.notional_atoms
        if not notional:
            return situation.lots
        ratio = Fraction(situation.requirement_microatoms * rules.restored_bps, notional * MICRO * BPS)
        needed = Fraction(situation.margin.requirement_microatoms * rules.restored_bps, MICRO * BPS)
        shortage, liquidator_fee = needed - situation.margin.equity_atoms, Fraction(rules.liquidator_fee_ppm, MICRO)
        most = Fraction(rules.insurance_fee_ppm, MICRO)
        fund_fee = insurance_fee(shortage, Fraction(notional), ratio, liquidator_fee, most)
        base = base_to_cover(shortage, Fraction(notional, situation.lots), Fraction(1), ratio, liquidator_fee, fund_fee)
        return situation.lots if base is None else max(1, min(situation.lots, -(-base.numerator // base.denominator)))


def base_to_cover(
    shortage: Fraction, price: Fraction, quote: Fraction, ratio: Fraction, liquidator_fee: Fraction, fund_fee: Fraction
) -> Fraction | None:
    """How much has to be transferred until the shortage is gone; None where no amount is enough. Exact."""
    gained = price * quote * (ratio - liquidator_fee) - price * fund_fee
    return Fraction(shortage, gained) if gained > 0 else None


def insurance_fee(
    shortage: Fraction, value: Fraction, ratio: Fraction, liquidator_fee: Fraction, most: Fraction
) -> Fraction:
    """clamp(0.95 x (MR - liq_fee - shortage / value), 0, most), `value` being base x price of what is transferred."""
    room = _SHARE_OF_ROOM * (ratio - liquidator_fee - Fraction(shortage, value))
    return min(max(room, Fraction(0)), most)


def transfer_price(price_ticks: int, size_lots: int, fee_ppm: int) -> int:
    """Price x (1 - fee) for a long, price x (1 + fee) for a short, to a whole tick against the account."""
    if size_lots > 0:
        return price_ticks * (MICRO - fee_ppm) // MICRO
    return -(-price_ticks * (MICRO + fee_ppm) // MICRO)
