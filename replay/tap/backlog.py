"""What was heard, once each and in the venue's order, however the line cut it up.

1. A fact is held back until the venue's time is `HOLD_NS` past it, and then goes out by (time, rank, key). So what the
   line turned around within that time, or brought again after it broke, leaves no trace.
2. The venue's time is what two facts say: the second latest time heard. A single time far ahead moves nothing.
3. What comes after its place has gone out is late. A late trade or forced order goes out at once, with its own time
   beside it, if it is late by no more than `LAG_NS_MOST`, and is left out and told if it is; of marks the newer one is
   known, and what is from before the first that went out is no part of the record. These are noted.
4. At the end a single time that is further ahead of all others than `LAG_NS_MOST` is left out and told.
5. What says no time is at the latest time heard; before there is one, the last of a key is kept. It is a repetition if
   it says what was last said under its key.
6. Where trades are not counted, a line that was connected anew must bring, in its first message of a market's trades,
   one that is known; if it does not, some may be missing, which is told before the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from ...sim.units import format_time_ns
from ..importers.feed.items import Item, VenueMarket
from ..importers.feed.placing import LAG_NS_MOST
from ..importers.feed.window import Window
from .heard import Broken, Heard, Missed, Rank

__all__ = ["HOLD_NS", "Backlog", "HeldFact"]

HOLD_NS = 5 * 10**9
"""How far behind the venue's time a record is kept."""

_LATE = "a minute late or more"
_CAME_LATE = "facts that came late"
_OLDER = "marks that came late, a newer one being known"
_BEFORE = "facts from before the record begins"
_AHEAD = "time far ahead of all others"
_NOT_COVERED = "the line broke, and what came after it does not reach back to the last trade known"


class HeldFact(NamedTuple):
    """A fact with its time; `order` sorts it."""

    order: tuple[int, Rank, tuple[str | int, ...], int]
    heard: Heard

    @property
    def at_ns(self) -> int:
        """When it was."""
        return self.order[0]


class Backlog:
    """The facts of one tap. `repeated` counts those that came again; `note` is told what is no fault."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self.repeated = 0
        self.first_ns: int | None = None
        """When the first was that went out."""
        self._note = note
        self._waiting: list[HeldFact] = []
        self._timeless: dict[Hashable, Heard] = {}
        self._known = Window()
        self._said: dict[Hashable, object] = {}
        self._unsure: set[VenueMarket] = set()
        self._traded: set[VenueMarket] = set()
        self._latest_ns = self._second_ns = self._out_ns = self._number = 0

    @property
    def at_ns(self) -> int:
        """The venue's time; 0 before two facts say one."""
        return self._second_ns

    def connected_anew(self) -> None:
        """The line broke, and is there again."""
        self._unsure |= self._traded

    def hear(self, message: Sequence[Heard]) -> None:
        """Hold what one message says."""
        for market in self._unsure & {heard.trade_market for heard in message}:
            self._reach_back(market, [heard for heard in message if heard.trade_market == market])
        for heard in message:
            self._hear(heard)

    def _reach_back(self, market: VenueMarket, trades: Sequence[Heard]) -> None:
        self._unsure.discard(market)
        counted = any(trade.number is not None for trade in trades)
        if not counted and not any(self._known.has(_identity(trade)) for trade in trades):
            first_ns = min(trade.at_ns or 0 for trade in trades)
            self._hold(Heard(first_ns, Rank.MISSED, (market.symbol,), Missed(market, _NOT_COVERED)), first_ns)

    def _hear(self, heard: Heard) -> None:
        if heard.at_ns is None:
            self._hear_timeless(heard)
        elif self._known.knows(_identity(heard)):
            self.repeated += 1
        else:
            self._saw(heard.at_ns)
            if heard.trade_market is not None:
                self._traded.add(heard.trade_market)
            if heard.rank is not Rank.CLOCK:
                self._hold(heard, heard.at_ns)

    def _hear_timeless(self, heard: Heard) -> None:
        if self._said.get((heard.rank, heard.key)) == heard.item:
            self.repeated += 1
            return
        self._said[heard.rank, heard.key] = heard.item
        if self._latest_ns:
            self._hold(heard, self._latest_ns)
        else:
            self._timeless[heard.rank, heard.key] = heard

    def _saw(self, at_ns: int) -> None:
        if at_ns > self._latest_ns:
            self._second_ns, self._latest_ns = self._latest_ns, at_ns
        else:
            self._second_ns = max(self._second_ns, at_ns)

    def _hold(self, heard: Heard, at_ns: int) -> None:
        timeless, self._timeless = self._timeless, {}
        for one in timeless.values():
            self._hold(one, at_ns)
        if at_ns <= self._out_ns:
            late = self._late(heard, at_ns)
            if late is None:
                return
            heard, at_ns = late, self._out_ns
        self._number += 1
        heappush(self._waiting, HeldFact((at_ns, heard.rank, heard.key, self._number), heard))

    def _late(self, heard: Heard, at_ns: int) -> Heard | None:
        """What goes out of a fact that came late; None for nothing."""
        if heard.rank in (Rank.MISSED, Rank.BROKEN):
            return heard
        if at_ns < (self.first_ns or 0):
            self._note(_BEFORE)
        elif heard.rank is Rank.MARKED:
            self._note(_OLDER)
        elif self._out_ns - at_ns <= LAG_NS_MOST:
            self._note(_CAME_LATE)
            return heard
        else:
            return _left_out(heard, _LATE, at_ns)
        return None

    def ready(self) -> Iterator[HeldFact]:
        """What can go out, in order."""
        limit_ns = self._second_ns - HOLD_NS
        while self._waiting and self._waiting[0].at_ns <= max(limit_ns, self._out_ns):
            held = heappop(self._waiting)
            self.first_ns = held.at_ns if self.first_ns is None else self.first_ns
            self._out_ns = max(limit_ns, self._out_ns)
            yield held

    def rest(self) -> Iterator[HeldFact]:
        """All that is still held, in order; nothing comes any more."""
        last_ns = self._second_ns or self._latest_ns
        while self._waiting:
            held = heappop(self._waiting)
            self.first_ns = held.at_ns if self.first_ns is None else self.first_ns
            if held.at_ns > last_ns + LAG_NS_MOST:
                held = HeldFact((last_ns, *held.order[1:]), _left_out(held.heard, _AHEAD, held.at_ns))
            yield held

    def soon(self, market: VenueMarket, until_ns: int) -> Iterator[Heard]:
        """What is held of a market up to a time, in no order."""
        for held in self._waiting:
            item = held.heard.item
            if held.at_ns <= until_ns and isinstance(item, Item) and item.market == market:
                yield held.heard


def _left_out(heard: Heard, reason: str, at_ns: int) -> Heard:
    told = f"it is of {format_time_ns(at_ns)}: {' '.join(map(str, heard.key))}"
    return heard._replace(rank=Rank.BROKEN, item=Broken(reason, told))


def _identity(heard: Heard) -> Hashable:
    """What makes two facts the same: of a trade its key, of others the time as well."""
    return (heard.rank, heard.key) if heard.rank is Rank.TRADED else (heard.rank, heard.at_ns, heard.key)
