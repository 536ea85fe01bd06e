"""What a step policy is: the part of a liquidation that differs from venue to venue.

The engine (`handlers/liquidation_engine.py`) is the machinery: it keeps one order working at a time and asks, after
each, in this order.

1. Is it over? Closed or short without positions, and restored at `restored_bps` of the requirement, are the engine's
   own answers; `hands_over` gives the reason for handing the account to the backstop or the fund, or None. In a halt it
   is asked too, but an order that found no depth is then no news.
2. `pause_ns` after the last order: how long until the next, 0 for at once; `first_pause_ns` before the first one of a
   liquidation.
3. `step`: the next order, on the position that needs most margin.

A policy is pure: it reads the situation and keeps nothing. What it has to remember goes into `Step.notes`, which the
ledger keeps (`ledger.notes`).
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, Protocol

import msgspec

from ....events.bodies.venue import HandlerStateNoted
from ....events.ledger import Account, LedgerState, Liquidation, Market, Position, PositionKey
from ...conversion import in_first
from ...valuation import BPS, Margin, bankruptcy_price, notional_atoms, requirements, side_notional_atoms

__all__ = ["Limit", "Situation", "Step", "StepPolicy", "limit_ticks", "share_lots"]

Limit = Literal["bankruptcy", "none"]
"""The worst price an order accepts: the position's bankruptcy price, or any."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What a step is decided from: the account as it is now, and its position that needs most margin."""

    ledger: LedgerState
    liquidation: Liquidation
    account: Account
    margin: Margin
    key: PositionKey
    now_ns: int

    @property
    def market(self) -> Market:
        """The market of the position."""
        return self.ledger.markets[self.key[0]]

    @property
    def held(self) -> Position:
        """The position."""
        return self.account.positions[self.key]

    @property
    def lots(self) -> int:
        """How many lots are held, unsigned."""
        return abs(self.held.size_lots)

    @property
    def notional_atoms(self) -> int:
        """The position's notional at the mark."""
        return notional_atoms(self.market, self.held)

    @property
    def worth_atoms(self) -> int:
        """That notional in what the venue counts in, as a rulebook's amounts are stated in."""
        return in_first(self.ledger, self.market.listing.asset, self.notional_atoms)

    @property
    def side_notional_atoms(self) -> int:
        """The notional of all that the account holds on this side of the instrument, which is what tiers go by."""
        return side_notional_atoms(self.account, self.ledger.markets, self.key)

    @property
    def requirement_microatoms(self) -> int:
        """The position's part of the maintenance requirement."""
        return requirements(self.account, self.ledger)[self.key]


class Step(NamedTuple):
    """The next order: how many lots of the position, unsigned, and the worst price; and what is to be remembered."""

    lots: int
    limit_ticks: int | None
    notes: tuple[HandlerStateNoted, ...] = ()


class StepPolicy(Protocol):
    """The rules of one venue's liquidation; `formula` and `source` say them in a line each, for listings."""

    policy: ClassVar[str]
    version: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    @property
    def restored_bps(self) -> int:
        """At which equity, in basis points of the requirement, the liquidation is over."""
        ...

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Why the account goes to the waterfall now, or None; `unfilled`: the last order found no depth for a part."""
        ...

    def pause_ns(self, situation: Situation) -> int:
        """How long to wait after the order that is done, `situation.liquidation.order`; 0 for not at all."""
        ...

    def first_pause_ns(self, situation: Situation) -> int:
        """How long to wait before the first order of a liquidation; 0 for not at all."""
        ...

    def step(self, situation: Situation) -> Step:
        """The next order: at least one lot, at most what is held."""
        ...


def share_lots(lots: int, share_bps: int) -> int:
    """A share of so many lots, rounded up to a whole lot."""
    return -(-lots * share_bps // BPS)


def limit_ticks(situation: Situation, limit: Limit) -> int | None:
    """The limit as a price in ticks, None for any."""
    return None if limit == "none" else bankruptcy_price(situation.account, situation.ledger, situation.key)
