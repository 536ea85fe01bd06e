"""What traders do unasked: each strategy says what sets it off, and what is ordered then.

1. A strategy watches one *signal* of one instrument: how far the price is under or over its trend, or how wild it is.
   Each trader that follows it acts once the signal passes a threshold of its own, drawn evenly between two bounds.
2. Which strategy an account follows is drawn from the shares of the scenario, by a draw keyed by its name: a fork, or
   another account, reshuffles nothing.
3. Whoever has acted waits for a pause before it acts again.
4. Sizes follow from the account's equity and positions at that moment. Nobody who is called or in liquidation acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from ...events.bodies.trading import CollateralWithdrawn, OrderPlaced
from ...events.ledger import Account, LedgerState, Market
from ..protocol import Product
from ..valuation import BPS, SLACK_SCALE, margin_of, slack

__all__ = ["STRATEGIES", "Acting", "Signal", "Strategy", "StrategyName", "signal_of"]

_MICRO = 10**6

Signal = Literal["fall", "rise", "volatility"]
"""How many basis points the price is under or over its trend; realised volatility in hundreds of parts per billion."""

StrategyName = Literal["stop", "follower", "dip_buyer", "runner"]


def signal_of(market: Market, signal: Signal) -> int:
    """A signal of an instrument now, 0 where there is none."""
    book = market.book
    if book is None:
        return 0
    if signal == "volatility":
        return book.volatility_ppb // 100
    over_bps = (book.price_ticks * _MICRO - book.trend_microticks) * BPS // max(1, book.trend_microticks)
    return max(0, -over_bps if signal == "fall" else over_bps)


class Acting(NamedTuple):
    """Who acts, where, how much of its equity or position it moves, and the number that its order would have."""

    account: Account
    instrument: int
    ledger: LedgerState
    share_bps: int
    order_id: int

    @property
    def market(self) -> Market:
        """The instrument."""
        return self.ledger.markets[self.instrument]

    def ordered(self, lots: int, purpose: StrategyName) -> tuple[Product, ...]:
        """A market order for so many lots, signed; none for no lots."""
        if not lots:
            return ()
        return (OrderPlaced(self.order_id, self.account.account, self.instrument, 0, lots, "market", purpose),)

    def held_lots(self) -> int:
        """What it holds of the instrument, net."""
        held = self.account.positions.get((self.instrument, 0))
        return 0 if held is None else held.size_lots

    def affordable_lots(self) -> int:
        """Lots worth the share of its equity; none for who has no equity."""
        equity_atoms, market = margin_of(self.account, self.ledger.markets).equity_atoms, self.market
        assert market.book is not None
        lot_atoms = max(1, abs(market.payoff.value_atoms(_MICRO, market.book.price_ticks)))
        return max(0, equity_atoms) * self.share_bps * _MICRO // (BPS * lot_atoms)


def _follow(acting: Acting) -> tuple[Product, ...]:
    """Sells into a fall: what it is long, or short up to what its equity bears."""
    held_lots = acting.held_lots()
    if held_lots > 0:
        return acting.ordered(-held_lots, "follower")
    return acting.ordered(-max(0, acting.affordable_lots() + held_lots), "follower")


def _buy_the_dip(acting: Acting) -> tuple[Product, ...]:
    """Buys into a fall: what it is short, or long up to what its equity bears."""
    held_lots = acting.held_lots()
    if held_lots < 0:
        return acting.ordered(-held_lots, "dip_buyer")
    return acting.ordered(max(0, acting.affordable_lots() - held_lots), "dip_buyer")


def _run(acting: Acting) -> tuple[Product, ...]:
    """Takes free collateral out: a share of the equity over twice the maintenance requirement."""
    free = slack(margin_of(acting.account, acting.ledger.markets), 2 * BPS) // SLACK_SCALE
    atoms = min(free, acting.account.balance_atoms) * acting.share_bps // BPS
    return (CollateralWithdrawn(acting.account.account, atoms),) if atoms > 0 else ()


class Strategy(NamedTuple):
    """What sets a strategy off, and what is done then."""

    signal: Signal
    act: Callable[[Acting], tuple[Product, ...]]


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "follower": Strategy("fall", _follow),
    "dip_buyer": Strategy("fall", _buy_the_dip),
    "runner": Strategy("volatility", _run),
}
"""By name; a stop is no strategy of this kind, as it is an order that rests from the first price on."""
