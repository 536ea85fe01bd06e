"""The life cycle of a margin account, as a table: (event type, status before) -> status after.

A pair that is not in the table is a fault: the fold refuses it. The diagram in the docs is drawn from this table.
"""

from __future__ import annotations

from ..bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted, PositionTakenOver
from ..bodies.margin import MarginCalled, MarginCallMet
from ..bodies.waterfall import PositionDeleveraged
from ..errors import LedgerError
from ..vocabulary import Body
from .account import Account, AccountStatus

__all__ = ["TRANSITIONS", "move"]

TRANSITIONS: dict[tuple[type[Body], AccountStatus], AccountStatus] = {
    (MarginCalled, "healthy"): "called",
    (MarginCallMet, "called"): "healthy",
    (LiquidationStarted, "healthy"): "liquidating",
    (LiquidationStarted, "called"): "liquidating",
    (LiquidationEnded, "liquidating"): "healthy",
    (BankruptcyDeclared, "liquidating"): "bankrupt",
    (PositionTakenOver, "bankrupt"): "taken_over",
    (PositionTakenOver, "taken_over"): "taken_over",
    (PositionTakenOver, "deleveraged"): "taken_over",
    (PositionDeleveraged, "bankrupt"): "deleveraged",
    (PositionDeleveraged, "taken_over"): "deleveraged",
    (PositionDeleveraged, "deleveraged"): "deleveraged",
    (LiquidationEnded, "bankrupt"): "healthy",
    (LiquidationEnded, "taken_over"): "healthy",
    (LiquidationEnded, "deleveraged"): "healthy",
}
"""`PositionDeleveraged` moves the party that the reduction was *against*: the bankrupt account."""


def move(account: Account, body_type: type[Body]) -> None:
    """Take the account to its next status. Raises LedgerError where the table has no such step."""
    try:
        account.status = TRANSITIONS[body_type, account.status]
    except KeyError:
        message = f"account {account.account}: {body_type.__name__} cannot follow status {account.status!r}"
        raise LedgerError(message) from None
