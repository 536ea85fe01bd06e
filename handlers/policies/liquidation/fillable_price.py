"""dYdX v4: once a block a part of a position is offered down to its fillable price."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

import msgspec

from ...conversion import in_asset
from ...inventory import money_atoms
from ...valuation import BPS, MICRO, requirement_without
from ..fund.fee_capped import bankruptcy_quote
from .paced import PacedSteps
from .step import Situation, Step

__all__ = ["FillableParameters", "FillablePrice", "block_lots", "fillable_price", "fillable_value"]


class FillableParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`bankruptcy_adjustment_ppm` (BA), `spread_to_maintenance_ppm` (SMMR), and what one block of `pause_ns` allows.

    An account has one order a block: for at most `portion_ppm_max` of a position, but in any case for
    `portion_min_atoms` of notional, and for at most `block_notional_max_atoms`. The fund loses no more than
    `block_fund_loss_max_atoms` by it. The last two bound nothing where they are 0. A scenario that states none of the
    amounts gets those of the mainnet's genesis.
    """

    unstated: ClassVar[Mapping[str, int]] = {
        "portion_min": 1_000,
        "block_notional_max": 100_000,
        "block_fund_loss_max": 1_000_000,
    }

    bankruptcy_adjustment_ppm: int = 1_000_000
    spread_to_maintenance_ppm: int = 1_500_000
    portion_ppm_max: int = 100_000
    portion_min_atoms: int = 0
    block_notional_max_atoms: int = 0
    block_fund_loss_max_atoms: int = 0
    pause_ns: int = 1_000_000_000
    restored_bps: int = 10_000

    def __post_init__(self) -> None:
        """Refuse an end below the requirement, orders for nothing, and orders without end in one instant."""
        figures = (self.bankruptcy_adjustment_ppm, self.spread_to_maintenance_ppm)
        amounts = (self.portion_min_atoms, self.block_notional_max_atoms, self.block_fund_loss_max_atoms)
        portion = 0 < self.portion_ppm_max <= MICRO
        if min(*figures, *amounts) < 0 or not portion or self.restored_bps < BPS or self.pause_ns < 1:
            message = (
                "bankruptcy_adjustment_ppm, spread_to_maintenance_ppm and the amounts must not be negative,"
                " portion_ppm_max lie in 1..1000000, restored_bps be at least 10000, pause_ns at least 1"
            )
            raise ValueError(message)


