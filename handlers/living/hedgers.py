"""Hedgers between venues: long on one and short on another, so that no price matters, until a leg is taken away.

1. A hedger opens its hedge at the first price from outside: which venue it is long on and which instrument it holds are
   drawn by its name; it is as large as the poorer of its two accounts bears.
2. A liquidation, a takeover, auto-deleveraging or the answer to a call on one venue leaves the other leg bare. It is
   closed at once, down to what is still hedged: so what was forced on the one venue becomes an order on the other.
3. What found no depth, or could not trade in a halt or while a venue had failed, is ordered again at the next price
   from outside. A hedge that is gone is not opened again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from ...events.bodies.auctions import AuctionFilled
from ...events.bodies.liquidation import LiquidationFilled, PositionTakenOver
from ...events.bodies.margin import PositionReduced
from ...events.bodies.trading import BookPriced, OrderPlaced
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.venue_names import group_of, plain
from ...events.vocabulary import Body, accounts_named
from ..draws import account_key, draw_below
from ..faults import why_nothing_trades
from ..protocol import Handler, Linked, Product
from ..valuation import BPS, lots_worth, margin_of
from .between_venues import person_of, persons_of

__all__ = ["HEDGE", "HedgerParameters", "Hedgers", "under_way"]

HEDGE = "hedge"
"""What a hedger's orders are for."""

_BARING = (LiquidationFilled, AuctionFilled, PositionTakenOver, PositionDeleveraged, PositionReduced)
"""What takes a leg away by force, or in answer to a call."""


class HedgerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts of `group` hold `leverage_bps` of the equity of the poorer one on each of two venues."""

    group: str = "hedger"
    leverage_bps: int = 20_000

    def __post_init__(self) -> None:
        """Refuse a hedge of nothing."""
        if self.leverage_bps <= 0:
            message = f"leverage_bps is {self.leverage_bps}; a hedge is of something, so it must be above 0"
            raise ValueError(message)


class _Leg(NamedTuple):
    """What a hedger holds of an instrument on one venue, with what its orders under way will make of it."""

    account: Account
    market: Market
    lots: int


class Hedgers(Handler):
    """Keeps the legs of each hedge as large as each other."""

    name: ClassVar[str] = "hedgers"
    policy: ClassVar[str] = "neutral"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced, *_BARING)
    Parameters: ClassVar[type[msgspec.Struct]] = HedgerParameters

    def __init__(self, parameters: HedgerParameters) -> None:
        self.rule = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """At a price from outside the hedges that are to be opened or are bare; else whose leg was taken away."""
        body: Any = event.body
        orders, name = list[OrderPlaced](), plain(ledger.markets[body.instrument].listing.name)
        if not isinstance(body, BookPriced):
            for person in self._bared(body, ledger):
                orders += self._closed(person, name, ledger, len(orders))
        elif not event.links:  # no trade made it
            for person in persons_of(self.rule.group, ledger):
                orders += self._opened(person, ledger, len(orders))
                orders += self._closed(person, name, ledger, len(orders))
        return [Linked(order, (event.seq,)) for order in orders]

    def _bared(self, body: Body, ledger: LedgerState) -> Iterator[Mapping[str, Account]]:
        """The hedgers whose legs an event names."""
        names = (ledger.name(number) for number in accounts_named(body))
        for name in dict.fromkeys(plain(name) for name in names if group_of(name) == self.rule.group):
            yield person_of(name, ledger)

    def _opened(self, person: Mapping[str, Account], ledger: LedgerState, ahead: int) -> Iterator[OrderPlaced]:
        """Both legs of a hedge, once all venues trade; nothing for who ever acted."""
        if any(one.account in ledger.acted or one.positions for one in person.values()):
            return
        listed: dict[str, list[Market]] = {}
        for market in ledger.markets:
            if market.book is None:
                return
            if ledger.assets[market.listing.asset].venue in person:
                listed.setdefault(plain(market.listing.name), []).append(market)
        common = [markets for markets in listed.values() if len(markets) > 1]
        if not common:
            return
        key = account_key(plain(ledger.name(next(iter(person.values())).account)))
        markets = common[draw_below(ledger.seed, key, "hedged instrument", 0, len(common))]
        first = draw_below(ledger.seed, key, "long venue", 0, len(markets))
        long, short = markets[first], markets[(first + 1) % len(markets)]
        accounts = [person[ledger.assets[one.listing.asset].venue] for one in (long, short)]
        lots = min(map(self._bears, accounts, (long, short), (ledger, ledger)))
        if lots:
            yield _order(accounts[0], long, lots, ledger, ahead)
            yield _order(accounts[1], short, -lots, ledger, ahead + 1)

    def _bears(self, account: Account, market: Market, ledger: LedgerState) -> int:
        """How many lots an account's equity bears."""
        assert market.book is not None
        equity_atoms = max(0, margin_of(account, ledger).equity_atoms)
        return lots_worth(market, market.book.price_ticks, equity_atoms * self.rule.leverage_bps, BPS)

    def _closed(
        self, person: Mapping[str, Account], name: str, ledger: LedgerState, ahead: int
    ) -> Iterator[OrderPlaced]:
        """Orders for what of an instrument is no longer hedged, on the venues that hold too much, the most first."""
        held = [
            (account, market, position.size_lots)
            for market in ledger.listed_everywhere(name)
            if (account := person.get(ledger.assets[market.listing.asset].venue)) is not None
            and (position := account.positions.get((market.listing.instrument, 0))) is not None
        ]
        if not sum(lots for _, _, lots in held):  # nearly always
            return
        legs = [_Leg(one, market, lots + under_way(one, market, ledger)) for one, market, lots in held]
        left = sum(leg.lots for leg in legs)
        for leg in sorted(legs, key=lambda one: (-abs(one.lots), one.account.account)):
            lots = min(abs(leg.lots), abs(left)) if leg.lots * left > 0 else 0
            if lots and _can_trade(leg, ledger):
                sign = 1 if left > 0 else -1
                yield _order(leg.account, leg.market, -sign * lots, ledger, ahead, reduces=True)
                left, ahead = left - sign * lots, ahead + 1


def under_way(account: Account, market: Market, ledger: LedgerState) -> int:
    """What the account's orders that have not traded yet will trade; O(orders)."""
    instrument = market.listing.instrument
    orders = (one for one in ledger.own_orders.values() if one.account == account.account)
    return sum(one.size_lots for one in orders if one.instrument == instrument and one.trigger_ticks is None)


def _can_trade(leg: _Leg, ledger: LedgerState) -> bool:
    """Whether nothing is in the way; who is in liquidation there trades nothing of its own."""
    free = leg.account.status in ("healthy", "called")
    return free and why_nothing_trades(ledger, leg.market.listing.instrument) is None


def _order(
    account: Account, market: Market, lots: int, ledger: LedgerState, ahead: int, *, reduces: bool = False
) -> OrderPlaced:
    """A market order, numbered behind those that the same delivery gave."""
    number, instrument = ledger.orders + ahead + 1, market.listing.instrument
    return OrderPlaced(number, account.account, instrument, 0, lots, "market", HEDGE, reduces=reduces)
