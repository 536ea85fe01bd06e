"""Who goes first within one instant: a rule that the rulebook names, and never the place of a row in a file.

1. Of all who are found under a threshold at one delivery, the first by this rule is called or liquidated first, and so
   trades first, at the better prices, and has the fund first.
2. Ties go by arrival. Accounts are numbered in the order of a hash of seed and name (`arrival`), so the number stands
   for it: listing the same accounts otherwise changes nothing, and another seed shuffles them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec

from ..events.ledger import Account, LedgerState
from .draws import account_key, draw_bits
from .valuation import Margin

__all__ = ["ORDERS", "Order", "OrderSettings", "arrival", "by_account", "order_in_force", "place_in"]

Order = Literal["lowest-margin-ratio", "highest-leverage", "largest", "arrival"]
"""lowest-margin-ratio: by equity / requirement, the furthest under water first. highest-leverage: by notional /
equity, whoever has no equity before all others. largest: by notional. arrival: by a hash of seed and account name.
"""

ORDERS: tuple[Order, ...] = get_args(Order)

_UNSTATED: Order = "arrival"

_RATIO_BITS = 256
"""A ratio is compared as a whole number of so many binary places, rounded down.

Two ratios that differ do so by one such place or more, as their denominators have at most 128 bits each: so rounding
makes no two of them equal and changes no order.
"""

_BEYOND = 1 << 2 * _RATIO_BITS
"""Above every such ratio."""


class OrderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the liquidation slot holds for every policy in it: who goes first within an instant."""

    order: Order = _UNSTATED


def arrival(seed: int, name: str) -> int:
    """The place of an account among all that could be, as a hash of seed and name: 64 bits."""
    return draw_bits(seed, account_key(name), "arrival", 0)


def order_in_force(ledger: LedgerState, venue: str = "") -> Order:
    """What the liquidation slot of those who decide now on a venue says; arrival where it says nothing."""
    producer = ledger.producer("liquidation", venue)
    order: Order = _UNSTATED if producer is None else producer.parameters.get("order", _UNSTATED)
    return order


def place_in(order: Order, account: Account, margin: Margin) -> tuple[int, int]:
    """A key to sort by, the first to go first; exact. `margin` is the account's at the marks as they are."""
    return _first_key(order, margin.equity_atoms, margin.requirement_microatoms, margin.values_atoms), account.account


def by_account(accounts: Iterable[int], ledger: LedgerState) -> list[int]:
    """Accounts in the order of arrival, or in that of a fork: for whom no rule says who goes first."""
    found = sorted(accounts)
    return ledger.ordering.arranged(ledger.seq, found, lambda _one: 0) if ledger.ordering else found


def _first_key(order: Order, equity_atoms: int, requirement: int, values_atoms: Sequence[int]) -> int:
    if order == "arrival":
        return 0
    notional_atoms = sum(map(abs, values_atoms))
    if order == "largest":
        return -notional_atoms
    # notional / equity falls as equity / notional rises, and the latter goes on below an equity of zero.
    measure = requirement if order == "lowest-margin-ratio" else notional_atoms
    return (equity_atoms << _RATIO_BITS) // measure if measure else _without_measure(equity_atoms)


def _without_measure(equity_atoms: int) -> int:
    """A debt without a position is deeper than any ratio, money without one is above any."""
    return equity_atoms + (-_BEYOND if equity_atoms < 0 else _BEYOND)
