"""The living market: prices that trades make, depth that makers quote, and orders that traders place. Tags 120 to 139.

What came from outside stays an input (`PriceTicked` is the value that the outside sees); all that stands here is
decided by a handler: what the book trades at, how deep it is, and who trades unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    DeclaredOrder,
    Depth,
    Duration,
    InstrumentAmount,
    InstrumentMicroPrice,
    InstrumentNumber,
    Leg,
    Makers,
    OrderNumber,
    Price,
    RateBps,
    RatePpb,
    Size,
    TradeNumber,
)
from .base import BodyBase
from .declaring import OUTSIDE, Payment, Trade

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "BookPriced",
    "CollateralWithdrawn",
    "DepthFormed",
    "LiquidityReturned",
    "LiquidityWithdrawn",
    "OrderCancelled",
    "OrderFilled",
    "OrderKind",
    "OrderPlaced",
    "QuotesPlaced",
    "TradingBody",
    "WithdrawalReason",
]

OrderKind = Literal["market", "stop"]
"""A market order trades at once or is cancelled; a stop order rests until the book trades at its price or beyond."""

WithdrawalReason = Literal["volatility", "inventory", "loss", "liquidation"]


class BookPriced(BodyBase, frozen=True, tag=120):
    """What the venue's own book trades at, and why: the value outside, moved by the trades so far.

    `centre_ticks` is the outside value moved by `permanent_ppb`, which trades left behind; the depth stands around it.
    `price_ticks` is the centre moved by what is eaten of the depth now. From here on eaten depth refills with
    `half_life_ns`; `eaten_*_lots` are gone now. `volatility_ppb` is the average size of a return so far, per square
    root of a second, and `trend_microticks` a slow average of the price, both up to `reference_ticks`, the price at the
    end of the last instant before. The law of impact is stated for a trade of `law_lots`.
    """

    grounds = (Ground.INDEX, Ground.TRADE, Ground.BOOK, Ground.QUOTES, Ground.RULE)

    instrument: InstrumentNumber
    outside_ticks: Price
    permanent_ppb: RatePpb
    centre_ticks: Price
    price_ticks: Price
    half_life_ns: Duration
    eaten_bid_lots: Size
    eaten_ask_lots: Size
    reference_ticks: Price
    volatility_ppb: RatePpb
    trend_microticks: InstrumentMicroPrice
    law_lots: Size

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].trade_at(self, event.at_ns)

    def says(self, names: Names) -> str:
        price, outside = (names.price(self.instrument, ticks) for ticks in (self.price_ticks, self.outside_ticks))
        return f"{names.instrument(self.instrument)} traded at {price}, its value outside being {outside}"

    def tells(self, case: Case) -> str:
        names = case.names
        lasting = names.price(self.instrument, self.centre_ticks - self.outside_ticks)
        passing = names.price(self.instrument, self.price_ticks - self.centre_ticks)
        moved = f"Trades have moved it by {lasting} for good and by {passing} until the depth that they took is back."
        return case.joined(f"{self.says(names)}.", moved, case.followed(), case.linked())


class DepthFormed(BodyBase, frozen=True, tag=121):
    """The resting depth that the law of impact makes of all quotes: (distance in basis points, lots up to there).

    `bid_makers` and `ask_makers` say for each band whose it is; empty where all of it is outside liquidity.
    """

    grounds = (Ground.QUOTES, Ground.BOOK, Ground.RULE)

    instrument: InstrumentNumber
    bids: Depth
    asks: Depth
    bid_makers: Makers = ()
    ask_makers: Makers = ()

    def alters(self, ledger: Ledger, event: Event) -> None:
        market = ledger.markets[self.instrument]
        market.bids, market.asks = self.bids, self.asks
        market.bid_makers, market.ask_makers = self.bid_makers, self.ask_makers

    def says(self, names: Names) -> str:
        bids, asks = (names.units(self.instrument, side[-1][1] if side else 0) for side in (self.bids, self.asks))
        return f"the book of {names.instrument(self.instrument)} holds {bids} to buy and {asks} to sell"


class QuotesPlaced(BodyBase, frozen=True, tag=122):
    """A market maker quotes: lots on each side, from `bid_bps` under and `ask_bps` over the centre of the book on.

    `fair_ticks` is what it takes the instrument to be worth; no lots on a side means that it quotes nothing there.
    """

    grounds = (Ground.BOOK, Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    instrument: InstrumentNumber
    fair_ticks: Price
    bid_bps: RateBps
    bid_lots: Size
    ask_bps: RateBps
    ask_lots: Size

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].quote(self, event)

    def says(self, names: Names) -> str:
        bids, asks = (names.units(self.instrument, lots) for lots in (self.bid_lots, self.ask_lots))
        return (
            f"{names.account(self.account)} bid for {bids} and offered {asks} of {names.instrument(self.instrument)}, "
            f"{names.percent_of_bps(self.bid_bps)} under and {names.percent_of_bps(self.ask_bps)} over the book"
        )


class LiquidityWithdrawn(BodyBase, frozen=True, tag=123):
    """A market maker left a market: what it measured was past its limit."""

    grounds = (Ground.BOOK, Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    instrument: InstrumentNumber
    reason: WithdrawalReason
    measured: RatePpb
    limit: RatePpb

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].withdrawn[self.account] = event.at_ns

    def says(self, names: Names) -> str:
        return (
            f"{names.account(self.account)} stopped quoting {names.instrument(self.instrument)}: its {self.reason} "
            f"stood at {names.rate(self.measured)}, over its limit of {names.rate(self.limit)}"
        )


class LiquidityReturned(BodyBase, frozen=True, tag=124):
    """A market maker came back to a market."""

    grounds = (Ground.BOOK, Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    instrument: InstrumentNumber

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].withdrawn.pop(self.account, None)

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} quotes {names.instrument(self.instrument)} again"


class OrderPlaced(BodyBase, frozen=True, tag=125):
    """A trader's own order, signed like a trade. `trigger_ticks` is a stop's price; `purpose` the trader's strategy."""

    grounds = (Ground.BOOK, Ground.BALANCE, Ground.RULE)

    order_id: DeclaredOrder
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    kind: OrderKind
    purpose: str
    trigger_ticks: Price | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.place(self, event)

    def says(self, names: Names) -> str:
        side = "buy" if self.size_lots > 0 else "sell"
        when = (
            ""
            if self.trigger_ticks is None
            else f" once it trades at {names.price(self.instrument, self.trigger_ticks)}"
        )
        what = names.size(self.instrument, self.size_lots)
        return f"{names.account(self.account)} ordered to {side} {what}{when} ({self.purpose}, order {self.order_id})"


