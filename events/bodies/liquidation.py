"""Liquidation: from the first cancelled order to the last filled or taken-over lot. Tags 60 to 79.

`liquidation_id` runs through everything that a liquidation causes. Order and trade sizes are signed like a trade:
negative sells.
"""

from __future__ import annotations

from typing import Literal

from ..grounds import Ground
from .base import BodyBase, Provenance

__all__ = [
    "BankruptcyDeclared",
    "LiquidationEnded",
    "LiquidationFilled",
    "LiquidationOrdered",
    "LiquidationOutcome",
    "LiquidationStarted",
    "OrdersCancelled",
    "PositionTakenOver",
]

LiquidationOutcome = Literal["restored", "closed", "bankrupt"]
"""How it ended: back over the requirement; every position sold; or handed to the waterfall."""


class LiquidationStarted(BodyBase, frozen=True, tag=60):
    """Equity fell below the maintenance requirement; both as compared."""

    grounds = (Ground.MARK, Ground.BALANCE, Ground.CALL, Ground.RULE)

    liquidation_id: int
    account: int
    equity_atoms: int
    requirement_atoms: int


class OrdersCancelled(BodyBase, frozen=True, tag=61):
    """Orders are gone: the rest of a forced one, or the trader's own (`order_id` None), where there were any."""

    grounds = (Ground.LIQUIDATION, Ground.ORDER, Ground.INDEX, Ground.DEPTH, Ground.RULE)

    liquidation_id: int
    account: int
    order_id: int | None
    left_lots: int
    reason: str


class LiquidationOrdered(BodyBase, frozen=True, tag=62):
    """A forced order, immediate or cancel. `limit_ticks` is the worst price it accepts, None for any.

    `step` counts the orders of this liquidation from 1; `whole` says that it closes the position rather than a part.
    """

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.BALANCE, Ground.INDEX, Ground.DEPTH, Ground.HALT, Ground.RULE)

    liquidation_id: int
    order_id: int
    account: int
    instrument: int
    leg: int
    size_lots: int
    limit_ticks: int | None
    step: int
    whole: bool


class LiquidationFilled(BodyBase, frozen=True, tag=63):
    """Part of a forced order traded in one band of the depth.

    `left_lots` is what of the order is still open; `eaten_lots` how much of that side of the depth is gone afterwards.
    """

    grounds = (Ground.ORDER, Ground.INDEX, Ground.DEPTH, Ground.RULE)

    liquidation_id: int
    order_id: int
    trade_id: int
    account: int
    counterparty: int
    instrument: int
    leg: int
    size_lots: int
    price_ticks: int
    value_atoms: int
    left_lots: int
    eaten_lots: int
    provenance: Provenance | None = None


class PositionTakenOver(BodyBase, frozen=True, tag=64):
    """The fund took a position (`size_lots` as held) at `value_atoms`; `price_ticks` is that per lot, for reading."""

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.BALANCE, Ground.FUND, Ground.RULE)

    liquidation_id: int
    account: int
    fund: int
    instrument: int
    leg: int
    size_lots: int
    value_atoms: int
    price_ticks: int
    provenance: Provenance | None = None


class LiquidationEnded(BodyBase, frozen=True, tag=65):
    """The liquidation is over; the account is free again."""

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.BALANCE, Ground.RULE)

    liquidation_id: int
    account: int
    outcome: LiquidationOutcome
    equity_atoms: int


class BankruptcyDeclared(BodyBase, frozen=True, tag=66):
    """No equity is left, or the market cannot close the account above its bankruptcy value: over to the waterfall."""

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.BALANCE, Ground.INDEX, Ground.DEPTH, Ground.RULE)

    liquidation_id: int
    account: int
    equity_atoms: int
    requirement_atoms: int
    reason: str
