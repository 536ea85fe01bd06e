"""dYdX v4: the whole position is offered down to its fillable price."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import msgspec

from ...inventory import money_atoms
from ...valuation import BPS, MICRO, bankruptcy_values
from .ruled import RuledSteps
from .step import Situation, Step

__all__ = ["FillableParameters", "FillablePrice", "fillable_price", "fillable_value"]


class FillableParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`bankruptcy_adjustment_ppm` (BA), `spread_to_maintenance_ppm` (SMMR); `pause_ns` between two tries (a block)."""

    bankruptcy_adjustment_ppm: int = 1_000_000
    spread_to_maintenance_ppm: int = 100_000
    pause_ns: int = 1_000_000_000
    restored_bps: int = 10_000

    def __post_init__(self) -> None:
        """Refuse an end below the requirement and orders without end in one instant."""
        figures = min(self.bankruptcy_adjustment_ppm, self.spread_to_maintenance_ppm)
        if figures < 0 or self.restored_bps < BPS or self.pause_ns < 1:
            message = (
                "bankruptcy_adjustment_ppm and spread_to_maintenance_ppm must not be negative, restored_bps be at least"
                " 10000, pause_ns at least 1"
            )
            raise ValueError(message)


class FillablePrice(RuledSteps[FillableParameters]):
    """limit = (PNNV - clamp(BA x (1 - TNC / TMMR), 0, 1) x SMMR x PMMR) / PS, to a tick: up for a sale, down for a buy.

    PNNV is the position's value at the mark, PMMR its requirement, PS its size; TNC and TMMR are the account's equity
    and requirement. A fill below the bankruptcy price is paid by the fund, and only as far as it has the money: the
    limit is no worse than that. An account that is negative and found nobody is handed over, to be deleveraged; one
    that is not is offered again. Source: dydxprotocol/v4-chain, x/clob/keeper/liquidations.go: GetFillablePrice,
    ConvertFillablePriceToSubticks.
    """

    policy: ClassVar[str] = "fillable-price"
    formula: ClassVar[str] = "(PNNV - clamp(BA x (1 - TNC/TMMR), 0, 1) x SMMR x PMMR) / PS"
    source: ClassVar[str] = "dydxprotocol/v4-chain x/clob/keeper/liquidations.go"
    Parameters: ClassVar[type[msgspec.Struct]] = FillableParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Negative, and nobody takes it at a price that the fund can pay for."""
        negative = situation.margin.equity_atoms < 0
        return "negative, and no fill at the fillable price" if negative and unfilled else None

    def pause_ns(self, situation: Situation) -> int:
        """None after a fill, a block after an order that found nobody for a part."""
        last = situation.liquidation.order
        return self.rules.pause_ns if last is not None and last.left_lots else 0

    def step(self, situation: Situation) -> Step:
        """The whole position at the fillable price, or at what the fund can pay for if that is better."""
        value_atoms = max(_ceiling(self._value(situation)), self._value_payable(situation))
        price_ticks = situation.market.payoff.price_at_least(situation.held.size_lots, value_atoms)
        return Step(situation.lots, max(1, price_ticks))

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

    def _value_payable(self, situation: Situation) -> int:
        """What the position has to bring so that the fund can pay the rest of its bankruptcy value."""
        ledger = situation.ledger
        money = money_atoms(ledger, ledger.fund_of(situation.key[0]))
        return bankruptcy_values(situation.account, ledger)[situation.key] - money


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
