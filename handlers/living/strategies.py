"""What traders do unasked: each strategy says what sets it off, and what is ordered then.

1. A strategy watches one *signal* of one instrument: how far the price is under its trend, or how wild it is.
   Each trader that follows it acts once the signal passes a threshold of its own, drawn evenly between two bounds.
2. Which strategies an account follows is drawn from the shares of the scenario, keyed by its name (`characters.py`).
3. Whoever has acted waits for a pause before it acts again.
4. Sizes follow from the account's equity and positions at that moment. Nobody who is called or in liquidation acts, nor
   who holds the instrument on a side of its own (a leg), nor an isolated account in what it does not hold.
5. A hedger of an option book has its place here: a strategy whose lots are minus the delta that the book has at the
   price, given by the Greeks of that book (`Acting.market.book`), less what is held. There is none yet, as there are
   no options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec

from ...events.bodies.trading import CollateralWithdrawn, OrderPlaced
from ...events.ledger import Account, LedgerState, Market
from ..protocol import Product
from ..valuation import BPS, SLACK_SCALE, largest_position, lots_worth, margin_of, slack
from .characters import StrategyName

__all__ = ["SIGNALS", "STRATEGIES", "Acting", "Signal", "Strategy", "deleverage", "signal_of"]

_MICRO = 10**6

Signal = Literal["fall", "volatility"]
"""How many basis points the price is under its trend; realised volatility in hundreds of parts per billion."""

SIGNALS: tuple[Signal, ...] = get_args(Signal)


def signal_of(market: Market, signal: Signal) -> int:
    """A signal of an instrument now, 0 where there is none."""
    book = market.book
    if book is None:
        return 0
    if signal == "volatility":
        return book.volatility_ppb // 100
    over_bps = (book.price_ticks * _MICRO - book.trend_microticks) * BPS // max(1, book.trend_microticks)
    return max(0, -over_bps)


class Acting(msgspec.Struct, frozen=True, gc=False):
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
        if not lots or not self._may_trade():
            return ()
        return (OrderPlaced(self.order_id, self.account.account, self.instrument, 0, lots, "market", purpose),)

    def _may_trade(self) -> bool:
        """Whether it trades its net position here: nobody on legs, and an isolated account only what it holds."""
        held = [leg for instrument, leg in self.account.positions if instrument == self.instrument]
        return not any(held) and (self.account.mode == "cross" or bool(held))

    def held_lots(self) -> int:
        """What it holds of the instrument, net."""
        held = self.account.positions.get((self.instrument, 0))
        return 0 if held is None else held.size_lots

    def affordable_lots(self) -> int:
        """Lots worth the share of its equity; none for who has no equity."""
        equity_atoms, market = margin_of(self.account, self.ledger).equity_atoms, self.market
        assert market.book is not None
        return lots_worth(market, market.book.price_ticks, max(0, equity_atoms) * self.share_bps, BPS)


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
    free = slack(margin_of(acting.account, acting.ledger), 2 * BPS) // SLACK_SCALE
    atoms = min(free, acting.account.balance_atoms) * acting.share_bps // BPS
    return (CollateralWithdrawn(acting.account.account, atoms),) if atoms > 0 else ()


def deleverage(account: Account, ledger: LedgerState, share_bps: int, order_id: int) -> tuple[OrderPlaced, ...]:
    """Gives up a share of the position that needs most margin, rounded up to a lot; halted instruments are left out."""
    key = largest_position(account, ledger, lambda number: ledger.markets[number].halted_until_ns is not None)
    if key is None:
        return ()
    held_lots = account.positions[key].size_lots
    lots = -(-abs(held_lots) * share_bps // BPS)
    return (
        OrderPlaced(
            order_id=order_id,
            account=account.account,
            instrument=key[0],
            leg=key[1],
            size_lots=-lots if held_lots > 0 else lots,
            kind="market",
            purpose="deleverager",
            reduces=True,
        ),
    )


class Strategy(NamedTuple):
    """What sets a strategy off, and what is done then."""

    signal: Signal
    act: Callable[[Acting], tuple[Product, ...]]


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "follower": Strategy("fall", _follow),
    "dip_buyer": Strategy("fall", _buy_the_dip),
    "runner": Strategy("volatility", _run),
}
"""By name. A stop is an order at rest, and a deleverager watches its own margin: neither waits for a signal."""
