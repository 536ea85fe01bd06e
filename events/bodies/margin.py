"""Marks and margin. Tags 40 to 59."""

from __future__ import annotations

from ..grounds import Ground
from .base import BodyBase

__all__ = [
    "CollateralAdded",
    "FeeCharged",
    "FundingAccrued",
    "MarginCallMet",
    "MarginCalled",
    "MarkPriced",
    "PositionReduced",
]


class MarkPriced(BodyBase, frozen=True, tag=40):
    """A new mark: `mark_ticks` is the index, or its moving average, plus what forced orders moved it by.

    `smoothed_microticks` carries the smoothing from mark to mark, 0 where the policy does not smooth.
    """

    grounds = (Ground.INDEX, Ground.DEPTH, Ground.RULE)

    instrument: int
    index_ticks: int
    impact_ticks: int
    mark_ticks: int
    smoothed_microticks: int = 0


class MarginCalled(BodyBase, frozen=True, tag=41):
    """Equity fell below the warning level: `warning_bps` of the maintenance requirement."""

    grounds = (Ground.MARK, Ground.BALANCE, Ground.RULE)

    account: int
    equity_atoms: int
    requirement_atoms: int
    warning_bps: int


class MarginCallMet(BodyBase, frozen=True, tag=42):
    """Equity is back at the recovery level: `recovery_bps` of the maintenance requirement."""

    grounds = (Ground.CALL, Ground.MARK, Ground.BALANCE, Ground.RULE)

    account: int
    equity_atoms: int
    requirement_atoms: int
    recovery_bps: int


class CollateralAdded(BodyBase, frozen=True, tag=43):
    """The trader answered a margin call with money from outside."""

    grounds = (Ground.CALL, Ground.MARK, Ground.BALANCE, Ground.RULE)

    account: int
    amount_atoms: int


class PositionReduced(BodyBase, frozen=True, tag=44):
    """The trader traded `size_lots` (signed like a trade) with outside liquidity to answer a margin call.

    `eaten_lots` is how much of that side of the depth is gone afterwards; `price_ticks` is the average, for reading.
    """

    grounds = (Ground.CALL, Ground.MARK, Ground.INDEX, Ground.DEPTH, Ground.BALANCE, Ground.RULE)

    account: int
    counterparty: int
    instrument: int
    leg: int
    size_lots: int
    price_ticks: int
    value_atoms: int
    eaten_lots: int


class FundingAccrued(BodyBase, frozen=True, tag=45):
    """Funding of an interval: a lot long pays `payment_nanoatoms` (negative: receives), a lot short the reverse."""

    grounds = (Ground.FUNDING_RATE, Ground.MARK, Ground.TIMER, Ground.RULE)

    instrument: int
    rate_ppb: int
    mark_ticks: int
    payment_nanoatoms: int


class FeeCharged(BodyBase, frozen=True, tag=46):
    """A fee to the fee pool."""

    grounds = (Ground.FILL, Ground.RULE)

    account: int
    amount_atoms: int
    reason: str
