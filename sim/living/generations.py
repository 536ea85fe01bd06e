"""Who forced whom: the branching ratio of liquidations, their generations, and how long a cascade took.

1. A liquidation is *forced by forced orders* if it would not have begun at the marks less what forced orders had moved
   them by since the account took its positions on (`displacement.py`). The share of these in all liquidations is the
   *branching ratio*: in a branching process that is how many liquidations each one leads to on average (Filimonov and
   Sornette 2012, Physical Review E 85, 056108; Hardiman et al. 2013, European Physical Journal B 86, 442).
2. Its *generation* is the least k for which it would have begun with what the orders of generations under k had moved
   the marks by: 0 if it needed none of them. A forced order has the generation of the liquidation that it came from; an
   answer to a margin call has 0.
3. A *cascade* is a sequence of liquidations with less than `CASCADE_GAP_NS` from one to the next. Its length is the
   time from the first one's start to the last one's. Of a run the one with most liquidations counts.

What it does not see: what stops and other own orders did on the way (they count as if from outside), and what an
account had already lost by forced orders in positions that it closed. A fork with the liquidations held back says what
all of them did together: `deleverage split`.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import msgspec

from ...events.bodies.inputs import TradeExecuted
from ...events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from ...events.bodies.listing import Tier
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.bodies.trading import BookPriced, OrderFilled
from ...events.bodies.venues import IndexPriced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.payoff import AnyPayoff
from ...events.venue_names import plain
from ...handlers.living.index import INDEX_OF, OWN_BOOK, listed_at
from ...handlers.mark_pricing import BookMarkPricing, ConstituentMarkPricing, IndexMarkPricing, averaged_microticks
from ...handlers.valuation import BPS, margin_of, slack
from .displacement import OWN, Displacement, place_of

__all__ = ["CASCADE_GAP_NS", "CascadeFigures", "Generations"]

CASCADE_GAP_NS = 60 * 10**9

_MICRO = 10**6
_FOLLOWING = (BookMarkPricing.policy, ConstituentMarkPricing.policy)
_Key = tuple[int, int, int]
"""(account, instrument, leg)"""


class _Marked(msgspec.Struct, frozen=True, gc=False):
    """What of a market margin is tested by."""

    payoff: AnyPayoff
    tiers: tuple[Tier, ...]
    cumulative_funding_nanoatoms: int
    mark_ticks: int


class CascadeFigures(msgspec.Struct, frozen=True):
    """What the liquidations of a run came to. `by_generation` counts them, those that needed no forced order first."""

    liquidations: int
    forced_by_forced: int
    by_generation: tuple[int, ...]
    largest: int
    length_ns: int


class Generations:
    """Takes the events of a run in their order, each after it was folded."""

    KINDS = (
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
        self._booked: dict[int, deque[tuple[int, list[int]]]] = {}
        self._latest: dict[int, list[int]] = {}
        self._indexed: dict[int, list[int]] = {}
        self._marked: dict[int, tuple[int, list[int]]] = {}
        self._entered: dict[_Key, list[int]] = {}
        self._of: dict[int, int] = {}
        self._counts: Counter[int] = Counter()
        self._cascade, self._largest = [0, 0, 0], (0, 0)

    def take(self, event: Event, ledger: LedgerState) -> None:
        """The next event; O(generations), and for a liquidation that times its positions."""
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

    def generation_of(self, liquidation_id: int) -> int:
        """That of a liquidation that has begun."""
        return self._of[liquidation_id]

    def moved(self, account: Account) -> dict[int, int]:
        """By instrument that it holds, how far forced orders have moved the mark since: in millionths of a tick."""
        return {key[0]: sum(self._moved_since_entered(account.account, key)) for key in reversed(account.positions)}

    def figures(self) -> CascadeFigures:
        """What it came to so far."""
        counts = tuple(self._counts[number] for number in range(max(self._counts, default=-1) + 1))
        largest, length_ns = max(self._largest, (self._cascade[0], self._cascade[2] - self._cascade[1]))
        return CascadeFigures(sum(counts), sum(counts[1:]), counts, largest, length_ns)

    def _trade(self, event: Event, body: Any, ledger: LedgerState) -> None:
        place = place_of(0)
        if type(body) is OrderFilled:
            place = OWN
            self._enter(body, ledger)
        elif type(body) is LiquidationFilled:
            place = place_of(self._of.get(body.liquidation_id, 0))
        displaced = self._displaced.setdefault(body.instrument, Displacement())
        displaced.trade(body.size_lots, body.eaten_lots, place)
        if ledger.markets[body.instrument].book is not None:
            self._filled[event.seq] = place

    def _book(self, event: Event, body: BookPriced, market: Market) -> None:
        displaced = self._displaced.get(body.instrument)
        if displaced is None:
            return
        displaced.price(body, self._filled.pop(event.links[0], None) if event.links else None)
        moved = displaced.moved_microticks(market, event.at_ns)[place_of(0) :]
        self._booked.setdefault(body.instrument, deque()).append((event.seq, moved))
        self._latest[body.instrument] = moved

    def _index(self, body: IndexPriced, ledger: LedgerState) -> None:
        """How far forced orders, on whichever venue, have an index of several constituents moved: by their weights."""
        moved, weights = list[int](), 0
        for name, _, weight in body.constituents:
            parts, weights = self._moved_of(name, body.instrument, ledger), weights + weight
            pairs = zip(_padded(moved, len(parts)), _padded(parts, len(moved)), strict=True)
            moved = [known + weight * part for known, part in pairs]
        self._indexed[body.instrument] = [part // weights for part in moved]

    def _moved_of(self, constituent: str, instrument: int, ledger: LedgerState) -> list[int]:
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
            moved = displaced.moved_microticks(ledger.markets[instrument], event.at_ns, lasting=False)[place_of(0) :]
        self._marked[instrument] = event.at_ns, moved

    def _priced(self, event: Event, instrument: int) -> list[int]:
        """At the price that a mark followed from; nothing had moved one from before the first trade."""
        prices = self._booked.get(instrument, ())
        while prices and prices[0][0] < (event.cause or 0):
            prices.popleft()
        return prices.popleft()[1] if prices and prices[0][0] == event.cause else []

    def _averaged(self, event: Event, instrument: int, moved: list[int], smoothing_ns: int) -> list[int]:
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

    def _start(self, event: Event, body: LiquidationStarted, ledger: LedgerState) -> None:
        generation = self._generation(ledger.accounts[body.account], ledger)
        self._of[body.liquidation_id] = generation
        self._counts[generation] += 1
        number, first_ns, last_ns = self._cascade
        if number and event.at_ns - last_ns < CASCADE_GAP_NS:
            self._cascade = [number + 1, first_ns, event.at_ns]
            return
        self._largest = max(self._largest, (number, last_ns - first_ns))
        self._cascade = [1, event.at_ns, event.at_ns]

    def _generation(self, account: Account, ledger: LedgerState) -> int:
        """The least that it needed; 0 also where the marks as they are do not explain it.

        Of several legs of an instrument the first one counts.
        """
        markets = ledger.markets
        left = {key[0]: self._moved_since_entered(account.account, key) for key in reversed(account.positions)}
        for generation in range(max(map(len, left.values()), default=0) + 1):
            without = {number: _marked(markets[number], sum(parts[generation:])) for number, parts in left.items()}
            if slack(margin_of(account, ledger, without), BPS) < 0:  # type: ignore[arg-type]
                return generation
        return 0

    def _moved_since_entered(self, account: int, key: tuple[int, int]) -> list[int]:
        _, moved = self._marked.get(key[0], (0, []))
        entered = self._entered.get((account, *key))
        if entered is None:
            return moved
        pairs = zip(_padded(moved, len(entered)), _padded(entered, len(moved)), strict=True)
        return [now - then for now, then in pairs]


def _marked(market: Market, moved_microticks: int) -> _Marked:
    """A market with its mark put back by so much."""
    mark_ticks = max(1, market.mark_ticks - moved_microticks // _MICRO)
    return _Marked(market.payoff, market.tiers, market.cumulative_funding_nanoatoms, mark_ticks)


def _weighted(held: list[int], held_lots: int, more: list[int], more_lots: int) -> list[int]:
    """The average over lots, rounded down."""
    pairs = zip(_padded(held, len(more)), _padded(more, len(held)), strict=True)
    return [(old * held_lots + new * more_lots) // (held_lots + more_lots) for old, new in pairs]


def _padded(parts: list[int], least: int) -> list[int]:
    """At least so long: generations that were not there yet moved nothing."""
    return parts + [0] * (least - len(parts))
