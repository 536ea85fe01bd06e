"""Double entry: one table says what each type of event moves between whom.

1. A `Payment` takes money from one account and gives it to another of the same asset.
2. A `Trade` gives lots and cost to one account and takes both from another.
3. So what an event moves sums to zero per asset and per instrument by construction; `Ledger.check` asserts it all the
   same, over everything.

A party is the name of a body's field, or one of the venue's own accounts in upper case.
"""

from __future__ import annotations

from typing import NamedTuple

from ..bodies.inputs import BalanceStated, Deposited, PositionStated, TradeExecuted, Transferred, Withdrawn
from ..bodies.liquidation import LiquidationFilled, PositionTakenOver
from ..bodies.margin import CollateralAdded, FeeCharged, PositionReduced
from ..bodies.waterfall import (
    BalanceWrittenOff,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    PositionDeleveraged,
)
from ..vocabulary import Body

__all__ = ["FEES", "LIQUIDITY", "OUTSIDE", "POSTINGS", "Payment", "Posting", "Trade"]

OUTSIDE = "OUTSIDE"
LIQUIDITY = "LIQUIDITY"
FEES = "FEES"


class Payment(NamedTuple):
    """`amount` (a field, in atoms) goes from `payer` to `payee`; `stated` means up to that balance instead."""

    payer: str
    payee: str
    amount: str = "amount_atoms"
    stated: bool = False


class Trade(NamedTuple):
    """`taker` receives `size` lots worth `value` atoms on its leg; `giver` gives them from its own leg."""

    taker: str
    giver: str
    taker_leg: str = "leg"
    giver_leg: str | None = None
    size: str = "size_lots"
    value: str = "value_atoms"


Posting = Payment | Trade

POSTINGS: dict[type[Body], Posting] = {
    Deposited: Payment(OUTSIDE, "account"),
    Withdrawn: Payment("account", OUTSIDE),
    Transferred: Payment("account", "to_account"),
    BalanceStated: Payment(OUTSIDE, "account", "balance_atoms", stated=True),
    CollateralAdded: Payment(OUTSIDE, "account"),
    FeeCharged: Payment("account", FEES),
    InsuranceFundCredited: Payment("account", "fund"),
    InsuranceFundDebited: Payment("fund", "account"),
    LossSocialized: Payment("account", "bankrupt"),
    BalanceWrittenOff: Payment("against", "account"),
    PositionStated: Trade("account", LIQUIDITY, value="cost_atoms"),
    TradeExecuted: Trade("account", "counterparty", giver_leg="counterparty_leg"),
    PositionReduced: Trade("account", "counterparty"),
    LiquidationFilled: Trade("account", "counterparty"),
    PositionTakenOver: Trade("fund", "account", taker_leg="liquidation_id", giver_leg="leg"),
    PositionDeleveraged: Trade("account", "against", giver_leg="against_leg"),
}
"""A giver's leg is 0, the net position, where the table names none. Only an insurance fund has a leg for a liquidation:
a vault takes a position over on the leg that it is taken from.
"""
