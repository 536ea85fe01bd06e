"""Inputs that a fork has made impossible: the rule for each type, and why one is refused.

1. A withdrawal, or a transfer's payer: refused in a liquidation; with positions, where it would leave less equity than
   the maintenance requirement; without, where it would leave less than nothing.
2. A trade: refused where a trader on either side is in a liquidation, since their account is no longer theirs to trade.
3. A deposit is never refused, nor a price, depth or funding rate: the world outside goes on as it did. Declarations
   and opening balances come before anything could be decided.

In the run that was forked all of these were possible, so nothing is refused where nothing was changed.
"""

from __future__ import annotations

from ..events.bodies.inputs import InputRefused, TradeExecuted, Transferred, Withdrawn
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from ..handlers.valuation import BPS, margin_of, slack

__all__ = ["admitted", "refusal"]

_IN_LIQUIDATION = "the account is in a liquidation"


def admitted(ledger: LedgerState, body: Body) -> Body:
    """The input itself, or `InputRefused` in its place."""
    reason = refusal(ledger, body)
    if reason is None:
        return body
    account, amount_atoms = getattr(body, "account", None), getattr(body, "amount_atoms", 0)
    return InputRefused(account, type(body).__name__, reason, amount_atoms)


def refusal(ledger: LedgerState, body: Body) -> str | None:
    """Why the ledger as it is cannot take an input; None if it can. O(positions)."""
    if isinstance(body, Withdrawn | Transferred):
        return _cannot_pay(ledger, body.account, body.amount_atoms)
    if isinstance(body, TradeExecuted):
        parties = (ledger.accounts[number] for number in (body.account, body.counterparty))
        return _IN_LIQUIDATION if any(party.liquidation_id is not None for party in parties) else None
    return None


def _cannot_pay(ledger: LedgerState, number: int, amount_atoms: int) -> str | None:
    account = ledger.accounts[number]
    if account.kind != "user":
        return None
    if account.liquidation_id is not None:
        return _IN_LIQUIDATION
    margin = margin_of(account, ledger.markets)
    left = margin._replace(equity_atoms=margin.equity_atoms - amount_atoms)
    if slack(left, BPS) >= 0:
        return None
    return "it would leave less equity than the maintenance requirement" if account.positions else "there is not enough"
