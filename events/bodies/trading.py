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
    Count,
    DeclaredOrder,
    Depth,
    Duration,
    EventNumber,
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
from ..phrases import reason_told
from .base import BodyBase
from .declaring import OUTSIDE, Payment, Trade

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "BookPriced",
    "CampaignEnded",
    "CampaignStarted",
    "CollateralWithdrawn",
    "DepthFormed",
    "FundingRated",
    "LiquidityReturned",
    "LiquidityWithdrawn",
    "OrderCancelled",
    "OrderFilled",
    "OrderKind",
    "OrderLimit",
    "OrderPlaced",
    "OrderRefused",
    "QuotesPlaced",
    "TradingBody",
    "WithdrawalReason",
]

OrderKind = Literal["market", "stop"]
"""A market order trades at once or is cancelled; a stop order rests until the book trades at its price or beyond."""

OrderLimit = Literal["initial margin", "leverage", "position", "position value", "open interest"]
"""What an order would breach; `handlers/limits.py` says what each is."""

WithdrawalReason = Literal["volatility", "inventory", "loss", "liquidation"]


class BookPriced(BodyBase, frozen=True, tag=120):
    """What the venue's own book trades at, and why: the value outside, moved by the trades so far.

    `centre_ticks` is the outside value moved by `permanent_ppb`, which trades left behind; the depth stands around it.
    `price_ticks` is the centre moved by what is eaten of the depth now. From here on eaten depth refills with
    `half_life_ns`; `eaten_*_lots` are gone now. `volatility_ppb` is the average size of a return so far, per square
    root of a second, and `trend_microticks` a slow average of the price, both up to `reference_ticks`, the price at the
    end of the last instant before. A trade of `law_lots` moves the centre by `lasting_ppb`.
    """

    grounds = (Ground.INDEX, Ground.TRADE, Ground.BOOK, Ground.QUOTES, Ground.RULE)
    sets = True
    private = True

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
    lasting_ppb: RatePpb

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
    sets = True
    private = True

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
    sets = True
    private = True

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
    measured_ppb: RatePpb
    limit_ppb: RatePpb

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.markets[self.instrument].withdrawn[self.account] = event.at_ns

    def says(self, names: Names) -> str:
        measured, limit = names.rate(self.measured_ppb), names.rate(self.limit_ppb)
        why = {
            "volatility": f"its price moved by {measured} in a second on average, over the maker's limit of {limit}",
            "loss": f"it had lost {measured} of its capital, over its limit of {limit}",
            "liquidation": "its account is liquidated",
        }.get(self.reason, f"its {self.reason} stood at {measured}, over its limit of {limit}")
        return f"{names.account(self.account)} stopped quoting {names.instrument(self.instrument)}: {why}"


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
    """A trader's own order, signed like a trade. `trigger_ticks` is a stop's price; `purpose` the trader's strategy.

    It trades no worse than at `limit_ticks`, if that is given. One that `reduces` trades no more than is held by then.
    """

    grounds = (Ground.BOOK, Ground.CALL, Ground.MARK, Ground.BALANCE, Ground.RULE)

    order_id: DeclaredOrder
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    kind: OrderKind
    purpose: str
    trigger_ticks: Price | None = None
    limit_ticks: Price | None = None
    reduces: bool = False

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
        purpose = self.purpose.replace("_", " ")
        return f"{names.account(self.account)} ordered to {side} {what}{when} ({purpose}, order {self.order_id})"


class OrderFilled(BodyBase, frozen=True, tag=126):
    """Part of a trader's own order traded in one band of the depth; fields as in `LiquidationFilled`."""

    grounds = (Ground.OWN_ORDER, Ground.BOOK, Ground.QUOTES, Ground.RULE)
    posting = Trade("account", "counterparty")
    sets = True
    private = True

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
        left = names.left(self.instrument, self.left_lots)
        return f"{names.account(self.account)} {trade} by its order {self.order_id}{left}"


class OrderCancelled(BodyBase, frozen=True, tag=127):
    """What is left of a trader's own order is gone."""

    grounds = (Ground.OWN_ORDER, Ground.BOOK, Ground.QUOTES, Ground.FAULT, Ground.RULE)
    private = True

    order_id: OrderNumber
    account: AccountNumber
    instrument: InstrumentNumber
    left_lots: Size
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.own_orders.pop(self.order_id, None)

    def says(self, names: Names) -> str:
        left = names.units(self.instrument, self.left_lots)
        whose = f"{names.account(self.account)}'s own order {self.order_id}"
        return f"{whose} was cancelled with {left} left: {reason_told(self.reason)}"


class OrderRefused(BodyBase, frozen=True, tag=132):
    """A trader's own order was refused as it reached the book: what it would have come to is over a limit.

    By the limit that is amounts, initial margin needed against equity or value held against what may be, or lots.
    """

    grounds = (Ground.OWN_ORDER, Ground.BOOK, Ground.QUOTES, Ground.MARK, Ground.BALANCE, Ground.RULE)

    order_id: OrderNumber
    account: AccountNumber
    instrument: InstrumentNumber
    size_lots: Size
    limit: OrderLimit
    would_atoms: AccountAmount = 0
    may_atoms: AccountAmount = 0
    would_lots: Size = 0
    may_lots: Size = 0

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.own_orders.pop(self.order_id, None)

    def says(self, names: Names) -> str:
        side = "buy" if self.size_lots > 0 else "sell"
        what = f"order {self.order_id} of {names.account(self.account)}, to {side}"
        return f"{what} {names.size(self.instrument, self.size_lots)}, was refused: {self._over(names)}"

    def _over(self, names: Names) -> str:
        would, may = (names.money(self.account, atoms) for atoms in (self.would_atoms, self.may_atoms))
        if self.would_lots:
            would, may = (names.units(self.instrument, lots) for lots in (self.would_lots, self.may_lots))
        words = {
            "initial margin": f"it would need {would} of initial margin and leave {may} of equity",
            "leverage": f"its account would hold {would}, and its leverage allows {may}",
            "position": f"its account would hold {would} on that side, and may hold {may}",
            "position value": f"its account would hold {would} on that side, and may hold {may}",
            "open interest": f"all traders would hold {would} on that side, and may hold {may}",
        }
        return words[self.limit]

    def tells(self, case: Case) -> str:
        reduced = "An order that only reduces a position would not have been."
        return case.joined(f"{self.says(case.names)}.", reduced, case.held(), case.ruled(), case.followed())


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


