"""What a type of event declares of itself, besides its fields: the words for what it moves and whose status it changes.

1. A `Payment` takes money from one account and gives it to another: of the asset that both settle in, or of one that is
   named.
2. A `Trade` gives lots and cost to one account and takes both from another.
3. An `Exchange` gives an amount of one asset to outside liquidity, and takes its worth in another.
4. A `Swap` gives an amount of one asset to another account, and takes an amount of another asset for it.
5. So what an event moves sums to zero per asset and per instrument by construction; `Ledger.check` asserts it all the
   same, over everything.

A party is the name of a body's field, or one of the venue's own accounts in upper case.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["FEES", "LIQUIDITY", "OUTSIDE", "AccountStatus", "Exchange", "Payment", "Posting", "Swap", "Trade"]

OUTSIDE = "OUTSIDE"
LIQUIDITY = "LIQUIDITY"
FEES = "FEES"

AccountStatus = Literal["healthy", "called", "liquidating", "bankrupt", "taken_over", "deleveraged"]


class Payment(NamedTuple):
    """`amount` (a field, in atoms) goes from `payer` to `payee`; `stated` means up to that balance instead.

    `asset` is the field that says of which asset; without one it is the asset that the two accounts settle in.
    """

    payer: str
    payee: str
    amount: str = "amount_atoms"
    stated: bool = False
    asset: str | None = None


class Trade(NamedTuple):
    """`taker` receives `size` lots worth `value` atoms on its leg; `giver` gives them from its own leg.

    A giver's leg is 0, the net position, where none is named. Only an insurance fund has a leg for a liquidation: a
    vault takes a position over on the leg that it is taken from.
    """

    taker: str
    giver: str
    taker_leg: str = "leg"
    giver_leg: str | None = None
    size: str = "size_lots"
    value: str = "value_atoms"


class Exchange(NamedTuple):
    """`giver` gives `amount` of `asset` and receives `value` of its own asset, both with outside liquidity."""

    giver: str
    asset: str = "asset"
    amount: str = "amount_atoms"
    value: str = "value_atoms"


class Swap(NamedTuple):
    """`giver` gives `amount` of `asset` to `taker`, who gives `value` of `value_asset` for it.

    Of the amount `fee`, if there is one, goes to the fee pool of the asset instead; where it comes back (`fee_back`)
    the amount is made up of it.
    """

    giver: str
    taker: str
    asset: str = "asset"
    amount: str = "amount_atoms"
    value_asset: str = "debt_asset"
    value: str = "repaid_atoms"
    fee: str | None = "fee_atoms"
    fee_back: bool = False


Posting = Payment | Trade | Exchange | Swap