class FillablePrice(PacedSteps[FillableParameters]):
    """limit = (PNNV - clamp(BA x (1 - TNC / TMMR), 0, 1) x SMMR x PMMR) / PS, to a tick: up for a sale, down for a buy.

    1. PNNV is the position's value at the oracle price, PMMR its requirement, PS its size; TNC and TMMR are the
       account's equity and requirement.
    2. lots = what `block_lots` allows of the position that needs most margin; what is left goes on in the next block. A
       block of an account begins with its order, also with one of an earlier liquidation.
    3. A fill below the bankruptcy price is paid by the fund, and only as far as it has the money and the block's bound
       allows it: the limit is no worse than that.
    4. An account that is negative, and of whose order nothing was filled, is handed over, to be deleveraged; one that
       is not is offered again.

    Source: dydxprotocol/v4-chain, x/clob/keeper/liquidations.go: GetFillablePrice, GetLiquidatablePositionSizeDelta,
    ConvertFillablePriceToSubticks, LiquidateSubaccountsAgainstOrderbook.
    """

    policy: ClassVar[str] = "fillable-price"
    version: ClassVar[str] = "3"
    formula: ClassVar[str] = (
        "(PNNV - clamp(BA x (1 - TNC/TMMR), 0, 1) x SMMR x PMMR) / PS, for min(max(portion_ppm_max, portion_min), "
        "block_notional_max) of the position a block"
    )
    source: ClassVar[str] = "dydxprotocol/v4-chain x/clob/keeper/liquidations.go"
    Parameters: ClassVar[type[msgspec.Struct]] = FillableParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Negative, and nobody takes a single lot at a price that the fund can pay for."""
        order, noted = situation.liquidation.order, self.last_order(situation)
        nothing = unfilled and order is not None and noted is not None and order.left_lots == noted[1]
        negative = situation.margin.equity_atoms < 0
        return "negative, and no fill at the fillable price" if negative and nothing else None

    def step(self, situation: Situation) -> Step:
        """What a block allows, at the fillable price, or at what the fund can pay for if that is better."""
        held, payoff = situation.held, situation.market.payoff
        lots = block_lots(situation.lots, situation.worth_atoms, self.rules)
        part_lots = lots if held.size_lots > 0 else -lots
        fillable_ticks = payoff.price_at_least(held.size_lots, _ceiling(self._value(situation)))
        payable_ticks = payoff.price_at_least(part_lots, self._value_payable(situation, part_lots))
        better = max if held.size_lots > 0 else min
        limit_ticks = max(1, better(fillable_ticks, payable_ticks))
        return Step(lots, limit_ticks, (self.noted(situation, lots),))

    def _value(self, situation: Situation) -> Fraction:
        market, held = situation.market, situation.held
        return fillable_value(
            market.payoff.value_atoms(held.size_lots, market.mark_ticks),
            Fraction(situation.requirement_microatoms, MICRO),
            situation.margin.equity_atoms,
            Fraction(situation.margin.requirement_microatoms, MICRO),
            self.rules.bankruptcy_adjustment_ppm,
            self.rules.spread_to_maintenance_ppm,
        )

    def _value_payable(self, situation: Situation, part_lots: int) -> int:
        """What so many lots, signed as held, have to bring so that the fund can pay the rest of what they should."""
        ledger, market, margin = situation.ledger, situation.market, situation.margin
        worth = market.payoff.value_atoms(part_lots, market.mark_ticks)
        left = requirement_without(situation.account, ledger, situation.key, abs(part_lots))
        money = money_atoms(ledger, ledger.fund_of(situation.key[0]))
        most = in_asset(ledger, market.listing.asset, self.rules.block_fund_loss_max_atoms)
        required = margin.requirement_microatoms
        due = bankruptcy_quote(-worth, left - required, margin.equity_atoms, required)
        return due - (min(money, most) if self.rules.block_fund_loss_max_atoms else money)


def block_lots(lots: int, notional: int, rules: FillableParameters) -> int:
    """How many of so many lots, worth `notional` atoms of the first asset, a block allows: at least one."""
    most = max(notional * rules.portion_ppm_max // MICRO, min(rules.portion_min_atoms, notional))
    if rules.block_notional_max_atoms:
        most = min(most, rules.block_notional_max_atoms)
    return lots if notional <= most else max(1, lots * most // notional)


def fillable_value(
    value: int, requirement: Fraction, equity: int, total_requirement: Fraction, adjustment_ppm: int, spread_ppm: int
) -> Fraction:
    """What the whole position may be sold for at the least (bought back for at the most, negative), exact.

    `value` is signed like the position. Without a requirement there is nothing to spread: the value itself.
    """
    if total_requirement <= 0:
        return Fraction(value)
    rating = Fraction(adjustment_ppm, MICRO) * (1 - Fraction(equity, total_requirement))
    clamped = min(max(rating, Fraction(0)), Fraction(1))
    return value - clamped * Fraction(spread_ppm, MICRO) * requirement


def fillable_price(size: int, closed: int, value: Fraction) -> Fraction:
    """`fillable_value` per unit of a signed size, in the units of value and size, exact; the same for all of it.

    Raises ValueError where `closed`, signed like a trade, does not reduce the position.
    """
    if size * closed >= 0 or abs(closed) > abs(size):
        message = f"a trade of {closed} does not reduce a position of {size}; give one of the other sign"
        raise ValueError(message)
    return Fraction(value, size)


def _ceiling(amount: Fraction) -> int:
    return -(-amount.numerator // amount.denominator)
