"""A strategic trader: an account of finite capital that holds, front-runs or triggers a cascade, by a policy.

1. At each price from outside the policy is asked what to trade now, from an `Observation` and nothing else. In a halt
   it is not asked.
2. What it says is bounded by capital: the position is worth at most `leverage_bps` of the account's equity.
3. From the first order until it holds nothing again is a *campaign*: `CampaignStarted` says what it saw and set out to
   do, `CampaignEnded` what its position cost, what it got back, what entering cost over the price it began at, and what
   was left, exactly, from the account's balance. It is called and liquidated like any other.
4. Its memory is the ledger's: a note (`HandlerStateNoted`) of how its campaign stands. Forced orders it knows from the
   public feed of the last `window_ns`, an index over the record.

What it may see is what a trader on the venue sees: the book, its own account, and public liquidations. It sees nobody
else's account, position, margin or stop, nor the value outside, nor what is still to come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.trading import BookPriced, CampaignEnded, CampaignStarted, OrderPlaced
from ...events.bodies.venue import HandlerStateNoted
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ..depth import eaten_lots
from ..protocol import Handler, Product
from ..valuation import BPS, is_marked, lots_worth, margin_of

__all__ = ["Depth", "Observation", "Plan", "Strategist", "StrategistSettings", "lots_within"]

_MICRO = 10**6

Depth = tuple[tuple[int, int], ...]
"""What stands on a side now: (distance from the book's centre in basis points, lots up to there), nearest first."""


class Observation(NamedTuple):
    """All that a strategy may know, in whole numbers.

    The book: `price_ticks`, `trend_ticks` (its slow average), `volatility_ppb` (per square root of a second), `bids`
    and `asks` as they stand. Forced orders, public: `forced_sold_lots` and `forced_bought_lots` within the window.
    Its own account: `equity_atoms`, `held_lots` (signed), `entry_ticks` (average, 0 without a position), `most_lots`
    (as many as it may hold on either side), `acted_ns` (its last order, None before the first). Its campaign:
    `since_ns` and `start_ticks`, None and 0 where there is none.
    """

    now_ns: int
    price_ticks: int
    trend_ticks: int
    volatility_ppb: int
    bids: Depth
    asks: Depth
    forced_sold_lots: int
    forced_bought_lots: int
    equity_atoms: int
    held_lots: int
    entry_ticks: int
    most_lots: int
    acted_ns: int | None
    since_ns: int | None
    start_ticks: int


def lots_within(side: Depth, distance_bps: int) -> int:
    """How many lots stand up to a distance."""
    return max((lots for band_bps, lots in side if band_bps <= distance_bps), default=0)


class Plan(Protocol):
    """What a policy of this slot has; `formula` and `source` say its rule in a line each, for listings."""

    policy: ClassVar[str]
    version: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    def lots(self, seen: Observation) -> int:
        """How many lots to trade now, negative to sell, 0 for none."""
        ...


class StrategistSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who acts, where and how far: the accounts are `group`-1, `group`-2, ...

    `instrument` is the name of what they trade, the first one if it is empty. A position is worth at most
    `leverage_bps` of equity. Forced orders are seen for `window_ns`.
    """

    group: str = "strategist"
    instrument: str = ""
    leverage_bps: int = 30_000
    window_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse a trader that could do nothing."""
        if self.leverage_bps <= 0 or self.window_ns <= 0:
            message = "leverage_bps and window_ns must be above 0"
            raise ValueError(message)


class _Campaign(NamedTuple):
    """How a campaign stands, as it is noted: since when, from which price and balance, and its position at its largest.

    `liquidations` is how many the venue had started before it.
    """

    started_seq: int
    since_ns: int
    start_ticks: int
    balance_atoms: int
    liquidations: int
    entry_lots: int = 0
    entry_atoms: int = 0


class Strategist(Handler):
    """Asks a strategy at each price from outside, bounds what it says by capital, and keeps the account of it."""

    name: ClassVar[str] = "strategist"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    observes: ClassVar[tuple[type[Body], ...]] = (LiquidationFilled,)

    def __init__(self, strategy: Plan, settings: StrategistSettings) -> None:
        self.strategy, self.rule = strategy, settings
        self._forced: deque[tuple[int, int, int]] = deque()

    @property
    def look_back_ns(self) -> int:
        """The window of public liquidations."""
        return self.rule.window_ns

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """The forced orders of the window."""
        self._forced = deque()
        for event in past:
            self.observe(event, ledger)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """A forced order traded."""
        body = event.body
        if isinstance(body, LiquidationFilled):
            self._forced.append((event.at_ns, body.instrument, body.size_lots))
            while self._forced[0][0] < event.at_ns - self.rule.window_ns:
                self._forced.popleft()

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """What each account of the group does at a price from outside."""
        book = event.body
        assert isinstance(book, BookPriced)
        market = ledger.markets[book.instrument]
        unseen = not market.mark_ticks or market.halted_until_ns is not None
        if event.links or unseen or not self._is_watched(market, ledger):
            return ()
        products: list[Product] = []
        for account in self.accounts_of(self.rule.group, ledger):
            if account.status == "healthy" and account.asset == market.listing.asset and is_marked(account, ledger):
                orders = ledger.orders + sum(isinstance(one, OrderPlaced) for one in products)
                seq = ledger.seq + len(products)
                products += self._asked(account, market, ledger, now_ns, orders, seq)
        return products

    def _is_watched(self, market: Market, ledger: LedgerState) -> bool:
        name = self.rule.instrument or plain(ledger.markets[0].listing.name)
        return market.listing.name == self.at_venue(name)

    def _asked(
        self, account: Account, market: Market, ledger: LedgerState, now_ns: int, orders: int, seq: int
    ) -> Iterator[Product]:
        """The end of its campaign if it holds nothing any more; else what it does, and how its campaign stands then."""
        name, held = ledger.name(account.account), account.positions.get((market.listing.instrument, 0))
        noted = ledger.notes.get((self.name, name))
        campaign = _Campaign(*noted) if noted else None
        if campaign is not None and held is None:
            yield _ended(account, market, ledger, campaign, self.strategy.policy)
            yield HandlerStateNoted(self.name, name, ())
            return
        if campaign is not None and held is not None and abs(held.size_lots) > abs(campaign.entry_lots):
            campaign = campaign._replace(entry_lots=held.size_lots, entry_atoms=held.cost_atoms)
            yield HandlerStateNoted(self.name, name, tuple(campaign))
            seq += 1
        seen = self._seen(account, market, ledger, now_ns, campaign)
        lots = _within_capital(self.strategy.lots(seen), seen)
        if not lots:
            return
        if campaign is None:
            yield _started(account, market, seen, lots, self.strategy.policy)
            begun = _Campaign(seq, now_ns, seen.price_ticks, account.balance_atoms, ledger.liquidations_started)
            yield HandlerStateNoted(self.name, name, tuple(begun))
        yield _ordered(account, market, orders + 1, lots, self.strategy.policy, seen.held_lots)

    def _seen(
        self, account: Account, market: Market, ledger: LedgerState, now_ns: int, campaign: _Campaign | None
    ) -> Observation:
        book, instrument = market.book, market.listing.instrument
        assert book is not None, "it was priced"
        since_ns, held = now_ns - self.rule.window_ns, account.positions.get((instrument, 0))
        forced = [lots for at_ns, where, lots in self._forced if where == instrument and at_ns >= since_ns]
        equity_atoms = margin_of(account, ledger).equity_atoms
        return Observation(
            now_ns=now_ns,
            price_ticks=book.price_ticks,
            trend_ticks=book.trend_microticks // _MICRO,
            volatility_ppb=book.volatility_ppb,
            bids=_standing(market.bids, eaten_lots(market, selling=True, now_ns=now_ns)),
            asks=_standing(market.asks, eaten_lots(market, selling=False, now_ns=now_ns)),
            forced_sold_lots=-sum(lots for lots in forced if lots < 0),
            forced_bought_lots=sum(lots for lots in forced if lots > 0),
            equity_atoms=equity_atoms,
            held_lots=0 if held is None else held.size_lots,
            entry_ticks=0 if held is None else market.payoff.price_ticks(held.size_lots, held.cost_atoms),
            most_lots=lots_worth(market, book.price_ticks, max(0, equity_atoms) * self.rule.leverage_bps, BPS),
            acted_ns=ledger.acted.get(account.account),
            since_ns=None if campaign is None else campaign.since_ns,
            start_ticks=0 if campaign is None else campaign.start_ticks,
        )


def _standing(side: Depth, eaten: int) -> Depth:
    return tuple((distance_bps, lots - eaten) for distance_bps, lots in side if lots > eaten)


def _within_capital(lots: int, seen: Observation) -> int:
    """What of an order keeps the position within capital; what only reduces is always within it."""
    held, most = seen.held_lots, seen.most_lots
    if lots > 0:
        return min(lots, max(most - held, -held, 0))
    return -min(-lots, max(most + held, held, 0))


def _started(account: Account, market: Market, seen: Observation, lots: int, policy: str) -> CampaignStarted:
    return CampaignStarted(
        account=account.account,
        instrument=market.listing.instrument,
        plan=policy,
        price_ticks=seen.price_ticks,
        size_lots=lots,
        bid_lots=seen.bids[-1][1] if seen.bids else 0,
        ask_lots=seen.asks[-1][1] if seen.asks else 0,
        forced_sold_lots=seen.forced_sold_lots,
        forced_bought_lots=seen.forced_bought_lots,
    )


def _ended(account: Account, market: Market, ledger: LedgerState, campaign: _Campaign, policy: str) -> CampaignEnded:
    """Exact by the balance, as it held nothing before and holds nothing now; fees and funding are in it."""
    net_atoms = account.balance_atoms - campaign.balance_atoms
    began_atoms = market.payoff.value_atoms(campaign.entry_lots, campaign.start_ticks)
    assert market.book is not None
    return CampaignEnded(
        account=account.account,
        instrument=market.listing.instrument,
        plan=policy,
        started=campaign.started_seq,
        size_lots=campaign.entry_lots,
        entry_atoms=campaign.entry_atoms,
        exit_atoms=campaign.entry_atoms + net_atoms,
        push_atoms=campaign.entry_atoms - began_atoms if campaign.entry_lots else 0,
        net_atoms=net_atoms,
        liquidations=ledger.liquidations_started - campaign.liquidations,
        price_ticks=market.book.price_ticks,
    )


def _ordered(account: Account, market: Market, number: int, lots: int, policy: str, held_lots: int) -> OrderPlaced:
    return OrderPlaced(
        order_id=number,
        account=account.account,
        instrument=market.listing.instrument,
        leg=0,
        size_lots=lots,
        kind="market",
        purpose=f"strategist {policy}",
        reduces=lots * held_lots < 0 and abs(lots) <= abs(held_lots),
    )
