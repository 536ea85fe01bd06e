"""Liquidation auctions: a forced order is offered to backstop providers at a discount that grows, then to the book.

1. The offer stands at

       mark x (1 -+ discount), discount = first + step x floor(elapsed / step time), up to the most

   below the mark for a sale, above it for a purchase, rounded to a tick against the order. It never passes the order's
   limit: there, or at the most discount, the auction ends, and the book gets what is left.
2. A provider takes part once the discount is what it wants: drawn evenly for each by name, and more in proportion to
   what it holds already. It takes as many lots as its equity bears at its leverage. Who wants least is first, ties by
   account. One that is called or in liquidation takes nothing.
3. A trade of an auction does not touch the book, so it moves no price. No fee is taken.
4. While nothing trades at the venue (a halt, an outage) the auction ends, and the order waits as any does.

Source: Dutch auctions of collateral: MakerDAO, "Liquidations 2.0" (a price that falls in steps); backstop providers
with capital of their own: Bullish and BitMEX's liquidity providers. The discount's figures are parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from ..events.bodies.auctions import AuctionEnded, AuctionFilled, AuctionOpened
from ..events.bodies.liquidation import LiquidationOrdered, OrdersCancelled
from ..events.bodies.options import HedgeOrdered
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.envelope import Event
from ..events.ledger import LedgerState, Market
from ..events.ledger.auctions import OpenAuction
from ..events.vocabulary import Body
from .draws import account_key, draw_below
from .faults import why_nothing_trades
from .market import GONE, DepthMarket, held_lots
from .protocol import Product
from .valuation import BPS, lots_worth, margin_of

__all__ = ["AuctionMarket", "AuctionParameters"]

_PURPOSE = "auction step"


class AuctionParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The offer, and the providers: the accounts `group`-1, `group`-2, ...

    The discount begins at `first_bps` and grows by `step_bps` every `step_ns` up to `most_bps`. A provider wants
    between `nearest_bps` and `furthest_bps`, twice that when it holds all that it can: `leverage_bps` of its equity.
    """

    group: str = "backstop"
    first_bps: int = 10
    step_bps: int = 20
    step_ns: int = 1_000_000_000
    most_bps: int = 300
    nearest_bps: int = 10
    furthest_bps: int = 150
    leverage_bps: int = 30_000

    def __post_init__(self) -> None:
        """Refuse an auction without steps, and providers without capital."""
        if not 0 <= self.first_bps <= self.most_bps < BPS or self.step_bps <= 0 or self.step_ns <= 0:
            message = "first_bps must lie between 0 and most_bps, below 10000; step_bps and step_ns be above 0"
            raise ValueError(message)
        if not 0 <= self.nearest_bps <= self.furthest_bps < BPS or self.leverage_bps <= 0:
            message = "nearest_bps must lie between 0 and furthest_bps, below 10000; leverage_bps be above 0"
            raise ValueError(message)


class _Bid(NamedTuple):
    """What a provider wants at least, who it is, and how many lots it can take."""

    wanted_bps: int
    account: int
    lots: int


