"""Aave v3: a keeper repays a part of the debt and takes collateral at a bonus. The rules of v3.3 and later.

Sources: aave-dao/aave-v3-origin at fd1fbd9, GenericLogic (values, health factor), LiquidationLogic (close factor,
amounts, dust), ValidationLogic (strict), docs/3.7/liquidation-rounding.md (rounding), docs/3.3 (close factor of the
whole position).

1. Unsafe iff the health factor is under 1, strictly.
2. Close factor: 50% of all that the account owes, but all of the debt in the asset where the health factor is at or
   under 0.95, or where the debt or the collateral of the pair is worth less than `least_value`.
3. What is taken is what is repaid at the oracle's prices with the bonus on top, rounded down; where the account has
   less, all of it, and less is repaid, rounded up. Of the bonus the protocol has its share, rounded up.
4. What is left of a pair is worth at least `least_left` on both sides, or nothing on one.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from .worth import BPS, WAD, AssetQuote, Health, ceil_div, collateral_value, debt_value, rounded

__all__ = ["CloseFactor", "Seizure", "close_factor", "factor_wad", "leaves_dust", "seizure"]


class CloseFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`share_bps` of all debts at once; all of a debt at `whole_health_ppm` or under, or below `least_value_atoms`."""

    share_bps: int = 5_000
    whole_health_ppm: int = 950_000
    least_value_atoms: int = 2_000 * 10**8
    least_left_atoms: int = 1_000 * 10**8


class Seizure(NamedTuple):
    """What is repaid, what of the collateral the keeper gets, and what the protocol does."""

    repaid: int
    taken: int
    fee: int


def close_factor(
    rules: CloseFactor, health: Health, debt: int, collateral_worth: int, quote: AssetQuote
) -> tuple[int, int]:
    """How much of a debt may be repaid at once, and the close factor in basis points that it comes of."""
    debt_worth = debt_value(debt, quote)
    small = collateral_worth < rules.least_value_atoms or debt_worth < rules.least_value_atoms
    low = health.weighted * 10**6 <= rules.whole_health_ppm * health.scale * health.debt
    if small or low:
        return debt, BPS
    most = rounded(health.debt * rules.share_bps, BPS)
    return (debt if debt_worth <= most else min(debt, most * quote.unit // quote.price)), rules.share_bps


def seizure(
    repay: int, balance: int, debt: AssetQuote, collateral: AssetQuote, bonus_bps: int, fee_bps: int
) -> Seizure:
    """What a keeper who offers `repay` gets of a balance of collateral; `bonus_bps` is 10500 for a bonus of 5%."""
    plain = debt.price * repay * collateral.unit // (collateral.price * debt.unit)
    taken = plain * bonus_bps // BPS
    if taken > balance:
        taken = balance
        worth = collateral.price * balance * debt.unit // (debt.price * collateral.unit)
        repay = ceil_div(worth * BPS, bonus_bps)
    fee = ceil_div((taken - taken * BPS // bonus_bps) * fee_bps, BPS) if fee_bps else 0
    return Seizure(repay, taken - fee, fee)


def leaves_dust(
    rules: CloseFactor, debt_left: int, collateral_left: int, debt: AssetQuote, collateral: AssetQuote
) -> bool:
    """Whether so little would be left on one side that nobody would ever come for it."""
    if not debt_left or not collateral_left:
        return False
    worth = debt_value(debt_left, debt), collateral_value(collateral_left, collateral)
    return min(worth) < rules.least_left_atoms


def factor_wad(health: Health) -> int:
    """The health factor in parts of 10^18, as the protocol rounds it: to the nearest, and then down."""
    return rounded(health.weighted * WAD, health.debt) // health.scale
