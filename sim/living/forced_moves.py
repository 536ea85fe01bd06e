"""How far forced orders have moved the marks, told apart by a place that each kind of order stands at.

What is followed is the price of each book (`displacement.py`), the indexes that count it among their constituents, and
the marks that follow either; and of each position how far orders had moved the mark as it was entered, since only what
they moved it by afterwards counts against it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from ...events.bodies.inputs import TradeExecuted
from ...events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from ...events.bodies.listing import InstrumentListed, Tier
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.bodies.trading import BookPriced, OrderFilled
from ...events.bodies.venues import IndexPriced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.payoff import AnyPayoff
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ...handlers.living.index import INDEX_OF, OWN_BOOK, listed_at
from ...handlers.mark_pricing import BookMarkPricing, ConstituentMarkPricing, IndexMarkPricing, averaged_microticks
from ...handlers.options.pricing import mark_ticks
from ...handlers.valuation import BPS, margin_of, slack
from .displacement import OWN, Displacement

__all__ = ["ForcedMoves", "Parts", "begins_without"]

_MICRO = 10**6
_FOLLOWING = (BookMarkPricing.policy, ConstituentMarkPricing.policy)
Parts = list[int]
"""What the orders of each place but OWN have moved a price by, in millionths of a tick."""

_Key = tuple[int, int, int]
"""(account, instrument, leg)"""


class _Marked(msgspec.Struct, frozen=True, gc=False):
    """What of a market margin is tested by."""

    payoff: AnyPayoff
    tiers: tuple[Tier, ...]
    cumulative_funding_nanoatoms: int
    mark_ticks: int
    listing: InstrumentListed


class ForcedMoves(ABC):
    """Takes the events of a run in their order, each after it was folded. Figures are in millionths of a tick."""

    KINDS: ClassVar[tuple[type[Body], ...]] = (
        BookPriced,
        IndexPriced,
        MarkPriced,
        LiquidationStarted,
        LiquidationFilled,
        PositionReduced,
        OrderFilled,
        TradeExecuted,
    )

    def __init__(self) -> None:
        self._displaced: dict[int, Displacement] = {}
        self._filled: dict[int, int] = {}
        self._booked: dict[int, deque[tuple[int, Parts]]] = {}
        self._latest: dict[int, Parts] = {}
        self._indexed: dict[int, Parts] = {}
        self._marked: dict[int, tuple[int, Parts]] = {}
        self._entered: dict[_Key, Parts] = {}

    @abstractmethod
    def _place(self, body: Any, ledger: LedgerState) -> int:
        """Where a trade stands: at OWN if it is no forced one, and else from 1 on."""

    @abstractmethod
    def _start(self, event: Event, body: LiquidationStarted, ledger: LedgerState) -> None:
        """A liquidation begins."""

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(places), and for a liquidation what that costs."""
        body: Any = event.body
        kind = type(body)
        if kind is BookPriced:
            self._book(event, body, ledger.markets[body.instrument])
        elif kind is MarkPriced:
            self._mark(event, body, ledger)
        elif kind is IndexPriced:
            self._index(body, ledger)
        elif kind is LiquidationStarted:
            self._start(event, body, ledger)
        elif kind is TradeExecuted:
            self._enter(body, ledger)
        elif kind in (LiquidationFilled, PositionReduced, OrderFilled):
            self._trade(event, body, ledger)

    def marks_without(self, account: Account, ledger: LedgerState) -> dict[int, int]:
        """By instrument that it holds, where the mark would be without what forced orders have moved it by since."""
        without = _put_back(account, ledger, self._moved_since(account, ledger), sum)
        return {number: market.mark_ticks for number, market in without.items()}

    def _trade(self, event: Event, body: Any, ledger: LedgerState) -> None:
        if type(body) is OrderFilled:
            self._enter(body, ledger)
        place = self._place(body, ledger)
        displaced = self._displaced.setdefault(body.instrument, Displacement())
        displaced.trade(body.size_lots, body.eaten_lots, place)
        if ledger.markets[body.instrument].book is not None:
            self._filled[event.seq] = place

    def _moved_since(self, account: Account, ledger: LedgerState) -> dict[int, Parts]:
        """By instrument that it holds, what has moved the mark since; of several legs the first one counts.

        The mark of an option follows from that of its underlying, which stands here in its place.
        """
        found = dict[int, Parts]()
        for instrument, leg in reversed(account.positions):
            option = ledger.options.get(instrument)
            key = (instrument, leg) if option is None else (option.underlying, 0)
            found[key[0]] = self._moved_since_entered(account.account, key)
        return found

    def _book(self, event: Event, body: BookPriced, market: Market) -> None:
        displaced = self._displaced.get(body.instrument)
        if displaced is None:
            return
        displaced.price(body, self._filled.pop(event.links[0], None) if event.links else None)
        moved = displaced.moved_microticks(market, event.at_ns)[OWN + 1 :]
        self._booked.setdefault(body.instrument, deque()).append((event.seq, moved))
        self._latest[body.instrument] = moved

    def _index(self, body: IndexPriced, ledger: LedgerState) -> None:
        """How far forced orders, on whichever venue, have an index of several constituents moved: by their weights."""
        moved, weights = Parts(), 0
        for name, _, weight in body.constituents:
            parts, weights = self._moved_of(name, body.instrument, ledger), weights + weight
            pairs = zip(_padded(moved, len(parts)), _padded(parts, len(moved)), strict=True)
            moved = [known + weight * part for known, part in pairs]
        self._indexed[body.instrument] = [part // weights for part in moved]

    def _moved_of(self, constituent: str, instrument: int, ledger: LedgerState) -> Parts:
        """How far they have one constituent moved; the value outside not at all."""
        if constituent == OWN_BOOK:
            return self._latest.get(instrument, [])
        number = listed_at(ledger, plain(ledger.markets[instrument].listing.name), constituent.removesuffix(INDEX_OF))
        known = self._indexed if constituent.endswith(INDEX_OF) else self._latest
        return [] if number is None else known.get(number, [])

    def _mark(self, event: Event, body: MarkPriced, ledger: LedgerState) -> None:
        """How far forced orders have the new mark moved.

        One that is the book's price, as they had that price; one that is an index of several constituents, as they had
        these; one that is the index from outside, not at all; any other in passing.
        """
        instrument, displaced = body.instrument, self._displaced.get(body.instrument)
        pricing = ledger.producer("mark", ledger.venue_of_instrument(instrument))
        policy = "" if pricing is None else pricing.policy
        if policy == IndexMarkPricing.policy or (displaced is None and policy != ConstituentMarkPricing.policy):
            return
        if policy in _FOLLOWING:
            indexed = policy == ConstituentMarkPricing.policy
            moved = self._indexed.get(instrument, []) if indexed else self._priced(event, instrument)
            smoothing_ns = 0 if pricing is None else pricing.parameters.get("smoothing_ns", 0)
            moved = self._averaged(event, instrument, moved, smoothing_ns) if smoothing_ns else moved
        else:
            assert displaced is not None
            moved = displaced.moved_microticks(ledger.markets[instrument], event.at_ns, lasting=False)[OWN + 1 :]
        self._marked[instrument] = event.at_ns, moved

    def _priced(self, event: Event, instrument: int) -> Parts:
        """At the price that a mark followed from; nothing had moved one from before the first trade."""
        prices = self._booked.get(instrument, ())
        while prices and prices[0][0] < (event.cause or 0):
            prices.popleft()
        return prices.popleft()[1] if prices and prices[0][0] == event.cause else []

    def _averaged(self, event: Event, instrument: int, moved: Parts, smoothing_ns: int) -> Parts:
        """As the mark averages the price."""
        at_ns, before = self._marked.get(instrument, (event.at_ns, []))
        pairs = zip(_padded(before, len(moved)), _padded(moved, len(before)), strict=True)
        return [averaged_microticks(*pair, event.at_ns - at_ns, smoothing_ns) for pair in pairs]

    def _enter(self, body: Any, ledger: LedgerState) -> None:
        """Of a position that grew, the average of how far forced orders had the mark moved as it was entered."""
        _, moved = self._marked.get(body.instrument, (0, []))
        if not moved and not self._entered:
            return
        sides = ((body.account, body.leg, body.size_lots), (body.counterparty, 0, -body.size_lots))
        for account, leg, lots in sides:
            key = (account, body.instrument, leg)
            held = ledger.accounts[account].positions.get((body.instrument, leg))
            size_lots = 0 if held is None else held.size_lots
            before_lots = size_lots - lots
            if not size_lots:
                self._entered.pop(key, None)
            elif before_lots * size_lots <= 0:
                self._entered[key] = moved
            elif abs(size_lots) > abs(before_lots):
                self._entered[key] = _weighted(self._entered.get(key, []), abs(before_lots), moved, abs(lots))

    def _moved_since_entered(self, account: int, key: tuple[int, int]) -> Parts:
        _, moved = self._marked.get(key[0], (0, []))
        entered = self._entered.get((account, *key))
        if entered is None:
            return moved
        pairs = zip(_padded(moved, len(entered)), _padded(entered, len(moved)), strict=True)
        return [now - then for now, then in pairs]


def begins_without(
    account: Account, ledger: LedgerState, moved: Mapping[int, Parts], of: Callable[[Parts], int]
) -> bool:
    """Whether an account is below its requirement as well at the marks put back by what `of` makes of the parts."""
    without = _put_back(account, ledger, moved, of)
    return slack(margin_of(account, ledger, without), BPS) < 0  # type: ignore[arg-type]


def _put_back(
    account: Account, ledger: LedgerState, moved: Mapping[int, Parts], of: Callable[[Parts], int]
) -> dict[int, _Marked]:
    """Markets with their marks put back by what `of` makes of the parts, and options marked as at these."""
    without = dict[int, _Marked]()
    for number, parts in moved.items():
        market = ledger.markets[number]
        without[number] = _marked(market, max(1, market.mark_ticks - of(parts) // _MICRO))
    for instrument, _ in account.positions:
        option = ledger.options.get(instrument)
        if option is not None:
            ticks = mark_ticks(ledger, option, markets=without)  # type: ignore[arg-type]
            without[instrument] = _marked(ledger.markets[instrument], ticks)
    return without


def _marked(market: Market, ticks: int) -> _Marked:
    return _Marked(market.payoff, market.tiers, market.cumulative_funding_nanoatoms, ticks, market.listing)


def _weighted(held: Parts, held_lots: int, more: Parts, more_lots: int) -> Parts:
    """The average over lots, rounded down."""
    pairs = zip(_padded(held, len(more)), _padded(more, len(held)), strict=True)
    return [(old * held_lots + new * more_lots) // (held_lots + more_lots) for old, new in pairs]


def _padded(parts: Parts, least: int) -> Parts:
    """At least so long: generations that were not there yet moved nothing."""
    return parts + [0] * (least - len(parts))