class FundingRated(BodyBase, frozen=True, tag=129):
    """The funding rate of an interval was decided: by the premium of the book, and by which side is crowded.

    `premium_ppb` is the average premium of the mark over the value outside; `crowding_ppb` is what traders are long
    less what they are short, over both. `uncapped_ppb` is what comes of it, `rate_ppb` that within the venue's cap.
    """

    grounds = (Ground.INDEX, Ground.MARK, Ground.TIMER, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    premium_ppb: RatePpb
    crowding_ppb: RatePpb
    uncapped_ppb: RatePpb
    rate_ppb: RatePpb
    long_lots: Size
    short_lots: Size

    def says(self, names: Names) -> str:
        capped = f", capped from {names.rate(self.uncapped_ppb)}" if self.rate_ppb != self.uncapped_ppb else ""
        return f"the funding rate of {names.instrument(self.instrument)} was set to {names.rate(self.rate_ppb)}{capped}"

    def tells(self, case: Case) -> str:
        names = case.names
        long, short = (names.units(self.instrument, lots) for lots in (self.long_lots, self.short_lots))
        apart = f"{names.rate(abs(self.premium_ppb))} {'under' if self.premium_ppb < 0 else 'over'} the value outside"
        premium = f"The mark stood {apart}, averaged over the interval."
        crowding = f"Traders were long {long} and short {short}: a net share of {names.rate(self.crowding_ppb)}."
        return case.joined(f"{self.says(names)}.", premium, crowding, case.followed())


class CampaignStarted(BodyBase, frozen=True, tag=130):
    """A strategic trader set out to trade `size_lots`: its plan, the book that it saw, and forced orders of late."""

    grounds = (Ground.BOOK, Ground.QUOTES, Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    instrument: InstrumentNumber
    plan: str
    price_ticks: Price
    size_lots: Size
    bid_lots: Size
    ask_lots: Size
    forced_sold_lots: Size
    forced_bought_lots: Size

    def says(self, names: Names) -> str:
        what, price = names.size(self.instrument, abs(self.size_lots)), names.price(self.instrument, self.price_ticks)
        side = "buy" if self.size_lots > 0 else "sell"
        return f"{names.account(self.account)} set out to {self.plan}: to {side} {what}, the book trading at {price}"

    def tells(self, case: Case) -> str:
        names = case.names
        bids, asks = (names.units(self.instrument, lots) for lots in (self.bid_lots, self.ask_lots))
        sold, bought = (names.units(self.instrument, lots) for lots in (self.forced_sold_lots, self.forced_bought_lots))
        book = f"It saw {bids} bid for and {asks} offered, {sold} sold and {bought} bought by force of late."
        return case.joined(f"{self.says(names)}.", book, case.followed())


class CampaignEnded(BodyBase, frozen=True, tag=131):
    """A strategic trader holds nothing any more: what its position cost, what it got back, and what was left of it.

    `size_lots` and `entry_atoms` are its position at its largest and what that cost, signed; `exit_atoms` is what it
    left it for. `push_atoms` is what entering cost over the price that it began at. `net_atoms` is what its balance
    gained since, exactly. `liquidations` began on the venue meanwhile.
    """

    grounds = (Ground.BOOK, Ground.BALANCE, Ground.RULE)

    account: AccountNumber
    instrument: InstrumentNumber
    plan: str
    started: EventNumber
    size_lots: Size
    entry_atoms: InstrumentAmount
    exit_atoms: InstrumentAmount
    push_atoms: InstrumentAmount
    net_atoms: AccountAmount
    liquidations: Count
    price_ticks: Price

    def says(self, names: Names) -> str:
        verb = "gained" if self.net_atoms >= 0 else "lost"
        net = names.money(self.account, abs(self.net_atoms))
        return f"{names.account(self.account)} {verb} {net} by its plan to {self.plan}, begun in event {self.started}"

    def tells(self, case: Case) -> str:
        names, short = case.names, self.size_lots < 0
        entry, left, push = (
            names.value(self.instrument, atoms)
            for atoms in (abs(self.entry_atoms), abs(self.exit_atoms), self.push_atoms)
        )
        what = names.size(self.instrument, abs(self.size_lots))
        done = f"It sold {what} for {entry} and bought them back for {left}."
        if not short:
            done = f"It bought {what} for {entry} and left them for {left}."
        cost = f"Pushing the price cost {push} of that against where it began."
        forced = f"Meanwhile {names.count(self.liquidations, 'liquidation')} began."
        return case.joined(f"{self.says(names)}.", done, cost, forced, case.followed())


TradingBody = (
    BookPriced
    | DepthFormed
    | QuotesPlaced
    | LiquidityWithdrawn
    | LiquidityReturned
    | OrderPlaced
    | OrderFilled
    | OrderCancelled
    | OrderRefused
    | CollateralWithdrawn
    | FundingRated
    | CampaignStarted
    | CampaignEnded
)
