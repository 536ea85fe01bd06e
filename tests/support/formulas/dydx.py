"""dYdX v4: margin, liquidatability and the bankruptcy price, in whole quantums.

1. A position of b base quantums is worth `b x price` quote quantums, rounded toward zero; its maintenance requirement
   is that without sign times the margin fraction, rounded up.
2. An account is liquidatable iff its requirement is above zero and its net collateral below it, strictly.
3. Bankruptcy price of closing `delta` base quantums, in quote quantums for the whole delta (negative: paid):
   `-DNNV - floor(TNC x |DMMR| / TMMR)`, DNNV and DMMR being what net notional and requirement change by. The division
   is floored *before* it is subtracted, so the result is rounded up; floor is toward minus infinity, also if TNC < 0.
4. A delta of zero, of the position's own sign or larger than the position is an error
   (`ErrInvalidPerpetualPositionSizeDelta`).

Source: dydxprotocol/v4-chain@84d4664, x/clob/keeper/liquidations.go and its tests; lib/quantums.go for rule 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

__all__ = ["Holding", "Perpetual", "Risk", "bankruptcy_price_quote_quantums", "is_liquidatable", "risk_of"]

_PPM = 10**6


class Perpetual(NamedTuple):
    """The oracle price in quote quantums per base quantum, and the maintenance margin fraction."""

    price: Fraction
    maintenance_ppm: int


class Holding(NamedTuple):
    """A subaccount: its quote balance in quantums and its positions in base quantums, by perpetual."""

    quote_quantums: int
    positions: Mapping[str, int]


class Risk(NamedTuple):
    """Net collateral and maintenance requirement in quote quantums."""

    collateral: int
    requirement: int


def risk_of(holding: Holding, perpetuals: Mapping[str, Perpetual]) -> Risk:
    """TNC and TMMR of a subaccount; O(positions)."""
    risks = [_position_risk(base, perpetuals[name]) for name, base in holding.positions.items()]
    return Risk(holding.quote_quantums + sum(r.collateral for r in risks), sum(r.requirement for r in risks))


def is_liquidatable(risk: Risk) -> bool:
    """Whether net collateral is below a requirement that is above zero; equal is not."""
    return 0 < risk.requirement > risk.collateral


def bankruptcy_price_quote_quantums(
    holding: Holding, perpetuals: Mapping[str, Perpetual], perpetual: str, delta_base_quantums: int
) -> int:
    """What closing the delta must bring so that its share of the collateral is used up; rounded up.

    Raises ValueError for a delta that does not reduce the position, and for an account that has no requirement.
    """
    held = holding.positions.get(perpetual, 0)
    if held * delta_base_quantums >= 0 or abs(delta_base_quantums) > abs(held):
        message = f"a delta of {delta_base_quantums} does not reduce {held} of {perpetual}; give one of the other sign"
        raise ValueError(message)
    total, one = risk_of(holding, perpetuals), perpetuals[perpetual]
    if not total.requirement:
        message = f"the account has no requirement to share its collateral by; {perpetual} needs a margin fraction"
        raise ValueError(message)
    before, after = _position_risk(held, one), _position_risk(held + delta_base_quantums, one)
    share = total.collateral * abs(after.requirement - before.requirement) // total.requirement
    return before.collateral - after.collateral - share


def _position_risk(base_quantums: int, perpetual: Perpetual) -> Risk:
    """What a position is worth and what it requires."""
    exact = abs(base_quantums) * perpetual.price
    notional = exact.numerator // exact.denominator
    requirement = -(-notional * perpetual.maintenance_ppm // _PPM)
    return Risk(notional if base_quantums > 0 else -notional, requirement)