class AuctionMarket(DepthMarket):
    """An auction first, then the depth; a fund's own orders, and hedges, go to the depth at once."""

    policy: ClassVar[str] = "auction"
    version: ClassVar[str] = "1"
    subscribes: ClassVar[tuple[type[Body], ...]] = (LiquidationOrdered, HedgeOrdered, TimerFired)
    Parameters: ClassVar[type[msgspec.Struct]] = AuctionParameters

    def __init__(self, parameters: AuctionParameters) -> None:
        self.rule = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """An auction for each order of a trader; at each step who takes part; at its end the depth."""
        body = event.body
        if isinstance(body, TimerFired):
            auction = None if body.account is None else ledger.auctions.get(body.account)
            if body.purpose != _PURPOSE or auction is None:
                return ()
            return list(self._step(auction, ledger, now_ns))
        assert isinstance(body, LiquidationOrdered)
        stopped = why_nothing_trades(ledger, body.instrument) is not None
        own = ledger.accounts[body.account].kind == "insurance" or isinstance(body, HedgeOrdered)
        if stopped or own or not held_lots(body, ledger) or not any(self.accounts_of(self.rule.group, ledger)):
            return super().handle(event, ledger, now_ns)
        return self._opened(body, now_ns)

    def _opened(self, order: LiquidationOrdered, now_ns: int) -> Iterable[Product]:
        rule = self.rule
        opened = AuctionOpened(
            liquidation_id=order.liquidation_id,
            order_id=order.order_id,
            account=order.account,
            instrument=order.instrument,
            leg=order.leg,
            size_lots=order.size_lots,
            limit_ticks=order.limit_ticks,
            whole=order.whole,
            discount_bps=rule.first_bps,
            step_bps=rule.step_bps,
            step_ns=rule.step_ns,
        )
        return (opened, TimerSet(_PURPOSE, now_ns + rule.step_ns, order.account, order.instrument))

    def _step(self, auction: OpenAuction, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Who takes part at the present discount; the next step, or the end with what is left for the depth."""
        body, order = auction.body, _order(auction)
        market, selling = ledger.markets[body.instrument], body.size_lots < 0
        discount_bps = body.discount_bps + body.step_bps * ((now_ns - auction.at_ns) // body.step_ns - 1)
        price_ticks = _offer_ticks(market, discount_bps, selling=selling)
        reason, left = self._why_over(order, ledger, discount_bps, price_ticks), auction.left_lots
        if reason is not None:
            yield _ended(body, left, reason)
            yield from self.traded(order, ledger, now_ns)
            return
        most = min(left, held_lots(order, ledger))
        for fill in self._fills_of(auction, ledger, discount_bps, price_ticks, most):
            left = fill.left_lots
            yield fill
        if not left:
            yield _ended(body, left, "all of it was taken")
        elif most > auction.left_lots - left:
            yield TimerSet(_PURPOSE, now_ns + body.step_ns, body.account, body.instrument)
        else:
            yield _ended(body, left, GONE)
            yield OrdersCancelled(body.liquidation_id, body.account, body.order_id, left, GONE)

    def _why_over(
        self, order: LiquidationOrdered, ledger: LedgerState, discount_bps: int, price_ticks: int
    ) -> str | None:
        """Why nobody is asked any more; None while the auction goes on."""
        stopped = why_nothing_trades(ledger, order.instrument)
        if stopped is not None:
            return stopped
        limit_ticks, selling = order.limit_ticks, order.size_lots < 0
        if limit_ticks is not None and (price_ticks < limit_ticks if selling else price_ticks > limit_ticks):
            return "the offer passed the limit"
        return "the most discount found nobody" if discount_bps > self.rule.most_bps else None

    def _fills_of(
        self, auction: OpenAuction, ledger: LedgerState, discount_bps: int, price_ticks: int, most: int
    ) -> Iterator[AuctionFilled]:
        body, market = auction.body, ledger.markets[auction.body.instrument]
        sign, left, trade_id = (1 if body.size_lots > 0 else -1), auction.left_lots, ledger.trades
        for bid in sorted(self._bids(body, market, ledger, price_ticks)):
            lots = min(most, bid.lots)
            if bid.wanted_bps > discount_bps or not lots:
                continue
            most, left, trade_id = most - lots, left - lots, trade_id + 1
            yield AuctionFilled(
                liquidation_id=body.liquidation_id,
                order_id=body.order_id,
                trade_id=trade_id,
                account=body.account,
                counterparty=bid.account,
                instrument=body.instrument,
                leg=body.leg,
                size_lots=sign * lots,
                price_ticks=price_ticks,
                value_atoms=market.payoff.value_atoms(sign * lots, price_ticks),
                left_lots=left,
                discount_bps=discount_bps,
                wanted_bps=bid.wanted_bps,
            )

    def _bids(self, body: AuctionOpened, market: Market, ledger: LedgerState, price_ticks: int) -> Iterator[_Bid]:
        """What each provider wants and can take, by rule 2."""
        rule = self.rule
        for account in self.accounts_of(rule.group, ledger):
            margin = margin_of(account, ledger)
            most_atoms = margin.equity_atoms * rule.leverage_bps // BPS
            held_atoms = sum(map(abs, margin.values_atoms))
            if account.status != "healthy" or account.account == body.account or most_atoms <= held_atoms:
                continue
            key = account_key(ledger.name(account.account))
            spread = rule.furthest_bps - rule.nearest_bps + 1
            wanted_bps = rule.nearest_bps + draw_below(ledger.seed, key, "wanted discount", 0, spread)
            wanted_bps += wanted_bps * held_atoms // most_atoms
            yield _Bid(wanted_bps, account.account, lots_worth(market, price_ticks, most_atoms - held_atoms))


def _ended(body: AuctionOpened, left_lots: int, reason: str) -> AuctionEnded:
    return AuctionEnded(body.liquidation_id, body.order_id, body.account, body.instrument, left_lots, reason)


def _order(auction: OpenAuction) -> LiquidationOrdered:
    """The order that was offered, as far as it is left."""
    body = auction.body
    return LiquidationOrdered(
        liquidation_id=body.liquidation_id,
        order_id=body.order_id,
        account=body.account,
        instrument=body.instrument,
        leg=body.leg,
        size_lots=auction.left_lots if body.size_lots > 0 else -auction.left_lots,
        limit_ticks=body.limit_ticks,
        step=0,
        whole=body.whole,
    )


def _offer_ticks(market: Market, discount_bps: int, *, selling: bool) -> int:
    if selling:
        return max(1, market.mark_ticks * (BPS - discount_bps) // BPS)
    return -(-market.mark_ticks * (BPS + discount_bps) // BPS)