class OrderFilled(BodyBase, frozen=True, tag=126):
    """Part of a trader's own order traded in one band of the depth; fields as in `LiquidationFilled`."""

    grounds = (Ground.OWN_ORDER, Ground.BOOK, Ground.QUOTES, Ground.RULE)
    posting = Trade("account", "counterparty")

    order_id: OrderNumber
    trade_id: TradeNumber
    account: AccountNumber
    counterparty: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    left_lots: Size
    eaten_lots: Size

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.trades += 1
        ledger.markets[self.instrument].eat(self.size_lots, self.eaten_lots, event.at_ns, event.seq)
        if not self.left_lots:
            ledger.own_orders.pop(self.order_id, None)

    def says(self, names: Names) -> str:
        trade = names.trade(self.instrument, self.size_lots, self.price_ticks)
        left = f", {names.units(self.instrument, self.left_lots)} left" if self.left_lots else ""
        return f"{names.account(self.account)} {trade} by its order {self.order_id}{left}"


class OrderCancelled(BodyBase, frozen=True, tag=127):
    """What is left of a trader's own order is gone."""

    grounds = (Ground.OWN_ORDER, Ground.BOOK, Ground.QUOTES, Ground.FAULT, Ground.RULE)

    order_id: OrderNumber
    account: AccountNumber
    instrument: InstrumentNumber
    left_lots: Size
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.own_orders.pop(self.order_id, None)

    def says(self, names: Names) -> str:
        return f"the rest of order {self.order_id} of {names.account(self.account)} was cancelled: {self.reason}"


class CollateralWithdrawn(BodyBase, frozen=True, tag=128):
    """A trader took free collateral out of the venue."""

    grounds = (Ground.MARK, Ground.BOOK, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", OUTSIDE)

    account: AccountNumber
    amount_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.acted[self.account] = event.at_ns

    def says(self, names: Names) -> str:
        return f"{names.account(self.account)} withdrew {names.money(self.account, self.amount_atoms)} of collateral"


TradingBody = (
    BookPriced
    | DepthFormed
    | QuotesPlaced
    | LiquidityWithdrawn
    | LiquidityReturned
    | OrderPlaced
    | OrderFilled
    | OrderCancelled
    | CollateralWithdrawn
)
